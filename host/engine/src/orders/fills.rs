//! The fills that were booked. A repeated message must not book one twice, so a fill is forgotten only when nothing more can come of it.

use super::{Fill, FillKey};
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use model::{OrderId, Time, TradeId};

/// The most fills that one look at the table tries to forget.
const TRIES_MAX: usize = 256;

/// The table of fills.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Fills {
    booked: BTreeMap<FillKey, Fill>,
    /// In the order in which they came; what could not be forgotten in its turn comes again.
    age: VecDeque<FillKey>,
    /// Fills that are not final, and when they were last heard of or asked for, by order.
    unsettled: BTreeMap<(OrderId, TradeId, u32), Time>,
    /// When the latest of the forgotten ones was first heard of.
    forgotten: Time,
}

impl Fills {
    pub(super) fn get(&self, key: &FillKey) -> Option<Fill> {
        self.booked.get(key).copied()
    }

    /// Remembers a fill, or how far it has settled now.
    pub(super) fn insert(&mut self, key: FillKey, fill: Fill, now: Time) {
        let (trade, part, order) = key;
        if fill.is_final() {
            self.unsettled.remove(&(order, trade, part));
        } else {
            self.unsettled.insert((order, trade, part), now);
        }
        if self.booked.insert(key, fill).is_none() {
            self.age.push_back(key);
        }
    }

    /// Forgets the oldest fills beyond `most` whose orders `is_done` says to be done with.
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

    /// Says whether a fill of an order is not final.
    pub(super) fn waits(&self, order: OrderId) -> bool {
        let (first, last) = (TradeId([0; 16]), TradeId([u8::MAX; 16]));
        self.unsettled.range((order, first, 0)..=(order, last, u32::MAX)).next().is_some()
    }

    /// Returns the orders whose fills should have settled by now, each once; they are asked for again after as long.
    pub(super) fn overdue(&mut self, now: Time, after_micros: u64) -> BTreeSet<OrderId> {
        let late = self.unsettled.iter_mut().filter(|(_, at)| now.since(**at) >= after_micros);
        late.map(|((order, ..), at)| {
            *at = now;
            *order
        })
        .collect()
    }

    /// Returns when the oldest fill that is not final was first heard of.
    pub(super) fn oldest_unsettled(&self) -> Option<Time> {
        let keys = self.unsettled.keys().map(|(order, trade, part)| (*trade, *part, *order));
        keys.filter_map(|key| self.booked.get(&key)).map(|fill| fill.at).min()
    }

    /// Returns the fills that are remembered, oldest first.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (&FillKey, Fill)> {
        self.age.iter().filter_map(|key| Some((key, *self.booked.get(key)?)))
    }

    /// Returns how many are remembered, and how many of them are not final.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.booked.len(), self.unsettled.len())
    }

    /// Returns when the latest of the forgotten fills was first heard of; zero if none was forgotten.
    pub(super) const fn forgotten(&self) -> Time {
        self.forgotten
    }
}
