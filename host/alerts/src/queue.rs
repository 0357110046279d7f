//! The alert queue: bounded, folds repeats, and limits the rate to what webhooks accept. Times are in milliseconds,
//! given by the caller.

use super::{Alert, Severity};
use std::collections::{BTreeMap, VecDeque};

/// Maximum number of queued alerts.
pub(super) const WAITING_MAX: usize = 256;
/// Minimum interval between alerts of the same kind and subject; repeats within it are counted.
pub(super) const FOLD_MS: u64 = 60_000;
/// Rate limit: a burst of this many, then one per interval. Discord accepts 30 per minute, Slack one per second.
const BURST: u64 = 5;
const GAP_MS: u64 = 2_000;
/// Pause after the first failed delivery of an alert; it doubles with each failure, up to the maximum.
const PAUSE_MS: u64 = 1_000;
const PAUSE_MAX_MS: u64 = 60_000;
const CRITICAL_PAUSE_MAX_MS: u64 = 15_000;

type Key = (&'static str, String);

/// Result of adding an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Enqueued {
    /// It is queued.
    Waits,
    /// It is folded into a queued alert, whose count includes it.
    Folded,
    /// An alert was dropped because the queue was full: this one, or a less severe one.
    Dropped,
}

/// Next action of the sender.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NextAlert {
    /// Send this alert.
    Post(Post),
    /// Send nothing for this many milliseconds.
    Wait(u64),
    /// The queue is empty.
    Nothing,
}

/// A lane of alerts that are sent one at a time, in parallel with the other lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// Critical alerts. They never wait for the others.
    Critical,
    /// All other alerts.
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

/// An alert to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Post {
    pub(super) alert: Alert,
    /// Number of attempts so far.
    pub(super) tries: u32,
    /// Number of occurrences since the last sent alert of this kind and subject.
    pub(super) count: u64,
    /// Number of alerts lost since the last accepted one.
    pub(super) missed: u64,
}

#[derive(Debug)]
struct Entry {
    key: Key,
    alert: Alert,
    count: u64,
    due: u64,
    /// Number of attempts so far.
    tries: u32,
    /// True if the alert is withdrawn when its condition ends before it is due.
    held: bool,
}

/// The queued alerts.
#[derive(Debug, Default)]
pub(super) struct AlertQueue {
    entries: VecDeque<Entry>,
    /// Time of the last sent alert of each kind and subject, within the folding interval.
    left: BTreeMap<Key, u64>,
    missed: u64,
    /// Time at which the next alert may be sent, ignoring the burst allowance.
    allowed: u64,
    /// The same for critical alerts only.
    allowed_critical: u64,
    /// Time until which the webhook asked to wait. It does not apply to critical alerts.
    held_until: u64,
}

impl AlertQueue {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns the number of queued alerts that were already tried.
    pub(super) fn retrying(&self) -> usize {
        self.entries.iter().filter(|entry| entry.tries > 0).count()
    }

    /// Returns the remaining milliseconds for which all but critical alerts are held back at the webhook's request.
    pub(super) const fn held_for(&self, now: u64) -> u64 {
        self.held_until.saturating_sub(now)
    }

