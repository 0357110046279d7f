//! The event queue of one strategy. It is bounded: tops and depth of a lagging strategy are conflated, trades that do
//! not fit are dropped and reported as a count, and own events are never dropped: too many of them end the strategy.

use super::refusals::Refusals;
use crate::grants::Grants;
use crate::instance::Batch;
use crate::settings::Rates;
use model::{MarketNote, NoteKind, OwnEvent, Time, TokenIx};
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// A strategy with at least this many queued market events lags: its tops and depth are conflated.
const LAG: usize = 256;
/// The maximum number of queued market events; trades beyond it are dropped.
const MARKET_MAX: usize = 4_096;
/// The maximum number of queued own events.
pub(super) const OWN_MAX: usize = 10_000;
/// The maximum number of events lost between two batches; the journal records the number of each.
const LOST_MAX: usize = model::bounds::LIST_MAX;
/// Time for an instance that is being replaced to consume its queued events.
const HAND_OVER: Duration = Duration::from_secs(2);

/// A queued event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    Market(MarketNote),
    Own(Time, OwnEvent),
}

impl Item {
    /// Adds it to a batch, unless the strategy was not granted its token.
    pub(crate) fn append_to(&self, grants: &Grants, batch: &mut Batch) {
        match self {
            Self::Market(note) => batch.market(grants, note),
            Self::Own(at, event) => batch.own(grants, *at, event),
        }
    }
}

/// Kinds of events that the next one of the same kind supersedes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Supersedes {
    Top,
    Depth,
}

impl Supersedes {
    const fn of(kind: &NoteKind) -> Option<Self> {
        match kind {
            NoteKind::Top { .. } => Some(Self::Top),
            NoteKind::Depth(_) => Some(Self::Depth),
            NoteKind::Trade { .. } | NoteKind::Status { .. } => None,
        }
    }
}

#[derive(Debug, Default)]
struct QueuedEvent {
    /// The events with their numbers; `None` if superseded by a later one.
    items: VecDeque<Option<(u64, Item)>>,
    /// The number of the last event.
    number: u64,
    /// The numbers of the events superseded or dropped since the last batch.
    lost: Vec<u64>,
    /// The fault that the host set, if any.
    failed: Option<String>,
    /// The number of events taken from the front since the start, as the base of the positions in `newest`.
    taken: usize,
    /// Positions of the newest top and the newest depth of each token.
    newest: BTreeMap<(TokenIx, Supersedes), usize>,
    market: usize,
    own: usize,
    dropped: u64,
    /// The time of the last dropped trade.
    dropped_at: Time,
    end: Option<End>,
    overflow: bool,
    refusals: Refusals,
    /// True until the engine has processed the last answer.
    unjudged: bool,
}

/// The way a strategy is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// At once.
    Now,
    /// After it has consumed all queued events, at this time at the latest.
    Drained(Instant),
}

/// The result of [`Queue::next_batch`].
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// Events were taken.
    Items,
    /// The strategy is to end.
    End {
        /// The number of events that it did not consume.
        undelivered: usize,
        /// True if it is being replaced, and may continue if its successor does not start.
        replaced: bool,
    },
    /// No event arrived in time.
    Nothing,
    /// The queue overflowed.
    Overflow,
    /// The instance must fail, for example because its intents are refused too often; with the reason.
    Refused(String),
}

/// The queue of one strategy.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<QueuedEvent>,
    signal: Condvar,
}

impl Queue {
    /// Returns an empty queue for an instance with these markets.
    pub(super) fn of(grants: &Grants, rates: &Rates) -> Self {
        let waiting = QueuedEvent { refusals: Refusals::of(grants, rates), ..QueuedEvent::default() };
        Self { waiting: Mutex::new(waiting), signal: Condvar::new() }
    }

    pub(super) fn market(&self, note: MarketNote) {
        let mut waiting = self.lock();
        waiting.push_market(note);
        drop(waiting);
        self.signal.notify_one();
    }

