//! Liveness of the engine thread, and the decision when it has stalled.

use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::thread::Thread;
use std::time::Duration;

/// The engine counts as stalled after this long without a completed round.
pub(super) const SILENT_AFTER: Duration = Duration::from_secs(2);
/// A check that comes later than this after the last one proves nothing: the machine was suspended or starved the
/// watchdog as well.
const ON_TIME: Duration = Duration::from_millis(500);

/// The state of the engine thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Engine {
    /// It is running, or has not begun.
    Running,
    /// It ended in order.
    Closed,
    /// It panicked.
    Dead,
}

/// Liveness of the engine thread. A cheap handle; the engine's side takes no lock.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pulse(Arc<State>);

#[derive(Debug, Default)]
struct State {
    rounds: AtomicU64,
    engine: AtomicU8,
    watchdog: Mutex<Option<Thread>>,
}

/// Held by the engine thread: if it is dropped without [`Beat::close`], the thread has panicked.
#[derive(Debug)]
pub(crate) struct Beat(Pulse);

impl Pulse {
    /// Returns the guard that the engine thread holds while it runs.
    pub(crate) fn beat(&self) -> Beat {
        Beat(self.clone())
    }

    pub(super) fn rounds(&self) -> u64 {
        self.0.rounds.load(Ordering::Acquire)
    }

    pub(super) fn engine(&self) -> Engine {
        match self.0.engine.load(Ordering::Acquire) {
            0 => Engine::Running,
            1 => Engine::Closed,
            _ => Engine::Dead,
        }
    }

    /// Makes a panic of the engine thread wake `watchdog`.
    pub(super) fn wake_on_death(&self, watchdog: Thread) {
        *self.0.watchdog.lock() = Some(watchdog);
    }
}

impl Beat {
    /// Records the end of a round.
    pub(crate) fn round(&self) {
        self.0.0.rounds.fetch_add(1, Ordering::Release);
    }

    /// Records that the thread ends in order.
    pub(crate) fn close(self) {
        self.0.0.engine.store(1, Ordering::Release);
    }
}

impl Drop for Beat {
    fn drop(&mut self) {
        let state = &self.0.0;
        let died = state.engine.compare_exchange(0, 2, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if died && let Some(watchdog) = state.watchdog.lock().as_ref() {
            watchdog.unpark();
        }
    }
}

/// Adds up the time without a completed round, over checks that were on time.
#[derive(Debug, Default)]
pub(super) struct Silence {
    looked: Duration,
    rounds: u64,
    silent: Duration,
}

impl Silence {
    /// Checks the number of rounds, `now` after the watchdog's start; returns true if the engine has stalled. It is not
    /// judged before its first round has ended, which carries the account over.
    pub(super) fn check(&mut self, now: Duration, rounds: u64) -> bool {
        let passed = now.saturating_sub(self.looked);
        self.looked = now;
        if rounds != self.rounds || rounds == 0 || passed > ON_TIME {
            (self.rounds, self.silent) = (rounds, Duration::ZERO);
            return false;
        }
        self.silent = self.silent.saturating_add(passed);
        self.silent >= SILENT_AFTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks every 100 ms with the rounds of `rounds`; returns the milliseconds after which the engine counts as
    /// stalled.
    fn silent_after(silence: &mut Silence, from: u64, rounds: impl Fn(u64) -> u64) -> Option<u64> {
        (1..=100)
            .map(|look: u64| from.saturating_add(look.saturating_mul(100)))
            .find(|&ms| silence.check(Duration::from_millis(ms), rounds(ms)))
    }

    #[test]
    fn an_engine_without_a_round_for_two_seconds_is_silent() {
        let mut silence = Silence::default();
        assert_eq!(silent_after(&mut silence, 0, |ms| ms / 20), None, "rounds continue");
        assert_eq!(silent_after(&mut silence, 10_000, |_| 500), Some(12_000));
    }

    #[test]
    fn an_engine_that_ends_a_round_each_1900_ms_is_not_silent() {
        assert_eq!(silent_after(&mut Silence::default(), 0, |ms| 1 + ms / 1_900), None);
    }

    #[test]
    fn an_engine_that_has_not_begun_is_not_silent() {
        assert_eq!(silent_after(&mut Silence::default(), 0, |_| 0), None);
    }

    #[test]
    fn a_suspended_machine_is_not_a_silent_engine() {
        let mut silence = Silence::default();
        assert_eq!(silent_after(&mut silence, 0, |ms| ms / 20), None);
        // Suspended for 90 s, just before a round of the engine.
        assert!(!silence.check(Duration::from_secs(100), 500));
        assert_eq!(silent_after(&mut silence, 100_000, |ms| if ms < 101_500 { 500 } else { ms }), None);
    }

    #[test]
    fn a_watchdog_without_processor_time_judges_nothing() {
        let mut silence = Silence::default();
        let late = (1..60).any(|look| silence.check(Duration::from_millis(600 * look), 7));
        assert!(!late);
    }

    #[test]
    fn a_panic_is_a_death_and_an_end_in_order_is_not() {
        let pulse = Pulse::default();
        assert_eq!(pulse.engine(), Engine::Running);
        let beat = pulse.beat();
        beat.round();
        assert_eq!(pulse.rounds(), 1);
        let panicked = std::thread::spawn(move || {
            let _beat = beat;
            panic!("on purpose");
        });
        assert!(panicked.join().is_err());
        assert_eq!(pulse.engine(), Engine::Dead);
        let closed = Pulse::default();
        closed.beat().close();
        assert_eq!(closed.engine(), Engine::Closed);
    }
}
