//! How each strategy fares: what it gained or lost today, and how its round trips ended.

use crate::breakers::Trip;
use crate::effect::Effects;
use crate::step::Engine;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::vec::Vec;
use model::carry::Score;
use model::input::{Breaker, Scope};
use model::{FillEntry, NewOrder, Side, StrategyId, Time, TokenIx, Usd};

/// How long a strategy rests after too many losing round trips.
const REST_MICROS: u64 = 3_600_000_000;

/// How one strategy fares.
#[derive(Debug, Clone, Copy, Default, serde::Serialize, serde::Deserialize)]
struct Standing {
    opening: Usd,
    fees: Usd,
    losing: u32,
    rests: Time,
}

/// What a strategy has gained since ever, on this account; losses are negative.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gain {
    /// By the shares that it sold, fees apart.
    pub realised: Usd,
    /// What its shares are worth beyond their cost.
    pub unrealised: Usd,
    /// The fees that it paid.
    pub fees: Usd,
    /// Of all that, what came since 00:00 UTC.
    pub today: Usd,
}

impl Gain {
    /// Returns all of it, less fees.
    pub const fn total(&self) -> Usd {
        self.realised.saturating_add(self.unrealised).saturating_sub(self.fees)
    }
}

/// How all strategies fare.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Scores {
    day: u64,
    standings: BTreeMap<StrategyId, Standing>,
    /// What was realised on a token when the position there began.
    trips: BTreeMap<(StrategyId, TokenIx), Usd>,
}

impl Scores {
    /// Puts back what an earlier session left; `day` is the day of its end.
    pub(crate) fn carried(day: u64, scores: &[Score], trips: &[((StrategyId, TokenIx), Usd)]) -> Self {
        let standing = |score: &Score| {
            let Score { strategy, opening, fees, losing, rests } = *score;
            (strategy, Standing { opening, fees, losing, rests })
        };
        Self { day, standings: scores.iter().map(standing).collect(), trips: trips.iter().copied().collect() }
    }

    /// Returns what the next session goes on from.
    pub(crate) fn scores(&self) -> impl Iterator<Item = Score> {
        self.standings.iter().map(|(strategy, standing)| {
            let Standing { opening, fees, losing, rests } = *standing;
            Score { strategy: *strategy, opening, fees, losing, rests }
        })
    }

    /// Returns what was realised where positions began.
    pub(crate) fn trips(&self) -> impl Iterator<Item = ((StrategyId, TokenIx), Usd)> {
        self.trips.iter().map(|(key, realised)| (*key, *realised))
    }

    /// A strategy gave shares away, which changed its gain by `gain`: that is none of today's. If none are left its round trip is over, and
    /// was neither won nor lost.
    pub(crate) fn hand_over(&mut self, key: (StrategyId, TokenIx), (gain, all): (Usd, bool)) {
        if let Some(standing) = self.standings.get_mut(&key.0) {
            standing.opening = standing.opening.saturating_add(gain);
        }
        if all {
            self.trips.remove(&key);
        }
    }

    /// A strategy got shares, which changed its gain by `gain`: that is none of today's. A round trip begins unless one is under way.
    pub(crate) fn take_over(&mut self, key: (StrategyId, TokenIx), (gain, realised): (Usd, Usd)) {
        let standing = self.standings.entry(key.0).or_default();
        standing.opening = standing.opening.saturating_add(gain);
        self.trips.entry(key).or_insert(realised);
    }

    /// Begins to count losing round trips anew.
    pub(crate) fn forgive(&mut self) {
        self.standings.values_mut().for_each(|standing| (standing.losing, standing.rests) = (0, Time(0)));
    }
}

impl Engine {
    /// Notes a fill that is booked: its fee, and whether it began or ended a round trip.
    pub(crate) fn score_fill(&mut self, order: &NewOrder, fee: Usd, effects: &mut Effects) {
        let key = (order.strategy, order.token);
        let part = self.ledger.part(order.strategy, order.token);
        let least = self.markets.of_token(order.token).map(|entry| entry.market.min_size).unwrap_or_default();
        let standing = self.scores.standings.entry(order.strategy).or_default();
        standing.fees = standing.fees.saturating_add(fee);
        if order.side == Side::Buy {
            self.scores.trips.entry(key).or_insert(part.realised);
            return;
        }
        // Dust that nobody can sell does not keep a round trip open.
        let over = part.size.is_zero() || part.size < least;
        let Some(began) = self.scores.trips.get(&key).copied().filter(|_| over) else { return };
        self.scores.trips.remove(&key);
        standing.losing = if part.realised < began { standing.losing.saturating_add(1) } else { 0 };
        let (losing, limit) = (standing.losing, self.limits.max_losing_trips);
        if losing >= limit {
            *standing = Standing { losing: 0, rests: self.now.plus_micros(REST_MICROS), ..*standing };
            let reason = format!("{losing} losing round trips running, the limit is {limit}; it rests for an hour");
            self.trip(Trip::strategy(Breaker::LossStreak, order.strategy, reason), effects);
        }
    }

