//! Breakers that watch behaviour over time: drawdown of the portfolio, strategies that fail or repeat themselves,
//! matches that do not settle, and clock skew.

use crate::breakers::Trip;
use crate::effect::Effects;
use crate::step::Engine;
use alloc::format;
use model::event::Reason;
use model::input::{Breaker, Scope};
use model::{NewOrder, StrategyId, Usd};

/// The number of faults within a minute that disables a strategy.
const FAULTS_MAX: u32 = 3;
/// The window of settlements, and the minimum number of failures in it.
const ENDINGS_MICROS: u64 = 600_000_000;
const FAILURES_MIN: usize = 3;
/// A match that is not final after this time is stuck.
const SETTLES_MAX_MICROS: u64 = 120_000_000;
/// The clock counts as wrong above the first limit, and as correct again below the second.
const SKEW_MAX_MICROS: u64 = 5_000_000;
const SKEW_GOOD_MICROS: u64 = 1_000_000;

impl Engine {
    /// Trips when the portfolio fell too far from its peak. The peak rises only on fresh valuations.
    pub(crate) fn watch_drawdown(&mut self, value: Usd, effects: &mut Effects) {
        if !self.day.known {
            return;
        }
        if value > self.breakers.peak {
            self.breakers.peak = value;
        }
        let peak = self.breakers.peak;
        let (fall, limit) = (peak.saturating_sub(value), peak.bps_floor(self.limits.max_drawdown_bps));
        if fall > limit {
            let reason = format!("{fall} below the peak of {peak}, the limit is {limit}");
            self.trip(Trip::session(Breaker::Drawdown, reason), effects);
        }
    }

    /// Counts a failed call of a strategy.
    pub(crate) fn record_fault(&mut self, strategy: StrategyId, effects: &mut Effects) {
        let now = self.now;
        let faults = self.breakers.faults_of(strategy);
        faults.record(now);
        if faults.in_last_minute(now) >= FAULTS_MAX {
            *faults = Default::default();
            let reason = format!("{FAULTS_MAX} calls failed within 60 s");
            self.trip(Trip::strategy(Breaker::StrategyFault, strategy, reason), effects);
        }
    }

    /// Counts a fill of a strategy.
    pub(crate) fn record_fill(&mut self, order: &NewOrder, effects: &mut Effects) {
        let (fills, limit) = (self.habits.record_fill(order, self.now), self.limits.max_fills_per_minute);
        if fills > limit {
            let market = order.token.market();
            let reason = format!("{fills} fills on one side of market {market} within a minute, the limit is {limit}");
            self.trip(Trip::strategy(Breaker::RepeatedExecution, order.strategy, reason), effects);
        }
    }

    /// Counts a match that settled or failed for good.
    pub(crate) fn record_ending(&mut self, failed: bool, effects: &mut Effects) {
        let (now, endings) = (self.now, self.breakers.endings());
        while endings.front().is_some_and(|(at, _)| now.since(*at) >= ENDINGS_MICROS) {
            endings.pop_front();
        }
        endings.push_back((now, failed));
        let (all, bad) = (endings.len(), endings.iter().filter(|(_, failed)| *failed).count());
        if bad >= FAILURES_MIN && bad.saturating_mul(20) > all {
            let reason = format!("{bad} of the last {all} matches failed to settle");
            self.trip(Trip::session(Breaker::SettlementFailures, reason), effects);
        }
    }

    /// Trips if a match is stuck.
    pub(crate) fn watch_settlement(&mut self, effects: &mut Effects) {
        if let Some(reason) = self.unsettled_too_long() {
            self.trip(Trip::session(Breaker::SettlementFailures, reason), effects);
        }
    }

    /// Returns the reason if a match has been waiting too long to settle.
    pub(crate) fn unsettled_too_long(&self) -> Option<Reason> {
        let waits = self.now.since(self.orders.oldest_unsettled()?);
        let limit = SETTLES_MAX_MICROS / 1_000_000;
        (waits > SETTLES_MAX_MICROS)
            .then(|| format!("a match has been unsettled for {} s, the limit is {limit}", waits / 1_000_000))
    }

    /// Handles a reading of the venue's clock.
    pub(crate) fn on_skew(&mut self, micros: i64, effects: &mut Effects) {
        let distance = micros.unsigned_abs();
        if distance > SKEW_MAX_MICROS {
            let reason =
                format!("the clock is {} ms off the venue's, the limit is {}", micros / 1_000, SKEW_MAX_MICROS / 1_000);
            self.trip(Trip::session(Breaker::ClockSkew, reason), effects);
        } else if distance <= SKEW_GOOD_MICROS {
            self.close(Breaker::ClockSkew, Scope::Session, effects);
        }
    }

    /// Handles a change of the heartbeat's state at the venue.
    pub(crate) fn on_heartbeat(&mut self, alive: bool, effects: &mut Effects) {
        if alive {
            self.close(Breaker::HeartbeatLost, Scope::Session, effects);
        } else {
            let reason = "the venue accepted no recent heartbeat: it cancels all orders";
            self.trip(Trip::session(Breaker::HeartbeatLost, reason), effects);
        }
    }

    /// Returns the highest valuation, from which drawdown is measured.
    pub fn peak(&self) -> Usd {
        self.breakers.peak
    }
}