    pub(super) fn own(&self, at: Time, event: OwnEvent) {
        let mut waiting = self.lock();
        if matches!(event, OwnEvent::Refused { .. }) {
            waiting.refusals.count(at);
        }
        if waiting.own >= OWN_MAX {
            waiting.overflow = true;
        } else {
            waiting.own = waiting.own.saturating_add(1);
            let number = waiting.count();
            waiting.items.push_back(Some((number, Item::Own(at, event))));
        }
        drop(waiting);
        self.signal.notify_one();
    }

    /// Makes the instance fail with this fault.
    pub(super) fn fail(&self, fault: &str) {
        self.lock().failed = Some(fault.to_owned());
        self.signal.notify_all();
    }

    /// Ends [`Queue::next_batch`].
    pub(super) fn end(&self) {
        self.lock().end = Some(End::Now);
        self.signal.notify_all();
    }

    /// Ends [`Queue::next_batch`] when all queued events are taken, and after two seconds in any case. No more events are
    /// queued.
    pub(super) fn end_when_drained(&self) {
        // An immediate end stays immediate.
        self.lock().end.get_or_insert(End::Drained(deadline(HAND_OVER)));
        self.signal.notify_all();
    }

    /// Makes [`Queue::next_batch`] return no events before [`Queue::judged`].
    pub(super) fn close_until_judged(&self) {
        self.lock().unjudged = true;
    }

    /// Records that the engine has processed the last answer, or that it is lost.
    pub(super) fn judged(&self) {
        self.lock().unjudged = false;
        self.signal.notify_all();
    }

    /// Waits for events until `until`. Fills `items` up to `max` events, and appends to `lost` the numbers of the
    /// events superseded or dropped since the last call.
    pub(super) fn next_batch(&self, max: usize, until: Instant, items: &mut Vec<Item>, lost: &mut Vec<u64>) -> Taken {
        let mut waiting = self.lock();
        loop {
            if waiting.is_over(Instant::now()) {
                let undelivered = items.len().saturating_add(waiting.market).saturating_add(waiting.own);
                return Taken::End { undelivered, replaced: waiting.end != Some(End::Now) };
            }
            if waiting.overflow {
                return Taken::Overflow;
            }
            if let Some(fault) = waiting.failed.take().or_else(|| waiting.refusals.fault()) {
                return Taken::Refused(fault);
            }
            if !waiting.unjudged {
                waiting.pop(max, items);
                if !items.is_empty() {
                    lost.append(&mut waiting.lost);
                    return Taken::Items;
                }
            }
            if waiting.end.is_some() && items.is_empty() && waiting.is_empty() {
                return Taken::End { undelivered: 0, replaced: true };
            }
            let patience = waiting.patience(until).saturating_duration_since(Instant::now());
            if patience.is_zero() {
                return Taken::Nothing;
            }
            let _waited = self.signal.wait_for(&mut waiting, patience);
        }
    }

    fn lock(&self) -> MutexGuard<'_, QueuedEvent> {
        self.waiting.lock()
    }
}

/// Returns the time `after` from now.
pub(super) fn deadline(after: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(after).unwrap_or(now)
}

impl QueuedEvent {
    /// Returns whether the strategy must end immediately.
    fn is_over(&self, now: Instant) -> bool {
        match self.end {
            Some(End::Now) => true,
            Some(End::Drained(by)) => now >= by,
            None => false,
        }
    }

    /// Returns whether there are no events.
    const fn is_empty(&self) -> bool {
        self.market == 0 && self.own == 0 && self.dropped == 0
    }

    /// Returns the time until which to wait: `until`, but not beyond the end.
    fn patience(&self, until: Instant) -> Instant {
        match self.end {
            Some(End::Drained(by)) => until.min(by),
            Some(End::Now) | None => until,
        }
    }

    fn push_market(&mut self, note: MarketNote) {
        let standing = Supersedes::of(&note.kind).map(|standing| (note.token, standing));
        if let Some(key) = standing.filter(|_| self.market >= LAG) {
            self.forget(key);
        }
        let number = self.count();
        // Only trades are dropped. Status events are few and must not be lost, and tops and depth are conflated.
        if self.market >= MARKET_MAX && matches!(note.kind, NoteKind::Trade { .. }) {
            self.dropped = self.dropped.saturating_add(1);
            self.dropped_at = note.host_time;
            return self.lose(number);
        }
        if let Some(key) = standing {
            self.newest.insert(key, self.taken.saturating_add(self.items.len()));
        }
        self.market = self.market.saturating_add(1);
        self.items.push_back(Some((number, Item::Market(note))));
    }

