//! Circuit breakers. They only ever restrict; their effects are those of `Breaker`.

use crate::effect::{Effect, Effects, EngineEvent, Restriction};
use crate::risk::SlidingWindow;
use crate::step::Engine;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use model::event::Reason;
use model::input::{Breaker, Channel, HostFault, Scope};
use model::{MarketIx, MarketState, StrategyId, Time, TokenIx, Usd};

/// The time that the user channel may be down before only cancels are allowed.
const USER_CHANNEL_GRACE_MICROS: u64 = 15_000_000;
/// The window of `high_error_rate`, and the minimum number of requests in it for the rate to be significant.
const ERROR_WINDOW_MICROS: u64 = 60_000_000;
const ERROR_MIN_REQUESTS: u32 = 20;

/// A breaker to trip, with its scope and reason.
#[derive(Debug, Clone)]
pub(crate) struct Trip {
    breaker: Breaker,
    scope: Scope,
    reason: Reason,
}

impl Trip {
    pub(crate) fn session(breaker: Breaker, reason: impl Into<Reason>) -> Self {
        Self { breaker, scope: Scope::Session, reason: reason.into() }
    }

    pub(crate) fn strategy(breaker: Breaker, strategy: StrategyId, reason: String) -> Self {
        Self { breaker, scope: Scope::Strategy(strategy), reason }
    }

    pub(crate) fn market(breaker: Breaker, market: MarketIx, reason: String) -> Self {
        Self { breaker, scope: Scope::Market(market), reason }
    }
}

/// The tripped breakers, and the data that breakers watch.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Breakers {
    tripped: BTreeMap<(Breaker, Scope), Reason>,
    user_down: Option<Time>,
    market_down: Option<Time>,
    requests: VecDeque<(Time, u32, u32)>,
    /// Time of the last failed request.
    failed: Time,
    /// Recent faults of each strategy.
    faults: BTreeMap<StrategyId, SlidingWindow>,
    /// Recent final settlements: time, and true if it failed.
    endings: VecDeque<(Time, bool)>,
    /// The highest valuation of the portfolio.
    pub(crate) peak: Usd,
    /// Restrictions set by operators.
    pub(crate) restrictions: BTreeMap<Scope, Restriction>,
}

impl Breakers {
    pub(crate) fn is_tripped(&self, breaker: Breaker, scope: Scope) -> bool {
        self.tripped.contains_key(&(breaker, scope))
    }

    /// Returns the breakers that outlive a session: those that are not closed by time or by the checks of a restart.
    pub(crate) fn lasting(&self) -> impl Iterator<Item = ((Breaker, Scope), &Reason)> {
        let lasting = |breaker: Breaker| {
            matches!(
                breaker,
                Breaker::ReconciliationMismatch
                    | Breaker::DailyLossLimit
                    | Breaker::Drawdown
                    | Breaker::StrategyFault
                    | Breaker::RepeatedExecution
                    | Breaker::SettlementFailures
                    | Breaker::StrategyLoss
                    | Breaker::LossStreak
            )
        };
        self.tripped.iter().map(|(key, reason)| (*key, reason)).filter(move |((breaker, _), _)| lasting(*breaker))
    }

    /// Restores the breakers that an earlier session left tripped.
    pub(crate) fn restore(&mut self, lasting: &[((Breaker, Scope), Reason)]) {
        self.tripped.extend(lasting.iter().cloned());
    }

    /// Returns the tightest restriction of the breakers that apply to the whole session.
    fn session(&self, now: Time) -> Restriction {
        let of = |breaker: &Breaker| match breaker {
            // Losing the market channel makes every book blind, which already refuses orders.
            Breaker::WebsocketDisconnect => match self.user_down {
                Some(since) if now.since(since) > USER_CHANNEL_GRACE_MICROS => Restriction::CancelOnly,
                _ => Restriction::None,
            },
            Breaker::SettlementFailures => Restriction::ReduceOnly,
            _ => Restriction::CancelOnly,
        };
        let tripped = self.tripped.keys().filter(|(_, scope)| *scope == Scope::Session);
        tripped
            .map(|(breaker, _)| of(breaker))
            .max()
            .unwrap_or(Restriction::None)
            .max(self.operator_restriction(Scope::Session))
    }

