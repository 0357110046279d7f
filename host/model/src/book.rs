//! One token's order book: total sizes by price, best level last on both sides.

use crate::amount::{Price, Side, Size};
use alloc::vec::Vec;

/// The most levels kept on one side. Every price of the finest grid (0.0001) would be 9,999 levels; real books have
/// under 300.
pub const LEVELS_MAX: usize = 10_000;

/// The total size that rests at one price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Level {
    /// The price.
    pub price: Price,
    /// The total of all orders there; never zero inside a book.
    pub size: Size,
}

impl Level {
    /// Returns the level of the other token's book that means the same.
    #[must_use]
    pub const fn mirrored(self) -> Self {
        Self { price: self.price.complement(), size: self.size }
    }
}

/// The two sides of a book. Both are sorted with the best price last, where changes are most frequent and cheapest.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Book {
    bids: Vec<Level>,
    asks: Vec<Level>,
}

/// Error: a change did not fit, because one side would have more than [`LEVELS_MAX`] levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyLevels;

impl Book {
    /// Returns the book described by a snapshot. Levels may come in any order; the last entry for a price counts, and
    /// empty levels are dropped.
    ///
    /// # Errors
    /// [`TooManyLevels`] if a side does not fit.
    pub fn from_levels(bids: &[Level], asks: &[Level]) -> Result<Self, TooManyLevels> {
        let mut book = Self::default();
        book.replace(bids, asks)?;
        Ok(book)
    }

    /// Replaces the whole book with a snapshot, reusing the allocation; see [`Book::from_levels`].
    ///
    /// # Errors
    /// [`TooManyLevels`] if a side does not fit; the book then has the levels before the one that did not.
    pub fn replace(&mut self, bids: &[Level], asks: &[Level]) -> Result<(), TooManyLevels> {
        self.bids.clear();
        self.asks.clear();
        for level in bids {
            self.set(Side::Buy, level.price, level.size)?;
        }
        for level in asks {
            self.set(Side::Sell, level.price, level.size)?;
        }
        Ok(())
    }

    /// Sets the total size at a price; zero removes the level. Returns the number of better levels on that side (0 is
    /// the best) if anything changed.
    ///
    /// # Errors
    /// [`TooManyLevels`] if a new level does not fit; nothing changes then.
    #[inline]
    pub fn set(&mut self, side: Side, price: Price, size: Size) -> Result<Option<usize>, TooManyLevels> {
        let (rank, before) = self.exchange(side, price, size)?;
        Ok((before != size).then_some(rank))
    }

