//! The queue: bounded, folding repeats, and giving no more away than a webhook takes. Time is milliseconds from the caller.

use super::{Alert, Severity};
use std::collections::{BTreeMap, VecDeque};

/// The most alerts that wait.
pub(super) const WAITING_MAX: usize = 256;
/// Of one kind about one subject one is sent in so long; what comes meanwhile is counted.
pub(super) const FOLD_MS: u64 = 60_000;
/// So many may leave at once, and then one in so long: Discord takes 30 a minute, Slack one a second.
const BURST: u64 = 5;
const GAP_MS: u64 = 2_000;

type Key = (&'static str, String);

/// What became of an alert that was put here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    /// It waits.
    Waits,
    /// One like it waits, and counts for it too.
    Folded,
    /// There was no room, for it or for the least that waited.
    Dropped,
}

/// What is to be sent next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Take {
    /// This.
    Post(Post),
    /// Nothing before so many milliseconds are over.
    Wait(u64),
    /// Nothing waits.
    Nothing,
}

/// An alert that leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Post {
    pub(super) alert: Alert,
    /// How often it happened since one like it left.
    pub(super) count: u64,
    /// Alerts that nobody got, since the last that somebody got.
    pub(super) missed: u64,
}

#[derive(Debug)]
struct Entry {
    key: Key,
    alert: Alert,
    count: u64,
    due: u64,
    /// Whether it is forgotten if what it is about is over before it is due.
    held: bool,
}

/// What waits.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    entries: VecDeque<Entry>,
    /// When one of each kind and subject left last, within the time of folding.
    left: BTreeMap<Key, u64>,
    missed: u64,
    /// When the next may leave if none more than the burst did before.
    allowed: u64,
}

