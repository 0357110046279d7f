//! What an operator can set.

use polytrader_sdk::Parameters;

/// The parameters.
#[derive(Debug, Clone, Parameters)]
pub(crate) struct Settings {
    /// The most sets that one purchase buys.
    #[parameter(shares, default = 20, min = 1, max = 100000)]
    pub(crate) size: u64,
    /// The least that a set must cost under a dollar, fees included.
    #[parameter(price, default = 0.005, min = 0.0001, max = 0.5)]
    pub(crate) edge: u32,
    /// The most that all its positions may cost.
    #[parameter(dollars, default = 100, min = 2, max = 1000000)]
    pub(crate) capital: u64,
    /// Whether it also buys one YES of each market of a negative-risk event. Only sure if one of its markets must win.
    #[parameter(default = false)]
    pub(crate) events: bool,
    /// How long a half-filled set waits for its other legs before it is sold again.
    #[parameter(seconds, default = 10, min = 1, max = 3600)]
    pub(crate) patience: u64,
    /// How long it waits after a purchase or a failure before it buys that set again.
    #[parameter(seconds, default = 5, min = 1, max = 3600)]
    pub(crate) cool_down: u64,
    /// How long before its end it buys no set of a market any more.
    #[parameter(seconds, default = 30, max = 604800)]
    pub(crate) leave: u64,
}
