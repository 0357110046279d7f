//! The canonical book of a market, in prices of the first token.

use model::{Level, Price, Side, Size};
use std::collections::BTreeMap;

/// A book by price. Levels are absolute sizes, as the venue sends them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Canon {
    bids: BTreeMap<Price, Size>,
    asks: BTreeMap<Price, Size>,
}

impl Canon {
    pub(crate) fn replace(&mut self, bids: &[Level], asks: &[Level]) {
        let side = |levels: &[Level]| {
            levels.iter().filter(|level| !level.size.is_zero()).map(|level| (level.price, level.size)).collect()
        };
        (self.bids, self.asks) = (side(bids), side(asks));
    }

    pub(crate) fn set(&mut self, side: Side, price: Price, size: Size) {
        let levels = if side == Side::Buy { &mut self.bids } else { &mut self.asks };
        if size.is_zero() {
            levels.remove(&price)
        } else {
            levels.insert(price, size)
        };
    }

    pub(crate) fn size(&self, side: Side, price: Price) -> Size {
        let levels = if side == Side::Buy { &self.bids } else { &self.asks };
        levels.get(&price).copied().unwrap_or_default()
    }

    pub(crate) fn best_bid(&self) -> Option<(Price, Size)> {
        self.bids.last_key_value().map(|(price, size)| (*price, *size))
    }

    pub(crate) fn best_ask(&self) -> Option<(Price, Size)> {
        self.asks.first_key_value().map(|(price, size)| (*price, *size))
    }

    /// Returns the levels at which another book differs: side, price, size here, size there.
    pub(crate) fn changes<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (Side, Price, Size, Size)> + 'a {
        let sides = [(Side::Buy, &self.bids, &other.bids), (Side::Sell, &self.asks, &other.asks)];
        sides.into_iter().flat_map(|(side, here, there)| {
            let size = |levels: &BTreeMap<Price, Size>, price| levels.get(price).copied().unwrap_or_default();
            let gone = here.iter().map(move |(price, old)| (side, *price, *old, size(there, price)));
            let new = there.iter().filter(move |(price, _)| !here.contains_key(price));
            let new = new.map(move |(price, size)| (side, *price, Size::ZERO, *size));
            gone.chain(new).filter(|(_, _, old, new)| old != new)
        })
    }

    pub(crate) fn is_crossed(&self) -> bool {
        self.best_bid().zip(self.best_ask()).is_some_and(|((bid, _), (ask, _))| bid >= ask)
    }
}
