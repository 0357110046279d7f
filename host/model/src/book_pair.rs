//! The books of a market's two tokens. A bid for one token at a price is an ask for the other at one dollar less the price,
//! so that the venue's two books mirror each other. As long as they do, one of them is kept.

use crate::amount::{Price, Side, Size};
use crate::book::{Book, Level, TooManyLevels};

/// The books of a market's two tokens, numbered 0 and 1.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct BookPair {
    first: Book,
    /// The second token's book, unless it mirrors the first one; empty then.
    second: Book,
    mirrored: bool,
}

impl Default for BookPair {
    fn default() -> Self {
        Self { first: Book::default(), second: Book::default(), mirrored: true }
    }
}

impl BookPair {
    /// Returns the book of token `outcome`.
    #[inline]
    pub const fn get(&self, outcome: u32) -> BookView<'_> {
        match (outcome, self.mirrored) {
            (0, _) => BookView { book: &self.first, mirrored: false },
            (_, true) => BookView { book: &self.first, mirrored: true },
            (_, false) => BookView { book: &self.second, mirrored: false },
        }
    }

    /// Sets a level of one book, see [`Book::set`].
    ///
    /// # Errors
    /// See [`Book::set`].
    pub fn set(&mut self, outcome: u32, side: Side, price: Price, size: Size) -> Result<Option<usize>, TooManyLevels> {
        self.own(outcome).set(side, price, size)
    }

    /// Sets a level of the book of token `outcome`, and the mirrored level of the other one, if the books mirror each
    /// other; otherwise `None`, and nothing changes. Returns what [`Book::set`] returns, which is the same for both.
    #[inline]
    pub fn set_both(
        &mut self,
        outcome: u32,
        side: Side,
        price: Price,
        size: Size,
    ) -> Option<Result<Option<usize>, TooManyLevels>> {
        let (side, price) = if outcome == 0 { (side, price) } else { (side.opposite(), price.complement()) };
        self.mirrored.then(|| self.first.set(side, price, size))
    }

    /// Replaces one book with a snapshot, see [`Book::replace`].
    ///
    /// # Errors
    /// See [`Book::replace`].
    pub fn replace(&mut self, outcome: u32, bids: &[Level], asks: &[Level]) -> Result<(), TooManyLevels> {
        let replaced = self.own(outcome).replace(bids, asks);
        if self.second.is_mirror_of(&self.first) {
            self.mirrored = true;
            self.second.clear();
        }
        replaced
    }

    /// Removes all levels of one book.
    pub fn clear(&mut self, outcome: u32) {
        self.own(outcome).clear();
    }

    /// Returns one book to change it alone.
    fn own(&mut self, outcome: u32) -> &mut Book {
        if self.mirrored {
            self.mirrored = false;
            self.second.mirror(&self.first);
        }
        if outcome == 0 { &mut self.first } else { &mut self.second }
    }
}

/// One token's book, or the mirror of the other token's.
#[derive(Debug, Clone, Copy)]
pub struct BookView<'a> {
    book: &'a Book,
    mirrored: bool,
}

impl<'a> BookView<'a> {
    /// Returns the highest bid.
    #[inline]
    pub fn best_bid(self) -> Option<Level> {
        if self.mirrored { self.book.best_ask().map(Level::mirrored) } else { self.book.best_bid() }
    }

    /// Returns the lowest ask.
    #[inline]
    pub fn best_ask(self) -> Option<Level> {
        if self.mirrored { self.book.best_bid().map(Level::mirrored) } else { self.book.best_ask() }
    }

    /// Returns the levels of a side, best first.
    pub fn levels(self, side: Side) -> impl DoubleEndedIterator<Item = Level> + ExactSizeIterator + use<'a> {
        let side = if self.mirrored { side.opposite() } else { side };
        self.book.levels(side).map(move |level| if self.mirrored { level.mirrored() } else { *level })
    }

    /// Returns true if the best bid is at or above the best ask, see [`Book::is_crossed`].
    #[inline]
    pub fn is_crossed(self) -> bool {
        self.book.is_crossed()
    }
}

impl<'a> From<&'a Book> for BookView<'a> {
    fn from(book: &'a Book) -> Self {
        Self { book, mirrored: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn sides(book: BookView<'_>) -> [Vec<Level>; 2] {
        [Side::Buy, Side::Sell].map(|side| book.levels(side).collect())
    }

    proptest! {
        /// The changes are: a level of one token, of both, a snapshot that mirrors the other book, any snapshot, an empty
        /// book. Two plain books are the measure.
        #[test]
        fn a_pair_is_two_books(
            changes in proptest::collection::vec((0u8..7, 0u32..2, any::<bool>(), 1u32..100, 0u64..4), 0..200),
        ) {
            let (mut pair, mut books) = (BookPair::default(), [Book::default(), Book::default()]);
            for (kind, outcome, buy, cents, shares) in changes {
                let side = if buy { Side::Buy } else { Side::Sell };
                let (price, size) = (Price::from_micros(cents.saturating_mul(10_000)).unwrap(), Size::shares(shares));
                let mirror = (side.opposite(), price.complement());
                let [own, other] = match (&mut books, outcome) {
                    ([first, second], 0) => [first, second],
                    ([first, second], _) => [second, first],
                };
                match kind {
                    0..=2 if pair.mirrored => {
                        let ranks = (own.set(side, price, size), other.set(mirror.0, mirror.1, size));
                        prop_assert_eq!(ranks.0, ranks.1);
                        prop_assert_eq!(pair.set_both(outcome, side, price, size), Some(ranks.0));
                    }
                    0..=3 => prop_assert_eq!(pair.set(outcome, side, price, size), own.set(side, price, size)),
                    4 => {
                        let mirrored = |side: Vec<Level>| side.into_iter().map(Level::mirrored).collect::<Vec<_>>();
                        let [bids, asks] = sides((&*other).into()).map(mirrored);
                        own.replace(&asks, &bids).unwrap();
                        pair.replace(outcome, &asks, &bids).unwrap();
                        prop_assert!(pair.mirrored);
                    }
                    5 => {
                        let (bid, ask) = (Level { price, size }, Level { price: mirror.1, size });
                        own.replace(&[bid], &[ask]).unwrap();
                        pair.replace(outcome, &[bid], &[ask]).unwrap();
                    }
                    _ => {
                        own.clear();
                        pair.clear(outcome);
                    }
                }
                for (outcome, book) in (0u32..).zip(&books) {
                    let (view, plain) = (pair.get(outcome), BookView::from(book));
                    prop_assert_eq!(sides(view), sides(plain));
                    prop_assert_eq!((view.best_bid(), view.best_ask()), (plain.best_bid(), plain.best_ask()));
                    prop_assert_eq!(view.is_crossed(), plain.is_crossed());
                }
            }
        }
    }
}
