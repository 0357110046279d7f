//! The real market's books, one per market, seen from its first token.

use crate::venue::BookKey;
use alloc::vec::Vec;
use model::event::{MarketEvent, MarketEventKind};
use model::{Book, CheckpointTable, Level, Price, Side, Size, Time, TokenIx};

/// The most levels that one order can take.
const LEVELS_TAKEN_MAX: usize = 1_000;

/// A trade as reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ReportedTrade {
    token: TokenIx,
    at: Time,
    side: Side,
    price: Price,
    size: Size,
}

/// The book of one market.
#[derive(Debug, Clone, Default)]
pub(super) struct MarketBook {
    pub(super) book: Book,
    /// True once a whole book was received, until the channel is lost.
    pub(super) known: bool,
    /// Depth that our orders took, until the market reports another size there.
    taken: Vec<(BookKey, Size)>,
    last_trade: Option<ReportedTrade>,
}

impl MarketBook {
    /// Returns the reported size at a place.
    pub(super) fn size_at(&self, spot: BookKey) -> Size {
        self.book.size_at(spot.side, spot.price)
    }

    /// Returns the size that is left at a place after our own orders took some.
    pub(super) fn left_at(&self, spot: BookKey) -> Size {
        let taken = self.taken.iter().find(|(at, _)| *at == spot).map_or(Size::ZERO, |(_, taken)| *taken);
        self.size_at(spot).saturating_sub(taken)
    }

    /// Takes depth.
    pub(super) fn take(&mut self, spot: BookKey, size: Size) {
        match self.taken.iter_mut().find(|(at, _)| *at == spot) {
            Some((_, taken)) => *taken = taken.saturating_add(size),
            None => self.taken.push((spot, size)),
        }
    }

    /// Sets a level, and returns the size that was reported before.
    pub(super) fn set(&mut self, spot: BookKey, size: Size) -> Size {
        // A book beyond the largest grid is impossible; the level is then left out.
        let before = self.book.exchange(spot.side, spot.price, size).map_or(Size::ZERO, |(_, before)| before);
        if before != size && !self.taken.is_empty() {
            self.taken.retain(|(at, _)| *at != spot);
        }
        before
    }

    /// Replaces the whole book, and returns the previous one.
    pub(super) fn replace(&mut self, bids: &[Level], asks: &[Level]) -> Book {
        let mut book = Book::default();
        book.replace(bids, asks).ok();
        let before = core::mem::replace(&mut self.book, book);
        let now = &self.book;
        self.taken.retain(|(spot, _)| {
            let size = now.size_at(spot.side, spot.price);
            !size.is_zero() && size == before.size_at(spot.side, spot.price)
        });
        self.known = true;
        before
    }

    /// Forgets the book.
    pub(super) fn lose(&mut self) {
        self.book.clear();
        self.taken.clear();
        self.known = false;
    }

    /// Returns the depth that an order of `side` at `price`, seen from the first token, could take: best price first.
    pub(super) fn takeable(&self, side: Side, price: Price, hide_crossed: bool) -> Vec<(BookKey, Size)> {
        let other = side.opposite();
        let own_best = self.book.levels(side).next().map(|level| level.price);
        let reaches = |at: Price, limit: Price| match side {
            Side::Buy => at <= limit,
            Side::Sell => at >= limit,
        };
        let levels = self.book.levels(other).take_while(|level| reaches(level.price, price));
        let shown = levels.filter(|level| !hide_crossed || own_best.is_none_or(|best| !reaches(level.price, best)));
        let spots = shown.map(|level| BookKey { side: other, price: level.price });
        spots
            .map(|spot| (spot, self.left_at(spot)))
            .filter(|(_, size)| !size.is_zero())
            .take(LEVELS_TAKEN_MAX)
            .collect()
    }

    /// Records a trade; returns false if it is the mirrored report of the previous one for the other token.
    pub(super) fn is_new_trade(&mut self, event: &MarketEvent) -> bool {
        let MarketEventKind::Trade { side, price, size } = event.kind else { return false };
        let trade = ReportedTrade { token: event.token, at: event.venue_time, side, price, size };
        let mirror = ReportedTrade {
            token: event.token.complement(),
            side: side.opposite(),
            price: price.complement(),
            ..trade
        };
        if self.last_trade == Some(mirror) {
            self.last_trade = None;
            return false;
        }
        self.last_trade = Some(trade);
        true
    }
}

/// The books of all markets.
pub(super) type Books = CheckpointTable<MarketBook>;
