//! The state left by the last session on this account, with its markets renumbered for the session that begins.

use crate::account::activity;
use crate::handles::Handles;
use crate::orders::paper::Opening;
use anyhow::Context;
use model::{
    CarryOver, ConditionId, InputKind, Market, MarketIx, OrderId, RealisedBefore, StrategyId, Time, Usd, VenueOrderId,
};
use std::collections::{BTreeMap, BTreeSet};
use store::journal_files::{OVER_MAX, RecoveredSession};

/// The state left by the last session, renumbered for the session that begins.
pub(crate) struct Resumed {
    pub(crate) carry: CarryOver,
    /// The P&L realised on markets that are not carried over.
    pub(crate) realised: RealisedBefore,
}

/// Returns the carry-over with the numbers of `markets`. Markets that the session does not trade are appended where a
/// position is still held or a settlement may come; all others are left out.
///
/// # Errors
/// If the journal refers to a market that it never introduced.
pub(crate) fn renumbered(past: &RecoveredSession, markets: &mut Vec<Market>) -> anyhow::Result<Resumed> {
    let mut numbers: BTreeMap<ConditionId, MarketIx> =
        (0u32..).map(MarketIx).zip(markets.iter()).map(|(number, market)| (market.condition, number)).collect();
    let mut new = BTreeMap::new();
    for old in past.carry.markets() {
        let market = past.markets.get(old.index()).with_context(|| format!("the journal has no market {old}"))?;
        let number = match numbers.get(&market.condition) {
            Some(number) => *number,
            None if !past.needed.contains(&old) => continue,
            None => {
                let number = MarketIx(u32::try_from(markets.len()).context("too many markets")?);
                numbers.insert(market.condition, number);
                markets.push(market.clone());
                number
            }
        };
        new.insert(old, number);
    }
    let mut carry = past.carry.clone();
    let realised = past.realised.plus(&carry.leave(|old| new.contains_key(&old)));
    carry
        .renumber(|old| new.get(&old).copied())
        .map_err(|market| anyhow::anyhow!("market {market} of the journal has no number"))?;
    Ok(Resumed { carry, realised })
}

/// The carry-over for the parts that start after the engine has received it.
pub(crate) struct CarriedOver {
    /// Trades before this time are in the books.
    pub(crate) since: Time,
    /// Activities before this time are in the books.
    pub(crate) recorded: Time,
    /// Activities that need not be read again.
    pub(crate) known: Vec<[u8; 32]>,
    /// The account in paper mode.
    pub(crate) opening: Opening,
    /// True if a session preceded this one.
    pub(crate) went_on: bool,
    /// The strategies that held shares.
    pub(crate) holders: BTreeSet<StrategyId>,
}

impl CarriedOver {
    /// Sends the carry-over to the engine, and returns the rest of it.
    pub(crate) fn new(
        handles: &Handles,
        now: Time,
        cash: Usd,
        resumed: Option<Resumed>,
        past: Option<RecoveredSession>,
    ) -> Self {
        let carry = resumed.as_ref().map(|resumed| &resumed.carry);
        let this = Self {
            since: carry.map_or(now, CarryOver::since),
            recorded: carry.map_or(activity::first(now), |carry| activity::since(carry.at)),
            known: past.as_ref().map(|past| past.activities.clone()).unwrap_or_default(),
            opening: Opening::new(cash, carry),
            went_on: carry.is_some(),
            holders: carry.map(holders).unwrap_or_default(),
        };
        if let Some((resumed, past)) = resumed.zip(past) {
            feed_carry_over(handles, now, resumed, past);
        }
        this
    }
}

/// Returns the strategies that held shares when the last session ended.
fn holders(carry: &CarryOver) -> BTreeSet<StrategyId> {
    let parts = carry.parts.iter().filter(|(_, part)| !part.size.is_zero());
    parts.map(|((strategy, _), _)| *strategy).collect()
}

/// Sends the carry-over to the engine, and records the owners of orders, in memory and in the new journal.
fn feed_carry_over(handles: &Handles, now: Time, resumed: Resumed, past: RecoveredSession) {
    let Resumed { carry, realised } = resumed;
    let carried: BTreeMap<OrderId, StrategyId> =
        carry.orders.iter().map(|carried| (carried.order.id, carried.order.strategy)).collect();
    let mut over = past.over;
    for (order, venue) in past.placements {
        match carried.get(&order) {
            Some(&StrategyId::EXTERNAL) => handles.index.adopt(order, venue),
            Some(_) => handles.index.insert(order, venue),
            None => {
                over.insert(order, venue);
                continue;
            }
        }
        record_order_id(handles, order, venue);
    }
    for (order, venue) in over.into_iter().rev().take(OVER_MAX) {
        handles.index.record_done(venue);
        record_order_id(handles, order, venue);
    }
    if realised != RealisedBefore::default() {
        handles.inbox.account(now, InputKind::RealisedBefore(realised));
    }
    handles.inbox.account(now, InputKind::CarryOver(Box::new(carry)));
    if !past.activities.is_empty() {
        handles.inbox.account(now, InputKind::KnownActivities(past.activities));
    }
}

/// The data that made the order's id is in the old journal; the order is not signed again.
fn record_order_id(handles: &Handles, order: OrderId, venue: VenueOrderId) {
    handles.journal.placement(&journal::Placement { order, salt: 0, timestamp_ms: 0, venue });
}

#[cfg(test)]
mod tests;
