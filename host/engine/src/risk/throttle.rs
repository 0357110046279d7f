//! Recent activity of each strategy: number of placements, repeated placements, and fills.

use alloc::collections::{BTreeMap, VecDeque};
use model::{MarketIx, NewOrder, Price, Side, Size, StrategyId, Time, TokenIx};

const MINUTE_MICROS: u64 = 60_000_000;
/// Equal placements within this time count as repeated.
const REPEAT_MICROS: u64 = 10_000_000;
/// The most distinct recent placements that are remembered for all strategies.
const WISHES_MAX: usize = 10_000;

/// The fields in which two equal placements agree.
type PlacementKey = (TokenIx, bool, Price, Size, bool);

/// Recent order activity of each strategy, for the rate and repetition rules.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Throttles {
    sent: BTreeMap<StrategyId, SlidingWindow>,
    wishes: VecDeque<(Time, StrategyId, PlacementKey)>,
    /// The number of occurrences of each in `wishes`.
    counts: BTreeMap<(StrategyId, PlacementKey), u32>,
    fills: BTreeMap<(StrategyId, MarketIx, bool), SlidingWindow>,
}

fn placement_key(order: &NewOrder) -> PlacementKey {
    (order.token, order.side == Side::Buy, order.price, order.size, order.kind.rests())
}

/// Times of events within the last minute.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct SlidingWindow {
    moments: VecDeque<Time>,
}

impl SlidingWindow {
    pub(crate) fn in_last_minute(&self, now: Time) -> u32 {
        // The times rise, so entries older than a minute are at the front.
        let old = self.moments.partition_point(|at| now.since(*at) >= MINUTE_MICROS);
        u32::try_from(self.moments.len().saturating_sub(old)).unwrap_or(u32::MAX)
    }

    /// Returns the times that still count at `now`, oldest first.
    pub(crate) fn recent(&self, now: Time) -> impl Iterator<Item = Time> {
        self.moments.iter().copied().filter(move |at| now.since(*at) < MINUTE_MICROS)
    }

    pub(crate) fn record(&mut self, now: Time) {
        while self.moments.front().is_some_and(|at| now.since(*at) >= MINUTE_MICROS) {
            self.moments.pop_front();
        }
        self.moments.push_back(now);
    }
}

impl Throttles {
    /// Records a placement of a strategy.
    pub(crate) fn record_sent(&mut self, strategy: StrategyId, now: Time) {
        self.sent.entry(strategy).or_default().record(now);
    }

    /// Returns the number of placements of a strategy in the last minute.
    pub(crate) fn in_last_minute(&self, strategy: StrategyId, now: Time) -> u32 {
        self.sent.get(&strategy).map_or(0, |sent| sent.in_last_minute(now))
    }

    /// Removes entries that are too old to count; to be called before [`Throttles::repeats`].
    pub(crate) fn forget_old_placements(&mut self, now: Time) {
        while self.wishes.front().is_some_and(|(at, ..)| now.since(*at) >= REPEAT_MICROS)
            || self.wishes.len() >= WISHES_MAX
        {
            let Some((_, strategy, wish)) = self.wishes.pop_front() else { return };
            self.uncount(strategy, wish);
        }
    }

    fn uncount(&mut self, strategy: StrategyId, wish: PlacementKey) {
        let count = self.counts.remove(&(strategy, wish)).unwrap_or(0).saturating_sub(1);
        if count > 0 {
            self.counts.insert((strategy, wish), count);
        }
    }

    /// Records an order request of a strategy, whether approved or not.
    pub(crate) fn record_placement(&mut self, order: &NewOrder, now: Time) {
        let key = (order.strategy, placement_key(order));
        self.wishes.push_back((now, key.0, key.1));
        let count = self.counts.entry(key).or_default();
        *count = count.saturating_add(1);
    }

    /// Returns how often a strategy made the same request in the last ten seconds.
    pub(crate) fn repeats(&self, order: &NewOrder) -> u32 {
        self.counts.get(&(order.strategy, placement_key(order))).copied().unwrap_or(0)
    }

    /// Records a fill, and returns the number of fills on this side of the market in the last minute.
    pub(crate) fn record_fill(&mut self, order: &NewOrder, now: Time) -> u32 {
        let key = (order.strategy, order.token.market(), order.side == Side::Buy);
        let fills = self.fills.entry(key).or_default();
        fills.record(now);
        fills.in_last_minute(now)
    }

    /// Clears the recorded activity of a strategy, after an operator closed its breaker.
    pub(crate) fn forgive(&mut self, strategy: StrategyId) {
        self.wishes.retain(|(_, who, _)| *who != strategy);
        self.counts.retain(|(who, _), _| *who != strategy);
        self.fills.retain(|(who, ..), _| *who != strategy);
    }
}
