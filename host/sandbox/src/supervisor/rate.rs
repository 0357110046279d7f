//! A sustained rate with a burst.

use model::Time;

const SECOND_MICROS: u64 = 1_000_000;

/// A leaky bucket that holds some seconds' worth of its rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeakyBucket {
    /// Units that leak per second.
    pub(crate) a_second: u64,
    /// Capacity in millionths of a unit.
    most: u64,
    /// Level in millionths of a unit.
    pub(crate) level: u64,
    /// The time of the last update.
    pub(crate) at: Time,
}

impl LeakyBucket {
    /// Returns an empty bucket that holds `seconds` seconds' worth.
    pub(crate) const fn new(a_second: u64, seconds: u64) -> Self {
        let most = a_second.saturating_mul(seconds).saturating_mul(SECOND_MICROS);
        Self { a_second, most, level: 0, at: Time(0) }
    }

    /// Adds `count` units, and returns whether the bucket overflows. If the clock goes back, nothing leaks.
    pub(crate) fn is_over_with(&mut self, at: Time, count: u64) -> bool {
        let level = self.level_with(at, count);
        self.level = level;
        level > self.most
    }

    /// Adds `count` units if they fit, and returns whether they did.
    pub(crate) fn has_room_for(&mut self, at: Time, count: u64) -> bool {
        let level = self.level_with(at, count);
        if level <= self.most {
            self.level = level;
        }
        level <= self.most
    }

    /// Applies the leak, and returns the level with `count` more units.
    fn level_with(&mut self, at: Time, count: u64) -> u64 {
        let leaked = at.since(self.at).saturating_mul(self.a_second);
        self.level = self.level.saturating_sub(leaked);
        self.at = self.at.max(at);
        self.level.saturating_add(count.saturating_mul(SECOND_MICROS))
    }
}
