//! Where our resting orders stand in the queue at their price: how much of the market's own depth has to trade before them.

use crate::venue::{OpenOrder, Spot, Venue};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use model::{MarketIx, Price, Side, Size, Time, TokenIx, VenueOrderId};

/// How long a level's fall may precede the trade that made it; the venue tells of trades 0.1 to 1 s later (PROTOCOL 9).
const TOLD_WITHIN_MICROS: u64 = 2_000_000;

/// One order's place.
#[derive(Debug, Clone, Copy)]
struct Place {
    market: MarketIx,
    spot: Spot,
    /// Shares of the market's own that come first.
    ahead: Size,
    /// By how much the level fell without a trade to explain it, and when it last did.
    fell: (Size, Time),
}

/// The places of all our resting orders.
#[derive(Debug, Clone, Default)]
pub(super) struct Queue {
    places: BTreeMap<VenueOrderId, Place>,
    /// What the market told last of the levels that we stand on.
    told: BTreeMap<(MarketIx, Spot), Size>,
}

impl Queue {
    /// An order that rests now joins behind all that the market shows there.
    pub(super) fn join(&mut self, venue: &Venue, id: VenueOrderId) {
        let Some(order) = venue.order(id) else { return };
        let (market, spot) = spot_of(order);
        let ahead = venue.external(market, spot);
        self.told.entry((market, spot)).or_insert(ahead);
        self.places.insert(id, Place { market, spot, ahead, fell: (Size::ZERO, Time(0)) });
    }

    /// An order is over.
    pub(super) fn leave(&mut self, id: VenueOrderId) {
        if let Some(place) = self.places.remove(&id) {
            let key = (place.market, place.spot);
            if !self.places.values().any(|other| (other.market, other.spot) == key) {
                self.told.remove(&key);
            }
        }
    }

    /// The market tells a level's new size. What is left of it is the most that can stand before us.
    pub(super) fn level(&mut self, now: Time, token: TokenIx, side: Side, price: Price, size: Size) {
        let key = (token.market(), Spot::of(token, side, price));
        let Some(before) = self.told.get_mut(&key) else { return };
        let fall = before.saturating_sub(size);
        *before = size;
        for place in self.places.values_mut().filter(|place| (place.market, place.spot) == key) {
            place.ahead = place.ahead.min(size);
            let (fell, since) = place.fell;
            let fell = if now.since(since) > TOLD_WITHIN_MICROS { Size::ZERO } else { fell };
            if !fall.is_zero() {
                place.fell = (fell.saturating_add(fall), now);
            }
        }
    }

    /// A market's whole book was replaced.
    pub(super) fn replaced(&mut self, venue: &Venue, market: MarketIx) {
        for ((of, spot), told) in self.told.iter_mut().filter(|((of, _), _)| *of == market) {
            *told = venue.external(*of, *spot);
        }
        for place in self.places.values_mut().filter(|place| place.market == market) {
            place.ahead = place.ahead.min(venue.external(market, place.spot));
            place.fell = (Size::ZERO, Time(0));
        }
    }

    /// Somebody took `size` at `price` of `token`. Returns our orders that it reached, in the order of priority, with the
    /// shares that it would have taken of them.
    pub(super) fn trade(
        &mut self,
        now: Time,
        venue: &Venue,
        token: TokenIx,
        taker: Side,
        price: Price,
        size: Size,
    ) -> Vec<(VenueOrderId, Size)> {
        let market = token.market();
        let hit = Spot::of(token, taker.opposite(), price);
        let mut reached: Vec<(OpenOrder, Spot)> = self
            .places
            .iter()
            .filter(|(_, place)| place.market == market && place.spot.side == hit.side)
            .filter(|(_, place)| at_or_before(place.spot, hit))
            .filter_map(|(id, place)| venue.order(*id).map(|order| (*order, place.spot)))
            .collect();
        // Better prices first, then first come first.
        reached.sort_by_key(|(order, spot)| {
            let micros = spot.price.micros();
            (if spot.side == Side::Buy { u32::MAX.saturating_sub(micros) } else { micros }, order.created, order.id)
        });
        let mut taken = Size::ZERO;
        let mut filled = Vec::new();
        for (order, spot) in reached {
            let left = size.saturating_sub(taken);
            // A trade beyond our price went through all that stood before us.
            let left = if spot == hit { self.pass(now, order.id, left) } else { left };
            let shares = left.min(order.rest());
            if !shares.is_zero() {
                taken = taken.saturating_add(shares);
                filled.push((order.id, shares));
            }
        }
        filled
    }

    /// Lets a trade of `size` at our price eat what stands before an order; returns what reaches it.
    fn pass(&mut self, now: Time, id: VenueOrderId, size: Size) -> Size {
        let Some(place) = self.places.get_mut(&id) else { return Size::ZERO };
        let (fell, since) = place.fell;
        let known = if now.since(since) > TOLD_WITHIN_MICROS { Size::ZERO } else { fell.min(size) };
        place.fell.0 = fell.saturating_sub(known);
        let news = size.saturating_sub(known);
        let eaten = place.ahead.min(news);
        place.ahead = place.ahead.saturating_sub(eaten);
        news.saturating_sub(eaten)
    }
}

const fn spot_of(order: &OpenOrder) -> (MarketIx, Spot) {
    (order.token.market(), Spot::of(order.token, order.side, order.price))
}

/// Says whether an order at `ours` is met before or with one at `hit` on the same side.
fn at_or_before(ours: Spot, hit: Spot) -> bool {
    match hit.side {
        Side::Buy => ours.price >= hit.price,
        Side::Sell => ours.price <= hit.price,
    }
}
