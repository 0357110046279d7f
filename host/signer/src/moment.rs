//! The signer's clocks. The machine's wall clock can be set while the signer runs; no setting of it may give back a part of a limit.

use model::Time;
use std::time::{SystemTime, UNIX_EPOCH};

/// A moment, by the clocks that the signer goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The wall clock.
    pub wall: Time,
    /// The time since the machine started, in which it slept included. Host and signer read the same clock, and nothing sets it: the end of
    /// an approval and the windows of a minute are told by it.
    pub boot: Time,
    /// The wall clock at the signer's start, gone on steadily since.
    pub steady: Time,
}

impl Moment {
    /// Returns the time by which a day is counted: a new day has begun when both clocks say so.
    pub(crate) fn of_day(self) -> Time {
        self.wall.min(self.steady)
    }

    /// Returns how far a time in milliseconds since the epoch is from the nearer clock: of a wall clock that was just set it is not
    /// known whether it is right now or was before.
    pub(crate) const fn distance_ms(self, millis: u64) -> u64 {
        let (wall, steady) = (self.wall.millis().abs_diff(millis), self.steady.millis().abs_diff(millis));
        if wall < steady { wall } else { steady }
    }
}

/// Reads the machine's clocks.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// How far the wall clock was ahead of the time since boot when this began, in microseconds.
    ahead: u64,
}

impl Clock {
    /// Begins with the wall clock as it is now.
    pub fn start() -> Self {
        Self { ahead: wall().since(since_boot()) }
    }

    /// Returns this moment.
    pub fn now(&self) -> Moment {
        let boot = since_boot();
        Moment { wall: wall(), boot, steady: boot.plus_micros(self.ahead) }
    }
}

fn wall() -> Time {
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    Time(u64::try_from(micros).unwrap_or(u64::MAX))
}

/// Returns the time since the machine started, in which it slept included.
pub(crate) fn since_boot() -> Time {
    #[cfg(target_os = "linux")]
    let id = rustix::time::ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let id = rustix::time::ClockId::Monotonic;
    let since = rustix::time::clock_gettime(id);
    let (seconds, nanos) = (u64::try_from(since.tv_sec).unwrap_or(0), u64::try_from(since.tv_nsec).unwrap_or(0));
    Time(seconds.saturating_mul(1_000_000).saturating_add(nanos / 1_000))
}
