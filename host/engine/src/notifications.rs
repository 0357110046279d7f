//! Notifications to strategies about markets and the session, by subscription.

use crate::effect::{BotState, Effect, Effects, EngineEvent, Restriction};
use crate::market_books::BookLost;
use crate::markets::{Applied, Listener};
use crate::step::Engine;
use alloc::vec::Vec;
use model::event::Reason;
use model::input::{Scope, VenueState};
use model::{
    InputKind, LevelChange, MarketEvent, MarketIx, MarketNote, MarketState, NoteKind, OwnEvent, SessionState,
    StrategyId, Time, TokenIx, Wants,
};

impl Engine {
    pub(crate) fn on_event(&mut self, event: &MarketEvent, effects: &mut Effects) {
        let (token, at) = (event.token, event.venue_time);
        match self.markets.apply(event, self.now) {
            Applied::Quiet | Applied::Unknown => {}
            Applied::Lost => effects.push(Effect::Resnapshot { token }),
            Applied::Book(rank) => self.notify_book(token, at, rank, &mut |strategy, note| {
                effects.push(Effect::NotifyMarket { strategy, note });
            }),
            Applied::Traded(kind) => self.notify_subscribers(token, at, &kind, |wants| wants.trades, effects),
            Applied::State(kind) => self.notify_subscribers(token, at, &kind, |_| true, effects),
            Applied::Regridded(kind) => {
                effects.push(Effect::Resnapshot { token });
                self.notify_subscribers(token, at, &kind, |_| true, effects);
            }
        }
    }

    /// Applies a change of one token's book, and gives the notifications of it to `show`.
    #[inline]
    pub(crate) fn on_level(
        &mut self,
        change: &LevelChange,
        show: &mut impl FnMut(StrategyId, MarketNote),
    ) -> Result<(), BookLost> {
        if let Some(rank) = self.markets.set_level(change, self.now)? {
            self.notify_book(change.token, change.venue_time, rank, show);
        }
        Ok(())
    }

    fn notify_subscribers(
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

    /// Notifies each listener, according to its subscriptions, of a book that changed from level `rank` of a side on.
    #[inline]
    pub(crate) fn notify_book(
        &self,
        token: TokenIx,
        venue_time: Time,
        rank: usize,
        show: &mut impl FnMut(StrategyId, MarketNote),
    ) {
        let (Some(entry), Some(state)) = (self.markets.of_token(token), self.markets.token(token)) else { return };
        let mut made = None;
        for Listener { strategy, wants } in entry.listeners.iter().filter(|listener| listener.wants.shows(rank)) {
            // Written apart, because most notes are tops.
            if rank == 0 && wants.tops {
                let note = MarketNote { token, venue_time, host_time: self.now, kind: state.top_note() };
                show(*strategy, note);
            }
            if let Some(kind) = state.depth(rank, wants, &mut made) {
                let note = MarketNote { token, venue_time, host_time: self.now, kind };
                show(*strategy, note);
            }
        }
    }

    /// Sends the initial state to a new instance: the session state, and the state of every market.
    pub(crate) fn notify_start(
        &mut self,
        strategy: StrategyId,
        markets: &[MarketIx],
        wants: &Wants,
        effects: &mut Effects,
    ) {
        let state = self.session_state(strategy);
        self.strategies.notified.insert(strategy, state);
        effects.push(Effect::NotifyOwn { strategy, event: OwnEvent::Session { state } });
        let (now, paused) = (self.now, self.paused_markets());
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
                let pays = if state == MarketState::Resolved { book.state.payout() } else { None };
                tell(token, NoteKind::Status { tick: entry.market.tick, state, pays });
            }
            if matches!(state, MarketState::Open | MarketState::Paused) {
                let top = wants.tops.then(|| book.top_note());
                top.into_iter().chain(book.depth(0, wants, &mut None)).for_each(|kind| tell(token, kind));
            }
        }
    }

    /// Notifies listeners of markets among `watched` whose state changed.
    pub(crate) fn notify_market_states(&mut self, watched: &[MarketIx], effects: &mut Effects) {
        let (now, paused) = (self.now, self.paused_markets());
        for (token, kind) in self.markets.news(watched, &paused, now, self.limits.stale_after_micros) {
            self.notify_subscribers(token, now, &kind, |_| true, effects);
        }
    }

    /// Sends a loaded strategy an external event, and answers the command with whether the strategy is loaded.
    pub(crate) fn notify_loaded(&self, strategy: StrategyId, event: OwnEvent, effects: &mut Effects) {
        let loaded = self.strategies.has(strategy);
        if loaded {
            effects.push(Effect::NotifyOwn { strategy, event });
        }
        let refused = (!loaded).then(|| Reason::from("the strategy is not running"));
        effects.push(Effect::Answered { refused });
    }

    /// Returns the session state of a strategy: the actions that its intents may lead to.
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

    /// Notifies every strategy whose session state was changed by this step.
    pub(crate) fn notify_sessions(&mut self, body: &InputKind, effects: &mut Effects) {
        if !self.may_change_session(body, effects) {
            return;
        }
        let ids: Vec<StrategyId> = self.strategies.ids().collect();
        for strategy in ids {
            let state = self.session_state(strategy);
            if self.strategies.notified.insert(strategy, state) != Some(state) {
                effects.push(Effect::NotifyOwn { strategy, event: OwnEvent::Session { state } });
            }
        }
    }

    /// Returns true if a step may have changed a session state: such changes are recorded, except for those by time and
    /// by the venue's state.
    fn may_change_session(&self, body: &InputKind, effects: &Effects) -> bool {
        match body {
            InputKind::Event(_) | InputKind::BookConfirmed { .. } => false,
            InputKind::Venue { .. } => true,
            InputKind::Clock if self.breakers.is_grace_running() => true,
            _ => effects.iter().any(|effect| {
                let Effect::Event(record) = effect else { return false };
                match record {
                    EngineEvent::State { .. } => true,
                    EngineEvent::Breaker { scope, .. } => !matches!(scope, Scope::Market(_)),
                    _ => false,
                }
            }),
        }
    }
}
