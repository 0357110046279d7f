//! Market data subscriptions of a strategy, from its manifest.

/// The most levels per side that a strategy can subscribe to.
pub const DEPTH_MAX: u8 = 20;
/// The shortest interval of a strategy's regular timer: the engine receives ten clock events a second.
pub const TIMER_MIN_MICROS: u64 = 100_000;
/// The number of the regular timer.
pub const REGULAR_TIMER: u32 = u32::MAX;

/// A strategy's subscriptions in addition to market states and its own events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Wants {
    /// The best bid and ask.
    pub tops: bool,
    /// Trades.
    pub trades: bool,
    /// Number of levels of each side.
    pub depth: u8,
    /// Interval of its regular timer, in microseconds; 0 for never.
    pub every_micros: u64,
}

impl Wants {
    /// The default, and the fixed subscriptions of strategies of contract 0.1, which cannot state any.
    pub const FIRST: Self = Self { tops: true, trades: true, depth: 0, every_micros: 0 };

    /// Returns true if a change of a book from its level `rank` of a side on is shown to the strategy; 0 is the best.
    #[inline]
    pub fn shows(&self, rank: usize) -> bool {
        (rank == 0 && self.tops) || rank < usize::from(self.depth.min(DEPTH_MAX))
    }
}

impl Default for Wants {
    fn default() -> Self {
        Self::FIRST
    }
}
