//! Income beside trading: rewards for resting orders and rebates of fees. Both are estimates, paid by the day, and
//! never part of a profit or of the account's cash.

use super::World;
use crate::backtest::rewards::{Resting, RewardRule, reward_of_day, score};
use crate::events::{RewardTerms, Terms};
use model::{ConditionId, Market, MarketIx, Price, Side, Size, Time, TokenIx, Usd};
use sim::Rng;
use std::sync::Arc;

const MINUTE_MICROS: u64 = 60_000_000;
const MINUTES_PER_DAY: u64 = 1_440;
/// The venue pays nothing below this, for a day.
const LEAST: Usd = Usd::dollars(1);
/// Seed of the moments of the minutes.
const SEED: u64 = 0x7265_7761;

/// Scores of a market on one day.
#[derive(Debug, Clone, Copy, Default)]
struct DayScore {
    own: f64,
    visible: f64,
    /// Dollars that the venue paid for the sampled minutes.
    pool: Usd,
}

/// The income of a run so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Income {
    terms: Arc<Terms>,
    markets: Vec<(ConditionId, DayScore)>,
    next: Option<Time>,
    rng: Rng,
    day: u64,
    rebates_today: Usd,
    rewards: Usd,
    rebates: Usd,
}

impl Income {
    pub(super) fn next_due(&self) -> Option<Time> {
        self.next
    }

    pub(super) fn list(&mut self, market: &Market) {
        self.markets.push((market.condition, DayScore::default()));
    }

    fn terms_of(&self, condition: &ConditionId, at: Time) -> Option<RewardTerms> {
        let terms = self.terms.rewards.get(condition)?;
        terms.iter().filter(|terms| terms.from <= at).max_by_key(|terms| terms.from).copied()
    }

    fn schedule(&mut self, after: Time) {
        let minute = after.0.checked_div(MINUTE_MICROS).unwrap_or(0).saturating_add(1);
        self.next = Some(Time(minute.saturating_mul(MINUTE_MICROS)).plus_micros(self.rng.below(MINUTE_MICROS)));
    }

    /// Pays what was earned before the day of `now`.
    fn end_days_before(&mut self, now: Time) {
        if now.day() == self.day {
            return;
        }
        let (rewards, rebates) = self.earned_today();
        self.rewards = self.rewards.saturating_add(rewards);
        self.rebates = self.rebates.saturating_add(rebates);
        self.markets.iter_mut().for_each(|(_, score)| *score = DayScore::default());
        (self.rebates_today, self.day) = (Usd::ZERO, now.day());
    }

    fn earned_today(&self) -> (Usd, Usd) {
        let rewards = self.markets.iter().filter_map(|(_, day)| {
            let pool = u64::try_from(day.pool.micros()).ok()?;
            reward_of_day(day.own, day.visible, pool).map(Usd)
        });
        let rebates = if self.rebates_today >= LEAST { self.rebates_today } else { Usd::ZERO };
        (rewards.fold(Usd::ZERO, Usd::saturating_add), rebates)
    }
}

impl World {
    /// Sets the terms of the venue, before the first market.
    pub(in crate::backtest) fn set_terms(&mut self, terms: Terms) {
        self.groups = Arc::new(terms.groups.clone());
        *self.income = Income { terms: Arc::new(terms), rng: Rng::new(SEED), day: self.at.day(), ..Income::default() };
    }

    /// Begins to sample the resting orders, if there is a market with rewards.
    pub(super) fn begin_income(&mut self) {
        if !self.income.terms.rewards.is_empty() {
            self.income.schedule(self.at);
        }
    }

    /// Returns the rewards and the rebates so far.
    pub(in crate::backtest) fn income(&self) -> (Usd, Usd) {
        let (rewards, rebates) = self.income.earned_today();
        (self.income.rewards.saturating_add(rewards), self.income.rebates.saturating_add(rebates))
    }

    /// Scores the resting orders of this minute.
    pub(super) fn sample_rewards(&mut self, now: Time) {
        self.income.end_days_before(now);
        self.income.schedule(now);
        for place in 0..self.income.markets.len() {
            let Some((condition, _)) = self.income.markets.get(place) else { continue };
            let Some(terms) = self.income.terms_of(condition, now) else { continue };
            let Ok(ix) = u32::try_from(place).map(MarketIx) else { continue };
            let Some((own, visible)) = self.scores(ix, &terms) else { continue };
            if let Some((_, day)) = self.income.markets.get_mut(place) {
                day.add(own, visible, terms.daily);
            }
        }
    }

    /// Returns the scores of our orders and of the visible book; `None` without a book of both sides.
    fn scores(&self, market: MarketIx, terms: &RewardTerms) -> Option<(f64, f64)> {
        let (Some(bid), Some(ask)) = self.paper.top(market.token(0)) else { return None };
        let mid = bid.micros().saturating_add(ask.micros()) / 2;
        let rule = RewardRule { max_spread_micros: terms.max_spread_micros, min_size: terms.min_size };
        let book = self.paper.book(market)?;
        let near = |price: Price| price.micros().abs_diff(mid) <= rule.max_spread_micros;
        let of_side = |side: Side| {
            let levels = book.levels(side).take_while(|level| near(level.price));
            levels.map(move |level| Resting { side, price: level.price, size: level.size })
        };
        let visible: Vec<Resting> = of_side(Side::Buy).chain(of_side(Side::Sell)).collect();
        let own: Vec<Resting> = self
            .paper
            .open_orders()
            .filter(|(order, _)| order.token.market() == market)
            .map(|(order, _)| resting(order.token, order.side, order.price, order.rest()))
            .collect();
        Some((score(rule, mid, &own), score(rule, mid, &visible)))
    }

    /// Counts the rebate of a fill of a resting order: a part of the fee that a taker pays at its price.
    pub(super) fn count_rebate(&mut self, token: TokenIx, price: Price, size: Size) {
        self.income.end_days_before(self.at);
        let Some(market) = self.engine.market(token.market()) else { return };
        let Some(part) = self.income.terms.rebates.get(&market.condition).copied() else { return };
        let fee = market.fee.taker_fee(price, size).unwrap_or_default();
        let micros = i128::from(fee.micros()).saturating_mul(part.into()).checked_div(1_000_000).unwrap_or(0);
        let rebate = Usd(i64::try_from(micros).unwrap_or(0));
        self.income.rebates_today = self.income.rebates_today.saturating_add(rebate);
    }
}

impl DayScore {
    #[allow(clippy::float_arithmetic, reason = "the venue's score is a real number and no money")]
    fn add(&mut self, own: f64, visible: f64, daily: Usd) {
        self.own += own;
        self.visible += visible;
        let minute = daily.micros().checked_div(i64::try_from(MINUTES_PER_DAY).unwrap_or(1)).unwrap_or(0);
        self.pool = self.pool.saturating_add(Usd(minute));
    }
}

/// Returns an order as seen from the first token.
const fn resting(token: TokenIx, side: Side, price: Price, size: Size) -> Resting {
    if token.outcome() == 0 {
        Resting { side, price, size }
    } else {
        Resting { side: side.opposite(), price: price.complement(), size }
    }
}
