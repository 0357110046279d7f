//! Counts of what is wrong in a tape, by kind.

use std::collections::BTreeMap;

/// Counts by kind, each with the time of the first case.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Quality(BTreeMap<String, (u64, u64)>);

impl Quality {
    /// Counts a case at this time in microseconds.
    pub fn count(&mut self, kind: &str, at_us: u64) {
        self.add(kind, 1, at_us);
    }

    /// Counts several cases, the first of them at this time.
    pub fn add(&mut self, kind: &str, cases: u64, at_us: u64) {
        if cases == 0 {
            return;
        }
        match self.0.get_mut(kind) {
            Some((count, _)) => *count = count.saturating_add(cases),
            None => drop(self.0.insert(kind.to_owned(), (cases, at_us))),
        }
    }

    /// Returns the count of a kind.
    pub fn of(&self, kind: &str) -> u64 {
        self.0.get(kind).map_or(0, |(count, _)| *count)
    }

    /// Returns kind, count and the time of the first case, in the order of the kinds.
    pub fn rows(&self) -> impl Iterator<Item = (&str, u64, u64)> {
        self.0.iter().map(|(kind, (count, first))| (kind.as_str(), *count, *first))
    }
}
