//! One market's book, seen from its YES token: orders on NO appear as their mirror. Orders at one price are in time
//! priority.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use model::{Price, Side, Size, TokenIx, VenueOrderId};

/// A side and price in a market's book, seen from its YES token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BookKey {
    pub(crate) side: Side,
    pub(crate) price: Price,
}

impl BookKey {
    /// Returns the place of an order on `token`: one on NO is mirrored to YES.
    pub(crate) const fn of(token: TokenIx, side: Side, price: Price) -> Self {
        if token.outcome() == 0 {
            Self { side, price }
        } else {
            Self { side: side.opposite(), price: price.complement() }
        }
    }

    /// Returns the side and price as shown in a token's book; the inverse of [`BookKey::of`].
    pub(super) const fn seen_from(self, token: TokenIx) -> (Side, Price) {
        let back = Self::of(token, self.side, self.price);
        (back.side, back.price)
    }
}

/// The orders and external depth at one price.
#[derive(Debug, Clone, Default)]
pub(super) struct PriceLevel {
    /// External depth as last reported by the recording.
    recorded: Size,
    /// The part of it that is left.
    pub(super) external: Size,
    /// The orders, in time priority.
    pub(super) queue: VecDeque<VenueOrderId>,
    /// The sum of the orders' remaining shares.
    rest: Size,
}

impl PriceLevel {
    pub(super) const fn total(&self) -> Size {
        self.external.saturating_add(self.rest)
    }

    fn is_empty(&self) -> bool {
        self.recorded.is_zero() && self.external.is_zero() && self.queue.is_empty()
    }
}

/// A market's book.
#[derive(Debug, Clone, Default)]
pub(super) struct OrderBook {
    bids: BTreeMap<Price, PriceLevel>,
    asks: BTreeMap<Price, PriceLevel>,
}

impl OrderBook {
    const fn side(&self, side: Side) -> &BTreeMap<Price, PriceLevel> {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    const fn side_mut(&mut self, side: Side) -> &mut BTreeMap<Price, PriceLevel> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    /// Changes a level, and removes it when it is empty.
    fn change(&mut self, spot: BookKey, change: impl FnOnce(&mut PriceLevel)) {
        let shelves = self.side_mut(spot.side);
        let shelf = shelves.entry(spot.price).or_default();
        change(shelf);
        if shelf.is_empty() {
            shelves.remove(&spot.price);
        }
    }

    /// Returns the levels of a side, best price first; some may only record taken depth.
    pub(super) fn best_first(&self, side: Side) -> impl Iterator<Item = (Price, &PriceLevel)> {
        let (bids, asks) = match side {
            Side::Buy => (Some(self.bids.iter().rev()), None),
            Side::Sell => (None, Some(self.asks.iter())),
        };
        bids.into_iter().flatten().chain(asks.into_iter().flatten()).map(|(price, shelf)| (*price, shelf))
    }

    pub(super) fn total(&self, spot: BookKey) -> Size {
        self.side(spot.side).get(&spot.price).map_or(Size::ZERO, PriceLevel::total)
    }

    pub(super) fn external(&self, spot: BookKey) -> Size {
        self.side(spot.side).get(&spot.price).map_or(Size::ZERO, |shelf| shelf.external)
    }

    /// Adds an order behind all others at its price.
    pub(super) fn add(&mut self, spot: BookKey, id: VenueOrderId, rest: Size) {
        self.change(spot, |shelf| {
            shelf.queue.push_back(id);
            shelf.rest = shelf.rest.saturating_add(rest);
        });
    }

    /// Reduces an order's remaining shares after a fill.
    pub(super) fn reduce(&mut self, spot: BookKey, by: Size) {
        self.change(spot, |shelf| shelf.rest = shelf.rest.saturating_sub(by));
    }

    /// Removes an order with its remaining shares.
    pub(super) fn remove(&mut self, spot: BookKey, id: VenueOrderId, rest: Size) {
        self.change(spot, |shelf| {
            shelf.queue.retain(|other| *other != id);
            shelf.rest = shelf.rest.saturating_sub(rest);
        });
    }

    /// Takes external depth; it stays taken until the recording changes the level.
    pub(super) fn take_external(&mut self, spot: BookKey, by: Size) {
        self.change(spot, |shelf| shelf.external = shelf.external.saturating_sub(by));
    }

    /// Sets a level of the recording; returns false if it was the same before.
    pub(super) fn set_external(&mut self, spot: BookKey, size: Size) -> bool {
        let mut changed = false;
        self.change(spot, |shelf| {
            changed = shelf.recorded != size;
            if changed {
                shelf.recorded = size;
                shelf.external = size;
            }
        });
        changed
    }

    /// Returns all places with a recorded level.
    pub(super) fn recorded(&self) -> Vec<BookKey> {
        [Side::Buy, Side::Sell]
            .into_iter()
            .flat_map(|side| self.side(side).iter().map(move |(price, shelf)| (BookKey { side, price: *price }, shelf)))
            .filter(|(_, shelf)| !shelf.recorded.is_zero())
            .map(|(spot, _)| spot)
            .collect()
    }
}
