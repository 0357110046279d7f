//! The mapping between our order numbers and the venue's order ids. An id is recorded before its order is sent, and is
//! removed only when nothing more can happen to the order.

use model::{OrderId, VenueOrderId};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// The most orders that are kept; far more than the engine keeps of orders that are over.
pub(crate) const KNOWN_MAX: usize = 20_000;
/// The most external orders that are kept, apart from those that the engine has numbered.
pub(crate) const FOREIGN_MAX: usize = 20_000;
/// The most ids of our final orders that are kept, so that late updates for them are not mistaken for external orders.
const DONE_MAX: usize = 20_000;

/// The result of noting an order that is not ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Noted {
    /// It was not known and has been noted.
    New,
    /// It was known already.
    Known,
    /// There is no room; [`OrderIds::retain_foreign`] makes some.
    Full,
}

#[derive(Debug, Default)]
struct Ids {
    by_venue: BTreeMap<VenueOrderId, OrderId>,
    by_ours: BTreeMap<OrderId, VenueOrderId>,
    /// Each order once; an order that could not be removed at its turn is queued again.
    age: VecDeque<OrderId>,
    foreign: BTreeSet<VenueOrderId>,
    by_hand: BTreeSet<VenueOrderId>,
    done: BTreeSet<VenueOrderId>,
    done_age: VecDeque<VenueOrderId>,
}

/// A cheap handle on the order ids.
#[derive(Debug, Clone, Default)]
pub(crate) struct OrderIds {
    ids: Arc<Mutex<Ids>>,
}

impl OrderIds {
    /// Records the id of an order that is about to be sent. Returns false if there is no room; the order must not be
    /// sent then. Room is made by removing the oldest orders for which `is_done` returns true.
    #[must_use = "an order without an id must not be sent"]
    pub(crate) fn admit(&self, order: OrderId, venue: VenueOrderId, is_done: impl Fn(OrderId) -> bool) -> bool {
        let mut ids = self.ids.lock();
        let room = ids.make_room(is_done);
        if room {
            ids.insert(order, venue);
        }
        room
    }

    /// Records an order that already exists at the venue; never refused for want of room.
    pub(crate) fn insert(&self, order: OrderId, venue: VenueOrderId) {
        self.ids.lock().insert(order, venue);
    }

    /// Returns our number of an order.
    pub(crate) fn ours(&self, venue: &VenueOrderId) -> Option<OrderId> {
        self.ids.lock().by_venue.get(venue).copied()
    }

    /// Returns the venue's id of an order, once it is signed or about to be.
    pub(crate) fn venue(&self, order: OrderId) -> Option<VenueOrderId> {
        self.ids.lock().by_ours.get(&order).copied()
    }

    /// Records an external order that the engine has numbered.
    pub(crate) fn adopt(&self, order: OrderId, venue: VenueOrderId) {
        let mut ids = self.ids.lock();
        ids.insert(order, venue);
        ids.by_hand.insert(venue);
    }

    /// Returns true if an order is known to be external.
    pub(crate) fn is_external(&self, venue: &VenueOrderId) -> bool {
        let ids = self.ids.lock();
        ids.by_hand.contains(venue) || ids.foreign.contains(venue)
    }

    /// Returns true if an order was ours and is final.
    pub(crate) fn is_done(&self, venue: &VenueOrderId) -> bool {
        self.ids.lock().done.contains(venue)
    }

    /// Notes an order that was ours and is final.
    pub(crate) fn record_done(&self, venue: VenueOrderId) {
        self.ids.lock().record_done(venue);
    }

    /// Removes an external order from the noted ones, so that it is queried again.
    pub(crate) fn forget_foreign(&self, venue: &VenueOrderId) {
        self.ids.lock().foreign.remove(venue);
    }

    /// Notes an order of the account that is not ours.
    pub(crate) fn record_foreign(&self, venue: VenueOrderId) -> Noted {
        let mut ids = self.ids.lock();
        match ids.foreign.contains(&venue) {
            true => Noted::Known,
            false if ids.foreign.len() >= FOREIGN_MAX => Noted::Full,
            false => {
                ids.foreign.insert(venue);
                Noted::New
            }
        }
    }

    /// Removes the noted orders that are not in this list of open orders.
    pub(crate) fn retain_foreign(&self, open: &BTreeSet<VenueOrderId>) {
        self.ids.lock().foreign.retain(|venue| open.contains(venue));
    }
}

