//! Guards: the host closes a position whose gain or loss passed its limit, regardless of its strategy.

use crate::account::average;
use crate::effect::{BotState, Effect, Effects, EngineEvent};
use crate::risk::{OrderRequest, Origin};
use crate::step::Engine;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use model::event::Reason;
use model::{MarketIx, OrderKind, Position, Price, Side, StrategyId, Time, TokenIx};

/// The number of consistent observations of a gain or loss before a guard fires, and the time between them.
const LOOKS: u32 = 2;
const LOOK_MICROS: u64 = 1_000_000;
/// A move of fewer ticks than this is spread, not loss.
const TICKS_MIN: u32 = 2;
/// The number of ticks below the best bid at which an exit may sell.
const EXIT_DEPTH_TICKS: u32 = 5;
/// The wait after an exit that did not close the position, doubled each time up to the maximum.
const BACKOFF_MICROS: u64 = 2_000_000;
const BACKOFF_MAX_MICROS: u64 = 60_000_000;
/// The time for which a strategy may only reduce in a market after a guard acted there.
const COOL_DOWN_MICROS: u64 = 300_000_000;
/// The tag of a guard's orders in the strategy's own events.
const GUARD_TAG: u64 = u64::MAX;

/// The stage of a guard for one position.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
enum Stage {
    /// The limit is passed; number of observations, and the time of the last one.
    Seen { looks: u32, last: Time },
    /// Orders are being cancelled, or an exit is in flight or waiting for its next try.
    Exiting { tries: u32, next: Time },
}

/// The state of all guards.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Guards {
    stages: BTreeMap<(StrategyId, TokenIx), Stage>,
    cooling: BTreeMap<(StrategyId, MarketIx), Time>,
}

impl Guards {
    pub(crate) fn is_cooling(&self, strategy: StrategyId, market: MarketIx, now: Time) -> bool {
        self.cooling.get(&(strategy, market)).is_some_and(|until| now < *until)
    }

    /// Returns true if a position is being closed.
    pub(crate) fn is_exiting(&self, key: (StrategyId, TokenIx)) -> bool {
        matches!(self.stages.get(&key), Some(Stage::Exiting { .. }))
    }

    /// Returns the markets in which strategies may only reduce, each with the end of that restriction.
    pub(crate) fn cooling(&self) -> impl Iterator<Item = ((StrategyId, MarketIx), Time)> {
        self.cooling.iter().map(|(place, until)| (*place, *until))
    }

    pub(crate) fn cool(&mut self, place: (StrategyId, MarketIx), until: Time) {
        self.cooling.insert(place, until);
    }
}

impl Engine {
    /// Checks the positions of every strategy.
    pub(crate) fn watch_guards(&mut self, effects: &mut Effects) {
        if self.state == BotState::Stopped || self.halted {
            return;
        }
        let now = self.now;
        if self.guards.cooling.values().any(|until| now >= *until) {
            self.guards.cooling.retain(|_, until| now < *until);
        }
        let is_guarded = |strategy, token| self.guards.stages.contains_key(&(strategy, token));
        let parts = self.ledger.parts().map(|(strategy, token, position)| (strategy, token, *position));
        let parts: Vec<(StrategyId, TokenIx, Position)> =
            parts.filter(|(strategy, token, part)| !part.size.is_zero() || is_guarded(*strategy, *token)).collect();
        for (strategy, token, position) in parts {
            self.watch_position(strategy, token, &position, effects);
        }
    }

    fn watch_position(&mut self, strategy: StrategyId, token: TokenIx, position: &Position, effects: &mut Effects) {
        let key = (strategy, token);
        let least = self.markets.of_token(token).map(|entry| entry.market.min_size).unwrap_or_default();
        if position.size.is_zero() || position.size < least {
            if self.guards.stages.contains_key(&key) {
                self.guards.stages.remove(&key);
            }
            return;
        }
        let Some((bid, gain_bps)) = self.gain(token, position) else {
            return;
        };
        // External positions are not guarded; an operator may still have them closed.
        let by_hand = strategy == StrategyId::EXTERNAL;
        let rule = if by_hand { None } else { self.passed(token, position, bid, gain_bps) };
        let stage = self.guards.stages.get(&key).copied();
        match (stage, rule) {
            (Some(Stage::Exiting { tries, next }), _) if self.now >= next => self.exit(key, bid, tries, effects),
            (Some(Stage::Exiting { .. }), _) => {}
            (Some(_), None) => drop(self.guards.stages.remove(&key)),
            (None, None) => {}
            (None, Some(_)) => {
                self.guards.stages.insert(key, Stage::Seen { looks: 1, last: self.now });
            }
            (Some(Stage::Seen { last, .. }), Some(_)) if self.now.since(last) < LOOK_MICROS => {}
            (Some(Stage::Seen { looks, .. }), Some(rule)) => {
                let looks = looks.saturating_add(1);
                if looks < LOOKS {
                    self.guards.stages.insert(key, Stage::Seen { looks, last: self.now });
                    return;
                }
                effects.push(Effect::Event(EngineEvent::Guard { token, rule, gain_bps }));
                self.fire(key, effects);
            }
        }
    }

