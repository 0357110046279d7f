//! Circuit breakers. They only ever restrict; what they restrict, and when they close, is in DESIGN section 6.

use crate::effect::{Effect, Effects, Record, Restriction};
use crate::step::Engine;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use model::event::Reason;
use model::input::{Breaker, Channel, HostFault};
use model::{MarketIx, MarketState, StrategyId, Time, Usd};

/// The user channel may be gone this long before only cancels are allowed.
const USER_CHANNEL_GRACE_MICROS: u64 = 15_000_000;
/// The window of `high_error_rate`, and the requests it must hold to mean anything.
const ERROR_WINDOW_MICROS: u64 = 60_000_000;
const ERROR_MIN_REQUESTS: u32 = 20;

/// A reason to trip.
#[derive(Debug, Clone)]
pub(crate) struct Trip {
    breaker: Breaker,
    market: Option<MarketIx>,
    reason: Reason,
}

impl Trip {
    pub(crate) fn session(breaker: Breaker, reason: impl Into<Reason>) -> Self {
        Self { breaker, market: None, reason: reason.into() }
    }

    fn market(breaker: Breaker, market: MarketIx, reason: String) -> Self {
        Self { breaker, market: Some(market), reason }
    }
}

/// What is tripped, and what the breakers watch.
#[derive(Debug, Default)]
pub(crate) struct Breakers {
    tripped: BTreeMap<(Breaker, Option<MarketIx>), Reason>,
    user_down: Option<Time>,
    market_down: Option<Time>,
    requests: VecDeque<(Time, u32, u32)>,
}

impl Breakers {
    pub(crate) fn is_tripped(&self, breaker: Breaker, market: Option<MarketIx>) -> bool {
        self.tripped.contains_key(&(breaker, market))
    }

    /// Returns the breakers of the whole session that outlive it: those which neither time nor a restart's checks close.
    pub(crate) fn lasting(&self) -> impl Iterator<Item = (Breaker, &Reason)> {
        let lasting = |breaker: Breaker| matches!(breaker, Breaker::ReconciliationMismatch | Breaker::DailyLossLimit);
        let session = self.tripped.iter().filter(|((_, market), _)| market.is_none());
        session.map(|((breaker, _), reason)| (*breaker, reason)).filter(move |(breaker, _)| lasting(*breaker))
    }

    /// Trips what an earlier session left tripped.
    pub(crate) fn put_back(&mut self, lasting: &[(Breaker, Reason)]) {
        self.tripped.extend(lasting.iter().map(|(breaker, reason)| ((*breaker, None), reason.clone())));
    }

    /// Returns the tightest restriction of the breakers that concern the whole session.
    fn session(&self, now: Time) -> Restriction {
        let of = |breaker: &Breaker| match breaker {
            Breaker::StaleData => Restriction::None,
            // The market channel's loss makes every book blind, which refuses by itself.
            Breaker::WebsocketDisconnect => match self.user_down {
                Some(since) if now.since(since) > USER_CHANNEL_GRACE_MICROS => Restriction::CancelOnly,
                _ => Restriction::None,
            },
            _ => Restriction::CancelOnly,
        };
        let tripped = self.tripped.keys().filter(|(_, market)| market.is_none());
        tripped.map(|(breaker, _)| of(breaker)).max().unwrap_or(Restriction::None)
    }
}

impl Engine {
    /// Returns the tightest restriction of the session.
    pub(crate) fn restriction(&self) -> Restriction {
        if self.halted {
            return Restriction::Halted;
        }
        let reconciling = if self.reconciled { Restriction::None } else { Restriction::CancelOnly };
        self.breakers.session(self.now).max(reconciling)
    }

    /// Returns the tightest restriction that a strategy meets in a market.
    pub(crate) fn restriction_in(&self, market: MarketIx, strategy: StrategyId) -> Restriction {
        let stale = self.breakers.is_tripped(Breaker::StaleData, Some(market));
        let cooling = self.guards.is_cooling(strategy, market, self.now);
        let local = if stale || cooling { Restriction::ReduceOnly } else { Restriction::None };
        self.restriction().max(local)
    }

    /// Trips a breaker, once, and does what it stands for.
    pub(crate) fn trip(&mut self, trip: Trip, effects: &mut Effects) {
        let Trip { breaker, market, reason } = trip;
        if self.breakers.is_tripped(breaker, market) {
            return;
        }
        self.breakers.tripped.insert((breaker, market), reason.clone());
        effects.push(Effect::Record(Record::Breaker { breaker, market, tripped: true, reason: reason.clone() }));
        match breaker {
            Breaker::StaleData => self.clear_targets(|_, token| Some(token.market()) == market, effects),
            Breaker::WebsocketDisconnect | Breaker::HighErrorRate | Breaker::ReconciliationMismatch => {
                self.clear_targets(|_, _| true, effects);
            }
            Breaker::DailyLossLimit | Breaker::JournalFailure | Breaker::InvariantBroken => {
                self.clear_targets(|_, _| true, effects);
                self.cancel_all_ours(effects);
            }
        }
        if market.is_none() {
            self.tell_state(reason, effects);
        }
    }

    /// Closes a breaker if it is tripped.
    pub(crate) fn close(&mut self, breaker: Breaker, market: Option<MarketIx>, effects: &mut Effects) {
        if self.breakers.tripped.remove(&(breaker, market)).is_some() {
            let reason = Reason::new();
            effects.push(Effect::Record(Record::Breaker { breaker, market, tripped: false, reason }));
            if market.is_none() {
                self.tell_state(Reason::new(), effects);
            }
        }
    }

