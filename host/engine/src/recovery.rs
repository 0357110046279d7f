//! Recovery between sessions: a journal is replayed without side effects, its final state is carried over, and nothing
//! is placed until the venue's account was confirmed to equal the ledger.

use crate::account::{DayStart, reserve_of};
use crate::effect::{Effect, Effects, EngineEvent};
use crate::ledger::Ledger;
use crate::locks::Locks;
use crate::orders::{Fill, OrderEntry};
use crate::step::Engine;
use crate::strategy_pnl::StrategyPnls;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use model::carry_over::{CarriedFill, CarriedOrder, DONE_MAX, FILLS_MAX};
use model::event::Reason;
use model::input::{Breaker, Scope};
use model::{CarryOver, Input, MarketIx, MarketState, OrderId, OrderState, Shared, StrategyId, TokenIx, Usd};

impl Engine {
    /// Replays an input of a journal. Its effects were carried out at the time, so none are returned.
    pub fn recover(&mut self, input: &Input) {
        let mut done = Effects::new();
        self.step(input, &mut done);
    }

    /// Returns the carry-over for the next session on this account. `left` returns true for a pending order that may
    /// have been sent: the journal has a placement record of each such order.
    pub fn carry(&self, left: impl Fn(OrderId) -> bool) -> CarryOver {
        let over = self.orders.all().filter(|entry| !entry.is_open()).count();
        let mut skip = over.saturating_sub(DONE_MAX);
        let orders = self.orders.all().filter(|entry| {
            let skipped = !entry.is_open() && skip > 0;
            skip = if skipped { skip.saturating_sub(1) } else { skip };
            // Orders that are not closed are kept, and so are those with matched shares whose trades are not reported
            // yet.
            !skipped || entry.is_at_risk() || !self.orders.is_done(entry.order.id)
        });
        let orders = orders.map(|entry| CarriedOrder {
            order: entry.order,
            state: match entry.state {
                OrderState::Pending if left(entry.order.id) => OrderState::Unknown,
                OrderState::Pending => OrderState::Refused,
                state => state,
            },
            matched: entry.matched,
            traded: entry.traded,
        });
        // Nothing can be placed in a resolved market, so its restriction is dropped.
        let is_over = |scope: Scope| match scope {
            Scope::Market(market) => self.market_state(market.token(0)) == MarketState::Resolved,
            Scope::Session | Scope::Strategy(_) => false,
        };
        let restrictions = self.restrictions().filter(|(scope, _)| !is_over(*scope));
        // External orders never pass the gate; the locks of markets are carried over under their id.
        let cooling = self.guards.cooling().filter(|((strategy, _), _)| *strategy != StrategyId::EXTERNAL);
        CarryOver {
            at: self.now,
            last_order: self.orders.last(),
            cash: self.ledger.cash(),
            fees: self.ledger.fees(),
            unsettled: self.ledger.unsettled_cash(),
            positions: self.ledger.positions().map(|(token, position)| (token, *position)).collect(),
            parts: self.ledger.parts().map(|(strategy, token, part)| ((strategy, token), *part)).collect(),
            orders: orders.collect(),
            fills: self.carried_fills(),
            breakers: self.breakers.lasting().map(|(key, reason)| (key, reason.clone())).collect(),
            cooling: cooling.chain(self.carried_locks()).collect(),
            sent: self.rate.recent(self.now).collect(),
            restrictions: restrictions.collect(),
            peak: self.breakers.peak,
            scores: self.scores.scores().collect(),
            trips: self.scores.trips().collect(),
        }
    }

    /// Returns the markets that the next session needs, whatever it trades: those with a position that may pay, an
    /// order or a fill that is not closed, a pending activity, or an operator's restriction.
    pub fn markets_to_carry(&self) -> BTreeSet<MarketIx> {
        let held = self.ledger.positions().filter(|(token, position)| {
            let worthless = self.pays(*token) == Some(0) && position.unsettled.is_zero();
            !position.size.is_zero() && !worthless
        });
        let held = held.map(|(token, _)| token.market());
        let orders = self.orders.all().filter(|entry| !self.orders.is_done(entry.order.id));
        let orders = orders.map(|entry| entry.order.token.market());
        let fills = self.orders.fills().filter(|(_, fill)| !fill.is_final());
        let fills = fills.map(|(_, fill)| fill.entry.token.market());
        let reported =
            self.pending_activities().flat_map(|activity| activity.kind.tokens()).flatten().map(TokenIx::market);
        let restricted = self.breakers.restrictions.keys().filter_map(|scope| match scope {
            Scope::Market(market) if self.market_state(market.token(0)) != MarketState::Resolved => Some(*market),
            Scope::Market(_) | Scope::Session | Scope::Strategy(_) => None,
        });
        let locked = self.carried_locks().map(|((_, market), _)| market);
        held.chain(orders).chain(fills).chain(reported).chain(restricted).chain(locked).collect()
    }

