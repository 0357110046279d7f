//! What strategies are told of markets and of the session: who hears which part of it.

use crate::effect::{BotState, Effect, Effects, Record, Restriction};
use crate::markets::{Applied, Listener};
use crate::step::Engine;
use alloc::vec::Vec;
use model::event::Reason;
use model::input::{Scope, VenueState};
use model::{
    Body, MarketEvent, MarketIx, MarketNote, MarketState, NoteKind, OwnEvent, SessionState, StrategyId, Time, TokenIx,
    Wants,
};

impl Engine {
    pub(crate) fn on_event(&mut self, event: &MarketEvent, effects: &mut Effects) {
        let (token, at) = (event.token, event.venue_time);
        match self.markets.apply(event, self.now) {
            Applied::Quiet | Applied::Unknown => {}
            Applied::Lost => effects.push(Effect::Resnapshot { token }),
            Applied::Book(rank) => self.tell_book(token, at, rank, effects),
            Applied::Traded(kind) => self.tell_listeners(token, at, &kind, |wants| wants.trades, effects),
            Applied::State(kind) => self.tell_listeners(token, at, &kind, |_| true, effects),
            Applied::Regridded(kind) => {
                effects.push(Effect::Resnapshot { token });
                self.tell_listeners(token, at, &kind, |_| true, effects);
            }
        }
    }

    fn tell_listeners(
        &self,
        token: TokenIx,
        venue_time: Time,
        kind: &NoteKind,
        hears: impl Fn(&Wants) -> bool,
        effects: &mut Effects,
    ) {
        let Some(entry) = self.markets.of_token(token) else { return };
        for Listener { strategy, .. } in entry.listeners.iter().filter(|listener| hears(&listener.wants)) {
            let note = MarketNote { token, venue_time, host_time: self.now, kind: kind.clone() };
            effects.push(Effect::NotifyMarket { strategy: *strategy, note });
        }
    }

    /// Tells each listener of a book that changed from level `rank` of a side on what it asked for.
    fn tell_book(&self, token: TokenIx, venue_time: Time, rank: usize, effects: &mut Effects) {
        let (Some(entry), Some(state)) = (self.markets.of_token(token), self.markets.token(token)) else { return };
        let mut made = None;
        for Listener { strategy, wants } in &entry.listeners {
            for kind in state.changes(rank, wants, &mut made).into_iter().flatten() {
                let note = MarketNote { token, venue_time, host_time: self.now, kind };
                effects.push(Effect::NotifyMarket { strategy: *strategy, note });
            }
        }
    }

    /// Tells a new instance what it needs to begin: what its intents can lead to, and every market as it stands.
    pub(crate) fn tell_beginning(
        &mut self,
        strategy: StrategyId,
        markets: &[MarketIx],
        wants: &Wants,
        effects: &mut Effects,
    ) {
        let state = self.session_state(strategy);
        self.strategies.told.insert(strategy, state);
        effects.push(Effect::NotifyOwn { strategy, event: OwnEvent::Session { state } });
        let (now, paused) = (self.now, self.breakers.paused_markets());
        let mut tell = |token, kind| {
            let note = MarketNote { token, venue_time: now, host_time: now, kind };
            effects.push(Effect::NotifyMarket { strategy, note });
        };
        for token in markets.iter().flat_map(|market| [market.token(0), market.token(1)]) {
            let (Some(entry), Some(book)) = (self.markets.of_token(token), self.markets.token(token)) else { continue };
            let state = if entry.resolved {
                MarketState::Resolved
            } else {
                book.market_state(paused.contains(&token.market()), now, self.limits.stale_after_micros)
            };
            if state != MarketState::Open {
                let pays = if state == MarketState::Resolved { book.payout() } else { None };
                tell(token, NoteKind::Status { tick: entry.market.tick, state, pays });
            }
            if matches!(state, MarketState::Open | MarketState::Paused) {
                book.changes(0, wants, &mut None).into_iter().flatten().for_each(|kind| tell(token, kind));
            }
        }
    }

    /// Tells listeners of markets whose state is another one now.
    pub(crate) fn tell_states(&mut self, effects: &mut Effects) {
        let (now, paused) = (self.now, self.breakers.paused_markets());
        for (token, kind) in self.markets.news(&paused, now, self.limits.stale_after_micros) {
            self.tell_listeners(token, now, &kind, |_| true, effects);
        }
    }

    /// Tells a strategy what somebody outside has for it, and answers whether it is there to hear it.
    pub(crate) fn tell_loaded(&self, strategy: StrategyId, event: OwnEvent, effects: &mut Effects) {
        let loaded = self.strategies.has(strategy);
        if loaded {
            effects.push(Effect::NotifyOwn { strategy, event });
        }
        let refused = (!loaded).then(|| Reason::from("the strategy does not run"));
        effects.push(Effect::Answered { refused });
    }

    /// Returns what a strategy's intents can lead to.
    pub(crate) fn session_state(&self, strategy: StrategyId) -> SessionState {
        let venue = match self.venue {
            VenueState::Open | VenueState::PostOnly => Restriction::None,
            VenueState::CancelOnly | VenueState::Restarting => Restriction::CancelOnly,
        };
        match self.state {
            BotState::Stopped => SessionState::Stopped,
            BotState::Paused => SessionState::Paused,
            BotState::Running => {
                match self.restriction().max(self.breakers.local(Scope::Strategy(strategy))).max(venue) {
                    Restriction::None => SessionState::Running,
                    Restriction::ReduceOnly => SessionState::ReduceOnly,
                    Restriction::CancelOnly => SessionState::CancelOnly,
                    Restriction::Halted => SessionState::Stopped,
                }
            }
        }
    }

    /// Tells every strategy whose intents can lead to something else after this step than before it.
    pub(crate) fn tell_sessions(&mut self, body: &Body, effects: &mut Effects) {
        if !self.may_change_session(body, effects) {
            return;
        }
        let ids: Vec<StrategyId> = self.strategies.ids().collect();
        for strategy in ids {
            let state = self.session_state(strategy);
            if self.strategies.told.insert(strategy, state) != Some(state) {
                effects.push(Effect::NotifyOwn { strategy, event: OwnEvent::Session { state } });
            }
        }
    }

    /// Says whether a step can have changed what intents lead to: what changes that is recorded, but for time and the venue's mood.
    fn may_change_session(&self, body: &Body, effects: &Effects) -> bool {
        match body {
            Body::Event(_) | Body::Alive { .. } => false,
            Body::Venue { .. } => true,
            Body::Tick if self.breakers.is_grace_running() => true,
            _ => effects.iter().any(|effect| {
                let Effect::Record(record) = effect else { return false };
                match record {
                    Record::State { .. } => true,
                    Record::Breaker { scope, .. } => !matches!(scope, Scope::Market(_)),
                    _ => false,
                }
            }),
        }
    }
}