    /// A connection came up or was lost.
    pub(crate) fn on_feed(&mut self, channel: Channel, up: bool, effects: &mut Effects) {
        let since = (!up).then_some(self.now);
        match channel {
            Channel::Market => self.breakers.market_down = since,
            Channel::User => self.breakers.user_down = since,
        }
        if channel == Channel::Market && !up {
            self.markets.lose_all();
        }
        let down = match (self.breakers.market_down, self.breakers.user_down) {
            (None, None) => return self.close(Breaker::WebsocketDisconnect, None, effects),
            (Some(_), Some(_)) => "both channels are down",
            (Some(_), None) => "the market channel is down",
            (None, Some(_)) => "the user channel is down",
        };
        self.trip(Trip::session(Breaker::WebsocketDisconnect, down), effects);
    }

    /// Counts requests, and trips when more than a tenth of a minute's fail.
    pub(crate) fn on_requests(&mut self, ok: u32, failed: u32, effects: &mut Effects) {
        self.breakers.requests.push_back((self.now, ok, failed));
        self.watch_errors(effects);
    }

    fn watch_errors(&mut self, effects: &mut Effects) {
        let now = self.now;
        let requests = &mut self.breakers.requests;
        while requests.front().is_some_and(|(at, _, _)| now.since(*at) >= ERROR_WINDOW_MICROS) {
            requests.pop_front();
        }
        let sum = |pick: fn(&(Time, u32, u32)) -> u32| {
            requests.iter().map(pick).fold(0u32, |sum, count| sum.saturating_add(count))
        };
        let (ok, failed) = (sum(|entry| entry.1), sum(|entry| entry.2));
        let total = ok.saturating_add(failed);
        let too_many = total >= ERROR_MIN_REQUESTS && failed.saturating_mul(10) > total;
        if too_many {
            let reason = format!("{failed} of {total} requests failed within a minute");
            self.trip(Trip::session(Breaker::HighErrorRate, reason), effects);
        } else if requests.is_empty() {
            self.close(Breaker::HighErrorRate, None, effects);
        }
    }

    /// Looks at what only time can change.
    pub(crate) fn watch_breakers(&mut self, effects: &mut Effects) {
        self.watch_errors(effects);
        self.watch_freshness(effects);
        self.watch_the_day(effects);
    }

    fn watch_freshness(&mut self, effects: &mut Effects) {
        let mut suspects = Vec::new();
        self.markets.suspects(self.now, &mut suspects);
        effects.extend(suspects.into_iter().map(|token| Effect::Resnapshot { token }));
        let (now, after) = (self.now, self.limits.stale_after_micros);
        let mut changed = Vec::new();
        for (market, entry) in self.markets.iter() {
            let states = [0, 1].map(|outcome| self.markets.state(market.token(outcome), now, after));
            let watched = !entry.listeners.is_empty() && !entry.resolved;
            let stale = watched && states.contains(&MarketState::Blind);
            // Before the first snapshots a market is blind, not stale.
            let seen = [0, 1]
                .into_iter()
                .any(|outcome| self.markets.token(market.token(outcome)).is_some_and(|token| token.alive > Time(0)));
            if stale != entry.stale && (seen || entry.stale) {
                changed.push((market, stale));
            }
        }
        for (market, stale) in changed {
            if let Some(entry) = self.markets.get_mut(market) {
                entry.stale = stale;
            }
            if stale {
                let ages = [0, 1].map(|outcome| self.age_seconds(market, outcome));
                let reason = format!("no proof of life for {} s and {} s", ages[0], ages[1]);
                self.trip(Trip::market(Breaker::StaleData, market, reason), effects);
            } else {
                self.close(Breaker::StaleData, Some(market), effects);
            }
        }
    }

    fn age_seconds(&self, market: MarketIx, outcome: u32) -> u64 {
        let alive = self.markets.token(market.token(outcome)).map_or(Time(0), |token| token.alive);
        self.now.since(alive) / 1_000_000
    }

    /// An operator wants a breaker closed. Refused where its cause still stands.
    pub(crate) fn reset(&mut self, breaker: Breaker, effects: &mut Effects) -> Result<(), Reason> {
        let stands = match breaker {
            Breaker::StaleData => {
                let stale = self.markets.iter().filter(|(_, entry)| entry.stale).count();
                (stale > 0).then(|| format!("{stale} markets still have no proof of life"))
            }
            Breaker::WebsocketDisconnect => {
                let down = self.breakers.market_down.or(self.breakers.user_down);
                down.map(|_| "a connection is still down; it closes by itself on reconnect".into())
            }
            Breaker::DailyLossLimit => {
                let lost = Usd::ZERO.saturating_sub(self.today());
                let limit = self.limits.daily_loss;
                (lost >= limit).then(|| format!("lost {lost} today, the limit is {limit}; it closes at 00:00 UTC"))
            }
            Breaker::JournalFailure | Breaker::InvariantBroken => self
                .breakers
                .is_tripped(breaker, None)
                .then(|| "only a restart, which checks everything against the venue, closes this".into()),
            Breaker::HighErrorRate | Breaker::ReconciliationMismatch => None,
        };
        if let Some(cause) = stands {
            return Err(cause);
        }
        self.breakers.requests.clear();
        self.mismatch = Default::default();
        self.close(breaker, None, effects);
        Ok(())
    }

    /// Something in the host failed.
    pub(crate) fn on_host_fault(&mut self, fault: HostFault, effects: &mut Effects) {
        let (breaker, reason) = match fault {
            HostFault::Journal => (Breaker::JournalFailure, "the journal cannot be written"),
            HostFault::AccountOverflow => (Breaker::ReconciliationMismatch, "account events did not fit their queue"),
            HostFault::TaskEnded => (Breaker::InvariantBroken, "a task of the host ended that must not"),
        };
        self.trip(Trip::session(breaker, reason), effects);
    }
}
