//! Trades inferred from books. The venue sends a new book after a trade, and recorded price changes reproduce the next
//! book except for what the trade took. So a book that differs from the one before in one level, a decrease at the
//! touch, shows a trade of that price and size. It is inferred from one token per market, and never across a gap.

use crate::dataset::Canon;
use model::{Price, Side, Size};

/// Maximum time since the token's last frame, in milliseconds; a longer pause may hide changes.
pub const INFERRED_WITHIN_MS: u64 = 30_000;

/// An inferred trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inferred {
    /// The taker's side.
    pub side: Side,
    /// The price.
    pub price: Price,
    /// The shares.
    pub size: Size,
}

/// The book of one token, and the time of its last frame.
#[derive(Debug, Default)]
pub struct TradeInference {
    book: Canon,
    last_ms: Option<u64>,
}

impl TradeInference {
    /// Takes a book and returns the trade that it shows.
    pub fn book(&mut self, time_ms: u64, levels: &[(Side, Price, Size)]) -> Option<Inferred> {
        let mut new = Canon::default();
        levels.iter().for_each(|(side, price, size)| new.set(*side, *price, *size));
        let near = self.last_ms.is_some_and(|last| time_ms.saturating_sub(last) <= INFERRED_WITHIN_MS);
        let found = if near { difference(&self.book, &new) } else { None };
        (self.book, self.last_ms) = (new, Some(time_ms));
        found
    }

    /// Takes a change of a level.
    pub fn level(&mut self, time_ms: u64, side: Side, price: Price, size: Size) {
        self.book.set(side, price, size);
        self.last_ms = Some(time_ms);
    }

    /// Forgets the book, because data is missing.
    pub fn lose(&mut self) {
        self.last_ms = None;
    }

    /// Returns the book.
    pub(crate) const fn canon(&self) -> &Canon {
        &self.book
    }
}

/// Returns the trade that explains the whole difference of two books, if one does.
fn difference(old: &Canon, new: &Canon) -> Option<Inferred> {
    let mut changed = old.changes(new);
    let (side, price, before, after) = changed.next()?;
    if changed.next().is_some() {
        return None;
    }
    let touch = match side {
        Side::Buy => old.best_bid(),
        Side::Sell => old.best_ask(),
    };
    let at_touch = touch.is_some_and(|(best, _)| best == price);
    let size = before.checked_sub(after).filter(|size| !size.is_zero())?;
    at_touch.then_some(Inferred { side: side.opposite(), price, size })
}
