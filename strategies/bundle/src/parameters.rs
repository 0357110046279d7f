//! Parameters that operators set.

use polytrader_sdk::Parameters;

/// The parameters.
#[derive(Debug, Clone, Parameters)]
pub(crate) struct Settings {
    /// Maximum number of sets per purchase.
    #[parameter(shares, default = 20, min = 1, max = 100000)]
    pub(crate) size: u64,
    /// Minimum amount by which a set must cost less than a dollar, fees included.
    #[parameter(price, default = 0.005, min = 0.0001, max = 0.5)]
    pub(crate) edge: u32,
    /// Maximum cost of all its positions.
    #[parameter(dollars, default = 100, min = 2, max = 1000000)]
    pub(crate) capital: u64,
    /// True to also buy one YES of each market of a negative-risk event. Certain to pay only if one of its markets must
    /// win.
    #[parameter(default = false)]
    pub(crate) events: bool,
    /// Time that a half-filled set waits for its other legs before it is sold again.
    #[parameter(seconds, default = 10, min = 1, max = 3600)]
    pub(crate) patience: u64,
    /// Wait after a purchase or a failure before it buys that set again.
    #[parameter(seconds, default = 5, min = 1, max = 3600)]
    pub(crate) cool_down: u64,
    /// Time before a market's end at which it stops buying sets of that market.
    #[parameter(seconds, default = 30, max = 604800)]
    pub(crate) leave: u64,
}