impl Ids {
    fn insert(&mut self, order: OrderId, venue: VenueOrderId) {
        match self.by_ours.insert(order, venue) {
            None => self.age.push_back(order),
            Some(before) if before != venue => drop(self.by_venue.remove(&before)),
            Some(_) => {}
        }
        self.by_venue.insert(venue, order);
    }

    /// Removes the oldest final orders until there is room for one more; false if there is none. Each order is tried
    /// once.
    fn make_room(&mut self, is_done: impl Fn(OrderId) -> bool) -> bool {
        for _ in 0..self.age.len() {
            if self.age.len() < KNOWN_MAX {
                break;
            }
            let Some(oldest) = self.age.pop_front() else { break };
            if is_done(oldest) {
                self.forget(oldest);
            } else {
                self.age.push_back(oldest);
            }
        }
        self.age.len() < KNOWN_MAX
    }

    fn forget(&mut self, order: OrderId) {
        let Some(venue) = self.by_ours.remove(&order) else { return };
        self.by_venue.remove(&venue);
        self.by_hand.remove(&venue);
        self.record_done(venue);
    }

    fn record_done(&mut self, venue: VenueOrderId) {
        if self.done.insert(venue) {
            self.done_age.push_back(venue);
        }
        if self.done_age.len() > DONE_MAX
            && let Some(oldest) = self.done_age.pop_front()
        {
            self.done.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns an id for each number.
    fn venue(number: u64) -> VenueOrderId {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&number.to_be_bytes());
        VenueOrderId(id)
    }

    #[test]
    fn an_open_order_keeps_its_id_however_many_come_after_it() {
        let (index, open) = (OrderIds::default(), OrderId(1));
        let done = |order: OrderId| order != open;
        for number in 1..=20_001 {
            assert!(index.admit(OrderId(number), venue(number), done), "order {number} had no room");
        }
        assert_eq!((index.venue(open), index.ours(&venue(1))), (Some(venue(1)), Some(open)));
        // The oldest final orders made room, and they are not mistaken for external orders.
        assert_eq!((index.venue(OrderId(2)), index.venue(OrderId(3))), (None, Some(venue(3))));
        assert!(index.is_done(&venue(2)) && !index.is_done(&venue(3)));
        assert_eq!(index.ids.lock().by_ours.len(), KNOWN_MAX);
    }

    #[test]
    fn a_table_of_open_orders_refuses_one_more_and_takes_it_when_one_is_over() {
        let index = OrderIds::default();
        for number in 1..=20_000 {
            assert!(index.admit(OrderId(number), venue(number), |_| false));
        }
        assert!(!index.admit(OrderId(20_001), venue(20_001), |_| false));
        assert_eq!((index.venue(OrderId(20_001)), index.ours(&venue(20_001))), (None, None));
        assert!((1..=20_000).all(|number| index.venue(OrderId(number)) == Some(venue(number))), "an id was lost");
        // An order that exists at the venue is never refused.
        index.adopt(OrderId(30_000), venue(30_000));
        assert!(index.is_external(&venue(30_000)));
        assert!(index.admit(OrderId(20_001), venue(20_001), |order| order.0 <= 2));
        assert_eq!(index.venue(OrderId(1)), None);
    }

    #[test]
    fn an_order_that_is_inserted_twice_has_one_age() {
        let index = OrderIds::default();
        index.insert(OrderId(1), venue(1));
        index.insert(OrderId(1), venue(1));
        index.insert(OrderId(1), venue(2));
        let ids = index.ids.lock();
        assert_eq!(ids.age.len(), 1);
        assert_eq!((ids.by_venue.get(&venue(1)), ids.by_venue.get(&venue(2))), (None, Some(&OrderId(1))));
    }

    #[test]
    fn external_orders_are_removed_only_when_they_are_not_open() {
        let index = OrderIds::default();
        for number in 1..=20_000 {
            assert_eq!(index.record_foreign(venue(number)), Noted::New);
        }
        assert_eq!(index.record_foreign(venue(7)), Noted::Known);
        assert_eq!(index.record_foreign(venue(20_001)), Noted::Full);
        index.retain_foreign(&BTreeSet::from([venue(7)]));
        assert!(index.is_external(&venue(7)) && !index.is_external(&venue(8)));
        assert_eq!(index.record_foreign(venue(20_001)), Noted::New);
    }
}
