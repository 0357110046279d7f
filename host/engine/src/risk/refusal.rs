//! Refusals of the gate.

use alloc::format;
use alloc::string::String;
use core::fmt;

/// The rules of the gate in order of precedence: the first that applies is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// The bot is not RUNNING.
    NotRunning,
    /// The session is restricted.
    Restricted,
    /// The market was not granted to the strategy, or does not exist.
    UnknownMarket,
    /// The market is resolved or its book is blind.
    MarketNotOpen,
    /// The venue does not accept such orders now.
    VenueState,
    /// The referenced order is not the strategy's own open order.
    UnknownOrder,
    /// The price is off the market's grid, in micro-dollars.
    Tick,
    /// The size is below the market's minimum or finer than a hundredth, in micro-shares.
    Size,
    /// The order would expire sooner than the venue permits, in seconds from now.
    Expiry,
    /// The market is due to end too soon, in seconds.
    TimeToEnd,
    /// An equal order is pending, unknown or live.
    Duplicate,
    /// Equal placements within ten seconds.
    Repeats,
    /// Placements in the last 60 seconds.
    OrderRate,
    /// Placements of the strategy in the last 60 seconds.
    StrategyRate,
    /// Open orders.
    OpenOrders,
    /// Open orders of the market.
    MarketOrders,
    /// The shares of one order, in micro-shares.
    MaxOrderShares,
    /// A price too far beyond the mid price, in micro-dollars.
    PriceCollar,
    /// A price too far beyond the best opposite one, in micro-dollars.
    Slippage,
    /// A part of the visible depth, in micro-shares.
    Depth,
    /// A SELL of more than the free shares, in micro-shares.
    Shares,
    /// A BUY of more than the free cash, in micro-dollars.
    Cash,
    /// The cost of one order as a share of the portfolio, in micro-dollars.
    PortfolioTradePct,
    /// The cost of one order, in micro-dollars.
    MaxOrderUsd,
    /// The cost of one order of a module on probation with real money, in micro-dollars.
    Probation,
    /// The margin by which an order is better than the strategy's fair value, in micro-dollars a share.
    MinEdge,
    /// The worst-case loss in one market, in micro-dollars.
    MaxMarketUsd,
    /// The worst-case loss in one event, in micro-dollars.
    MaxEventUsd,
    /// Cost of the strategy's positions and bids, in micro-dollars.
    MaxStrategyPct,
    /// Cost of the strategy's positions and bids beyond its own budget, in micro-dollars.
    StrategyCapital,
    /// Cost of all bids that could fill, in micro-dollars.
    MaxRestingPct,
    /// Cost of all positions and bids, in micro-dollars.
    MaxGrossPct,
    /// Remaining cash, below the reserve, in micro-dollars.
    CashReserve,
    /// Conditions held or bid for.
    MaxOpenPositions,
    /// The order would trade with one of our own.
    SelfTrade,
    /// More timers than a strategy may have.
    Timers,
    /// A sum left its range.
    Overflow,
    /// Orders through which money may still move: the table of orders is full.
    OrderTable,
    /// Fills whose orders are not closed: the table of fills is full.
    FillTable,
}

impl Rule {
    /// Returns the name used in rows, streams and strategies' events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotRunning => "not_running",
            Self::Restricted => "restricted",
            Self::UnknownMarket => "unknown_market",
            Self::MarketNotOpen => "market_not_open",
            Self::VenueState => "venue_state",
            Self::Probation => "probation",
            Self::MinEdge => "min_edge_usd",
            Self::UnknownOrder => "unknown_order",
            Self::Tick => "tick",
            Self::Size => "size",
            Self::Expiry => "expiry",
            Self::TimeToEnd => "min_time_to_end_s",
            Self::Duplicate => "duplicate",
            Self::Repeats => "max_repeats",
            Self::OrderRate => "max_orders_per_minute",
            Self::StrategyRate => "max_strategy_orders_per_minute",
            Self::OpenOrders => "max_open_orders",
            Self::MarketOrders => "max_market_orders",
            Self::MaxOrderShares => "max_order_shares",
            Self::PriceCollar => "price_collar_pct",
            Self::Slippage => "max_slippage_ticks",
            Self::Depth => "max_depth_pct",
            Self::Shares => "shares",
            Self::Cash => "cash",
            Self::PortfolioTradePct => "portfolio_trade_pct",
            Self::MaxOrderUsd => "max_order_usd",
            Self::MaxMarketUsd => "max_market_usd",
            Self::MaxEventUsd => "max_event_usd",
            Self::MaxStrategyPct => "max_strategy_pct",
            Self::StrategyCapital => "strategy_capital",
            Self::MaxRestingPct => "max_resting_pct",
            Self::MaxGrossPct => "max_gross_pct",
            Self::CashReserve => "cash_reserve_pct",
            Self::MaxOpenPositions => "max_open_positions",
            Self::SelfTrade => "self_trade",
            Self::Timers => "timers",
            Self::Overflow => "overflow",
            Self::OrderTable => "order_table",
            Self::FillTable => "fill_table",
        }
    }
}

/// A refusal: the rule, the order's value, and the limit, both in the rule's unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Refusal {
    /// The rule.
    pub rule: Rule,
    /// The order's value.
    pub value: i64,
    /// The limit.
    pub limit: i64,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&sentence(self.rule.as_str(), self.value, self.limit))
    }
}

/// Returns the sentence of a refusal by `rule`, which is also what a stored refusal says.
pub fn sentence(rule: &str, value: i64, limit: i64) -> String {
    format!("{rule}: {value} is over the limit {limit}")
}