    fn operator_restriction(&self, scope: Scope) -> Restriction {
        self.restrictions.get(&scope).copied().unwrap_or(Restriction::None)
    }

    pub(crate) fn faults_of(&mut self, strategy: StrategyId) -> &mut SlidingWindow {
        self.faults.entry(strategy).or_default()
    }

    pub(crate) fn endings(&mut self) -> &mut VecDeque<(Time, bool)> {
        &mut self.endings
    }

    /// Returns the markets in which no new risk is allowed for any strategy.
    pub(crate) fn paused_markets(&self) -> BTreeSet<MarketIx> {
        let scopes = self.tripped.keys().map(|(_, scope)| scope).chain(self.restrictions.keys());
        scopes.filter_map(|scope| if let Scope::Market(market) = scope { Some(*market) } else { None }).collect()
    }

    /// Returns true if the session's restriction may tighten with time alone.
    pub(crate) const fn is_grace_running(&self) -> bool {
        self.user_down.is_some()
    }

    /// Returns the restriction of one market or one strategy.
    pub(crate) fn local(&self, scope: Scope) -> Restriction {
        let of = |breaker: &Breaker| match breaker {
            Breaker::StaleData | Breaker::PriceJump => Restriction::ReduceOnly,
            _ => Restriction::CancelOnly,
        };
        let tripped = Breaker::ALL.iter().filter(|breaker| self.is_tripped(**breaker, scope));
        tripped.map(of).max().unwrap_or(Restriction::None).max(self.operator_restriction(scope))
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

    /// Returns the tightest restriction of a strategy's orders in a market.
    pub(crate) fn restriction_in(&self, market: MarketIx, strategy: StrategyId) -> Restriction {
        let cooling = self.guards.is_cooling(strategy, market, self.now) || self.locks.is_locked(market, self.now);
        let cooling = if cooling { Restriction::ReduceOnly } else { Restriction::None };
        let local = self.breakers.local(Scope::Market(market)).max(self.breakers.local(Scope::Strategy(strategy)));
        self.restriction().max(local).max(cooling)
    }

    /// Returns the restrictions set by operators.
    pub fn restrictions(&self) -> impl Iterator<Item = (Scope, Restriction)> {
        self.breakers.restrictions.iter().map(|(scope, restriction)| (*scope, *restriction))
    }

    /// Sets or lifts an operator's restriction of a scope.
    pub(crate) fn restrict(
        &mut self,
        scope: Scope,
        restriction: Restriction,
        effects: &mut Effects,
    ) -> Result<(), Reason> {
        if restriction == Restriction::Halted {
            return Err(
                "`halted` is reserved for the emergency stop; the tightest restriction here is `cancel_only`".into()
            );
        }
        let covered = |strategy, token: TokenIx| scope.covers(strategy, token.market());
        if restriction == Restriction::None {
            self.breakers.restrictions.remove(&scope);
        } else {
            self.breakers.restrictions.insert(scope, restriction);
        }
        match restriction {
            Restriction::None => {}
            Restriction::ReduceOnly => self.clear_quotes(covered, effects),
            Restriction::CancelOnly | Restriction::Halted => self.withdraw(covered, effects),
        }
        self.notify_state(Reason::new(), effects);
        Ok(())
    }

    /// Trips a breaker, unless it is tripped already, and applies its consequences.
    pub(crate) fn trip(&mut self, trip: Trip, effects: &mut Effects) {
        let Trip { breaker, scope, reason } = trip;
        if breaker == Breaker::ReconciliationMismatch {
            // Whatever tripped the breaker earlier, this cause cannot be resolved by an explanation.
            self.activities.heals = false;
        }
        if self.breakers.is_tripped(breaker, scope) {
            return;
        }
        self.breakers.tripped.insert((breaker, scope), reason.clone());
        effects.push(Effect::Event(EngineEvent::Breaker { breaker, scope, tripped: true, reason: reason.clone() }));
        let covered = |strategy, token: TokenIx| scope.covers(strategy, token.market());
        let cancels = !matches!(
            breaker,
            Breaker::StaleData
                | Breaker::WebsocketDisconnect
                | Breaker::HighErrorRate
                | Breaker::ReconciliationMismatch
                | Breaker::SettlementFailures
        );
        if cancels {
            self.withdraw(covered, effects);
        } else {
            self.clear_quotes(covered, effects);
        }
        if let Scope::Strategy(strategy) = scope {
            self.exit_orphan(strategy, effects);
        }
        if scope == Scope::Session {
            self.notify_state(reason, effects);
        }
    }

    /// Closes a breaker if it is tripped.
    pub(crate) fn close(&mut self, breaker: Breaker, scope: Scope, effects: &mut Effects) {
        if self.breakers.is_tripped(breaker, scope) {
            self.breakers.tripped.remove(&(breaker, scope));
            let reason = Reason::new();
            effects.push(Effect::Event(EngineEvent::Breaker { breaker, scope, tripped: false, reason }));
            if scope == Scope::Session {
                self.notify_state(Reason::new(), effects);
            }
        }
    }

    /// Handles a connection that came up or was lost.
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
            (None, None) => return self.close(Breaker::WebsocketDisconnect, Scope::Session, effects),
            (Some(_), Some(_)) => "both channels are down",
            (Some(_), None) => "the market channel is down",
            (None, Some(_)) => "the user channel is down",
        };
        self.trip(Trip::session(Breaker::WebsocketDisconnect, down), effects);
    }

    /// Counts requests, and trips the breaker when more than a tenth fail within a minute.
    pub(crate) fn on_requests(&mut self, ok: u32, failed: u32, effects: &mut Effects) {
        self.breakers.requests.push_back((self.now, ok, failed));
        if failed > 0 {
            self.breakers.failed = self.now;
        }
        self.watch_errors(effects);
    }

    fn watch_errors(&mut self, effects: &mut Effects) {
        let now = self.now;
        let is_old = |(at, _, _): &(Time, u32, u32)| now.since(*at) >= ERROR_WINDOW_MICROS;
        while self.breakers.requests.front().is_some_and(is_old) {
            self.breakers.requests.pop_front();
        }
        let requests = &self.breakers.requests;
        let sum = |pick: fn(&(Time, u32, u32)) -> u32| {
            requests.iter().map(pick).fold(0u32, |sum, count| sum.saturating_add(count))
        };
        let (ok, failed) = (sum(|entry| entry.1), sum(|entry| entry.2));
        let total = ok.saturating_add(failed);
        let too_many = total >= ERROR_MIN_REQUESTS && failed.saturating_mul(10) > total;
        if too_many {
            let reason = format!("{failed} of {total} requests failed within a minute");
            self.trip(Trip::session(Breaker::HighErrorRate, reason), effects);
        } else if now.since(self.breakers.failed) >= ERROR_WINDOW_MICROS {
            self.close(Breaker::HighErrorRate, Scope::Session, effects);
        }
    }

    /// Checks the breakers that depend on time.
    pub(crate) fn watch_breakers(&mut self, watched: &[MarketIx], effects: &mut Effects) {
        self.watch_errors(effects);
        self.watch_freshness(watched, effects);
        let value = self.portfolio_value();
        self.watch_the_day(value, effects);
        self.watch_drawdown(value, effects);
        self.watch_settlement(effects);
        self.watch_pnl(effects);
        self.watch_jumps(watched, effects);
    }

    fn watch_freshness(&mut self, markets: &[MarketIx], effects: &mut Effects) {
        let mut suspects = Vec::new();
        self.markets.suspects(self.now, &mut suspects);
        effects.extend(suspects.into_iter().map(|token| Effect::Resnapshot { token }));
        let (now, after) = (self.now, self.limits.stale_after_micros);
        let mut changed = Vec::new();
        for market in markets.iter().copied() {
            let Some(entry) = self.markets.get(market) else { continue };
            let watched = entry.is_watched();
            let states = [0, 1].map(|outcome| self.markets.state(market.token(outcome), now, after));
            let stale = watched && states.contains(&MarketState::Blind);
            // Before its first snapshots a market is blind, not stale.
            let seen = [0, 1].into_iter().any(|outcome| {
                self.markets.token(market.token(outcome)).is_some_and(|token| token.state.alive > Time(0))
            });
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
                let reason = if ages.into_iter().any(|age| age.saturating_mul(1_000_000) >= after) {
                    format!("no proof of life for {} s and {} s", ages[0], ages[1])
                } else {
                    "its book is unknown: the channel was lost, or a message could not be read".into()
                };
                self.trip(Trip::market(Breaker::StaleData, market, reason), effects);
            } else {
                self.close(Breaker::StaleData, Scope::Market(market), effects);
            }
        }
    }

    fn age_seconds(&self, market: MarketIx, outcome: u32) -> u64 {
        let alive = self.markets.token(market.token(outcome)).map_or(Time(0), |token| token.state.alive);
        self.now.since(alive) / 1_000_000
    }

    /// Closes a breaker for an operator. Refused while its cause persists.
    pub(crate) fn reset(&mut self, breaker: Breaker, effects: &mut Effects) -> Result<(), Reason> {
        let stands = match breaker {
            Breaker::StaleData => {
                let stale = self.markets.iter().filter(|(_, entry)| entry.stale).count();
                (stale > 0).then(|| format!("{stale} markets still have no proof of life"))
            }
            Breaker::WebsocketDisconnect => {
                let down = self.breakers.market_down.or(self.breakers.user_down);
                down.map(|_| "a connection is still down; closes automatically on reconnect".into())
            }
            Breaker::DailyLossLimit => {
                let lost = Usd::ZERO.saturating_sub(self.today());
                let limit = self.limits.daily_loss;
                (lost >= limit).then(|| format!("lost {lost} today, the limit is {limit}; closes at 00:00 UTC"))
            }
            Breaker::JournalFailure | Breaker::InvariantBroken => self
                .breakers
                .is_tripped(breaker, Scope::Session)
                .then(|| "closes only by a restart, which reconciles everything with the venue".into()),
            Breaker::SettlementFailures => self.unsettled_too_long(),
            Breaker::StrategyLoss => self.still_losing(),
            Breaker::PriceJump => self.still_jumping(),
            Breaker::ClockSkew => self
                .breakers
                .is_tripped(breaker, Scope::Session)
                .then(|| "closes automatically once the clocks agree to within a second".into()),
            Breaker::HeartbeatLost => self
                .breakers
                .is_tripped(breaker, Scope::Session)
                .then(|| "closes automatically once the venue accepts a heartbeat".into()),
            Breaker::HighErrorRate
            | Breaker::ReconciliationMismatch
            | Breaker::Drawdown
            | Breaker::LossStreak
            | Breaker::StrategyFault
            | Breaker::RepeatedExecution => None,
        };
        if let Some(cause) = stands {
            return Err(cause);
        }
        self.forgive(breaker);
        let scopes: Vec<Scope> =
            self.breakers.tripped.keys().filter(|(other, _)| *other == breaker).map(|(_, scope)| *scope).collect();
        scopes.into_iter().for_each(|scope| self.close(breaker, scope, effects));
        Ok(())
    }

    /// Resets the counters behind a breaker after an operator closed it.
    fn forgive(&mut self, breaker: Breaker) {
        match breaker {
            Breaker::HighErrorRate => self.breakers.requests.clear(),
            Breaker::ReconciliationMismatch => self.mismatch = Default::default(),
            Breaker::Drawdown => self.breakers.peak = self.portfolio_value(),
            Breaker::StrategyFault => self.breakers.faults.clear(),
            Breaker::RepeatedExecution => {
                self.strategies.ids().for_each(|strategy| self.habits.forgive(strategy));
            }
            Breaker::SettlementFailures => self.breakers.endings.clear(),
            Breaker::LossStreak => self.scores.forgive(),
            _ => {}
        }
    }

    /// Trips the breaker for a failure in the host.
    pub(crate) fn on_host_fault(&mut self, fault: HostFault, effects: &mut Effects) {
        let (breaker, reason) = match fault {
            HostFault::Journal => (Breaker::JournalFailure, "the journal cannot be written"),
            HostFault::AccountOverflow => (Breaker::ReconciliationMismatch, "the account event queue overflowed"),
            HostFault::TaskEnded => (Breaker::InvariantBroken, "a host task that must not end has ended"),
        };
        self.trip(Trip::session(breaker, reason), effects);
    }
}
