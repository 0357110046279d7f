//! The booked fills. A repeated message must not be booked twice, so a fill is forgotten only when its order is closed.

use super::{Fill, FillKey};
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use model::{OrderId, Time, TradeId};

/// The most fills that are examined in one pass to forget old ones.
const TRIES_MAX: usize = 256;

/// A fill that is not final.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
struct Unsettled {
    /// Its first report.
    since: Time,
    /// Its last report or query.
    touched: Time,
}

impl Unsettled {
    /// Returns true if it should have settled by now.
    const fn is_overdue(&self, now: Time, after_micros: u64) -> bool {
        now.since(self.touched) >= after_micros
    }
}

/// The table of fills.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Fills {
    booked: BTreeMap<FillKey, Fill>,
    /// Keys in order of arrival; a fill that could not be forgotten in its turn is queued again.
    age: VecDeque<FillKey>,
    /// Fills that are not final, by order.
    unsettled: BTreeMap<(OrderId, TradeId, u32), Unsettled>,
    /// The first report time of the latest forgotten fill.
    forgotten: Time,
}

impl Fills {
    pub(super) fn get(&self, key: &FillKey) -> Option<Fill> {
        self.booked.get(key).copied()
    }

    /// Remembers a fill, or updates its settlement state.
    pub(super) fn insert(&mut self, key: FillKey, fill: Fill, now: Time) {
        let (trade, part, order) = key;
        if fill.is_final() {
            self.unsettled.remove(&(order, trade, part));
        } else {
            self.unsettled.insert((order, trade, part), Unsettled { since: fill.at, touched: now });
        }
        if self.booked.insert(key, fill).is_none() {
            self.age.push_back(key);
        }
    }

    /// Forgets the oldest fills beyond `most` whose orders are closed according to `is_done`.
    pub(super) fn forget(&mut self, most: usize, is_done: impl Fn(&Self, OrderId) -> bool) {
        for _ in 0..TRIES_MAX {
            if self.age.len() <= most {
                return;
            }
            let Some(oldest) = self.age.pop_front() else { return };
            if !is_done(self, oldest.2) {
                self.age.push_back(oldest);
            } else if let Some(fill) = self.booked.remove(&oldest) {
                self.forgotten = self.forgotten.max(fill.at);
            }
        }
    }

    /// Returns true if a fill of an order is not final.
    pub(super) fn waits(&self, order: OrderId) -> bool {
        let (first, last) = (TradeId([0; 16]), TradeId([u8::MAX; 16]));
        self.unsettled.range((order, first, 0)..=(order, last, u32::MAX)).next().is_some()
    }

    /// Returns true if fills should have settled by now.
    pub(super) fn is_overdue(&self, now: Time, after_micros: u64) -> bool {
        self.unsettled.values().any(|fill| fill.is_overdue(now, after_micros))
    }

    /// Returns the orders whose fills should have settled by now, each once; they are returned again after the same
    /// time.
    pub(super) fn overdue(&mut self, now: Time, after_micros: u64) -> BTreeSet<OrderId> {
        let late = self.unsettled.iter_mut().filter(|(_, fill)| fill.is_overdue(now, after_micros));
        late.map(|((order, ..), fill)| {
            fill.touched = now;
            *order
        })
        .collect()
    }

    /// Returns the first report time of the oldest fill that is not final.
    pub(super) fn oldest_unsettled(&self) -> Option<Time> {
        self.unsettled.values().map(|fill| fill.since).min()
    }

    /// Returns the remembered fills, oldest first.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (&FillKey, Fill)> {
        self.age.iter().filter_map(|key| Some((key, *self.booked.get(key)?)))
    }

    /// Returns the number of remembered fills, and how many of them are not final.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.booked.len(), self.unsettled.len())
    }

    /// Returns the first report time of the latest forgotten fill; zero if none was forgotten.
    pub(super) const fn forgotten(&self) -> Time {
        self.forgotten
    }
}