    /// Sets the total size at a price like [`Book::set`]. Returns the number of better levels on that side, and the
    /// size before.
    ///
    /// # Errors
    /// See [`Book::set`].
    #[inline]
    pub fn exchange(&mut self, side: Side, price: Price, size: Size) -> Result<(usize, Size), TooManyLevels> {
        let levels = match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        };
        let found = match side {
            Side::Buy => levels.binary_search_by(|level| level.price.cmp(&price)),
            Side::Sell => levels.binary_search_by(|level| price.cmp(&level.price)),
        };
        let count = levels.len();
        match found {
            Ok(place) => {
                let rank = count.saturating_sub(place).saturating_sub(1);
                let Some(level) = levels.get_mut(place) else { return Ok((rank, size)) };
                let before = core::mem::replace(&mut level.size, size);
                if size.is_zero() {
                    levels.remove(place);
                }
                Ok((rank, before))
            }
            Err(place) => {
                let rank = count.saturating_sub(place);
                if !size.is_zero() {
                    if count >= LEVELS_MAX {
                        return Err(TooManyLevels);
                    }
                    levels.insert(place, Level { price, size });
                }
                Ok((rank, Size::ZERO))
            }
        }
    }

    /// Returns the highest bid.
    #[inline]
    pub fn best_bid(&self) -> Option<Level> {
        self.bids.last().copied()
    }

    /// Returns the lowest ask.
    #[inline]
    pub fn best_ask(&self) -> Option<Level> {
        self.asks.last().copied()
    }

    /// Returns the levels of a side, best first.
    #[inline]
    pub fn levels(&self, side: Side) -> impl DoubleEndedIterator<Item = &Level> + ExactSizeIterator {
        match side {
            Side::Buy => self.bids.iter().rev(),
            Side::Sell => self.asks.iter().rev(),
        }
    }

    /// Returns the total size at a price.
    pub fn size_at(&self, side: Side, price: Price) -> Size {
        self.levels(side).find(|level| level.price == price).map_or(Size::ZERO, |level| level.size)
    }

    /// Returns true if the best bid is at or above the best ask, which happens briefly between frames of real books.
    #[inline]
    pub fn is_crossed(&self) -> bool {
        matches!((self.bids.last(), self.asks.last()), (Some(bid), Some(ask)) if bid.price >= ask.price)
    }

    /// Returns true if both sides are empty.
    pub fn is_empty(&self) -> bool {
        self.bids.is_empty() && self.asks.is_empty()
    }

    /// Becomes the mirror of the other token's book, see [`Level::mirrored`].
    pub(crate) fn mirror(&mut self, other: &Self) {
        self.clear();
        // Both sides keep their order: the best level stays the last one.
        self.bids.extend(other.asks.iter().map(|level| level.mirrored()));
        self.asks.extend(other.bids.iter().map(|level| level.mirrored()));
    }

    /// Returns true if this book is the mirror of another one.
    pub(crate) fn is_mirror_of(&self, other: &Self) -> bool {
        let mirrors = |own: &[Level], other: &[Level]| {
            own.len() == other.len() && own.iter().zip(other).all(|(own, other)| *own == other.mirrored())
        };
        mirrors(&self.bids, &other.asks) && mirrors(&self.asks, &other.bids)
    }

    /// Removes all levels, keeping the allocation.
    pub fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn price(cents: u32) -> Price {
        Price::from_micros(cents.saturating_mul(10_000)).unwrap()
    }

    #[test]
    fn the_best_levels_are_the_highest_bid_and_the_lowest_ask() {
        let level = |cents, shares| Level { price: price(cents), size: Size::shares(shares) };
        let book = Book::from_levels(&[level(45, 20), level(30, 500)], &[level(48, 20), level(60, 500)]).unwrap();
        assert_eq!(book.best_bid(), Some(level(45, 20)));
        assert_eq!(book.best_ask(), Some(level(48, 20)));
        assert!(!book.is_crossed());
    }

    proptest! {
        #[test]
        fn a_book_is_a_sorted_map(changes in proptest::collection::vec((any::<bool>(), 1u32..100, 0u64..5), 0..200)) {
            let mut book = Book::default();
            let mut maps = [BTreeMap::new(), BTreeMap::new()];
            for (buy, cents, shares) in changes {
                let side = if buy { Side::Buy } else { Side::Sell };
                let before: Vec<Level> = book.levels(side).copied().collect();
                let rank = book.set(side, price(cents), Size::shares(shares)).unwrap();
                let now: Vec<Level> = book.levels(side).copied().collect();
                let differs = (0..now.len().max(before.len())).find(|place| now.get(*place) != before.get(*place));
                prop_assert_eq!(rank, differs, "rank of the first level that differs");
                let map = &mut maps[usize::from(buy)];
                if shares == 0 { map.remove(&price(cents)); } else { map.insert(price(cents), Size::shares(shares)); }
            }
            let bids: Vec<_> = book.levels(Side::Buy).map(|l| (l.price, l.size)).collect();
            let asks: Vec<_> = book.levels(Side::Sell).map(|l| (l.price, l.size)).collect();
            prop_assert_eq!(bids, maps[1].iter().rev().map(|(p, s)| (*p, *s)).collect::<Vec<_>>());
            prop_assert_eq!(asks, maps[0].iter().map(|(p, s)| (*p, *s)).collect::<Vec<_>>());
        }
    }
}
