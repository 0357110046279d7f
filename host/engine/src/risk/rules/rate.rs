//! Rules on the number, rate and repetition of orders.

use super::{Check, refusal};
use crate::risk::gate::Origin;
use crate::risk::{Refusal, Rule};
use model::NewOrder;

pub(super) fn order_rate(check: &Check<'_>) -> Result<(), Refusal> {
    let limit = check.engine.limits.max_orders_per_minute;
    let sent = check.engine.rate.in_last_minute(check.engine.now);
    // Exits of the guards are few and must not wait behind a strategy that places many orders.
    if check.origin == Origin::Guard || sent < limit {
        return Ok(());
    }
    Err(refusal(Rule::OrderRate, sent.saturating_add(1), limit))
}

pub(super) fn open_orders(check: &Check<'_>) -> Result<(), Refusal> {
    let limit = check.engine.limits.max_open_orders;
    let open = u32::try_from(check.engine.orders.open_count()).unwrap_or(u32::MAX);
    if check.origin == Origin::Guard || open < limit {
        return Ok(());
    }
    Err(refusal(Rule::OpenOrders, open.saturating_add(1), limit))
}

/// Refuses orders beyond the limit of open orders in one market.
pub(super) fn market_orders(check: &Check<'_>) -> Result<(), Refusal> {
    let limit = check.engine.limits.max_market_orders;
    let open = check.open().count();
    let open = u32::try_from(open).unwrap_or(u32::MAX);
    if check.origin == Origin::Guard || open < limit {
        return Ok(());
    }
    Err(refusal(Rule::MarketOrders, open.saturating_add(1), limit))
}

/// Refuses an order for which the table of orders has no room: orders through which money may still move are never
/// forgotten.
pub(super) fn order_table(check: &Check<'_>) -> Result<(), Refusal> {
    let (count, limit) = (check.engine.orders.at_risk_count(), check.engine.orders.room.at_risk);
    // An exit closes more than it opens, and exits are few.
    if check.origin == Origin::Guard || count < limit {
        return Ok(());
    }
    Err(refusal(Rule::OrderTable, count.saturating_add(1), limit))
}

/// Refuses an order for whose fills there may be no room: a fill is remembered until its order is closed.
pub(super) fn fill_table(check: &Check<'_>) -> Result<(), Refusal> {
    let ((kept, unsettled), room) = (check.engine.orders.fill_counts(), check.engine.orders.room);
    if check.origin == Origin::Guard {
        return Ok(());
    }
    if unsettled >= room.unsettled {
        return Err(refusal(Rule::FillTable, unsettled, room.unsettled));
    }
    if kept < room.fills_kept { Ok(()) } else { Err(refusal(Rule::FillTable, kept, room.fills_kept)) }
}

/// Refuses placements beyond the limit of one strategy, or beyond its budget if that is less.
pub(super) fn strategy_rate(check: &Check<'_>) -> Result<(), Refusal> {
    let (engine, strategy) = (check.engine, check.order.strategy);
    let limit = engine.strategies.budget(strategy).orders_within(&engine.limits);
    let sent = engine.habits.in_last_minute(strategy, engine.now);
    if check.origin == Origin::Guard || sent < limit {
        return Ok(());
    }
    Err(refusal(Rule::StrategyRate, sent.saturating_add(1), limit))
}

/// Refuses an order of which an equal one of the same strategy is pending, unknown or on the book.
pub(super) fn duplicate(check: &Check<'_>) -> Result<(), Refusal> {
    let order = check.order;
    let alike = |other: &NewOrder| {
        (other.strategy, other.token, other.side, other.price, other.size, other.kind)
            == (order.strategy, order.token, order.side, order.price, order.size, order.kind)
    };
    // An order with a pending cancel does not count as a duplicate.
    let mut open = check.open().filter(|entry| entry.cancel.is_none());
    match open.find(|entry| alike(&entry.order)) {
        Some(other) if check.origin != Origin::Guard => Err(refusal(Rule::Duplicate, other.order.id.0, 0u32)),
        _ => Ok(()),
    }
}

/// Refuses equal placements that are repeated too often. Standing quotes are placed by the host and do not count.
pub(super) fn repeats(check: &Check<'_>) -> Result<(), Refusal> {
    if check.origin == Origin::Guard || check.target {
        return Ok(());
    }
    let (seen, limit) = (check.engine.habits.repeats(check.order), check.engine.limits.max_repeats);
    if seen < limit { Ok(()) } else { Err(refusal(Rule::Repeats, seen.saturating_add(1), limit)) }
}
