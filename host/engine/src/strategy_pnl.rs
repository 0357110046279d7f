//! Strategy P&L: today's P&L, and the results of round trips.

use crate::breakers::Trip;
use crate::effect::Effects;
use crate::step::Engine;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;
use model::carry_over::Score;
use model::input::{Breaker, Scope};
use model::{FillEntry, NewOrder, Side, StrategyId, Time, TokenIx, Usd};

/// The time for which a strategy is paused after too many losing round trips.
const REST_MICROS: u64 = 3_600_000_000;

/// The P&L state of one strategy.
#[derive(Debug, Clone, Copy, Default, serde::Serialize, serde::Deserialize)]
struct DayStats {
    opening: Usd,
    fees: Usd,
    losing: u32,
    rests: Time,
}

/// The total P&L of a strategy on this account; losses are negative.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StrategyPnl {
    /// Realised on sold shares, before fees.
    pub realised: Usd,
    /// Value of its shares beyond their cost.
    pub unrealised: Usd,
    /// Fees paid.
    pub fees: Usd,
    /// The part of the total since 00:00 UTC.
    pub today: Usd,
}

impl StrategyPnl {
    /// Returns the total, less fees.
    pub const fn total(&self) -> Usd {
        self.realised.saturating_add(self.unrealised).saturating_sub(self.fees)
    }
}

/// The P&L state of all strategies.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct StrategyPnls {
    day: u64,
    standings: BTreeMap<StrategyId, DayStats>,
    /// Realised profit on a token at the start of the current position there.
    round_trips: BTreeMap<(StrategyId, TokenIx), Usd>,
}

impl StrategyPnls {
    /// Restores the state of an earlier session; `day` is the day on which it ended.
    pub(crate) fn carried(day: u64, scores: &[Score], trips: &[((StrategyId, TokenIx), Usd)]) -> Self {
        let standing = |score: &Score| {
            let Score { strategy, opening, fees, losing, rests } = *score;
            (strategy, DayStats { opening, fees, losing, rests })
        };
        Self { day, standings: scores.iter().map(standing).collect(), round_trips: trips.iter().copied().collect() }
    }

    /// Returns the P&L figures for the carry-over.
    pub(crate) fn scores(&self) -> impl Iterator<Item = Score> {
        self.standings.iter().map(|(strategy, standing)| {
            let DayStats { opening, fees, losing, rests } = *standing;
            Score { strategy: *strategy, opening, fees, losing, rests }
        })
    }

    /// Returns the realised profit at the start of each current position.
    pub(crate) fn trips(&self) -> impl Iterator<Item = ((StrategyId, TokenIx), Usd)> {
        self.round_trips.iter().map(|(key, realised)| (*key, *realised))
    }

    /// Handles shares given away by a strategy, which changed its total P&L by `gain`: that does not count as today's
    /// P&L. If it has none left its round trip is over, neither won nor lost.
    pub(crate) fn move_out(&mut self, key: (StrategyId, TokenIx), (gain, all): (Usd, bool)) {
        if let Some(standing) = self.standings.get_mut(&key.0) {
            standing.opening = standing.opening.saturating_add(gain);
        }
        if all {
            self.round_trips.remove(&key);
        }
    }

    /// Handles shares received by a strategy, which changed its total P&L by `gain`: that does not count as today's
    /// P&L. A round trip begins unless one is under way.
    pub(crate) fn move_in(&mut self, key: (StrategyId, TokenIx), (gain, realised): (Usd, Usd)) {
        let standing = self.standings.entry(key.0).or_default();
        standing.opening = standing.opening.saturating_add(gain);
        self.round_trips.entry(key).or_insert(realised);
    }

    /// Resets the count of losing round trips.
    pub(crate) fn forgive(&mut self) {
        self.standings.values_mut().for_each(|standing| (standing.losing, standing.rests) = (0, Time(0)));
    }
}

impl Engine {
    /// Records a booked fill: its fee, and the round trip that it began or ended.
    pub(crate) fn score_fill(&mut self, order: &NewOrder, fee: Usd, effects: &mut Effects) {
        let key = (order.strategy, order.token);
        let part = self.ledger.part(order.strategy, order.token);
        let least = self.markets.of_token(order.token).map(|entry| entry.market.min_size).unwrap_or_default();
        let scores = &mut *self.scores;
        let standing = scores.standings.entry(order.strategy).or_default();
        standing.fees = standing.fees.saturating_add(fee);
        if order.side == Side::Buy {
            scores.round_trips.entry(key).or_insert(part.realised);
            return;
        }
        // Dust that cannot be sold does not keep a round trip open.
        let over = part.size.is_zero() || part.size < least;
        let Some(began) = scores.round_trips.get(&key).copied().filter(|_| over) else { return };
        scores.round_trips.remove(&key);
        standing.losing = if part.realised < began { standing.losing.saturating_add(1) } else { 0 };
        let (losing, limit) = (standing.losing, self.limits.max_losing_trips);
        if losing >= limit {
            *standing = DayStats { losing: 0, rests: self.now.plus_micros(REST_MICROS), ..*standing };
            let reason = format!("{losing} consecutive losing round trips, the limit is {limit}; paused for an hour");
            self.trip(Trip::strategy(Breaker::LossStreak, order.strategy, reason), effects);
        }
    }

