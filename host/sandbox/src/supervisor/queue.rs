//! What waits for one strategy, in order. Bounded: tops and depth of a lagging strategy are conflated, trades that do not fit are
//! dropped and told, and its own events are never dropped: too many of them end it.

use super::refusals::Refusals;
use crate::grants::Grants;
use crate::instance::Batch;
use crate::settings::Rates;
use model::{MarketNote, NoteKind, OwnEvent, Time, TokenIx};
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// A strategy with more market events waiting than this lags: tops and depth are conflated.
const LAG: usize = 256;
/// The most market events that wait.
const MARKET_MAX: usize = 4_096;
/// The most own events that wait.
pub(super) const OWN_MAX: usize = 10_000;
/// The most that may be lost between two batches; the journal has the number of each.
const LOST_MAX: usize = model::bounds::LIST_MAX;
/// How long an instance that is replaced may take to hear what came before.
const HAND_OVER: Duration = Duration::from_secs(2);

/// Something for the strategy to hear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    Market(MarketNote),
    Own(Time, OwnEvent),
}

impl Item {
    /// Adds it to a batch; what the strategy was not granted is left out.
    pub(crate) fn put(&self, grants: &Grants, batch: &mut Batch) {
        match self {
            Self::Market(note) => batch.market(grants, note),
            Self::Own(at, event) => batch.own(grants, *at, event),
        }
    }
}

/// What the next of its kind makes worthless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    Top,
    Depth,
}

impl Standing {
    const fn of(kind: &NoteKind) -> Option<Self> {
        match kind {
            NoteKind::Top { .. } => Some(Self::Top),
            NoteKind::Depth(_) => Some(Self::Depth),
            NoteKind::Trade { .. } | NoteKind::Status { .. } => None,
        }
    }
}

#[derive(Debug, Default)]
struct Waiting {
    /// Each with its number; `None` where it was replaced by a later one.
    items: VecDeque<Option<(u64, Item)>>,
    /// The number of the last that came.
    number: u64,
    /// The numbers of what was replaced or dropped since the last batch.
    lost: Vec<u64>,
    /// Why it has to fail, if the host says so.
    failed: Option<String>,
    /// How many were taken from the front since the start, so that places can be named.
    taken: usize,
    /// Where the newest top and the newest depth of a token wait.
    newest: BTreeMap<(TokenIx, Standing), usize>,
    market: usize,
    own: usize,
    dropped: u64,
    /// The time of the last that was dropped.
    dropped_at: Time,
    end: Option<End>,
    overflow: bool,
    refusals: Refusals,
    /// Whether the last answer has not been judged yet.
    unjudged: bool,
}

/// How a strategy is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// At once.
    Now,
    /// When it has heard all that came, but not after this.
    Heard(Instant),
}

/// What [`Queue::take`] found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// There are items.
    Items,
    /// The strategy is to end.
    End {
        /// What it did not hear any more.
        unheard: usize,
        /// Whether it is replaced, and may go on if its successor does not start.
        replaced: bool,
    },
    /// Nothing came until then.
    Nothing,
    /// Its own events did not fit.
    Overflow,
    /// Its intents are refused too often; with that as a sentence.
    Refused(String),
}

/// The queue of one strategy.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    signal: Condvar,
}

