//! Locks of markets: an operator lets strategies only reduce in a market for a time. A lock is independent of the
//! restriction of the same market, which has no end: neither ends the other.

use crate::effect::Effects;
use crate::step::Engine;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use model::event::Reason;
use model::{MarketIx, MarketState, StrategyId, Time};

/// The locked markets, each with the end of its lock. At most one lock per market.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Locks(BTreeMap<MarketIx, Time>);

impl Locks {
    pub(crate) fn is_locked(&self, market: MarketIx, now: Time) -> bool {
        self.0.get(&market).is_some_and(|until| now < *until)
    }

    /// Restores the locks from the cool-downs of an earlier session: a lock is a cool-down of [`StrategyId::EXTERNAL`].
    /// External orders never pass the gate, so earlier journals contain no such cool-down.
    pub(crate) fn carried(cooling: &[((StrategyId, MarketIx), Time)]) -> Self {
        let locks = cooling.iter().filter(|((strategy, _), _)| *strategy == StrategyId::EXTERNAL);
        Self(locks.map(|((_, market), until)| (*market, *until)).collect())
    }
}

impl Engine {
    /// Returns the locked markets, each with the end of its lock.
    pub fn locks(&self) -> impl Iterator<Item = (MarketIx, Time)> {
        self.locks.0.iter().map(|(market, until)| (*market, *until)).filter(|(_, until)| self.now < *until)
    }

    /// Returns the locks of unresolved markets, as they are carried over to the next session.
    pub(crate) fn carried_locks(&self) -> impl Iterator<Item = ((StrategyId, MarketIx), Time)> {
        let is_over = |market: MarketIx| self.market_state(market.token(0)) == MarketState::Resolved;
        let locks = self.locks().filter(move |(market, _)| !is_over(*market));
        locks.map(|(market, until)| ((StrategyId::EXTERNAL, market), until))
    }

    /// Locks a market until a time, which replaces an earlier lock. A time in the past ends the lock.
    pub(crate) fn lock_market(&mut self, market: MarketIx, until: Time, effects: &mut Effects) -> Result<(), Reason> {
        if self.markets.get(market).is_none() {
            return Err(alloc::format!("there is no market {market}"));
        }
        if until <= self.now {
            let locked = self.locks.is_locked(market, self.now);
            self.locks.0.remove(&market);
            return if locked { Ok(()) } else { Err("the market is not locked".into()) };
        }
        self.locks.0.insert(market, until);
        self.clear_quotes(|_, token| token.market() == market, effects);
        Ok(())
    }

    /// Removes expired locks.
    pub(crate) fn watch_locks(&mut self) {
        let now = self.now;
        if self.locks.0.values().any(|until| now >= *until) {
            self.locks.0.retain(|_, until| now < *until);
        }
    }

    /// Returns the markets in which no strategy may take new risk.
    pub(crate) fn paused_markets(&self) -> alloc::collections::BTreeSet<MarketIx> {
        let mut paused = self.breakers.paused_markets();
        let locked: Vec<MarketIx> = self.locks().map(|(market, _)| market).collect();
        paused.extend(locked);
        paused
    }
}
