//! The signer's clocks. The machine's wall clock can be set while the signer runs; doing so must not free any part of a
//! limit.

use model::Time;
use std::time::{SystemTime, UNIX_EPOCH};

/// A point in time on the clocks that the signer uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The wall clock.
    pub wall: Time,
    /// The time since boot, including sleep. Host and signer read the same clock, and it cannot be set: it measures the
    /// end of an approval and the windows of a minute.
    pub boot: Time,
    /// The wall clock at the signer's start, advanced by the time since then.
    pub steady: Time,
}

impl Moment {
    /// Returns the time that determines the UTC day: a new day begins when both clocks have reached it.
    pub(crate) fn of_day(self) -> Time {
        self.wall.min(self.steady)
    }

    /// Returns the distance of a time in milliseconds since the epoch from the nearer clock: if the wall clock was set,
    /// it is unknown whether it was right before or after.
    pub(crate) const fn distance_ms(self, millis: u64) -> u64 {
        let (wall, steady) = (self.wall.millis().abs_diff(millis), self.steady.millis().abs_diff(millis));
        if wall < steady { wall } else { steady }
    }
}

/// Reads the machine's clocks.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// Offset of the wall clock from the time since boot at the start, in microseconds.
    ahead: u64,
}

impl Clock {
    /// Starts with the current wall clock.
    pub fn start() -> Self {
        Self { ahead: wall().since(since_boot()) }
    }

    /// Returns the current moment.
    pub fn now(&self) -> Moment {
        let boot = since_boot();
        Moment { wall: wall(), boot, steady: boot.plus_micros(self.ahead) }
    }
}

fn wall() -> Time {
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    Time(u64::try_from(micros).unwrap_or(u64::MAX))
}

/// Returns the time since boot, including sleep.
pub(crate) fn since_boot() -> Time {
    Time(uptime::since_boot_micros())
}
