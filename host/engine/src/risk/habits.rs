//! What each strategy did lately: how often it placed, what it repeated, how often it was filled.

use alloc::collections::{BTreeMap, VecDeque};
use model::{MarketIx, NewOrder, OrderKind, Price, Side, Size, StrategyId, Time, TokenIx};

const MINUTE_MICROS: u64 = 60_000_000;
/// Equal placements within this count as repeated.
const REPEAT_MICROS: u64 = 10_000_000;
/// Moments that are remembered for one thing; a limit beyond this has no effect.
const REMEMBERED_MAX: usize = 10_000;
/// Different placements of the last seconds that are remembered for all strategies.
const WISHES_MAX: usize = 10_000;

/// What makes two placements equal.
type Wish = (TokenIx, bool, Price, Size, bool);

/// The lately of all strategies.
#[derive(Debug, Default)]
pub(crate) struct Habits {
    sent: BTreeMap<StrategyId, VecDeque<Time>>,
    wishes: VecDeque<(Time, StrategyId, Wish)>,
    /// How often each is among `wishes`.
    counts: BTreeMap<(StrategyId, Wish), u32>,
    fills: BTreeMap<(StrategyId, MarketIx, bool), VecDeque<Time>>,
}

fn wish(order: &NewOrder) -> Wish {
    (order.token, order.side == Side::Buy, order.price, order.size, matches!(order.kind, OrderKind::Gtc { .. }))
}

/// Notes a moment, and forgets those that are out of the window.
fn note(moments: &mut VecDeque<Time>, now: Time, window: u64) -> u32 {
    while moments.front().is_some_and(|at| now.since(*at) >= window) || moments.len() >= REMEMBERED_MAX {
        moments.pop_front();
    }
    moments.push_back(now);
    u32::try_from(moments.len()).unwrap_or(u32::MAX)
}

impl Habits {
    /// Notes a placement of a strategy.
    pub(crate) fn note_sent(&mut self, strategy: StrategyId, now: Time) {
        note(self.sent.entry(strategy).or_default(), now, MINUTE_MICROS);
    }

    /// Returns how many placements a strategy made in the last minute.
    pub(crate) fn in_last_minute(&self, strategy: StrategyId, now: Time) -> u32 {
        let Some(sent) = self.sent.get(&strategy) else { return 0 };
        let old = sent.partition_point(|at| now.since(*at) >= MINUTE_MICROS);
        u32::try_from(sent.len().saturating_sub(old)).unwrap_or(u32::MAX)
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
        note(self.fills.entry(key).or_default(), now, MINUTE_MICROS)
    }

    /// Forgets what a strategy did, after an operator looked at it.
    pub(crate) fn forgive(&mut self, strategy: StrategyId) {
        self.wishes.retain(|(_, who, _)| *who != strategy);
        self.counts.retain(|(who, _), _| *who != strategy);
        self.fills.retain(|(who, ..), _| *who != strategy);
    }
}
