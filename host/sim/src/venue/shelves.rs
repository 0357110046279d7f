//! One market's book, seen from its YES token: orders on NO stand as their mirror. Shelves of orders in time priority by price.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use model::{Price, Side, Size, TokenIx, VenueOrderId};

/// A place in a market's book, seen from its YES token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spot {
    pub(crate) side: Side,
    pub(crate) price: Price,
}

impl Spot {
    /// Returns where an order on `token` stands: one on NO stands as its mirror on YES.
    pub(crate) const fn of(token: TokenIx, side: Side, price: Price) -> Self {
        if token.outcome() == 0 {
            Self { side, price }
        } else {
            Self { side: side.opposite(), price: price.complement() }
        }
    }

    /// Returns the side and price as a token's book shows it; the way back of [`Spot::of`].
    pub(super) const fn seen_from(self, token: TokenIx) -> (Side, Price) {
        let back = Self::of(token, self.side, self.price);
        (back.side, back.price)
    }
}

/// What stands at one price.
#[derive(Debug, Clone, Default)]
pub(super) struct Shelf {
    /// External depth as the recording last told it.
    recorded: Size,
    /// What is left of it.
    pub(super) external: Size,
    /// The orders, first come first.
    pub(super) queue: VecDeque<VenueOrderId>,
    /// The sum of the orders' rests.
    rest: Size,
}

impl Shelf {
    pub(super) const fn total(&self) -> Size {
        self.external.saturating_add(self.rest)
    }

    fn is_empty(&self) -> bool {
        self.recorded.is_zero() && self.external.is_zero() && self.queue.is_empty()
    }
}

/// A market's book.
#[derive(Debug, Clone, Default)]
pub(super) struct Shelves {
    bids: BTreeMap<Price, Shelf>,
    asks: BTreeMap<Price, Shelf>,
}

impl Shelves {
    const fn side(&self, side: Side) -> &BTreeMap<Price, Shelf> {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    const fn side_mut(&mut self, side: Side) -> &mut BTreeMap<Price, Shelf> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    /// Changes a shelf, and forgets it when nothing is left on it.
    fn change(&mut self, spot: Spot, change: impl FnOnce(&mut Shelf)) {
        let shelves = self.side_mut(spot.side);
        let shelf = shelves.entry(spot.price).or_default();
        change(shelf);
        if shelf.is_empty() {
            shelves.remove(&spot.price);
        }
    }

    /// Returns the shelves of a side, best price first; some may hold nothing but the memory of taken depth.
    pub(super) fn best_first(&self, side: Side) -> impl Iterator<Item = (Price, &Shelf)> {
        let (bids, asks) = match side {
            Side::Buy => (Some(self.bids.iter().rev()), None),
            Side::Sell => (None, Some(self.asks.iter())),
        };
        bids.into_iter().flatten().chain(asks.into_iter().flatten()).map(|(price, shelf)| (*price, shelf))
    }

    pub(super) fn total(&self, spot: Spot) -> Size {
        self.side(spot.side).get(&spot.price).map_or(Size::ZERO, Shelf::total)
    }

    pub(super) fn external(&self, spot: Spot) -> Size {
        self.side(spot.side).get(&spot.price).map_or(Size::ZERO, |shelf| shelf.external)
    }

    /// Puts an order behind all others at its price.
    pub(super) fn add(&mut self, spot: Spot, id: VenueOrderId, rest: Size) {
        self.change(spot, |shelf| {
            shelf.queue.push_back(id);
            shelf.rest = shelf.rest.saturating_add(rest);
        });
    }

    /// A part of an order was filled.
    pub(super) fn reduce(&mut self, spot: Spot, by: Size) {
        self.change(spot, |shelf| shelf.rest = shelf.rest.saturating_sub(by));
    }

    /// Takes an order with its rest away.
    pub(super) fn remove(&mut self, spot: Spot, id: VenueOrderId, rest: Size) {
        self.change(spot, |shelf| {
            shelf.queue.retain(|other| *other != id);
            shelf.rest = shelf.rest.saturating_sub(rest);
        });
    }

    /// Someone took external depth; it stays taken until the recording changes the level.
    pub(super) fn take_external(&mut self, spot: Spot, by: Size) {
        self.change(spot, |shelf| shelf.external = shelf.external.saturating_sub(by));
    }

    /// The recording tells a level; false if it told the same before.
    pub(super) fn set_external(&mut self, spot: Spot, size: Size) -> bool {
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

    /// Returns every place where the recording told a level.
    pub(super) fn recorded(&self) -> Vec<Spot> {
        [Side::Buy, Side::Sell]
            .into_iter()
            .flat_map(|side| self.side(side).iter().map(move |(price, shelf)| (Spot { side, price: *price }, shelf)))
            .filter(|(_, shelf)| !shelf.recorded.is_zero())
            .map(|(spot, _)| spot)
            .collect()
    }
}
