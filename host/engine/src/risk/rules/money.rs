//! Rules on the cost of an order and the possible loss.

use super::{Check, refusal};
use crate::risk::exposure::{event_loss, is_position, open_positions};
use crate::risk::gate::Origin;
use crate::risk::{Refusal, Rule};
use model::input::Mode;
use model::{Side, Size, Usd};

/// The part of `max_order_usd` that a module on probation may place, in basis points.
const PROBATION_BPS: u32 = 1_000;

pub(super) fn shares(check: &Check<'_>) -> Result<(), Refusal> {
    if check.order.side == Side::Buy {
        return Ok(());
    }
    let free = check.engine.sellable(check.order.strategy, check.order.token);
    if check.order.size <= free { Ok(()) } else { Err(refusal(Rule::Shares, check.order.size.0, free.0)) }
}

pub(super) fn cash(check: &Check<'_>) -> Result<(), Refusal> {
    if check.order.side == Side::Sell {
        return Ok(());
    }
    let needed = check.needs()?;
    let free = check.engine.free_cash();
    if needed <= free { Ok(()) } else { Err(refusal(Rule::Cash, needed.0, free.0)) }
}

pub(super) fn portfolio_trade_pct(check: &Check<'_>) -> Result<(), Refusal> {
    let limit = check.portfolio().bps_floor(check.engine.limits.portfolio_trade_bps);
    cost_within(check, Rule::PortfolioTradePct, limit)
}

pub(super) fn max_order_usd(check: &Check<'_>) -> Result<(), Refusal> {
    cost_within(check, Rule::MaxOrderUsd, check.engine.limits.max_order)
}

/// Limits a new module to a tenth of the largest order during its probation with real money.
pub(super) fn probation(check: &Check<'_>) -> Result<(), Refusal> {
    let engine = check.engine;
    if engine.mode() != Mode::Live || check.origin == Origin::Guard {
        return Ok(());
    }
    let since = engine.strategies.since(check.order.strategy).unwrap_or(engine.now);
    if engine.now.since(since) >= engine.limits.probation_micros {
        return Ok(());
    }
    cost_within(check, Rule::Probation, engine.limits.max_order.bps_floor(PROBATION_BPS))
}

/// Refuses an order that is not better than the strategy's own fair value by the fee and the minimum edge, in
/// micro-dollars a share. Applies only to orders that add risk and state a fair value.
pub(super) fn min_edge(check: &Check<'_>) -> Result<(), Refusal> {
    let Some(fair) = check.fair.filter(|_| check.increases_risk()) else { return Ok(()) };
    let order = check.order;
    let [fair, price] = [fair, order.price].map(|price| i64::from(price.micros()));
    let edge = match order.side {
        Side::Buy => fair.saturating_sub(price),
        Side::Sell => price.saturating_sub(fair),
    };
    let fee = if order.kind.is_post_only() {
        Usd::ZERO
    } else {
        check.entry.market.fee.taker_fee_worst(order.price, Size::shares(1)).unwrap_or(Usd(i64::MAX))
    };
    let least = fee.saturating_add(check.engine.limits.min_edge);
    if edge >= least.0 { Ok(()) } else { Err(refusal(Rule::MinEdge, edge, least.0)) }
}

fn cost_within(check: &Check<'_>, rule: Rule, limit: Usd) -> Result<(), Refusal> {
    if !check.increases_risk() {
        return Ok(());
    }
    let cost = check.cost()?;
    if cost <= limit { Ok(()) } else { Err(refusal(rule, cost.0, limit.0)) }
}

pub(super) fn max_market_usd(check: &Check<'_>) -> Result<(), Refusal> {
    let ([_, after], limit) = (check.loss, check.engine.limits.max_market);
    if !check.increases_risk() || after <= limit {
        return Ok(());
    }
    Err(refusal(Rule::MaxMarketUsd, after.0, limit.0))
}

