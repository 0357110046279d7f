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
/// The pause after the first failure of an alert; each is twice the one before, up to the most.
const PAUSE_MS: u64 = 1_000;
const PAUSE_MAX_MS: u64 = 60_000;
const CRITICAL_PAUSE_MAX_MS: u64 = 15_000;

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

/// Alerts that are sent one after the other, beside those of the other lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// Critical alerts. They never wait for the others.
    Critical,
    /// The others.
    Other,
}

impl Lane {
    const fn of(severity: Severity) -> Self {
        match severity {
            Severity::Critical => Self::Critical,
            Severity::Warning | Severity::Info => Self::Other,
        }
    }
}

/// An alert that leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Post {
    pub(super) alert: Alert,
    /// Number of tries so far.
    pub(super) tries: u32,
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
    /// Number of tries so far.
    tries: u32,
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
    /// The same of critical ones alone.
    allowed_critical: u64,
    /// Until when the webhook asked to wait. Critical alerts do not.
    held_until: u64,
}

impl Waiting {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns how many wait that were tried already.
    pub(super) fn retrying(&self) -> usize {
        self.entries.iter().filter(|entry| entry.tries > 0).count()
    }

    /// Returns for how many milliseconds yet all but critical alerts are held back, because the webhook asked for it.
    pub(super) const fn held_for(&self, now: u64) -> u64 {
        self.held_until.saturating_sub(now)
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
        self.entries.push_back(Entry { key, alert, count: 1, due, tries: 0, held: hold > 0 });
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

    /// Keeps an alert that was not taken for later: each time a longer pause, for as long as there is room. `after` is how long the webhook
    /// asked to wait, if it did; a critical alert is tried again before. Returns whether one was dropped for want of room.
    pub(super) fn put_back(&mut self, post: Post, now: u64, after: Option<u64>) -> Put {
        let lane = Lane::of(post.alert.severity);
        let most = if lane == Lane::Critical { CRITICAL_PAUSE_MAX_MS } else { PAUSE_MAX_MS };
        let pause = PAUSE_MS.saturating_mul(1_u64.checked_shl(post.tries).unwrap_or(u64::MAX)).min(most);
        let pause = match (lane, after) {
            (Lane::Other, Some(after)) => pause.max(after),
            (Lane::Critical, Some(after)) => pause.max(after).min(most),
            (_, None) => pause,
        };
        self.held_until = self.held_until.max(after.map_or(0, |after| now.saturating_add(after)));
        let due = now.saturating_add(pause);
        let (tries, key) = (post.tries.saturating_add(1), (post.alert.kind, post.alert.subject.clone()));
        // It has not left: what is like it need not wait for a minute.
        self.left.remove(&key);
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.key == key) {
            entry.count = entry.count.saturating_add(post.count);
            (entry.due, entry.tries, entry.held) = (due, tries, false);
            return Put::Folded;
        }
        let full = self.entries.len() >= WAITING_MAX;
        if full && !self.make_room(post.alert.severity) {
            self.miss();
            return Put::Dropped;
        }
        // Older than all that wait.
        self.entries.push_front(Entry { key, alert: post.alert, count: post.count, due, tries, held: false });
        if full { Put::Dropped } else { Put::Waits }
    }

    /// Returns what leaves now: of what is due the most severe, of those the least tried, and of those the oldest. At the end everything
    /// is due.
    pub(super) fn take(&mut self, lane: Lane, now: u64, ending: bool) -> Take {
        self.left.retain(|_, left| now.saturating_sub(*left) < FOLD_MS);
        let held = if lane == Lane::Other { self.held_until } else { 0 };
        let own = self.entries.iter().enumerate().filter(|(_, entry)| Lane::of(entry.alert.severity) == lane);
        let due = own.clone().filter(|(_, entry)| ending || entry.due.max(held) <= now);
        let reverse = |place: usize, tries: u32| (std::cmp::Reverse(tries), std::cmp::Reverse(place));
        let most = due.max_by_key(|(place, entry)| (entry.alert.severity, reverse(*place, entry.tries)));
        let Some((place, _)) = most else {
            let next = own.map(|(_, entry)| entry.due.max(held)).min();
            return next.map_or(Take::Nothing, |next| Take::Wait(next.saturating_sub(now).max(1)));
        };
        let allowed = if lane == Lane::Critical { self.allowed_critical } else { self.allowed };
        let early = allowed.saturating_sub(BURST.saturating_sub(1).saturating_mul(GAP_MS));
        if early > now && !ending {
            return Take::Wait(early.saturating_sub(now));
        }
        let Some(Entry { key, alert, count, tries, .. }) = self.entries.remove(place) else { return Take::Nothing };
        self.allowed = self.allowed.max(now).saturating_add(GAP_MS);
        if lane == Lane::Critical {
            self.allowed_critical = self.allowed_critical.max(now).saturating_add(GAP_MS);
        }
        self.left.insert(key, now);
        Take::Post(Post { alert, tries, count, missed: self.missed })
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
        [Lane::Critical, Lane::Other].into_iter().find_map(|lane| match waiting.take(lane, now, false) {
            Take::Post(Post { alert, count, missed, .. }) => Some((alert.kind, alert.subject, count, missed)),
            Take::Wait(_) | Take::Nothing => None,
        })
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
        assert_eq!(waiting.take(Lane::Other, 2_000, false), Take::Wait(58_000));
        assert_eq!(taken(&mut waiting, 60_000), Some(("a", "x".into(), 2, 0)));
        assert_eq!(waiting.take(Lane::Other, 60_000, false), Take::Nothing);
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
        for _ in 0..2 {
            assert!(matches!(waiting.take(Lane::Other, 30_000, true), Take::Post(_)));
        }
    }

