//! Parameters that operators set.

use polytrader_sdk::Parameters;

/// The parameters.
#[derive(Debug, Clone, Parameters)]
pub(crate) struct Settings {
    /// Value of one entry.
    #[parameter(dollars, default = 10, min = 2, max = 10000)]
    pub(crate) order: u64,
    /// Maximum spending per market.
    #[parameter(dollars, default = 30, min = 2, max = 100000)]
    pub(crate) position: u64,
    /// Time over which the drift is measured.
    #[parameter(seconds, default = 60, min = 1, max = 86400)]
    pub(crate) window: u64,
    /// Minimum move of the mid price within that time.
    #[parameter(price, default = 0.03, min = 0.001, max = 0.5)]
    pub(crate) drift: u32,
    /// Widest spread that it crosses.
    #[parameter(price, default = 0.02, min = 0.001, max = 0.5)]
    pub(crate) spread: u32,
    /// Lowest price at which it buys.
    #[parameter(price, default = 0.10, min = 0.001, max = 0.999)]
    pub(crate) lowest: u32,
    /// Highest price at which it buys.
    #[parameter(price, default = 0.90, min = 0.001, max = 0.999)]
    pub(crate) highest: u32,
    /// Wait in a market after an entry or a refusal.
    #[parameter(seconds, default = 120, min = 1, max = 86400)]
    pub(crate) cool_down: u64,
    /// Time before a market's end at which it stops trading there.
    #[parameter(seconds, default = 60, max = 604800)]
    pub(crate) leave: u64,
}
