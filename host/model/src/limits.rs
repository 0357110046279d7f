//! The risk limits. Each one has a safe default, and none can be missing.

use crate::amount::{Size, Usd};

/// The limits of the gate, the guards and the breakers. Percentages are in basis points (1/100 of a percent).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Limits {
    /// `portfolio_trade_pct`: the cost of one risk-increasing order as a share of the portfolio.
    pub portfolio_trade_bps: u32,
    /// `max_order_usd`: the cost of one risk-increasing order.
    pub max_order: Usd,
    /// `max_order_shares`: the shares of one risk-increasing order; catches a size in the wrong unit. A FOK or FAK BUY
    /// counts as the shares that its dollars buy at the best ask less the collar.
    pub max_order_size: Size,
    /// `max_market_usd`: worst-case loss over the outcomes of one condition, all open orders filled.
    pub max_market: Usd,
    /// `max_event_usd`: worst-case loss over the outcomes of one negative-risk event, all open orders filled.
    pub max_event: Usd,
    /// `max_gross_pct`: cost of all positions and resting bids as a share of the portfolio.
    pub max_gross_bps: u32,
    /// `max_resting_pct`: cost of all bids that could still fill as a share of the portfolio.
    pub max_resting_bps: u32,
    /// `cash_reserve_pct`: cash that stays free, as a share of the portfolio, for fees and stuck settlements.
    pub cash_reserve_bps: u32,
    /// `max_strategy_pct`: cost of one strategy's positions and bids as a share of the portfolio.
    pub max_strategy_bps: u32,
    /// `max_open_positions`: conditions held or bid for.
    pub max_open_positions: u32,
    /// `max_strategy_loss_usd`: the loss of one strategy since 00:00 UTC at which it stops.
    pub max_strategy_loss: Usd,
    /// `max_losing_trips`: consecutive losing round trips of one strategy after which it is paused for an hour.
    pub max_losing_trips: u32,
    /// `max_jump_usd`: the largest move of a market's mid price within 10 seconds, a share; beyond it quotes are
    /// cancelled.
    pub max_jump: Usd,
    /// `min_edge_usd`: the margin, a share and after the fee, by which an order must be better than the strategy's own
    /// fair value.
    pub min_edge: Usd,
    /// `probation_s`, in microseconds: the time during which a new module may use only a tenth of `max_order_usd`; live
    /// only.
    pub probation_micros: u64,
    /// `daily_loss_limit_usd`: the loss since 00:00 UTC at which trading stops.
    pub daily_loss: Usd,
    /// `max_drawdown_pct`: the loss from the portfolio's peak at which trading stops, as a share of the peak.
    pub max_drawdown_bps: u32,
    /// `take_profit_pct`: the gain on cost at which the host closes a position.
    pub take_profit_bps: u32,
    /// `stop_loss_pct`: the loss on cost at which the host closes a position.
    pub stop_loss_bps: u32,
    /// `price_collar_pct`: the largest distance of an order's price beyond the mid price, as a share of it; 5 cents at
    /// the least.
    pub price_collar_bps: u32,
    /// `max_slippage_ticks`: the largest number of ticks beyond the best opposite price that an order may reach.
    pub max_slippage_ticks: u32,
    /// `max_depth_pct`: the part of the visible opposite depth within that reach that one order may take.
    pub max_depth_bps: u32,
    /// `max_open_orders`: open orders, for the whole session.
    pub max_open_orders: u32,
    /// `max_market_orders`: open orders in one market.
    pub max_market_orders: u32,
    /// `max_orders_per_minute`: placements in any 60 seconds, for the whole session.
    pub max_orders_per_minute: u32,
    /// `max_strategy_orders_per_minute`: placements in any 60 seconds, for one strategy.
    pub max_strategy_orders_per_minute: u32,
    /// `max_repeats`: equal placements of one strategy in any 10 seconds; one more disables it. Standing quotes do not
    /// count.
    pub max_repeats: u32,
    /// `max_fills_per_minute`: fills of one strategy on one side of one market in any 60 seconds; one more disables it.
    pub max_fills_per_minute: u32,
    /// `min_time_to_end_s`, in microseconds: no new risk in a market that is due to end sooner.
    pub min_time_to_end_micros: u64,
    /// `exit_orphans`: true if the guards close the positions of removed or disabled strategies.
    pub exit_orphans: bool,
    /// `stale_after_s`, in microseconds: the time that a book stays fresh after the last proof of life.
    pub stale_after_micros: u64,
}

impl Limits {
    /// The runbook's defaults; where it has none, those of the table of controls.
    pub const DEFAULT: Self = Self {
        portfolio_trade_bps: 500,
        max_order: Usd::dollars(100),
        max_order_size: Size::shares(500),
        max_market: Usd::dollars(100),
        max_event: Usd::dollars(200),
        max_gross_bps: 5_000,
        max_resting_bps: 4_000,
        cash_reserve_bps: 1_000,
        max_strategy_bps: 2_000,
        max_open_positions: 5,
        max_strategy_loss: Usd::dollars(20),
        max_losing_trips: 5,
        max_jump: Usd(100_000),
        min_edge: Usd(5_000),
        probation_micros: 86_400_000_000,
        daily_loss: Usd::dollars(25),
        max_drawdown_bps: 1_000,
        take_profit_bps: 800,
        stop_loss_bps: 500,
        price_collar_bps: 1_500,
        max_slippage_ticks: 2,
        max_depth_bps: 1_000,
        max_open_orders: 100,
        max_market_orders: 10,
        max_orders_per_minute: 600,
        max_strategy_orders_per_minute: 300,
        max_repeats: 5,
        max_fills_per_minute: 10,
        min_time_to_end_micros: 7_200_000_000,
        exit_orphans: false,
        stale_after_micros: 60_000_000,
    };

    /// Limits that are never reached, so that a test or self-test can exercise one control alone.
    pub const WIDE: Self = Self {
        portfolio_trade_bps: 10_000_000,
        max_order: Usd(i64::MAX),
        max_order_size: Size(u64::MAX),
        max_market: Usd(i64::MAX),
        max_event: Usd(i64::MAX),
        max_gross_bps: 10_000_000,
        max_resting_bps: 10_000_000,
        cash_reserve_bps: 0,
        max_strategy_bps: 10_000_000,
        max_open_positions: u32::MAX,
        max_strategy_loss: Usd(i64::MAX),
        max_losing_trips: u32::MAX,
        max_jump: Usd(i64::MAX),
        min_edge: Usd::ZERO,
        probation_micros: 0,
        daily_loss: Usd(i64::MAX),
        max_drawdown_bps: 10_000,
        take_profit_bps: 1_000_000_000,
        stop_loss_bps: 10_000,
        price_collar_bps: 1_000_000,
        max_slippage_ticks: u32::MAX,
        max_depth_bps: 10_000_000,
        max_open_orders: u32::MAX,
        max_market_orders: u32::MAX,
        max_orders_per_minute: u32::MAX,
        max_strategy_orders_per_minute: u32::MAX,
        max_repeats: u32::MAX,
        max_fills_per_minute: u32::MAX,
        min_time_to_end_micros: 0,
        exit_orphans: false,
        stale_after_micros: 60_000_000,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
