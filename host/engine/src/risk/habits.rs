//! What each strategy did lately: how often it placed, what it repeated, how often it was filled.

use alloc::collections::{BTreeMap, VecDeque};
use model::{MarketIx, NewOrder, Price, Side, Size, StrategyId, Time, TokenIx};

const MINUTE_MICROS: u64 = 60_000_000;
/// Equal placements within this count as repeated.
const REPEAT_MICROS: u64 = 10_000_000;
/// Different placements of the last seconds that are remembered for all strategies.
const WISHES_MAX: usize = 10_000;

/// What makes two placements equal.
type Wish = (TokenIx, bool, Price, Size, bool);

/// The lately of all strategies.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Habits {
    sent: BTreeMap<StrategyId, Rate>,
    wishes: VecDeque<(Time, StrategyId, Wish)>,
    /// How often each is among `wishes`.
    counts: BTreeMap<(StrategyId, Wish), u32>,
    fills: BTreeMap<(StrategyId, MarketIx, bool), Rate>,
}

fn wish(order: &NewOrder) -> Wish {
    (order.token, order.side == Side::Buy, order.price, order.size, order.kind.rests())
}

/// Moments of the last minute.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Rate {
    moments: VecDeque<Time>,
}

impl Rate {
    pub(crate) fn in_last_minute(&self, now: Time) -> u32 {
        // The times rise, so what is older than a minute stands in front.
        let old = self.moments.partition_point(|at| now.since(*at) >= MINUTE_MICROS);
        u32::try_from(self.moments.len().saturating_sub(old)).unwrap_or(u32::MAX)
    }

    /// Returns the moments that still count at `now`, oldest first.
    pub(crate) fn recent(&self, now: Time) -> impl Iterator<Item = Time> {
        self.moments.iter().copied().filter(move |at| now.since(*at) < MINUTE_MICROS)
    }

    pub(crate) fn note(&mut self, now: Time) {
        while self.moments.front().is_some_and(|at| now.since(*at) >= MINUTE_MICROS) {
            self.moments.pop_front();
        }
        self.moments.push_back(now);
    }
}

impl Habits {
    /// Notes a placement of a strategy.
    pub(crate) fn note_sent(&mut self, strategy: StrategyId, now: Time) {
        self.sent.entry(strategy).or_default().note(now);
    }

    /// Returns how many placements a strategy made in the last minute.
    pub(crate) fn in_last_minute(&self, strategy: StrategyId, now: Time) -> u32 {
        self.sent.get(&strategy).map_or(0, |sent| sent.in_last_minute(now))
    }

    /// Forgets what is too old to count; to be called before [`Habits::repeats`] is asked.
    pub(crate) fn forget_old_wishes(&mut self, now: Time) {
        while self.wishes.front().is_some_and(|(at, ..)| now.since(*at) >= REPEAT_MICROS)
            || self.wishes.len() >= WISHES_MAX
        {
            let Some((_, strategy, wish)) = self.wishes.pop_front() else { return };
            self.uncount(strategy, wish);
        }
    }

    fn uncount(&mut self, strategy: StrategyId, wish: Wish) {
        let count = self.counts.remove(&(strategy, wish)).unwrap_or(0).saturating_sub(1);
        if count > 0 {
            self.counts.insert((strategy, wish), count);
        }
    }

    /// Notes what a strategy asked for, whatever became of it.
    pub(crate) fn note_wish(&mut self, order: &NewOrder, now: Time) {
        let key = (order.strategy, wish(order));
        self.wishes.push_back((now, key.0, key.1));
        let count = self.counts.entry(key).or_default();
        *count = count.saturating_add(1);
    }

    /// Returns how often a strategy asked for the same in the last ten seconds.
    pub(crate) fn repeats(&self, order: &NewOrder) -> u32 {
        self.counts.get(&(order.strategy, wish(order))).copied().unwrap_or(0)
    }

    /// Notes a fill, and returns how many there were on this side of the market in the last minute.
    pub(crate) fn note_fill(&mut self, order: &NewOrder, now: Time) -> u32 {
        let key = (order.strategy, order.token.market(), order.side == Side::Buy);
        let fills = self.fills.entry(key).or_default();
        fills.note(now);
        fills.in_last_minute(now)
    }

    /// Forgets what a strategy did, after an operator looked at it.
    pub(crate) fn forgive(&mut self, strategy: StrategyId) {
        self.wishes.retain(|(_, who, _)| *who != strategy);
        self.counts.retain(|(who, _), _| *who != strategy);
        self.fills.retain(|(who, ..), _| *who != strategy);
    }
}