    /// Takes what leaves from a lane, which must be of that kind.
    #[track_caller]
    fn post(waiting: &mut Waiting, lane: Lane, now: u64, kind: &str) -> Post {
        match waiting.take(lane, now, false) {
            Take::Post(post) if post.alert.kind == kind => post,
            other => panic!("{other:?} in place of {kind}"),
        }
    }

    #[test]
    fn what_is_not_taken_is_tried_again_on_its_own_and_lets_all_others_pass() {
        let mut waiting = Waiting::default();
        waiting.put(warn("bad", ""), 0, 0);
        let mut now = 0;
        let mut pauses = Vec::new();
        for _ in 0..9 {
            let bad = post(&mut waiting, Lane::Other, now, "bad");
            assert_eq!(waiting.put_back(bad, now, None), Put::Waits);
            waiting.put(warn("good", &now.to_string()), now, 0);
            post(&mut waiting, Lane::Other, now, "good");
            let Take::Wait(pause) = waiting.take(Lane::Other, now, false) else { panic!("it is not due yet") };
            pauses.push(pause / 1_000);
            now += pause;
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60], "and it is never given up");
        assert_eq!(waiting.retrying(), 1);
    }

    #[test]
    fn a_long_wait_that_the_webhook_asks_for_holds_critical_alerts_back_for_seconds_only() {
        let mut waiting = Waiting::default();
        waiting.put(warn("a", ""), 0, 0);
        waiting.put(warn("b", ""), 0, 0);
        let first = post(&mut waiting, Lane::Other, 0, "a");
        waiting.put_back(first, 0, Some(300_000));
        assert_eq!(waiting.take(Lane::Other, 1, false), Take::Wait(299_999), "what was not tried waits too");
        assert_eq!(waiting.held_for(1), 299_999);
        waiting.put(alert("c", "", Severity::Critical), 1_000, 0);
        let critical = post(&mut waiting, Lane::Critical, 1_000, "c");
        waiting.put_back(critical, 1_000, Some(300_000));
        assert_eq!(waiting.take(Lane::Critical, 1_000, false), Take::Wait(15_000));
        let critical = post(&mut waiting, Lane::Critical, 16_000, "c");
        assert_eq!((critical.tries, critical.count), (1, 1));
        // The wait that the webhook asked for is over, and it is asked no further.
        post(&mut waiting, Lane::Other, 301_000, "b");
        post(&mut waiting, Lane::Other, 301_000, "a");
        assert_eq!(waiting.held_for(301_000), 0);
    }

    #[test]
    fn a_critical_alert_waits_for_no_burst_of_others_and_a_new_one_for_no_old_one() {
        let mut waiting = Waiting::default();
        for number in 0..10 {
            waiting.put(warn("a", &number.to_string()), 0, 0);
        }
        while taken(&mut waiting, 0).is_some() {}
        waiting.put(alert("old", "", Severity::Critical), 1, 0);
        let old = post(&mut waiting, Lane::Critical, 1, "old");
        waiting.put_back(old, 1, None);
        waiting.put(alert("new", "", Severity::Critical), 2_000, 0);
        post(&mut waiting, Lane::Critical, 2_000, "new");
        post(&mut waiting, Lane::Critical, 2_000, "old");
    }

    #[test]
    fn what_comes_again_while_it_is_tried_is_one_alert_with_the_sum() {
        let mut waiting = Waiting::default();
        waiting.put(warn("a", ""), 0, 0);
        let first = post(&mut waiting, Lane::Other, 0, "a");
        waiting.put(warn("a", ""), 1, 0);
        waiting.put(warn("a", ""), 2, 0);
        assert_eq!(waiting.put_back(first, 5_000, None), Put::Folded);
        assert_eq!((waiting.len(), taken(&mut waiting, 6_000)), (1, Some(("a", String::new(), 3, 0))));
    }

    #[test]
    fn an_alert_that_is_put_back_finds_room_by_what_it_matters() {
        let mut waiting = Waiting::default();
        waiting.put(warn("first", ""), 0, 0);
        let first = post(&mut waiting, Lane::Other, 0, "first");
        for number in 0..WAITING_MAX {
            waiting.put(warn("a", &number.to_string()), 0, 0);
        }
        assert_eq!((waiting.put_back(first, 0, None), waiting.len()), (Put::Dropped, WAITING_MAX));
        waiting.put(alert("c", "", Severity::Critical), 0, 0);
        let critical = post(&mut waiting, Lane::Critical, 0, "c");
        waiting.put(warn("a", "last"), 0, 0);
        assert_eq!((waiting.put_back(critical, 0, None), waiting.len()), (Put::Dropped, WAITING_MAX));
        post(&mut waiting, Lane::Critical, 1_000, "c");
    }
}
