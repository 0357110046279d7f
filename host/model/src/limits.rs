//! The risk limits. Every one has a safe default, and none can be missing.

use crate::amount::Usd;

/// What the gate, the guards and the breakers compare with. Percentages are in basis points (1/100 of a percent).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// `portfolio_trade_pct`: the cost of one risk-increasing order as a share of the portfolio.
    pub portfolio_trade_bps: u32,
    /// `max_order_usd`: the cost of one risk-increasing order.
    pub max_order: Usd,
    /// `max_market_usd`: worst-case loss over the outcomes of one condition, all open orders filled.
    pub max_market: Usd,
    /// `max_open_positions`: conditions held or bid for.
    pub max_open_positions: u32,
    /// `daily_loss_limit_usd`: the loss since 00:00 UTC at which trading stops.
    pub daily_loss: Usd,
    /// `take_profit_pct`: the gain on cost at which the host closes a position.
    pub take_profit_bps: u32,
    /// `stop_loss_pct`: the loss on cost at which the host closes a position.
    pub stop_loss_bps: u32,
    /// `max_open_orders`: orders that are not over, for the whole session.
    pub max_open_orders: u32,
    /// `max_orders_per_minute`: placements in any 60 seconds, for the whole session.
    pub max_orders_per_minute: u32,
    /// `stale_after_s`, in microseconds: how long a book is fresh after the last proof of life.
    pub stale_after_micros: u64,
}

impl Limits {
    /// The runbook's defaults, and ours where it has none.
    pub const DEFAULT: Self = Self {
        portfolio_trade_bps: 500,
        max_order: Usd::dollars(100),
        max_market: Usd::dollars(100),
        max_open_positions: 5,
        daily_loss: Usd::dollars(25),
        take_profit_bps: 800,
        stop_loss_bps: 500,
        max_open_orders: 100,
        max_orders_per_minute: 300,
        stale_after_micros: 60_000_000,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