    /// Adds an alert that becomes due after `hold`.
    pub(super) fn enqueue(&mut self, alert: Alert, now: u64, hold: u64) -> Enqueued {
        let key = (alert.kind, alert.subject.clone());
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.key == key) {
            entry.count = entry.count.saturating_add(1);
            entry.held &= hold > 0;
            if hold == 0 {
                // A repeat without a hold makes a held alert due at once.
                entry.due = entry.due.min(self.left.get(&key).map_or(now, |left| left.saturating_add(FOLD_MS)));
            }
            entry.alert = alert;
            return Enqueued::Folded;
        }
        if self.entries.len() >= WAITING_MAX && !self.make_room(alert.severity) {
            self.miss();
            return Enqueued::Dropped;
        }
        let again = self.left.get(&key).map_or(0, |left| left.saturating_add(FOLD_MS));
        let due = now.saturating_add(hold).max(again);
        let dropped = self.entries.len() >= WAITING_MAX;
        self.entries.push_back(Entry { key, alert, count: 1, due, tries: 0, held: hold > 0 });
        if dropped { Enqueued::Dropped } else { Enqueued::Waits }
    }

    /// Drops the newest of the least severe alerts, if it is less severe than this one.
    fn make_room(&mut self, severity: Severity) -> bool {
        let least = self.entries.iter().map(|entry| entry.alert.severity).min();
        let Some(least) = least.filter(|least| *least < severity) else { return false };
        let Some(place) = self.entries.iter().rposition(|entry| entry.alert.severity == least) else { return false };
        self.miss();
        self.entries.remove(place).is_some()
    }

    /// Counts a lost alert; the next one reports it.
    pub(super) const fn miss(&mut self) {
        self.missed = self.missed.saturating_add(1);
    }

    /// Subtracts lost alerts that were reported by an accepted alert.
    pub(super) const fn reported_missed(&mut self, missed: u64) {
        self.missed = self.missed.saturating_sub(missed);
    }

    /// Withdraws a held alert whose condition has ended. Returns true if there was one.
    pub(super) fn calm(&mut self, kind: &'static str, subject: &str) -> bool {
        let is = |entry: &Entry| entry.held && entry.key.0 == kind && entry.key.1 == subject;
        let place = self.entries.iter().position(is);
        place.and_then(|place| self.entries.remove(place)).is_some()
    }

    /// Returns an undelivered alert to the queue, with a longer pause after each attempt, for as long as there is room.
    /// `after` is the wait that the webhook asked for, if any; a critical alert is retried earlier.
    pub(super) fn requeue(&mut self, post: Post, now: u64, after: Option<u64>) -> Enqueued {
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
        // It was not delivered, so a repeat need not wait for the folding interval.
        self.left.remove(&key);
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.key == key) {
            entry.count = entry.count.saturating_add(post.count);
            (entry.due, entry.tries, entry.held) = (due, tries, false);
            return Enqueued::Folded;
        }
        let full = self.entries.len() >= WAITING_MAX;
        if full && !self.make_room(post.alert.severity) {
            self.miss();
            return Enqueued::Dropped;
        }
        // Older than all queued alerts.
        self.entries.push_front(Entry { key, alert: post.alert, count: post.count, due, tries, held: false });
        if full { Enqueued::Dropped } else { Enqueued::Waits }
    }

    /// Returns the next alert to send: of the due ones the most severe, of those the least tried, and of those the
    /// oldest. While ending, everything is due.
    pub(super) fn next(&mut self, lane: Lane, now: u64, ending: bool) -> NextAlert {
        self.left.retain(|_, left| now.saturating_sub(*left) < FOLD_MS);
        let held = if lane == Lane::Other { self.held_until } else { 0 };
        let own = self.entries.iter().enumerate().filter(|(_, entry)| Lane::of(entry.alert.severity) == lane);
        let due = own.clone().filter(|(_, entry)| ending || entry.due.max(held) <= now);
        let reverse = |place: usize, tries: u32| (std::cmp::Reverse(tries), std::cmp::Reverse(place));
        let most = due.max_by_key(|(place, entry)| (entry.alert.severity, reverse(*place, entry.tries)));
        let Some((place, _)) = most else {
            let next = own.map(|(_, entry)| entry.due.max(held)).min();
            return next.map_or(NextAlert::Nothing, |next| NextAlert::Wait(next.saturating_sub(now).max(1)));
        };
        let allowed = if lane == Lane::Critical { self.allowed_critical } else { self.allowed };
        let early = allowed.saturating_sub(BURST.saturating_sub(1).saturating_mul(GAP_MS));
        if early > now && !ending {
            return NextAlert::Wait(early.saturating_sub(now));
        }
        let Some(Entry { key, alert, count, tries, .. }) = self.entries.remove(place) else {
            return NextAlert::Nothing;
        };
        self.allowed = self.allowed.max(now).saturating_add(GAP_MS);
        if lane == Lane::Critical {
            self.allowed_critical = self.allowed_critical.max(now).saturating_add(GAP_MS);
        }
        self.left.insert(key, now);
        NextAlert::Post(Post { alert, tries, count, missed: self.missed })
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

    /// Takes the next alert at a time: kind, subject, number of occurrences, number of lost alerts.
    fn taken(waiting: &mut AlertQueue, now: u64) -> Option<(&'static str, String, u64, u64)> {
        [Lane::Critical, Lane::Other].into_iter().find_map(|lane| match waiting.next(lane, now, false) {
            NextAlert::Post(Post { alert, count, missed, .. }) => Some((alert.kind, alert.subject, count, missed)),
            NextAlert::Wait(_) | NextAlert::Nothing => None,
        })
    }

    #[test]
    fn the_first_leaves_at_once_and_its_like_once_a_minute_with_a_count() {
        let mut waiting = AlertQueue::default();
        assert_eq!(waiting.enqueue(warn("a", "x"), 0, 0), Enqueued::Waits);
        assert_eq!(taken(&mut waiting, 0), Some(("a", "x".into(), 1, 0)));
        assert_eq!(waiting.enqueue(warn("a", "x"), 1_000, 0), Enqueued::Waits);
        assert_eq!(waiting.enqueue(warn("a", "x"), 2_000, 0), Enqueued::Folded);
        waiting.enqueue(warn("a", "y"), 2_000, 0);
        assert_eq!(
            taken(&mut waiting, 2_000),
            Some(("a", "y".into(), 1, 0)),
            "a different subject is a separate alert"
        );
        assert_eq!(waiting.next(Lane::Other, 2_000, false), NextAlert::Wait(58_000));
        assert_eq!(taken(&mut waiting, 60_000), Some(("a", "x".into(), 2, 0)));
        assert_eq!(waiting.next(Lane::Other, 60_000, false), NextAlert::Nothing);
        // A minute later it is sent at once again.
        waiting.enqueue(warn("a", "x"), 120_000, 0);
        assert_eq!(taken(&mut waiting, 120_000), Some(("a", "x".into(), 1, 0)));
    }

    #[test]
    fn an_alert_whose_condition_ends_before_it_is_due_is_not_sent() {
        let mut waiting = AlertQueue::default();
        waiting.enqueue(warn("lost", "feed"), 0, 10_000);
        assert_eq!(taken(&mut waiting, 9_999), None);
        assert!(waiting.calm("lost", "feed") && !waiting.calm("lost", "feed"));
        waiting.enqueue(warn("lost", "feed"), 20_000, 10_000);
        assert!(!waiting.calm("lost", "other"));
        assert_eq!(taken(&mut waiting, 30_000), Some(("lost", "feed".into(), 1, 0)));
        assert!(!waiting.calm("lost", "feed"), "it was sent, so its end is reported too");
    }

    #[test]
    fn a_full_queue_drops_what_matters_least_and_the_next_says_how_many() {
        let mut waiting = AlertQueue::default();
        for number in 0..WAITING_MAX {
            waiting.enqueue(warn("a", &number.to_string()), 0, 0);
        }
        assert_eq!(waiting.enqueue(warn("b", ""), 0, 0), Enqueued::Dropped);
        waiting.enqueue(alert("c", "", Severity::Critical), 0, 0);
        assert_eq!(waiting.len(), WAITING_MAX, "the queue is bounded");
        assert_eq!(taken(&mut waiting, 0), Some(("c", String::new(), 1, 2)), "the most severe first");
        waiting.reported_missed(2);
        assert_eq!(taken(&mut waiting, 0), Some(("a", "0".into(), 1, 0)), "then the oldest");
    }

    #[test]
    fn no_more_leaves_than_a_webhook_takes_but_for_the_end() {
        let mut waiting = AlertQueue::default();
        for number in 0..40 {
            waiting.enqueue(warn("a", &number.to_string()), 0, 0);
        }
        let left = (0..30_000).filter(|now| taken(&mut waiting, *now).is_some()).count();
        assert_eq!(left, 5 + 14, "a burst, and one every two seconds");
        for _ in 0..2 {
            assert!(matches!(waiting.next(Lane::Other, 30_000, true), NextAlert::Post(_)));
        }
    }

    /// Takes the next alert from a lane, which must be of this kind.
    #[track_caller]
    fn post(waiting: &mut AlertQueue, lane: Lane, now: u64, kind: &str) -> Post {
        match waiting.next(lane, now, false) {
            NextAlert::Post(post) if post.alert.kind == kind => post,
            other => panic!("{other:?} instead of {kind}"),
        }
    }

    #[test]
    fn what_is_not_taken_is_tried_again_on_its_own_and_lets_all_others_pass() {
        let mut waiting = AlertQueue::default();
        waiting.enqueue(warn("bad", ""), 0, 0);
        let mut now = 0;
        let mut pauses = Vec::new();
        for _ in 0..9 {
            let bad = post(&mut waiting, Lane::Other, now, "bad");
            assert_eq!(waiting.requeue(bad, now, None), Enqueued::Waits);
            waiting.enqueue(warn("good", &now.to_string()), now, 0);
            post(&mut waiting, Lane::Other, now, "good");
            let NextAlert::Wait(pause) = waiting.next(Lane::Other, now, false) else {
                panic!("expected it not to be due yet")
            };
            pauses.push(pause / 1_000);
            now += pause;
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60], "it is retried forever");
        assert_eq!(waiting.retrying(), 1);
    }

    #[test]
    fn a_long_wait_that_the_webhook_asks_for_holds_critical_alerts_back_for_seconds_only() {
        let mut waiting = AlertQueue::default();
        waiting.enqueue(warn("a", ""), 0, 0);
        waiting.enqueue(warn("b", ""), 0, 0);
        let first = post(&mut waiting, Lane::Other, 0, "a");
        waiting.requeue(first, 0, Some(300_000));
        assert_eq!(waiting.next(Lane::Other, 1, false), NextAlert::Wait(299_999), "untried alerts wait too");
        assert_eq!(waiting.held_for(1), 299_999);
        waiting.enqueue(alert("c", "", Severity::Critical), 1_000, 0);
        let critical = post(&mut waiting, Lane::Critical, 1_000, "c");
        waiting.requeue(critical, 1_000, Some(300_000));
        assert_eq!(waiting.next(Lane::Critical, 1_000, false), NextAlert::Wait(15_000));
        let critical = post(&mut waiting, Lane::Critical, 16_000, "c");
        assert_eq!((critical.tries, critical.count), (1, 1));
        // The wait that the webhook asked for is over, and there is no new one.
        post(&mut waiting, Lane::Other, 301_000, "b");
        post(&mut waiting, Lane::Other, 301_000, "a");
        assert_eq!(waiting.held_for(301_000), 0);
    }

    #[test]
    fn a_critical_alert_waits_for_no_burst_of_others_and_a_new_one_for_no_old_one() {
        let mut waiting = AlertQueue::default();
        for number in 0..10 {
            waiting.enqueue(warn("a", &number.to_string()), 0, 0);
        }
        while taken(&mut waiting, 0).is_some() {}
        waiting.enqueue(alert("old", "", Severity::Critical), 1, 0);
        let old = post(&mut waiting, Lane::Critical, 1, "old");
        waiting.requeue(old, 1, None);
        waiting.enqueue(alert("new", "", Severity::Critical), 2_000, 0);
        post(&mut waiting, Lane::Critical, 2_000, "new");
        post(&mut waiting, Lane::Critical, 2_000, "old");
    }

    #[test]
    fn what_comes_again_while_it_is_tried_is_one_alert_with_the_sum() {
        let mut waiting = AlertQueue::default();
        waiting.enqueue(warn("a", ""), 0, 0);
        let first = post(&mut waiting, Lane::Other, 0, "a");
        waiting.enqueue(warn("a", ""), 1, 0);
        waiting.enqueue(warn("a", ""), 2, 0);
        assert_eq!(waiting.requeue(first, 5_000, None), Enqueued::Folded);
        assert_eq!((waiting.len(), taken(&mut waiting, 6_000)), (1, Some(("a", String::new(), 3, 0))));
    }

    #[test]
    fn an_alert_that_is_put_back_finds_room_by_what_it_matters() {
        let mut waiting = AlertQueue::default();
        waiting.enqueue(warn("first", ""), 0, 0);
        let first = post(&mut waiting, Lane::Other, 0, "first");
        for number in 0..WAITING_MAX {
            waiting.enqueue(warn("a", &number.to_string()), 0, 0);
        }
        assert_eq!((waiting.requeue(first, 0, None), waiting.len()), (Enqueued::Dropped, WAITING_MAX));
        waiting.enqueue(alert("c", "", Severity::Critical), 0, 0);
        let critical = post(&mut waiting, Lane::Critical, 0, "c");
        waiting.enqueue(warn("a", "last"), 0, 0);
        assert_eq!((waiting.requeue(critical, 0, None), waiting.len()), (Enqueued::Dropped, WAITING_MAX));
        post(&mut waiting, Lane::Critical, 1_000, "c");
    }
}
