//! Record of venue data that failed to parse or could not be read: counted, and each item logged once with its reason.

use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Maximum names kept per list, so that each is logged once; further ones are only counted.
const NAMES_MAX: usize = 1_000;
/// Maximum lists; further ones are counted as one.
const LISTS_MAX: usize = 50;
const OTHERS: &str = "others";

/// Items that failed to parse or could not be read, by list. Cheap to clone; clones share it.
#[derive(Debug, Clone, Default)]
pub struct LeftOut(Arc<Mutex<BTreeMap<String, Entry>>>);

/// Items that failed to parse in one list.
#[derive(Debug, Default)]
struct Entry {
    count: u64,
    named: BTreeSet<(String, String)>,
    last: (String, String),
}

/// Summary of one list, for display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOutOf {
    /// The list.
    pub list: String,
    /// Number of items left out of it.
    pub count: u64,
    /// Name of the last such item.
    pub name: String,
    /// Error of the last such item.
    pub reason: String,
}

impl LeftOut {
    /// Counts an item that failed to parse or could not be read, and logs it if it is new. `consequence` describes the effect.
    pub fn record(&self, list: &str, name: &str, reason: &str, consequence: &str) {
        let mut lists = self.0.lock();
        let list = if lists.len() < LISTS_MAX || lists.contains_key(list) { list } else { OTHERS };
        let entry = lists.entry(list.to_owned()).or_default();
        entry.count = entry.count.saturating_add(1);
        entry.last = (name.to_owned(), reason.to_owned());
        if entry.named.len() >= NAMES_MAX || !entry.named.insert(entry.last.clone()) {
            return;
        }
        tracing::warn!(list, name, reason, "venue data not used; {consequence}");
        if entry.named.len() == NAMES_MAX {
            tracing::warn!(list, "{NAMES_MAX} items not used; further ones are counted but not logged");
        }
    }

    /// Returns a summary of each list.
    pub fn lists(&self) -> Vec<LeftOutOf> {
        let lists = self.0.lock();
        let shown = lists.iter().map(|(list, entry)| {
            let (name, reason) = entry.last.clone();
            LeftOutOf { list: list.clone(), count: entry.count, name, reason }
        });
        shown.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_is_counted_and_what_is_kept_of_it_has_a_limit() {
        let left_out = LeftOut::default();
        for _ in 0..3 {
            left_out.record("trades", "a", "field price is \"x\"", "left out");
        }
        let shown = left_out.clone().lists();
        let [trades] = &shown[..] else { panic!("{shown:?}") };
        assert_eq!((&*trades.list, trades.count, &*trades.name), ("trades", 3, "a"));
        for number in 0..NAMES_MAX + 10 {
            left_out.record("trades", &number.to_string(), "x", "left out");
            left_out.record(&number.to_string(), "a", "x", "left out");
        }
        let shown = left_out.lists();
        let total: u64 = shown.iter().map(|list| list.count).sum();
        assert_eq!((shown.len(), total), (LISTS_MAX + 1, u64::try_from(3 + 2 * (NAMES_MAX + 10)).unwrap()));
        assert!(left_out.0.lock().values().all(|entry| entry.named.len() <= NAMES_MAX));
    }
}
