//! The rules of the gate, each a small function with a refusal of its own, in the order of [`Rule`].

use super::exposure::{is_position, open_positions, worst_loss};
use super::gate::Origin;
use super::refusal::{Refusal, Rule};
use crate::effect::{BotState, Restriction};
use crate::markets::MarketEntry;
use crate::step::Engine;
use model::{MarketState, NewOrder, OrderKind, Side, Usd};

/// An order on its way through the gate, with what several rules need.
pub(crate) struct Check<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) order: &'a NewOrder,
    pub(crate) origin: Origin,
    pub(crate) entry: &'a MarketEntry,
    /// Worst-case loss of the market as it stands, and with this order.
    pub(crate) loss: [Usd; 2],
}

/// A rule.
pub(crate) type RuleFn = fn(&Check<'_>) -> Result<(), Refusal>;

/// All rules in order of precedence.
pub(crate) const RULES: [RuleFn; 15] = [
    running,
    restricted,
    granted,
    market_open,
    tick,
    size,
    order_rate,
    open_orders,
    shares,
    cash,
    portfolio_trade_pct,
    max_order_usd,
    max_market_usd,
    max_open_positions,
    self_trade,
];

impl<'a> Check<'a> {
    pub(crate) fn new(engine: &'a Engine, order: &'a NewOrder, origin: Origin) -> Result<Self, Refusal> {
        let market = order.token.market();
        let entry = engine.markets.get(market).ok_or_else(|| refusal(Rule::UnknownMarket, market.0, 0u32))?;
        let loss = [None, Some(order)].map(|extra| worst_loss(&engine.ledger, &engine.orders, market, extra));
        Ok(Self { engine, order, origin, entry, loss })
    }

    /// Says whether the order raises what could be lost. Only such orders meet the limits on value. A guard's exit sells
    /// what is owned and is never held up by them, even where it breaks up a pair.
    fn increases_risk(&self) -> bool {
        let [before, after] = self.loss;
        after > before && self.origin != Origin::Guard
    }

    /// What the order could lose by itself: the price of a BUY, what a SELL gives up.
    fn cost(&self) -> Result<Usd, Refusal> {
        let price = match self.order.side {
            Side::Buy => self.order.price,
            Side::Sell => self.order.price.complement(),
        };
        price.cost_ceil(self.order.size).ok_or_else(|| refusal(Rule::Overflow, self.order.size.0, u64::MAX))
    }
}

fn running(check: &Check<'_>) -> Result<(), Refusal> {
    let may = match check.engine.state {
        BotState::Running => true,
        // Guards watch over positions while the bot is paused.
        BotState::Paused => check.origin == Origin::Guard,
        BotState::Stopped => false,
    };
    if may { Ok(()) } else { Err(refusal(Rule::NotRunning, 0u32, 1u32)) }
}

fn restricted(check: &Check<'_>) -> Result<(), Refusal> {
    let market = check.order.token.market();
    let restriction = check.engine.restriction_in(market, check.order.strategy);
    let allowed = match (restriction, check.origin) {
        (Restriction::None, _) => true,
        // Until the venue's account was seen to be ours, nobody knows what an exit would sell.
        _ if !check.engine.reconciled => false,
        (Restriction::ReduceOnly | Restriction::CancelOnly, Origin::Guard) => true,
        (Restriction::ReduceOnly, _) => check.order.side == Side::Sell && !check.increases_risk(),
        (Restriction::CancelOnly | Restriction::Halted, _) => false,
    };
    let level = |restriction: Restriction| match restriction {
        Restriction::None => 0u32,
        Restriction::ReduceOnly => 1,
        Restriction::CancelOnly => 2,
        Restriction::Halted => 3,
    };
    if allowed { Ok(()) } else { Err(refusal(Rule::Restricted, level(restriction), level(Restriction::None))) }
}

fn granted(check: &Check<'_>) -> Result<(), Refusal> {
    let market = check.order.token.market();
    if check.origin == Origin::Guard || check.entry.listeners.contains(&check.order.strategy) {
        return Ok(());
    }
    Err(refusal(Rule::UnknownMarket, market.0, 0u32))
}

fn market_open(check: &Check<'_>) -> Result<(), Refusal> {
    let engine = check.engine;
    match engine.markets.state(check.order.token, engine.now, engine.limits.stale_after_micros) {
        MarketState::Open => Ok(()),
        MarketState::Blind => Err(refusal(Rule::MarketNotOpen, 0u32, 1u32)),
        MarketState::Resolved => Err(refusal(Rule::MarketNotOpen, 2u32, 1u32)),
    }
}

fn tick(check: &Check<'_>) -> Result<(), Refusal> {
    let tick = check.entry.market.tick;
    if check.order.price.is_on(tick) {
        return Ok(());
    }
    Err(refusal(Rule::Tick, check.order.price.micros(), tick.micros()))
}

fn size(check: &Check<'_>) -> Result<(), Refusal> {
    let (size, least) = (check.order.size, check.entry.market.min_size);
    let whole = size.floor_to_cents() == size;
    if whole && size >= least && !size.is_zero() { Ok(()) } else { Err(refusal(Rule::Size, size.0, least.0)) }
}

fn order_rate(check: &Check<'_>) -> Result<(), Refusal> {
    let limit = check.engine.limits.max_orders_per_minute;
    let sent = check.engine.rate.in_last_minute(check.engine.now);
    // Exits of the guards are few and must not wait behind a strategy's flood.
    if check.origin == Origin::Guard || sent < limit {
        return Ok(());
    }
    Err(refusal(Rule::OrderRate, sent.saturating_add(1), limit))
}

fn open_orders(check: &Check<'_>) -> Result<(), Refusal> {
    let limit = check.engine.limits.max_open_orders;
    let open = u32::try_from(check.engine.orders.open_count()).unwrap_or(u32::MAX);
    if check.origin == Origin::Guard || open < limit {
        return Ok(());
    }
    Err(refusal(Rule::OpenOrders, open.saturating_add(1), limit))
}

fn shares(check: &Check<'_>) -> Result<(), Refusal> {
    if check.order.side == Side::Buy {
        return Ok(());
    }
    let free = check.engine.sellable(check.order.strategy, check.order.token);
    if check.order.size <= free { Ok(()) } else { Err(refusal(Rule::Shares, check.order.size.0, free.0)) }
}

fn cash(check: &Check<'_>) -> Result<(), Refusal> {
    if check.order.side == Side::Sell {
        return Ok(());
    }
    let cost = check.cost()?;
    let fee = match check.order.kind {
        OrderKind::Gtc { post_only: true } => Some(Usd::ZERO),
        _ => check.entry.market.fee.taker_fee_worst(check.order.price, check.order.size),
    };
    let overflow = || refusal(Rule::Overflow, cost.0, i64::MAX);
    let needed = fee.and_then(|fee| cost.checked_add(fee)).ok_or_else(overflow)?;
    let free = check.engine.free_cash();
    if needed <= free { Ok(()) } else { Err(refusal(Rule::Cash, needed.0, free.0)) }
}

fn portfolio_trade_pct(check: &Check<'_>) -> Result<(), Refusal> {
    let limit = check.engine.portfolio_value().bps_floor(check.engine.limits.portfolio_trade_bps);
    cost_within(check, Rule::PortfolioTradePct, limit)
}

fn max_order_usd(check: &Check<'_>) -> Result<(), Refusal> {
    cost_within(check, Rule::MaxOrderUsd, check.engine.limits.max_order)
}

fn cost_within(check: &Check<'_>, rule: Rule, limit: Usd) -> Result<(), Refusal> {
    if !check.increases_risk() {
        return Ok(());
    }
    let cost = check.cost()?;
    if cost <= limit { Ok(()) } else { Err(refusal(rule, cost.0, limit.0)) }
}

fn max_market_usd(check: &Check<'_>) -> Result<(), Refusal> {
    let ([_, after], limit) = (check.loss, check.engine.limits.max_market);
    if !check.increases_risk() || after <= limit {
        return Ok(());
    }
    Err(refusal(Rule::MaxMarketUsd, after.0, limit.0))
}

fn max_open_positions(check: &Check<'_>) -> Result<(), Refusal> {
    if check.order.side == Side::Sell {
        return Ok(());
    }
    let engine = check.engine;
    // A market that counts already does not count twice; this is also much cheaper than counting.
    if is_position(&engine.ledger, &engine.orders, check.order.token.market(), check.entry) {
        return Ok(());
    }
    let (open, limit) =
        (open_positions(&engine.ledger, &engine.orders, &engine.markets), engine.limits.max_open_positions);
    if open < limit { Ok(()) } else { Err(refusal(Rule::MaxOpenPositions, open.saturating_add(1), limit)) }
}

/// Refuses an order that would trade with one of ours, on the same token or on the complement. An order whose cancel
/// is not proven still counts.
fn self_trade(check: &Check<'_>) -> Result<(), Refusal> {
    let order = check.order;
    for other in check.engine.orders.open_in(order.token.market()) {
        let (theirs, same_token) = (other.order.price, other.order.token == order.token);
        let meets = match (order.side, other.order.side, same_token) {
            (Side::Buy, Side::Sell, true) => order.price >= theirs,
            (Side::Sell, Side::Buy, true) => order.price <= theirs,
            (Side::Buy, Side::Buy, false) => order.price >= theirs.complement(),
            (Side::Sell, Side::Sell, false) => order.price <= theirs.complement(),
            _ => false,
        };
        if meets {
            return Err(refusal(Rule::SelfTrade, order.price.micros(), theirs.micros()));
        }
    }
    Ok(())
}

/// Makes a refusal of any integers; what does not fit shows as the largest.
pub(crate) fn refusal(rule: Rule, value: impl TryInto<i64>, limit: impl TryInto<i64>) -> Refusal {
    Refusal { rule, value: value.try_into().unwrap_or(i64::MAX), limit: limit.try_into().unwrap_or(i64::MAX) }
}