impl Queue {
    /// Returns an empty queue of an instance with these markets.
    pub(super) fn of(grants: &Grants, rates: &Rates) -> Self {
        let waiting = Waiting { refusals: Refusals::of(grants, rates), ..Waiting::default() };
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

    /// Makes the instance fail for something that it said.
    pub(super) fn fail(&self, fault: &str) {
        self.lock().failed = Some(fault.to_owned());
        self.signal.notify_all();
    }

    /// Ends [`Queue::take`].
    pub(super) fn end(&self) {
        self.lock().end = Some(End::Now);
        self.signal.notify_all();
    }

    /// Ends [`Queue::take`] when all that came is taken, and after some seconds in any case. Nothing more comes.
    pub(super) fn end_heard(&self) {
        // An end at once stays one.
        self.lock().end.get_or_insert(End::Heard(deadline(HAND_OVER)));
        self.signal.notify_all();
    }

    /// Has [`Queue::take`] return no items before [`Queue::judged`].
    pub(super) fn close_until_judged(&self) {
        self.lock().unjudged = true;
    }

    /// The last answer was judged, or is lost.
    pub(super) fn judged(&self) {
        self.lock().unjudged = false;
        self.signal.notify_all();
    }

    /// Waits for something until `until`, appends at most `max` items to `items`, and to `lost` the numbers of what was replaced or
    /// dropped since the last time.
    pub(super) fn take(&self, max: usize, until: Instant, items: &mut Vec<Item>, lost: &mut Vec<u64>) -> Taken {
        let mut waiting = self.lock();
        loop {
            if waiting.is_over(Instant::now()) {
                let unheard = items.len().saturating_add(waiting.market).saturating_add(waiting.own);
                return Taken::End { unheard, replaced: waiting.end != Some(End::Now) };
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
                return Taken::End { unheard: 0, replaced: true };
            }
            let patience = waiting.patience(until).saturating_duration_since(Instant::now());
            if patience.is_zero() {
                return Taken::Nothing;
            }
            let _waited = self.signal.wait_for(&mut waiting, patience);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock()
    }
}

/// Returns the moment after so long.
pub(super) fn deadline(after: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(after).unwrap_or(now)
}

impl Waiting {
    /// Says whether the end must not wait for anything.
    fn is_over(&self, now: Instant) -> bool {
        match self.end {
            Some(End::Now) => true,
            Some(End::Heard(by)) => now >= by,
            None => false,
        }
    }

    /// Says whether there is nothing to hear.
    const fn is_empty(&self) -> bool {
        self.market == 0 && self.own == 0 && self.dropped == 0
    }

    /// Returns until when to wait, if `until` is wanted: not beyond the end.
    fn patience(&self, until: Instant) -> Instant {
        match self.end {
            Some(End::Heard(by)) => until.min(by),
            Some(End::Now) | None => until,
        }
    }

    fn push_market(&mut self, note: MarketNote) {
        let standing = Standing::of(&note.kind).map(|standing| (note.token, standing));
        if let Some(key) = standing.filter(|_| self.market >= LAG) {
            self.forget(key);
        }
        let number = self.count();
        // Grids and states are few and must not be lost; they come with their market's next top anyway.
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

    fn forget(&mut self, key: (TokenIx, Standing)) {
        let place = self.newest.remove(&key).and_then(|place| place.checked_sub(self.taken));
        if let Some(slot) = place.and_then(|place| self.items.get_mut(place))
            && let Some((number, _)) = slot.take()
        {
            self.lose(number);
            self.market = self.market.saturating_sub(1);
        }
    }

    /// Notes what is never heard. Where that is more than an answer can tell, the instance lags too far.
    fn lose(&mut self, number: u64) {
        if self.lost.len() >= LOST_MAX {
            self.overflow = true;
        } else {
            self.lost.push(number);
        }
    }

    /// Counts one more that came, and returns its number.
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
        assert_eq!(queue.take(usize::MAX, soon(), &mut items, &mut Vec::new()), Taken::Items);
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
        queue.take(3, soon(), &mut items, &mut Vec::new());
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
        assert_eq!(queue.take(1, soon(), &mut Vec::new(), &mut lost), Taken::Items);
        assert_eq!(lost.len(), LOST_MAX);
        let queue = Queue::default();
        fill(&queue, LAG + LOST_MAX + 1);
        assert_eq!(queue.take(1, soon(), &mut Vec::new(), &mut lost), Taken::Overflow);
    }

    #[test]
    fn an_instance_fails_where_the_host_says_so() {
        let queue = Queue::default();
        queue.market(top(0, 1));
        queue.fail("too long");
        let taken = queue.take(1, soon(), &mut Vec::new(), &mut Vec::new());
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
            items.iter().filter(|item| matches!(item, Item::Market(told) if note(&told.kind))).count()
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
    fn trades_that_do_not_fit_are_counted_and_told() {
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
        assert_eq!(queue.take(1, soon(), &mut Vec::new(), &mut Vec::new()), Taken::Overflow);
        queue.end();
        assert_eq!(
            queue.take(1, soon(), &mut Vec::new(), &mut Vec::new()),
            Taken::End { unheard: 10_000, replaced: false }
        );
    }

    #[test]
    fn one_that_is_replaced_hears_the_rest_first_and_one_that_is_ended_does_not() {
        let queue = Queue::default();
        (0..3).for_each(|time| queue.market(trade(time)));
        queue.end_heard();
        let (mut items, mut lost) = (Vec::new(), Vec::new());
        assert_eq!(queue.take(2, soon(), &mut items, &mut lost), Taken::Items);
        items.clear();
        assert_eq!(queue.take(2, soon(), &mut items, &mut lost), Taken::Items);
        assert_eq!(items, [Item::Market(trade(2))]);
        // What is left over of a batch is heard too.
        assert_eq!(queue.take(2, soon(), &mut items, &mut lost), Taken::Items);
        items.clear();
        assert_eq!(queue.take(2, soon(), &mut items, &mut lost), Taken::End { unheard: 0, replaced: true });
        queue.market(trade(4));
        queue.end();
        queue.end_heard();
        assert_eq!(queue.take(2, soon(), &mut items, &mut lost), Taken::End { unheard: 1, replaced: false });
    }

    #[test]
    fn a_wait_ends_when_nothing_comes() {
        let until = deadline(Duration::from_millis(5));
        assert_eq!(Queue::default().take(1, until, &mut Vec::new(), &mut Vec::new()), Taken::Nothing);
        assert!(Instant::now() >= until);
    }
}
