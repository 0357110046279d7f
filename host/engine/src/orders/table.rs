//! The orders by number, and those at risk by market. The gate iterates over a market's orders for each order request,
//! so that iteration needs no lookups: entries are stored in slots that do not move.

use super::OrderEntry;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use model::{MarketIx, OrderId, Shared, SharedVec};

/// The index of an entry's slot.
type Slot = u32;

/// The table of orders. Its parts are shared on their own, because a change of an order changes few of them.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Table {
    slots: SharedVec<Option<OrderEntry>>,
    free: Shared<Vec<Slot>>,
    by_id: Shared<BTreeMap<OrderId, Slot>>,
    /// Orders at risk, by market number, in order of arrival.
    by_market: Shared<Vec<Vec<Slot>>>,
    /// Markets that have such orders.
    busy: Shared<BTreeSet<MarketIx>>,
    /// The number of listed orders.
    listed: usize,
}

impl Table {
    pub(super) fn get(&self, order: OrderId) -> Option<&OrderEntry> {
        self.at(*self.by_id.get(&order)?)
    }

    pub(super) fn get_mut(&mut self, order: OrderId) -> Option<&mut OrderEntry> {
        let slot = usize::try_from(*self.by_id.get(&order)?).ok()?;
        self.slots.get_mut(slot)?.as_mut()
    }

    fn at(&self, slot: Slot) -> Option<&OrderEntry> {
        self.slots.get(usize::try_from(slot).ok()?)?.as_ref()
    }

    /// Adds an order, or replaces the one with the same number.
    pub(super) fn insert(&mut self, entry: OrderEntry) {
        self.remove(entry.order.id);
        let id = entry.order.id;
        // To look first copies no list that is shared.
        let free = if self.free.is_empty() { None } else { self.free.pop() };
        let slot = match free {
            Some(slot) => slot,
            // The gate refuses orders long before this number is reached.
            None => Slot::try_from(self.slots.len()).unwrap_or(Slot::MAX),
        };
        let place = usize::try_from(slot).unwrap_or(usize::MAX);
        if place == self.slots.len() {
            self.slots.push(Some(entry));
        } else if let Some(empty) = self.slots.get_mut(place) {
            *empty = Some(entry);
        }
        self.by_id.insert(id, slot);
    }

    /// Forgets an order.
    pub(super) fn remove(&mut self, order: OrderId) {
        let Some(entry) = self.get(order) else { return };
        let market = entry.order.token.market();
        self.unlist(market, order);
        let Some(slot) = self.by_id.remove(&order) else { return };
        if let Some(entry) = usize::try_from(slot).ok().and_then(|place| self.slots.get_mut(place)) {
            *entry = None;
            self.free.push(slot);
        }
    }

    /// Returns all orders, by number.
    pub(super) fn values(&self) -> impl DoubleEndedIterator<Item = &OrderEntry> {
        self.by_id.values().filter_map(|slot| self.at(*slot))
    }

    /// Returns all orders in the order of their slots.
    pub(super) fn unsorted(&self) -> impl Iterator<Item = &OrderEntry> {
        self.slots.iter().flatten()
    }

    /// Adds an order to the list of its market.
    pub(super) fn list(&mut self, market: MarketIx, order: OrderId) {
        let Some(slot) = self.by_id.get(&order) else { return };
        if self.by_market.len() <= market.index() {
            self.by_market.resize_with(market.index().saturating_add(1), Vec::new);
        }
        if let Some(slots) = self.by_market.get_mut(market.index()) {
            slots.push(*slot);
            self.listed = self.listed.saturating_add(1);
            self.busy.insert(market);
        }
    }

    pub(super) fn unlist(&mut self, market: MarketIx, order: OrderId) {
        let Some(slot) = self.by_id.get(&order) else { return };
        if let Some(slots) = self.by_market.get_mut(market.index()) {
            let before = slots.len();
            slots.retain(|other| other != slot);
            self.listed = self.listed.saturating_sub(before.saturating_sub(slots.len()));
            if slots.is_empty() {
                self.busy.remove(&market);
            }
        }
    }

    /// Returns the orders listed under a market.
    pub(super) fn listed(&self, market: MarketIx) -> impl Iterator<Item = &OrderEntry> {
        self.by_market.get(market.index()).into_iter().flatten().filter_map(|slot| self.at(*slot))
    }

    /// Returns the number of listed orders.
    pub(super) const fn listed_count(&self) -> usize {
        self.listed
    }

    /// Returns the markets with listed orders.
    pub(super) fn busy(&self) -> impl Iterator<Item = MarketIx> {
        self.busy.iter().copied()
    }

    /// Returns true if orders are listed under a market.
    pub(super) fn is_busy(&self, market: MarketIx) -> bool {
        self.by_market.get(market.index()).is_some_and(|slots| !slots.is_empty())
    }
}