impl Waiting {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Adds an alert that is due after `hold`.
    pub(super) fn put(&mut self, alert: Alert, now: u64, hold: u64) -> Put {
        let key = (alert.kind, alert.subject.clone());
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.key == key) {
            entry.count = entry.count.saturating_add(1);
            entry.held &= hold > 0;
            if hold == 0 {
                // What is held and comes again for sure does not wait for the rest of the time.
                entry.due = entry.due.min(self.left.get(&key).map_or(now, |left| left.saturating_add(FOLD_MS)));
            }
            entry.alert = alert;
            return Put::Folded;
        }
        if self.entries.len() >= WAITING_MAX && !self.make_room(alert.severity) {
            self.miss();
            return Put::Dropped;
        }
        let again = self.left.get(&key).map_or(0, |left| left.saturating_add(FOLD_MS));
        let due = now.saturating_add(hold).max(again);
        let dropped = self.entries.len() >= WAITING_MAX;
        self.entries.push_back(Entry { key, alert, count: 1, due, held: hold > 0 });
        if dropped { Put::Dropped } else { Put::Waits }
    }

    /// Drops the newest that matters less than this, if there is one.
    fn make_room(&mut self, severity: Severity) -> bool {
        let least = self.entries.iter().map(|entry| entry.alert.severity).min();
        let Some(least) = least.filter(|least| *least < severity) else { return false };
        let Some(place) = self.entries.iter().rposition(|entry| entry.alert.severity == least) else { return false };
        self.miss();
        self.entries.remove(place).is_some()
    }

    /// Nobody gets an alert: the next says so.
    pub(super) const fn miss(&mut self) {
        self.missed = self.missed.saturating_add(1);
    }

    /// Somebody got one, which said how many were missed.
    pub(super) const fn told(&mut self, missed: u64) {
        self.missed = self.missed.saturating_sub(missed);
    }

    /// What it is about is over: forgets an alert that was held. Says whether one was.
    pub(super) fn calm(&mut self, kind: &'static str, subject: &str) -> bool {
        let is = |entry: &Entry| entry.held && entry.key.0 == kind && entry.key.1 == subject;
        let place = self.entries.iter().position(is);
        place.and_then(|place| self.entries.remove(place)).is_some()
    }

    /// Returns what leaves now: of what is due the most severe, and of those the oldest. At the end everything is due.
    pub(super) fn take(&mut self, now: u64, ending: bool) -> Take {
        self.left.retain(|_, left| now.saturating_sub(*left) < FOLD_MS);
        let due = self.entries.iter().enumerate().filter(|(_, entry)| ending || entry.due <= now);
        let most = due.max_by_key(|(place, entry)| (entry.alert.severity, std::cmp::Reverse(*place)));
        let Some((place, _)) = most else {
            let next = self.entries.iter().map(|entry| entry.due).min();
            return next.map_or(Take::Nothing, |next| Take::Wait(next.saturating_sub(now).max(1)));
        };
        let early = self.allowed.saturating_sub(BURST.saturating_sub(1).saturating_mul(GAP_MS));
        if early > now && !ending {
            return Take::Wait(early.saturating_sub(now));
        }
        let Some(Entry { key, alert, count, .. }) = self.entries.remove(place) else { return Take::Nothing };
        self.allowed = self.allowed.max(now).saturating_add(GAP_MS);
        self.left.insert(key, now);
        Take::Post(Post { alert, count, missed: self.missed })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, clippy::arithmetic_side_effects, reason = "test code may fail loudly")]

    use super::*;
    use model::Time;

    fn alert(kind: &'static str, subject: &str, severity: Severity) -> Alert {
        Alert { subject: subject.to_owned(), ..Alert::new(Time(1), severity, kind, "title", "detail") }
    }

    fn warn(kind: &'static str, subject: &str) -> Alert {
        alert(kind, subject, Severity::Warning)
    }

    /// Takes what leaves at a time: kind, subject, how often it happened, how many were missed.
    fn taken(waiting: &mut Waiting, now: u64) -> Option<(&'static str, String, u64, u64)> {
        match waiting.take(now, false) {
            Take::Post(Post { alert, count, missed }) => Some((alert.kind, alert.subject, count, missed)),
            Take::Wait(_) | Take::Nothing => None,
        }
    }

    #[test]
    fn the_first_leaves_at_once_and_its_like_once_a_minute_with_a_count() {
        let mut waiting = Waiting::default();
        assert_eq!(waiting.put(warn("a", "x"), 0, 0), Put::Waits);
        assert_eq!(taken(&mut waiting, 0), Some(("a", "x".into(), 1, 0)));
        assert_eq!(waiting.put(warn("a", "x"), 1_000, 0), Put::Waits);
        assert_eq!(waiting.put(warn("a", "x"), 2_000, 0), Put::Folded);
        waiting.put(warn("a", "y"), 2_000, 0);
        assert_eq!(taken(&mut waiting, 2_000), Some(("a", "y".into(), 1, 0)), "another subject is another alert");
        assert_eq!(waiting.take(2_000, false), Take::Wait(58_000));
        assert_eq!(taken(&mut waiting, 60_000), Some(("a", "x".into(), 2, 0)));
        assert_eq!(waiting.take(60_000, false), Take::Nothing);
        // And a minute after that it is news again.
        waiting.put(warn("a", "x"), 120_000, 0);
        assert_eq!(taken(&mut waiting, 120_000), Some(("a", "x".into(), 1, 0)));
    }

    #[test]
    fn what_is_over_before_it_is_due_is_not_told() {
        let mut waiting = Waiting::default();
        waiting.put(warn("lost", "feed"), 0, 10_000);
        assert_eq!(taken(&mut waiting, 9_999), None);
        assert!(waiting.calm("lost", "feed") && !waiting.calm("lost", "feed"));
        waiting.put(warn("lost", "feed"), 20_000, 10_000);
        assert!(!waiting.calm("lost", "other"));
        assert_eq!(taken(&mut waiting, 30_000), Some(("lost", "feed".into(), 1, 0)));
        assert!(!waiting.calm("lost", "feed"), "it is told: its end is told too");
    }

    #[test]
    fn a_full_queue_drops_what_matters_least_and_the_next_says_how_many() {
        let mut waiting = Waiting::default();
        for number in 0..WAITING_MAX {
            waiting.put(warn("a", &number.to_string()), 0, 0);
        }
        assert_eq!(waiting.put(warn("b", ""), 0, 0), Put::Dropped);
        waiting.put(alert("c", "", Severity::Critical), 0, 0);
        assert_eq!(waiting.len(), WAITING_MAX, "it never grows");
        assert_eq!(taken(&mut waiting, 0), Some(("c", String::new(), 1, 2)), "the most severe is first");
        waiting.told(2);
        assert_eq!(taken(&mut waiting, 0), Some(("a", "0".into(), 1, 0)), "then the oldest");
    }

    #[test]
    fn no_more_leaves_than_a_webhook_takes_but_for_the_end() {
        let mut waiting = Waiting::default();
        for number in 0..40 {
            waiting.put(warn("a", &number.to_string()), 0, 0);
        }
        let left = (0..30_000).filter(|now| taken(&mut waiting, *now).is_some()).count();
        assert_eq!(left, 5 + 14, "a burst, and one every two seconds");
        assert!(
            matches!(waiting.take(30_000, true), Take::Post(_)) && matches!(waiting.take(30_000, true), Take::Post(_))
        );
    }
}