    /// Reverses the fee of a fill that failed at the venue.
    pub(crate) fn unscore_fee(&mut self, entry: &FillEntry) {
        if let Some(standing) = self.scores.standings.get_mut(&entry.strategy) {
            standing.fees = standing.fees.saturating_sub(entry.fee);
        }
    }

    /// Returns the P&L of each strategy that ever traded, loaded or not.
    pub fn strategy_pnls(&self) -> impl Iterator<Item = (StrategyId, StrategyPnl)> {
        self.scores.standings.keys().map(|strategy| (*strategy, self.strategy_pnl(*strategy)))
    }

    /// Returns the P&L of a strategy.
    pub fn strategy_pnl(&self, strategy: StrategyId) -> StrategyPnl {
        let DayStats { opening, fees, .. } = self.scores.standings.get(&strategy).copied().unwrap_or_default();
        let mut gain =
            StrategyPnl { fees, realised: self.ledger.realised_before_by(strategy), ..StrategyPnl::default() };
        for (token, part) in self.ledger.parts_of(strategy) {
            // Most are closed, and the price of their token does not matter.
            let value = if part.size.is_zero() { Usd::ZERO } else { self.value_of(token, part.size) };
            let open = value.saturating_sub(part.cost);
            gain.realised = gain.realised.saturating_add(part.realised);
            gain.unrealised = gain.unrealised.saturating_add(open);
        }
        gain.today = gain.total().saturating_sub(opening);
        gain
    }

    /// Begins the day, ends pauses, and stops strategies that lost too much today.
    pub(crate) fn watch_pnl(&mut self, effects: &mut Effects) {
        if self.scores.day < self.now.day() {
            let owners: Vec<StrategyId> = self.scores.standings.keys().copied().collect();
            // The first day of an account has no earlier P&L.
            let first = self.scores.day == 0;
            self.scores.day = self.now.day();
            for strategy in owners.iter().filter(|_| !first) {
                let opening = self.strategy_pnl(*strategy).total();
                if let Some(standing) = self.scores.standings.get_mut(strategy) {
                    standing.opening = opening;
                }
                self.close(Breaker::StrategyLoss, Scope::Strategy(*strategy), effects);
            }
        }
        let owners = self.scores.standings.keys();
        let lost: Vec<_> = owners.filter_map(|owner| Some((*owner, self.too_much_lost(*owner)?))).collect();
        for (strategy, (lost, limit)) in lost {
            let reason = format!("lost {lost} today, the limit is {limit}");
            self.trip(Trip::strategy(Breaker::StrategyLoss, strategy, reason), effects);
        }
        self.end_rests(effects);
    }

    /// Returns today's loss of a strategy and the limit, if the limit is reached.
    fn too_much_lost(&self, strategy: StrategyId) -> Option<(Usd, Usd)> {
        let limit = self.strategies.budget(strategy).daily_loss_within(&self.limits);
        let lost = Usd::ZERO.saturating_sub(self.strategy_pnl(strategy).today);
        (lost >= limit).then_some((lost, limit))
    }

    fn end_rests(&mut self, effects: &mut Effects) {
        let now = self.now;
        let over = |standing: &DayStats| standing.rests != Time(0) && now >= standing.rests;
        let rested: Vec<StrategyId> =
            self.scores.standings.iter().filter(|(_, standing)| over(standing)).map(|(who, _)| *who).collect();
        for strategy in rested {
            if let Some(standing) = self.scores.standings.get_mut(&strategy) {
                standing.rests = Time(0);
            }
            self.close(Breaker::LossStreak, Scope::Strategy(strategy), effects);
        }
    }

    /// Returns the reason if a strategy is still at its daily loss limit.
    pub(crate) fn still_losing(&self) -> Option<model::event::Reason> {
        let losing = self.scores.standings.keys().filter_map(|strategy| self.too_much_lost(*strategy));
        let (lost, limit) = losing.max()?;
        Some(format!("a strategy lost {lost} today, the limit is {limit}; closes at 00:00 UTC"))
    }
}
