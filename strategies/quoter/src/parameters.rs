//! Parameters that operators set.

use polytrader_sdk::Parameters;

/// The parameters.
#[derive(Debug, Clone, Copy, Parameters)]
pub(crate) struct Settings {
    /// Value of one quote.
    #[parameter(dollars, default = 10, min = 2, max = 10000)]
    pub(crate) quote_dollars: u64,
    /// Maximum net position in one outcome.
    #[parameter(dollars, default = 40, min = 2, max = 100000)]
    pub(crate) max_position_dollars: u64,
    /// Minimum distance between its bid and ask.
    #[parameter(default = 1, min = 1, max = 100)]
    pub(crate) width_ticks: u32,
    /// Distance inside the best prices of others at which it quotes.
    #[parameter(default = 1, max = 10)]
    pub(crate) improve_ticks: u32,
    /// Shift of both quotes at a full position.
    #[parameter(default = 3, max = 50)]
    pub(crate) skew_ticks: u32,
    /// Time over which the price's movement is measured.
    #[parameter(seconds, default = 30, min = 1, max = 3600)]
    pub(crate) volatility_window: u64,
    /// Part of that movement by which each quote is moved away from the mid price, in percent.
    #[parameter(default = 50, max = 1000)]
    pub(crate) volatility_pct: u32,
    /// Distance from the mid price within which the venue rewards orders; calm quotes stay within it. 0 to ignore it.
    #[parameter(price, default = 0, max = 0.5)]
    pub(crate) rewards_spread: u32,
    /// Smallest order size that the venue rewards.
    #[parameter(shares, default = 0, max = 100000)]
    pub(crate) rewards_size: u64,
    /// Time before a market's end at which it stops quoting, but at most a quarter of the time from its start to that
    /// end.
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