    /// Returns the latest fills, oldest first, and every fill of an order that is not closed.
    fn carried_fills(&self) -> Vec<CarriedFill> {
        let mut room = FILLS_MAX;
        let kept = self.orders.fills().rev().filter(|((.., order), _)| {
            let latest = room > 0;
            room = room.saturating_sub(1);
            latest || !self.orders.is_done(*order)
        });
        let carried = kept.map(|((trade, part, order), Fill { entry, settlement, at })| {
            let (trade, part, order) = (*trade, *part, *order);
            CarriedFill { trade, part, order, entry, settlement, at }
        });
        let mut fills: Vec<CarriedFill> = carried.collect();
        fills.reverse();
        fills
    }

    /// Takes over the state of an earlier session. Its open orders are no longer managed by a strategy, so they are to
    /// be cancelled.
    pub(crate) fn on_carry_over(&mut self, carry: &CarryOver, effects: &mut Effects) {
        self.reconciled = false;
        self.ledger = Shared::new(Ledger::carried(carry, &self.ledger.realised_before()));
        self.value_carried_positions();
        self.orders.continue_after(carry.last_order);
        for carried in &carry.orders {
            let goes = !carried.state.is_over() && carried.order.strategy != StrategyId::EXTERNAL;
            let entry = OrderEntry {
                matched: carried.matched,
                traded: carried.traded,
                spent: spent_on(&carry.fills, carried.order.id),
                cancel: goes.then_some(model::Time(0)),
                by_host: goes,
                unknown: (carried.state == OrderState::Unknown).then_some(self.now),
                ..OrderEntry::new(carried.order, carried.state, model::Time(0))
            };
            let reserve = reserve_of(&self.markets, &entry);
            if entry.is_open() {
                let OrderEntry { order, state, matched, .. } = entry;
                let reason = Reason::from("carried over from the last session");
                effects.push(Effect::Event(EngineEvent::Order { order, state, filled: matched, reason }));
            }
            self.orders.insert(entry, reserve);
        }
        for fill in &carry.fills {
            let key = (fill.trade, fill.part, fill.order);
            let CarriedFill { entry, settlement, at, .. } = *fill;
            self.orders.remember(key, Fill { entry, settlement, at }, self.now);
        }
        carry.sent.iter().for_each(|at| self.rate.record(*at));
        let of_strategies = carry.cooling.iter().filter(|((strategy, _), _)| *strategy != StrategyId::EXTERNAL);
        of_strategies.for_each(|(place, until)| self.guards.cool(*place, *until));
        self.locks = Shared::new(Locks::carried(&carry.cooling));
        self.breakers.restore(&carry.breakers);
        if carry.at.day() < self.now.day() {
            // The day on which the breaker tripped ended between the sessions.
            self.close(Breaker::DailyLossLimit, Scope::Session, effects);
        }
        for ((breaker, scope), reason) in &carry.breakers {
            if self.breakers.is_tripped(*breaker, *scope) {
                let (breaker, scope, reason) = (*breaker, *scope, reason.clone());
                effects.push(Effect::Event(EngineEvent::Breaker { breaker, scope, tripped: true, reason }));
            }
        }
        self.breakers.peak = carry.peak;
        self.scores = Shared::new(StrategyPnls::carried(carry.at.day(), &carry.scores, &carry.trips));
        self.breakers.restrictions = carry.restrictions.iter().copied().collect();
        self.notify_state("waiting for the venue's account to be reconciled".into(), effects);
    }

    /// Starts the day from cash and carried-over positions, where no valuation was given.
    fn value_carried_positions(&mut self) {
        if self.day.cash_only {
            let value = self.portfolio_value();
            self.day = DayStart { value, last: value, cash_only: false, ..self.day };
        }
    }
}

/// Returns the cost of or proceeds from the trades of an order. All fills that matter here are carried over: a FOK or
/// FAK BUY is finished within moments.
fn spent_on(fills: &[CarriedFill], order: OrderId) -> Usd {
    let of = fills.iter().filter(|fill| fill.order == order);
    of.fold(Usd::ZERO, |sum, fill| sum.saturating_add(fill.entry.cost))
}
