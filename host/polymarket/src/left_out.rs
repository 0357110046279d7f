//! What was left out of what the venue said, because it was not understood: counted, and each thing named once with its reason.

use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The most names that one list keeps, so that each is logged once; what comes after them is only counted.
const NAMES_MAX: usize = 1_000;
/// The most lists; more are counted as one.
const LISTS_MAX: usize = 50;
const OTHERS: &str = "others";

/// What was left out, by the list in which it stood. Cheap to clone; clones share it.
#[derive(Debug, Clone, Default)]
pub struct LeftOut(Arc<Mutex<BTreeMap<String, Entry>>>);

/// What was left out of one list.
#[derive(Debug, Default)]
struct Entry {
    count: u64,
    named: BTreeSet<(String, String)>,
    last: (String, String),
}

/// What was left out of one list, to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOutOf {
    /// The list.
    pub list: String,
    /// How often something was left out of it.
    pub count: u64,
    /// The name of the last thing that was.
    pub name: String,
    /// Why it was not understood.
    pub reason: String,
}

impl LeftOut {
    /// Counts something that was not understood, and logs it if it is new. `consequence` says what that means.
    pub fn note(&self, list: &str, name: &str, reason: &str, consequence: &str) {
        let mut lists = self.0.lock();
        let list = if lists.len() < LISTS_MAX || lists.contains_key(list) { list } else { OTHERS };
        let entry = lists.entry(list.to_owned()).or_default();
        entry.count = entry.count.saturating_add(1);
        entry.last = (name.to_owned(), reason.to_owned());
        if entry.named.len() >= NAMES_MAX || !entry.named.insert(entry.last.clone()) {
            return;
        }
        tracing::warn!(list, name, reason, "not understood; {consequence}");
        if entry.named.len() == NAMES_MAX {
            tracing::warn!(list, "{NAMES_MAX} things were not understood; more are counted and not named");
        }
    }

    /// Returns what was left out of each list.
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
            left_out.note("trades", "a", "field price is \"x\"", "left out");
        }
        let shown = left_out.clone().lists();
        let [trades] = &shown[..] else { panic!("{shown:?}") };
        assert_eq!((&*trades.list, trades.count, &*trades.name), ("trades", 3, "a"));
        for number in 0..NAMES_MAX + 10 {
            left_out.note("trades", &number.to_string(), "x", "left out");
            left_out.note(&number.to_string(), "a", "x", "left out");
        }
        let shown = left_out.lists();
        let total: u64 = shown.iter().map(|list| list.count).sum();
        assert_eq!((shown.len(), total), (LISTS_MAX + 1, u64::try_from(3 + 2 * (NAMES_MAX + 10)).unwrap()));
        assert!(left_out.0.lock().values().all(|entry| entry.named.len() <= NAMES_MAX));
    }
}
