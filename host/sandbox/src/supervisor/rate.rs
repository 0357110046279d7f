//! A rate that may be kept up for ever, and how much may come at once.

use model::Time;

const SECOND_MICROS: u64 = 1_000_000;

/// A bucket that leaks so much a second and holds some seconds' worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rate {
    /// How much leaks in a second.
    pub(crate) a_second: u64,
    /// Millionths that it holds.
    most: u64,
    /// Millionths that are in it.
    pub(crate) level: u64,
    /// When the level was computed.
    pub(crate) at: Time,
}

impl Rate {
    /// Returns an empty bucket that holds so many seconds' worth.
    pub(crate) const fn new(a_second: u64, seconds: u64) -> Self {
        let most = a_second.saturating_mul(seconds).saturating_mul(SECOND_MICROS);
        Self { a_second, most, level: 0, at: Time(0) }
    }

    /// Adds so much, and says whether it is more now than the bucket holds. A clock that went back leaks nothing.
    pub(crate) fn is_over_with(&mut self, at: Time, count: u64) -> bool {
        let level = self.level_with(at, count);
        self.level = level;
        level > self.most
    }

    /// Adds so much if there is room for it, and says whether there was.
    pub(crate) fn has_room_for(&mut self, at: Time, count: u64) -> bool {
        let level = self.level_with(at, count);
        if level <= self.most {
            self.level = level;
        }
        level <= self.most
    }

    /// Lets leak what is due, and returns the level with so much more.
    fn level_with(&mut self, at: Time, count: u64) -> u64 {
        let leaked = at.since(self.at).saturating_mul(self.a_second);
        self.level = self.level.saturating_sub(leaked);
        self.at = self.at.max(at);
        self.level.saturating_add(count.saturating_mul(SECOND_MICROS))
    }
}
