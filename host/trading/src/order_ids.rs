//! Which order is which: our numbers and the venue's ids. An id is known before its order is sent.

use model::{OrderId, VenueOrderId};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Orders that are remembered; far more than the engine remembers of orders that are over.
const KNOWN_MAX: usize = 20_000;

#[derive(Debug, Default)]
struct Ids {
    by_venue: BTreeMap<VenueOrderId, OrderId>,
    by_ours: BTreeMap<OrderId, VenueOrderId>,
    age: VecDeque<OrderId>,
    foreign: BTreeSet<VenueOrderId>,
    by_hand: BTreeSet<VenueOrderId>,
}

/// A cheap handle on the index.
#[derive(Debug, Clone, Default)]
pub(crate) struct Index {
    ids: Arc<Mutex<Ids>>,
}

impl Index {
    /// Remembers an order's id.
    pub(crate) fn insert(&self, order: OrderId, venue: VenueOrderId) {
        let mut ids = self.ids.lock();
        ids.by_venue.insert(venue, order);
        ids.by_ours.insert(order, venue);
        ids.age.push_back(order);
        if ids.age.len() > KNOWN_MAX
            && let Some(oldest) = ids.age.pop_front()
            && let Some(venue) = ids.by_ours.remove(&oldest)
        {
            ids.by_venue.remove(&venue);
        }
    }

    /// Returns our number of an order.
    pub(crate) fn ours(&self, venue: &VenueOrderId) -> Option<OrderId> {
        self.ids.lock().by_venue.get(venue).copied()
    }

    /// Returns the venue's id of an order, once it is signed or about to be.
    pub(crate) fn venue(&self, order: OrderId) -> Option<VenueOrderId> {
        self.ids.lock().by_ours.get(&order).copied()
    }

    /// Remembers an order that somebody placed by hand.
    pub(crate) fn adopt(&self, order: OrderId, venue: VenueOrderId) {
        self.insert(order, venue);
        self.ids.lock().by_hand.insert(venue);
    }

    /// Says whether somebody placed it by hand.
    pub(crate) fn is_by_hand(&self, venue: &VenueOrderId) -> bool {
        self.ids.lock().by_hand.contains(venue)
    }

    /// Forgets that an order was noted, so that it is looked at again.
    pub(crate) fn forget_foreign(&self, venue: &VenueOrderId) {
        self.ids.lock().foreign.remove(venue);
    }

    /// Notes an order of the account that is not ours; says whether it is the first time.
    pub(crate) fn note_foreign(&self, venue: VenueOrderId) -> bool {
        let mut ids = self.ids.lock();
        if ids.foreign.len() >= KNOWN_MAX {
            return false;
        }
        ids.foreign.insert(venue)
    }
}
