//! What waits for one strategy, in order. Bounded: tops of a lagging strategy are conflated, trades that do not fit are
//! dropped and told, and its own events are never dropped: too many of them end it.

use model::{MarketNote, NoteKind, OwnEvent, Time, TokenIx};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A strategy with more market events waiting than this lags: tops are conflated.
const LAG: usize = 256;
/// The most market events that wait.
const MARKET_MAX: usize = 4_096;
/// The most own events that wait.
pub(super) const OWN_MAX: usize = 10_000;

/// Something for the strategy to hear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    Market(MarketNote),
    Own(Time, OwnEvent),
}

#[derive(Debug, Default)]
struct Waiting {
    /// `None` where a top was replaced by a later one.
    items: VecDeque<Option<Item>>,
    /// How many were taken from the front since the start, so that places can be named.
    taken: usize,
    /// Where the newest top of a token waits.
    tops: BTreeMap<TokenIx, usize>,
    market: usize,
    own: usize,
    dropped: u64,
    end: bool,
    overflow: bool,
}

/// What [`Queue::take`] found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// There are items.
    Items,
    /// The strategy is to end.
    End,
    /// Its own events did not fit.
    Overflow,
}

/// The queue of one strategy.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    signal: Condvar,
}

impl Queue {
    pub(super) fn market(&self, note: MarketNote) {
        let mut waiting = self.lock();
        waiting.push_market(note);
        drop(waiting);
        self.signal.notify_one();
    }

    pub(super) fn own(&self, at: Time, event: OwnEvent) {
        let mut waiting = self.lock();
        if waiting.own >= OWN_MAX {
            waiting.overflow = true;
        } else {
            waiting.own = waiting.own.saturating_add(1);
            waiting.items.push_back(Some(Item::Own(at, event)));
        }
        drop(waiting);
        self.signal.notify_one();
    }

    /// Ends [`Queue::take`].
    pub(super) fn end(&self) {
        self.lock().end = true;
        self.signal.notify_all();
    }

    /// Waits for something and appends at most `max` items to `items`. `now` dates the notice of what was dropped.
    pub(super) fn take(&self, max: usize, now: fn() -> Time, items: &mut Vec<Item>) -> Taken {
        let mut waiting = self.lock();
        loop {
            if waiting.end {
                return Taken::End;
            }
            if waiting.overflow {
                return Taken::Overflow;
            }
            waiting.pop(max, now, items);
            if !items.is_empty() {
                return Taken::Items;
            }
            waiting = self.signal.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn push_market(&mut self, note: MarketNote) {
        let top = matches!(note.kind, NoteKind::Top { .. });
        if top && self.market >= LAG {
            self.forget_top(note.token);
        }
        // Grids and states are few and must not be lost; they come with their market's next top anyway.
        if self.market >= MARKET_MAX && matches!(note.kind, NoteKind::Trade { .. }) {
            self.dropped = self.dropped.saturating_add(1);
            return;
        }
        if top {
            self.tops.insert(note.token, self.taken.saturating_add(self.items.len()));
        }
        self.market = self.market.saturating_add(1);
        self.items.push_back(Some(Item::Market(note)));
    }

    fn forget_top(&mut self, token: TokenIx) {
        let place = self.tops.remove(&token).and_then(|place| place.checked_sub(self.taken));
        if let Some(slot) = place.and_then(|place| self.items.get_mut(place))
            && slot.take().is_some()
        {
            self.market = self.market.saturating_sub(1);
        }
    }

    fn pop(&mut self, max: usize, now: fn() -> Time, items: &mut Vec<Item>) {
        if self.dropped > 0 {
            let count = std::mem::take(&mut self.dropped);
            items.push(Item::Own(now(), OwnEvent::Dropped { count }));
        }
        while items.len() < max {
            let Some(item) = self.items.pop_front() else { break };
            self.taken = self.taken.saturating_add(1);
            match &item {
                Some(Item::Market(_)) => self.market = self.market.saturating_sub(1),
                Some(Item::Own(..)) => self.own = self.own.saturating_sub(1),
                None => {}
            }
            items.extend(item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Level, Price, Side, Size};

    const NOW: fn() -> Time = || Time(9);

    fn note(token: u32, time: u64, kind: NoteKind) -> MarketNote {
        MarketNote { token: TokenIx(token), venue_time: Time(time), host_time: Time(time), kind }
    }

    fn top(token: u32, time: u64) -> MarketNote {
        let level = Level { price: Price::from_micros(500_000).unwrap(), size: Size::shares(1) };
        note(token, time, NoteKind::Top { bid: Some(level), ask: None })
    }

    fn trade(time: u64) -> MarketNote {
        let price = Price::from_micros(500_000).unwrap();
        note(1, time, NoteKind::Trade { side: Side::Buy, price, size: Size::shares(1) })
    }

    fn all(queue: &Queue) -> Vec<Item> {
        let mut items = Vec::new();
        assert_eq!(queue.take(usize::MAX, NOW, &mut items), Taken::Items);
        items
    }

    #[test]
    fn a_strategy_that_keeps_up_hears_every_top_in_order() {
        let queue = Queue::default();
        for time in 0..10 {
            queue.market(top(0, time));
            queue.own(Time(time), OwnEvent::Timer { timer: 1 });
        }
        let mut items = Vec::new();
        queue.take(3, NOW, &mut items);
        assert_eq!(items.len(), 3);
        assert_eq!(items[2], Item::Market(top(0, 1)));
        assert_eq!(all(&queue).len(), 17);
    }

    #[test]
    fn tops_of_a_lagging_strategy_are_conflated_by_token_and_the_newest_stays() {
        let queue = Queue::default();
        for time in 0..100_000 {
            queue.market(top(u32::try_from(time % 3).unwrap(), time));
        }
        let items = all(&queue);
        assert!(items.len() <= LAG + 3, "{}", items.len());
        assert_eq!(items.last(), Some(&Item::Market(top(0, 99_999))));
        assert!(items.contains(&Item::Market(top(1, 99_997))) && !items.contains(&Item::Market(top(1, 99_994))));
    }

    #[test]
    fn trades_that_do_not_fit_are_counted_and_told() {
        let queue = Queue::default();
        for time in 0..5_000 {
            queue.market(trade(time));
        }
        let items = all(&queue);
        assert_eq!(items[0], Item::Own(Time(9), OwnEvent::Dropped { count: 904 }));
        assert_eq!(items.len(), MARKET_MAX + 1);
    }

    #[test]
    fn own_events_that_do_not_fit_end_the_strategy() {
        let queue = Queue::default();
        for time in 0..=10_000 {
            queue.own(Time(time), OwnEvent::Timer { timer: 1 });
        }
        assert_eq!(queue.take(1, NOW, &mut Vec::new()), Taken::Overflow);
        queue.end();
        assert_eq!(queue.take(1, NOW, &mut Vec::new()), Taken::End);
    }
}