    /// Returns the best bid of a fresh book and the gain in basis points of cost; `None` if the book is blind or has no
    /// bid.
    fn gain(&self, token: TokenIx, position: &Position) -> Option<(Price, i64)> {
        let state = self.markets.token(token)?;
        if !state.is_fresh(self.now, self.limits.stale_after_micros) {
            return None;
        }
        let bid = state.book.best_bid()?.price;
        let value = bid.cost_floor(position.size)?;
        let gain = i128::from(value.checked_sub(position.cost)?.0);
        let bps = gain.checked_mul(10_000)?.checked_div(i128::from(position.cost.0))?;
        Some((bid, i64::try_from(bps).ok()?))
    }

    /// Returns the limit that a position passed, by its percentage and by at least two ticks.
    fn passed(&self, token: TokenIx, position: &Position, bid: Price, gain_bps: i64) -> Option<&'static str> {
        let tick = self.markets.of_token(token)?.market.tick;
        let moved = bid.micros().abs_diff(average(position.cost, position.size)?.micros());
        if moved < tick.micros().saturating_mul(TICKS_MIN) {
            return None;
        }
        if gain_bps >= i64::from(self.limits.take_profit_bps) {
            return Some("take_profit_pct");
        }
        let lost = gain_bps <= 0i64.saturating_sub(i64::from(self.limits.stop_loss_bps));
        lost.then_some("stop_loss_pct")
    }

    /// Withdraws the strategy from the market by cancelling its orders; the exit follows once the cancels are proven.
    pub(crate) fn fire(&mut self, (strategy, token): (StrategyId, TokenIx), effects: &mut Effects) {
        let market = token.market();
        self.guards.stages.insert((strategy, token), Stage::Exiting { tries: 0, next: self.now });
        self.guards.cooling.insert((strategy, market), self.now.plus_micros(COOL_DOWN_MICROS));
        self.withdraw(|who, what| who == strategy && what.market() == market, effects);
    }

    /// Closes the positions of a removed or disabled strategy, if the limits say so.
    pub(crate) fn exit_orphan(&mut self, strategy: StrategyId, effects: &mut Effects) {
        if !self.limits.exit_orphans {
            return;
        }
        let parts = self.ledger.parts().filter(|(who, _, part)| *who == strategy && !part.size.is_zero());
        let held: Vec<TokenIx> = parts.map(|(_, token, _)| token).collect();
        held.into_iter().for_each(|token| self.fire((strategy, token), effects));
    }

    /// Sells as much as possible, once the strategy has no open orders in the market.
    fn exit(&mut self, key: (StrategyId, TokenIx), bid: Price, tries: u32, effects: &mut Effects) {
        let (strategy, token) = key;
        if self.orders.open_in(token.market()).any(|entry| entry.order.strategy == strategy) {
            return;
        }
        let Some(entry) = self.markets.of_token(token) else {
            return;
        };
        let (tick, least) = (entry.market.tick, entry.market.min_size);
        let size = self.sellable(strategy, token).floor_to_cents();
        if size < least {
            // The shares are not settled yet.
            return;
        }
        let depth = tick.micros().saturating_mul(EXIT_DEPTH_TICKS);
        let floor = bid.micros().saturating_sub(depth).max(tick.micros());
        let price = Price::from_micros(floor).unwrap_or(bid).floor_to(tick);
        let wish = OrderRequest {
            strategy,
            tag: GUARD_TAG,
            token,
            side: Side::Sell,
            price,
            size,
            kind: OrderKind::Fak,
            reason: Reason::from("position closed by the host"),
            fair: None,
            target: false,
            origin: Origin::Guard,
        };
        // Whether refused or not, the next try comes later.
        self.submit(wish, effects);
        let wait = BACKOFF_MICROS.saturating_mul(1u64.checked_shl(tries).unwrap_or(u64::MAX)).min(BACKOFF_MAX_MICROS);
        let next = self.now.plus_micros(wait);
        self.guards.stages.insert(key, Stage::Exiting { tries: tries.saturating_add(1), next });
        self.guards.cooling.insert((strategy, token.market()), self.now.plus_micros(COOL_DOWN_MICROS));
    }
}
