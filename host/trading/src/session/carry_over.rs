//! What the last session on this account left, said in the numbers of the session that begins.

use super::Wires;
use anyhow::Context;
use model::{Body, Carry, ConditionId, Market, MarketIx, OrderId, StrategyId, Time};
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

impl Wires {
    /// Gives the engine what the last session left, and remembers which orders are whose, here and in the new journal.
    pub(crate) fn take_over(&self, now: Time, carry: Carry, past: Past) {
        let carried = carry.orders.iter().map(|carried| carried.order);
        let by_hand: BTreeSet<OrderId> =
            carried.filter(|order| order.strategy == StrategyId::BY_HAND).map(|order| order.id).collect();
        for (order, venue) in past.placements {
            if by_hand.contains(&order) {
                self.index.adopt(order, venue);
            } else {
                self.index.insert(order, venue);
            }
            // What made its id is in the old journal; nobody signs it again.
            self.journal.placement(&journal::Placement { order, salt: 0, timestamp_ms: 0, venue });
        }
        self.inbox.account(now, Body::TakeOver(Box::new(carry)));
        if !past.activities.is_empty() {
            self.inbox.account(now, Body::KnownActivities(past.activities));
        }
    }
}
