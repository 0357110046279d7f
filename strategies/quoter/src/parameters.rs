//! What an operator can set.

use polytrader_sdk::Parameters;

/// The parameters.
#[derive(Debug, Clone, Copy, Parameters)]
pub(crate) struct Settings {
    /// What one quote is worth.
    #[parameter(dollars, default = 10, min = 2, max = 10000)]
    pub(crate) quote_dollars: u64,
    /// The most that is held of one outcome, net.
    #[parameter(dollars, default = 40, min = 2, max = 100000)]
    pub(crate) max_position_dollars: u64,
    /// The least distance between its bid and ask.
    #[parameter(default = 1, min = 1, max = 100)]
    pub(crate) width_ticks: u32,
    /// How far inside the best prices of others it goes.
    #[parameter(default = 1, max = 10)]
    pub(crate) improve_ticks: u32,
    /// How far both quotes move away from a full position.
    #[parameter(default = 3, max = 50)]
    pub(crate) skew_ticks: u32,
    /// The time over which it measures how far the price moves.
    #[parameter(seconds, default = 30, min = 1, max = 3600)]
    pub(crate) volatility_window: u64,
    /// How much of that distance each quote stays away, in percent.
    #[parameter(default = 50, max = 1000)]
    pub(crate) volatility_pct: u32,
    /// How far from the mid the venue rewards orders; quotes in calm markets are no further away. 0 if it does not matter.
    #[parameter(price, default = 0, max = 0.5)]
    pub(crate) rewards_spread: u32,
    /// The smallest size that the venue rewards.
    #[parameter(shares, default = 0, max = 100000)]
    pub(crate) rewards_size: u64,
    /// How long before its end it leaves a market, but never more than a quarter of the time that it was given there.
    #[parameter(seconds, default = 60, max = 604800)]
    pub(crate) leave: u64,
}

#[cfg(test)]
impl Default for Settings {
    fn default() -> Self {
        #[allow(clippy::unwrap_used, reason = "tests may fail loudly")]
        Self::parse("{}").unwrap()
    }
}