    fn forget(&mut self, key: (TokenIx, Supersedes)) {
        let place = self.newest.remove(&key).and_then(|place| place.checked_sub(self.taken));
        if let Some(slot) = place.and_then(|place| self.items.get_mut(place))
            && let Some((number, _)) = slot.take()
        {
            self.lose(number);
            self.market = self.market.saturating_sub(1);
        }
    }

    /// Records the number of a lost event. If there are more than an answer can list, the instance lags too far.
    fn lose(&mut self, number: u64) {
        if self.lost.len() >= LOST_MAX {
            self.overflow = true;
        } else {
            self.lost.push(number);
        }
    }

    /// Returns the number of the next event.
    const fn count(&mut self) -> u64 {
        self.number = self.number.saturating_add(1);
        self.number
    }

    fn pop(&mut self, max: usize, items: &mut Vec<Item>) {
        if self.dropped > 0 {
            let count = std::mem::take(&mut self.dropped);
            items.push(Item::Own(self.dropped_at, OwnEvent::Dropped { count }));
        }
        while items.len() < max {
            let Some(item) = self.items.pop_front() else { break };
            self.taken = self.taken.saturating_add(1);
            match &item {
                Some((_, Item::Market(_))) => self.market = self.market.saturating_sub(1),
                Some((_, Item::Own(..))) => self.own = self.own.saturating_sub(1),
                None => {}
            }
            items.extend(item.map(|(_, item)| item));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Level, Price, Side, Size};

    fn note(token: u32, time: u64, kind: NoteKind) -> MarketNote {
        MarketNote { token: TokenIx(token), venue_time: Time(time), host_time: Time(time), kind }
    }

    fn top(token: u32, time: u64) -> MarketNote {
        let level = Level { price: Price::from_micros(500_000).unwrap(), size: Size::shares(1) };
        note(token, time, NoteKind::Top { bid: Some(level), ask: None })
    }

    fn soon() -> Instant {
        deadline(Duration::from_secs(10))
    }

    fn trade(time: u64) -> MarketNote {
        let price = Price::from_micros(500_000).unwrap();
        note(1, time, NoteKind::Trade { side: Side::Buy, price, size: Size::shares(1) })
    }

    fn all(queue: &Queue) -> Vec<Item> {
        let mut items = Vec::new();
        assert_eq!(queue.next_batch(usize::MAX, soon(), &mut items, &mut Vec::new()), Taken::Items);
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
        queue.next_batch(3, soon(), &mut items, &mut Vec::new());
        assert_eq!(items.len(), 3);
        assert_eq!(items[2], Item::Market(top(0, 1)));
        assert_eq!(all(&queue).len(), 17);
    }

    #[test]
    fn tops_of_a_lagging_strategy_are_conflated_by_token_and_the_newest_stays() {
        let queue = Queue::default();
        for time in 0..60_001 {
            queue.market(top(u32::try_from(time % 3).unwrap(), time));
        }
        let items = all(&queue);
        assert!(items.len() <= LAG + 3, "{}", items.len());
        assert_eq!(items.last(), Some(&Item::Market(top(0, 60_000))));
        assert!(items.contains(&Item::Market(top(1, 59_998))) && !items.contains(&Item::Market(top(1, 59_995))));
    }

    #[test]
    fn an_answer_never_tells_of_more_that_was_lost_than_a_record_holds() {
        let queue = Queue::default();
        let mut lost = Vec::new();
        let fill = |queue: &Queue, count: usize| {
            (0..count).for_each(|_| queue.market(top(0, 1)));
        };
        fill(&queue, LAG + LOST_MAX);
        assert_eq!(queue.next_batch(1, soon(), &mut Vec::new(), &mut lost), Taken::Items);
        assert_eq!(lost.len(), LOST_MAX);
        let queue = Queue::default();
        fill(&queue, LAG + LOST_MAX + 1);
        assert_eq!(queue.next_batch(1, soon(), &mut Vec::new(), &mut lost), Taken::Overflow);
    }

    #[test]
    fn an_instance_fails_where_the_host_says_so() {
        let queue = Queue::default();
        queue.market(top(0, 1));
        queue.fail("too long");
        let taken = queue.next_batch(1, soon(), &mut Vec::new(), &mut Vec::new());
        assert_eq!(taken, Taken::Refused("too long".to_owned()));
    }

    #[test]
    fn depth_of_a_lagging_strategy_is_conflated_apart_from_tops_and_states_never_are() {
        let queue = Queue::default();
        let depth = |time| note(0, time, NoteKind::Depth(model::Depth::of(&model::Book::default(), 2)));
        let (tick, state) = (model::TickSize::CENT, model::MarketState::Open);
        let status = |time| note(0, time, NoteKind::Status { tick, state, pays: None });
        for time in 0..1_000 {
            queue.market(top(0, time));
            queue.market(depth(time));
            queue.market(status(time));
        }
        let items = all(&queue);
        let count = |note: fn(&NoteKind) -> bool| {
            items.iter().filter(|item| matches!(item, Item::Market(shown) if note(&shown.kind))).count()
        };
        assert_eq!(count(|kind| matches!(kind, NoteKind::Status { .. })), 1_000);
        let [tops, depths] =
            [count(|kind| matches!(kind, NoteKind::Top { .. })), count(|kind| matches!(kind, NoteKind::Depth(_)))];
        assert!(tops < LAG && depths < LAG, "{tops} tops, {depths} depths");
        assert_eq!(
            items[items.len() - 3..],
            [Item::Market(top(0, 999)), Item::Market(depth(999)), Item::Market(status(999))]
        );
    }

    #[test]
    fn trades_that_do_not_fit_are_counted_and_reported() {
        let queue = Queue::default();
        for time in 0..5_000 {
            queue.market(trade(time));
        }
        let items = all(&queue);
        assert_eq!(items[0], Item::Own(Time(4_999), OwnEvent::Dropped { count: 904 }));
        assert_eq!(items.len(), MARKET_MAX + 1);
    }

    #[test]
    fn own_events_that_do_not_fit_end_the_strategy() {
        let queue = Queue::default();
        for time in 0..=10_000 {
            queue.own(Time(time), OwnEvent::Timer { timer: 1 });
        }
        assert_eq!(queue.next_batch(1, soon(), &mut Vec::new(), &mut Vec::new()), Taken::Overflow);
        queue.end();
        assert_eq!(
            queue.next_batch(1, soon(), &mut Vec::new(), &mut Vec::new()),
            Taken::End { undelivered: 10_000, replaced: false }
        );
    }

    #[test]
    fn one_that_is_replaced_hears_the_rest_first_and_one_that_is_ended_does_not() {
        let queue = Queue::default();
        (0..3).for_each(|time| queue.market(trade(time)));
        queue.end_when_drained();
        let (mut items, mut lost) = (Vec::new(), Vec::new());
        assert_eq!(queue.next_batch(2, soon(), &mut items, &mut lost), Taken::Items);
        items.clear();
        assert_eq!(queue.next_batch(2, soon(), &mut items, &mut lost), Taken::Items);
        assert_eq!(items, [Item::Market(trade(2))]);
        // Events left over from a batch are taken too.
        assert_eq!(queue.next_batch(2, soon(), &mut items, &mut lost), Taken::Items);
        items.clear();
        assert_eq!(queue.next_batch(2, soon(), &mut items, &mut lost), Taken::End { undelivered: 0, replaced: true });
        queue.market(trade(4));
        queue.end();
        queue.end_when_drained();
        assert_eq!(queue.next_batch(2, soon(), &mut items, &mut lost), Taken::End { undelivered: 1, replaced: false });
    }

    #[test]
    fn a_wait_ends_when_nothing_comes() {
        let until = deadline(Duration::from_millis(5));
        assert_eq!(Queue::default().next_batch(1, until, &mut Vec::new(), &mut Vec::new()), Taken::Nothing);
        assert!(Instant::now() >= until);
    }
}
