//! What the last session on this account left, said in the numbers of the session that begins.

use crate::account::activity;
use crate::handles::Handles;
use crate::orders::paper::Opening;
use anyhow::Context;
use model::{Body, Carry, ConditionId, Market, MarketIx, OrderId, StrategyId, Time, Usd};
use std::collections::{BTreeMap, BTreeSet};
use store::journal_files::Past;

/// Returns the carry with `markets` numbered as they stand. Markets that the venue no longer lists but the account still holds are
/// added at the end.
///
/// # Errors
/// If the journal speaks of a market that it never introduced.
pub(crate) fn renumbered(past: &Past, markets: &mut Vec<Market>) -> anyhow::Result<Carry> {
    let mut numbers: BTreeMap<ConditionId, MarketIx> =
        (0u32..).map(MarketIx).zip(markets.iter()).map(|(number, market)| (market.condition, number)).collect();
    let mut new = BTreeMap::new();
    for old in past.carry.markets() {
        let market = past.markets.get(old.index()).with_context(|| format!("the journal has no market {old}"))?;
        let number = match numbers.get(&market.condition) {
            Some(number) => *number,
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
    carry
        .renumber(|old| new.get(&old).copied())
        .map_err(|market| anyhow::anyhow!("market {market} of the journal has no number"))?;
    Ok(carry)
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
    pub(crate) fn new(handles: &Handles, now: Time, cash: Usd, carry: Option<Carry>, past: Option<Past>) -> Self {
        let this = Self {
            since: carry.as_ref().map_or(now, Carry::since),
            recorded: carry.as_ref().map_or(activity::first(now), |carry| activity::since(carry.at)),
            known: past.as_ref().map(|past| past.activities.clone()).unwrap_or_default(),
            opening: Opening::new(cash, carry.as_ref()),
            went_on: carry.is_some(),
            holders: carry.as_ref().map(holders).unwrap_or_default(),
        };
        if let Some((carry, past)) = carry.zip(past) {
            take_over(handles, now, carry, past);
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
fn take_over(handles: &Handles, now: Time, carry: Carry, past: Past) {
    let carried = carry.orders.iter().map(|carried| carried.order);
    let by_hand: BTreeSet<OrderId> =
        carried.filter(|order| order.strategy == StrategyId::BY_HAND).map(|order| order.id).collect();
    for (order, venue) in past.placements {
        if by_hand.contains(&order) {
            handles.index.adopt(order, venue);
        } else {
            handles.index.insert(order, venue);
        }
        // What made its id is in the old journal; nobody signs it again.
        handles.journal.placement(&journal::Placement { order, salt: 0, timestamp_ms: 0, venue });
    }
    handles.inbox.account(now, Body::TakeOver(Box::new(carry)));
    if !past.activities.is_empty() {
        handles.inbox.account(now, Body::KnownActivities(past.activities));
    }
}