    /// Takes back the fee of a fill that failed at the venue.
    pub(crate) fn unscore_fee(&mut self, entry: &FillEntry) {
        if let Some(standing) = self.scores.standings.get_mut(&entry.strategy) {
            standing.fees = standing.fees.saturating_sub(entry.fee);
        }
    }

    /// Returns what each strategy has gained that ever traded, loaded or not.
    pub fn gains(&self) -> impl Iterator<Item = (StrategyId, Gain)> {
        self.scores.standings.keys().map(|strategy| (*strategy, self.gain_of(*strategy)))
    }

    /// Returns what a strategy has gained.
    pub fn gain_of(&self, strategy: StrategyId) -> Gain {
        let Standing { opening, fees, .. } = self.scores.standings.get(&strategy).copied().unwrap_or_default();
        let mut gain = Gain { fees, realised: self.ledger.realised_before_by(strategy), ..Gain::default() };
        for (token, part) in self.ledger.parts_of(strategy) {
            let open = self.value_of(token, part.size).saturating_sub(part.cost);
            gain.realised = gain.realised.saturating_add(part.realised);
            gain.unrealised = gain.unrealised.saturating_add(open);
        }
        gain.today = gain.total().saturating_sub(opening);
        gain
    }

    /// Begins the day, ends rests, and stops strategies that lost too much today.
    pub(crate) fn watch_scores(&mut self, effects: &mut Effects) {
        let owners: BTreeSet<StrategyId> = self.scores.standings.keys().copied().collect();
        if self.scores.day < self.now.day() {
            // The first day of an account has nothing before it.
            let first = self.scores.day == 0;
            self.scores.day = self.now.day();
            for strategy in owners.iter().filter(|_| !first) {
                let opening = self.gain_of(*strategy).total();
                if let Some(standing) = self.scores.standings.get_mut(strategy) {
                    standing.opening = opening;
                }
                self.close(Breaker::StrategyLoss, Scope::Strategy(*strategy), effects);
            }
        }
        for strategy in owners {
            if let Some((lost, limit)) = self.too_much_lost(strategy) {
                let reason = format!("lost {lost} today, the limit is {limit}");
                self.trip(Trip::strategy(Breaker::StrategyLoss, strategy, reason), effects);
            }
        }
        self.end_rests(effects);
    }

    /// Returns what a strategy lost today and the loss that stops it, if it lost as much.
    fn too_much_lost(&self, strategy: StrategyId) -> Option<(Usd, Usd)> {
        let limit = self.strategies.budget(strategy).daily_loss_within(&self.limits);
        let lost = Usd::ZERO.saturating_sub(self.gain_of(strategy).today);
        (lost >= limit).then_some((lost, limit))
    }

    fn end_rests(&mut self, effects: &mut Effects) {
        let now = self.now;
        let over = |standing: &Standing| standing.rests != Time(0) && now >= standing.rests;
        let rested: Vec<StrategyId> =
            self.scores.standings.iter().filter(|(_, standing)| over(standing)).map(|(who, _)| *who).collect();
        for strategy in rested {
            if let Some(standing) = self.scores.standings.get_mut(&strategy) {
                standing.rests = Time(0);
            }
            self.close(Breaker::LossStreak, Scope::Strategy(strategy), effects);
        }
    }

    /// Says which strategies still stand where `strategy_loss` tripped.
    pub(crate) fn still_losing(&self) -> Option<model::event::Reason> {
        let losing = self.scores.standings.keys().filter_map(|strategy| self.too_much_lost(*strategy));
        let (lost, limit) = losing.max()?;
        Some(format!("a strategy lost {lost} today, the limit is {limit}; it closes at 00:00 UTC"))
    }
}
