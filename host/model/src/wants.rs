//! What a strategy asked to hear, as its manifest says.

/// The most levels a side that a strategy can ask for.
pub const DEPTH_MAX: u8 = 20;
/// The shortest time between two of a strategy's regular timers: the engine hears of time ten times a second.
pub const TIMER_MIN_MICROS: u64 = 100_000;
/// The number of the regular timer.
pub const REGULAR_TIMER: u32 = u32::MAX;

/// What a strategy wants to hear besides states of markets and its own events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Wants {
    /// The best bid and ask.
    pub tops: bool,
    /// Trades.
    pub trades: bool,
    /// So many levels of both sides.
    pub depth: u8,
    /// How often its regular timer is due, in microseconds; 0 for never.
    pub every_micros: u64,
}

impl Wants {
    /// What every strategy heard before it could say.
    pub const FIRST: Self = Self { tops: true, trades: true, depth: 0, every_micros: 0 };
}

impl Default for Wants {
    fn default() -> Self {
        Self::FIRST
    }
}