pub(super) fn max_open_positions(check: &Check<'_>) -> Result<(), Refusal> {
    if check.order.side == Side::Sell {
        return Ok(());
    }
    let engine = check.engine;
    // A market that already counts is not counted twice; this check is also much cheaper than counting.
    let counted = is_position(&engine.ledger, &engine.orders, check.order.token.market(), check.entry);
    if counted || usize::try_from(engine.limits.max_open_positions).is_ok_and(|limit| limit >= engine.markets.len()) {
        return Ok(());
    }
    let (open, limit) =
        (open_positions(&engine.ledger, &engine.orders, &engine.markets), engine.limits.max_open_positions);
    if open < limit { Ok(()) } else { Err(refusal(Rule::MaxOpenPositions, open.saturating_add(1), limit)) }
}

/// Refuses an order that would risk too much on one event whose markets exclude each other.
pub(super) fn max_event_usd(check: &Check<'_>) -> Result<(), Refusal> {
    let Some(event) = check.entry.market.event.filter(|_| check.increases_risk()) else { return Ok(()) };
    let (engine, limit) = (check.engine, check.engine.limits.max_event);
    let loss = event_loss(&engine.ledger, &engine.orders, &engine.markets, event, check.order);
    if loss <= limit { Ok(()) } else { Err(refusal(Rule::MaxEventUsd, loss.0, limit.0)) }
}

/// Refuses an order that would allocate too much of the portfolio to one strategy.
pub(super) fn max_strategy_pct(check: &Check<'_>) -> Result<(), Refusal> {
    if check.order.side == Side::Sell || !check.increases_risk() {
        return Ok(());
    }
    let (engine, strategy) = (check.engine, check.order.strategy);
    let limit = check.portfolio().bps_floor(engine.limits.max_strategy_bps);
    let all = engine.capital_of(strategy).saturating_add(check.cost()?);
    if all <= limit { Ok(()) } else { Err(refusal(Rule::MaxStrategyPct, all.0, limit.0)) }
}

/// Refuses a BUY whose cost and worst fee exceed the strategy's own capital. Capital limits the money spent, not the
/// risk taken: a BUY that completes a pair spends it too, even if another strategy holds the other half.
pub(super) fn strategy_capital(check: &Check<'_>) -> Result<(), Refusal> {
    let (engine, strategy) = (check.engine, check.order.strategy);
    let budget = engine.strategies.budget(strategy).capital;
    let Some(limit) = budget.filter(|_| check.order.side == Side::Buy) else { return Ok(()) };
    let all = engine.capital_of(strategy).saturating_add(check.needs()?);
    if all <= limit { Ok(()) } else { Err(refusal(Rule::StrategyCapital, all.0, limit.0)) }
}

/// Refuses an order that would commit too much money: in bids that could all fill at once, in bids and positions
/// together, or from the cash reserve.
pub(super) fn gross(check: &Check<'_>) -> Result<(), Refusal> {
    if check.order.side == Side::Sell || !check.increases_risk() {
        return Ok(());
    }
    let engine = check.engine;
    let portfolio = check.portfolio();
    let needs = check.needs()?;
    let resting = engine.orders.reserved_cash().saturating_add(needs);
    let limit = portfolio.bps_floor(engine.limits.max_resting_bps);
    if resting > limit {
        return Err(refusal(Rule::MaxRestingPct, resting.0, limit.0));
    }
    let held = engine.ledger.positions().fold(Usd::ZERO, |sum, (_, position)| sum.saturating_add(position.cost));
    let (all, limit) = (held.saturating_add(resting), portfolio.bps_floor(engine.limits.max_gross_bps));
    if all > limit {
        return Err(refusal(Rule::MaxGrossPct, all.0, limit.0));
    }
    let left = engine.free_cash().saturating_sub(needs);
    let reserve = portfolio.bps_floor(engine.limits.cash_reserve_bps);
    // Missing cash is refused by the cash rule.
    if left >= reserve || left < Usd::ZERO { Ok(()) } else { Err(refusal(Rule::CashReserve, left.0, reserve.0)) }
}
