//! Queue positions of our resting orders: the amount of market depth that has to trade before them.

use super::fill_model::FillModel;
use crate::venue::{BookKey, OpenOrder, Venue};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use model::{MarketIx, Shared, Side, Size, Time, VenueOrderId};

/// One order's queue position.
#[derive(Debug, Clone, Copy)]
pub(super) struct QueuePosition {
    pub(super) id: VenueOrderId,
    pub(super) spot: BookKey,
    /// Market depth ahead of it.
    pub(super) ahead: Size,
    /// The amount by which the level fell without a trade to explain it, and the time of the last fall.
    pub(super) fell: Size,
    pub(super) fell_at: Time,
    /// The part of `fell` by which `ahead` was reduced already.
    pub(super) moved: Size,
}

/// The queue positions of all our resting orders, by market.
#[derive(Debug, Clone, Default)]
pub(super) struct Queue {
    markets: Shared<BTreeMap<MarketIx, Vec<QueuePosition>>>,
}

impl Queue {
    /// Returns true if we have resting orders in a market.
    #[inline]
    pub(super) fn is_in(&self, market: MarketIx) -> bool {
        !self.markets.is_empty() && self.markets.contains_key(&market)
    }

    /// Adds an order that now rests behind `ahead` shares.
    pub(super) fn join(&mut self, market: MarketIx, id: VenueOrderId, spot: BookKey, ahead: Size) {
        let place = QueuePosition { id, spot, ahead, fell: Size::ZERO, fell_at: Time(0), moved: Size::ZERO };
        self.markets.entry(market).or_default().push(place);
    }

    /// Removes an order that is finished.
    pub(super) fn leave(&mut self, market: MarketIx, id: VenueOrderId) {
        if self.is_in(market)
            && let Some(places) = self.markets.get_mut(&market)
        {
            places.retain(|place| place.id != id);
            if places.is_empty() {
                self.markets.remove(&market);
            }
        }
    }

    /// Returns the positions in a market.
    pub(super) fn of_market(&self, market: MarketIx) -> &[QueuePosition] {
        self.markets.get(&market).map_or(&[], Vec::as_slice)
    }

    /// Applies a level's change from `before` to `after` to the positions there.
    pub(super) fn level(
        &mut self,
        model: FillModel,
        now: Time,
        market: MarketIx,
        spot: BookKey,
        (before, after): (Size, Size),
    ) {
        // A change copies the positions if a copy of the venue shares them, so there is none without need.
        if !self.of_market(market).iter().any(|place| place.spot == spot) {
            return;
        }
        let fall = before.saturating_sub(after);
        for place in self.markets.get_mut(&market).into_iter().flatten().filter(|place| place.spot == spot) {
            if fall.is_zero() {
                place.ahead = place.ahead.min(after);
            } else {
                model.on_fall(place, before, fall, now);
            }
        }
    }

    /// Limits the positions of a market to the depth of its first book after a gap.
    pub(super) fn resume(&mut self, market: MarketIx, size_at: impl Fn(BookKey) -> Size) {
        for place in self.markets.get_mut(&market).into_iter().flatten() {
            place.ahead = place.ahead.min(size_at(place.spot));
            (place.fell, place.moved) = (Size::ZERO, Size::ZERO);
        }
    }

    /// Processes a trade of `size` in which the taker hit `hit`. Returns our orders that it reached, in the order of
    /// priority, with the shares that it takes of them.
    pub(super) fn trade(
        &mut self,
        model: FillModel,
        now: Time,
        venue: &Venue,
        (market, hit): (MarketIx, BookKey),
        size: Size,
    ) -> Vec<(VenueOrderId, Size)> {
        let reached = self.by_priority(venue, market, |spot| spot.side == hit.side && at_or_before(spot, hit));
        let mut taken = Size::ZERO;
        let mut filled = Vec::new();
        for (order, spot) in reached {
            let left = size.saturating_sub(taken);
            // A trade beyond our price traded through all depth ahead of us.
            let left = if spot == hit { self.pass(model, now, market, order.id, left) } else { left };
            let shares = left.min(order.rest());
            if !shares.is_zero() {
                taken = taken.saturating_add(shares).min(size);
                filled.push((order.id, shares));
            }
        }
        filled
    }

    fn pass(&mut self, model: FillModel, now: Time, market: MarketIx, id: VenueOrderId, size: Size) -> Size {
        let places = self.markets.get_mut(&market).into_iter().flatten();
        let place = places.into_iter().find(|place| place.id == id);
        place.map_or(Size::ZERO, |place| model.on_trade(place, size, now))
    }

    /// Returns our orders at certain places of a market: better prices first, then time priority.
    pub(super) fn by_priority(
        &self,
        venue: &Venue,
        market: MarketIx,
        wanted: impl Fn(BookKey) -> bool,
    ) -> Vec<(OpenOrder, BookKey)> {
        let places = self.of_market(market).iter().filter(|place| wanted(place.spot));
        let mut orders: Vec<(OpenOrder, BookKey)> =
            places.filter_map(|place| venue.order(place.id).map(|order| (*order, place.spot))).collect();
        orders.sort_by_key(|(order, spot)| {
            let micros = spot.price.micros();
            (if spot.side == Side::Buy { u32::MAX.saturating_sub(micros) } else { micros }, order.created, order.id)
        });
        orders
    }
}

/// Returns true if an order at `ours` is matched before or with one at `hit` on the same side.
pub(super) fn at_or_before(ours: BookKey, hit: BookKey) -> bool {
    match hit.side {
        Side::Buy => ours.price >= hit.price,
        Side::Sell => ours.price <= hit.price,
    }
}
