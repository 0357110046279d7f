//! What an operator can set.

use polytrader_sdk::Parameters;

/// The parameters.
#[derive(Debug, Clone, Parameters)]
pub(crate) struct Settings {
    /// What one entry is worth.
    #[parameter(dollars, default = 10, min = 2, max = 10000)]
    pub(crate) order: u64,
    /// The most that it spends on one market.
    #[parameter(dollars, default = 30, min = 2, max = 100000)]
    pub(crate) position: u64,
    /// The time over which it measures the drift.
    #[parameter(seconds, default = 60, min = 1, max = 86400)]
    pub(crate) window: u64,
    /// How far the mid has to move within that time.
    #[parameter(price, default = 0.03, min = 0.001, max = 0.5)]
    pub(crate) drift: u32,
    /// The widest spread that it crosses.
    #[parameter(price, default = 0.02, min = 0.001, max = 0.5)]
    pub(crate) spread: u32,
    /// The cheapest outcome that it buys.
    #[parameter(price, default = 0.10, min = 0.001, max = 0.999)]
    pub(crate) lowest: u32,
    /// The dearest outcome that it buys.
    #[parameter(price, default = 0.90, min = 0.001, max = 0.999)]
    pub(crate) highest: u32,
    /// How long it waits in a market after it acted there, or was refused.
    #[parameter(seconds, default = 120, min = 1, max = 86400)]
    pub(crate) cool_down: u64,
    /// How long before its end it leaves a market alone.
    #[parameter(seconds, default = 60, max = 604800)]
    pub(crate) leave: u64,
}
