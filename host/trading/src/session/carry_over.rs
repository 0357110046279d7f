//! What the last session on this account left, said in the numbers of the session that begins.

use crate::account::activity;
use crate::handles::Handles;
use crate::orders::paper::Opening;
use anyhow::Context;
use model::{Body, Carry, ConditionId, Market, MarketIx, OrderId, RealisedBefore, StrategyId, Time, Usd, VenueOrderId};
use std::collections::{BTreeMap, BTreeSet};
use store::journal_files::{OVER_MAX, Past};

/// What the last session left, in the numbers of the session that begins.
pub(crate) struct Resumed {
    pub(crate) carry: Carry,
    /// What was realised on markets that are not among them.
    pub(crate) realised: RealisedBefore,
}

/// Returns the carry with `markets` numbered as they stand. Markets that the session does not trade are added at the end where something
/// is still held or may come; all others are left behind.
///
/// # Errors
/// If the journal speaks of a market that it never introduced.
pub(crate) fn renumbered(past: &Past, markets: &mut Vec<Market>) -> anyhow::Result<Resumed> {
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

/// What the last session left to those that start after the engine was told of it.
pub(crate) struct CarriedOver {
    /// Trades before this are in the books.
    pub(crate) since: Time,
    /// Activities before this are in the books.
    pub(crate) recorded: Time,
    /// Activities that need not be read again.
    pub(crate) known: Vec<[u8; 32]>,
    /// The account on paper.
    pub(crate) opening: Opening,
    /// Whether there was a session before this one.
    pub(crate) went_on: bool,
    /// The strategies that held shares.
    pub(crate) holders: BTreeSet<StrategyId>,
}

impl CarriedOver {
    /// Gives the engine what the last session left, and returns what else begins with it.
    pub(crate) fn new(handles: &Handles, now: Time, cash: Usd, resumed: Option<Resumed>, past: Option<Past>) -> Self {
        let carry = resumed.as_ref().map(|resumed| &resumed.carry);
        let this = Self {
            since: carry.map_or(now, Carry::since),
            recorded: carry.map_or(activity::first(now), |carry| activity::since(carry.at)),
            known: past.as_ref().map(|past| past.activities.clone()).unwrap_or_default(),
            opening: Opening::new(cash, carry),
            went_on: carry.is_some(),
            holders: carry.map(holders).unwrap_or_default(),
        };
        if let Some((resumed, past)) = resumed.zip(past) {
            take_over(handles, now, resumed, past);
        }
        this
    }
}

/// Returns the strategies that held shares when the last session ended.
fn holders(carry: &Carry) -> BTreeSet<StrategyId> {
    let parts = carry.parts.iter().filter(|(_, part)| !part.size.is_zero());
    parts.map(|((strategy, _), _)| *strategy).collect()
}

/// Gives the engine what the last session left, and remembers which orders are whose, here and in the new journal.
fn take_over(handles: &Handles, now: Time, resumed: Resumed, past: Past) {
    let Resumed { carry, realised } = resumed;
    let carried: BTreeMap<OrderId, StrategyId> =
        carry.orders.iter().map(|carried| (carried.order.id, carried.order.strategy)).collect();
    let mut over = past.over;
    for (order, venue) in past.placements {
        match carried.get(&order) {
            Some(&StrategyId::BY_HAND) => handles.index.adopt(order, venue),
            Some(_) => handles.index.insert(order, venue),
            None => {
                over.insert(order, venue);
                continue;
            }
        }
        note(handles, order, venue);
    }
    for (order, venue) in over.into_iter().rev().take(OVER_MAX) {
        handles.index.note_done(venue);
        note(handles, order, venue);
    }
    if realised != RealisedBefore::default() {
        handles.inbox.account(now, Body::RealisedBefore(realised));
    }
    handles.inbox.account(now, Body::TakeOver(Box::new(carry)));
    if !past.activities.is_empty() {
        handles.inbox.account(now, Body::KnownActivities(past.activities));
    }
}

/// What made an order's id is in the old journal; nobody signs it again.
fn note(handles: &Handles, order: OrderId, venue: VenueOrderId) {
    handles.journal.placement(&journal::Placement { order, salt: 0, timestamp_ms: 0, venue });
}

#[cfg(test)]
mod tests;
