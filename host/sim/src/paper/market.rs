//! The real market in the paper venue: its books and trades, what they fill, and the end of markets.

use super::books::MarketBook;
use super::queue::at_or_before;
use super::{Paper, VenueNote};
use crate::venue::{BookKey, MarketError};
use model::event::{MarketEvent, MarketEventKind};
use model::input::PlaceOutcome;
use model::{Book, Level, LevelChange, MarketIx, NewOrder, Price, Side, Size, Time, TokenIx, Usd, VenueOrderId};

impl Paper {
    /// Processes an event of the real market at `now` that is a frame of its own.
    ///
    /// # Errors
    /// [`MarketError::Unknown`].
    pub fn on_market_event(&mut self, now: Time, event: &MarketEvent) -> Result<(), MarketError> {
        self.stage(now, event)?;
        self.settle_frame(now);
        Ok(())
    }

    /// Processes an event of the real market at `now`; books that cross our orders fill them at the end of the frame
    /// ([`Paper::settle_frame`]). The books of the two tokens mirror each other; the first token's book is used, and
    /// the trades of both.
    ///
    /// # Errors
    /// [`MarketError::Unknown`].
    pub fn stage(&mut self, now: Time, event: &MarketEvent) -> Result<(), MarketError> {
        let token = event.token;
        let market = token.market();
        if let Some(change) = event.level() {
            return self.stage_level(now, &change);
        }
        self.now = self.now.max(now);
        let book = self.books.get_mut(market.index()).ok_or(MarketError::Unknown)?;
        match &event.kind {
            MarketEventKind::Book { bids, asks } if token.outcome() == 0 => self.on_book(now, market, bids, asks),
            MarketEventKind::Book { .. } | MarketEventKind::Level { .. } => {}
            MarketEventKind::Trade { side, price, size } => {
                if book.is_new_trade(event) && self.queue.is_in(market) {
                    let hit = BookKey::of(token, side.opposite(), *price);
                    let filled = self.queue.trade(self.model, now, &self.venue, (market, hit), *size);
                    filled.into_iter().for_each(|(order, shares)| self.venue.fill_resting(now, order, shares));
                    self.process_venue_events();
                }
            }
            MarketEventKind::TickSize { tick } => self.venue.set_tick(market, *tick)?,
            MarketEventKind::Unread { .. } => book.lose(),
            MarketEventKind::Resolved { .. } => self.close(now, market)?,
        }
        Ok(())
    }

    /// Processes a change of a level, see [`Paper::stage`].
    ///
    /// # Errors
    /// [`MarketError::Unknown`].
    #[inline]
    pub fn stage_level(&mut self, now: Time, change: &LevelChange) -> Result<(), MarketError> {
        self.now = self.now.max(now);
        let (market, size) = (change.token.market(), change.size);
        if change.token.outcome() != 0 {
            return Ok(());
        }
        let spot = BookKey { side: change.side, price: change.price };
        let watched = self.queue.is_in(market);
        let Some(book) = self.books.get_mut(market.index()) else { return Err(MarketError::Unknown) };
        // A change before the first book is ignored; the book will contain it.
        if !book.known {
            return Ok(());
        }
        let best = if watched { book.book.levels(spot.side).next().map(|level| level.price) } else { None };
        let before = book.set(spot, size);
        if watched && before != size {
            self.on_change(now, market, spot, (before, size), best);
        }
        Ok(())
    }

    fn on_book(&mut self, now: Time, market: MarketIx, bids: &[Level], asks: &[Level]) {
        let watched = self.queue.is_in(market);
        let Some(book) = self.books.get_mut(market.index()) else { return };
        let resumes = !book.known;
        let before = book.replace(bids, asks);
        if !watched {
            return;
        }
        let after = book.book.clone();
        if resumes {
            self.queue.resume(market, |spot| after.size_at(spot.side, spot.price));
            self.resumed.push(market);
            return;
        }
        for side in [Side::Buy, Side::Sell] {
            let best = before.levels(side).next().map(|level| level.price);
            let gone = before.levels(side).filter(|level| after.size_at(side, level.price).is_zero());
            for level in gone.chain(after.levels(side)) {
                let spot = BookKey { side, price: level.price };
                let sizes = (before.size_at(side, level.price), after.size_at(side, level.price));
                if sizes.0 != sizes.1 {
                    self.on_change(now, market, spot, sizes, best);
                }
            }
        }
    }

    /// Applies the change of a level to our orders in its market. `best` is the side's best price before it.
    fn on_change(
        &mut self,
        now: Time,
        market: MarketIx,
        spot: BookKey,
        (before, after): (Size, Size),
        best: Option<Price>,
    ) {
        self.queue.level(self.model, now, market, spot, (before, after));
        if after > before {
            self.changed.push((market, spot));
        } else if self.model.fills_on_removal() && best == Some(spot.price) {
            self.fill(now, market, |at| at == spot, before.saturating_sub(after));
        }
    }

    /// Ends a frame: depth that appeared in it and crosses our orders fills them, at their own prices.
    #[inline]
    pub fn settle_frame(&mut self, now: Time) {
        if !self.changed.is_empty() || !self.resumed.is_empty() {
            self.fill_crossed(now);
        }
    }

    fn fill_crossed(&mut self, now: Time) {
        for market in core::mem::take(&mut self.resumed) {
            let Some(book) = self.books.get(market.index()) else { continue };
            let crossed = [Side::Buy, Side::Sell].map(|side| best_of(book, side.opposite()).map(|at| (side, at)));
            for (side, at) in crossed.into_iter().flatten() {
                let hit = BookKey { side, price: at };
                self.fill(now, market, |ours| ours.side == side && at_or_before(ours, hit), Size(u64::MAX));
            }
        }
        let mut changed = core::mem::take(&mut self.changed);
        for (market, spot) in changed.drain(..) {
            let left = self.books.get(market.index()).map_or(Size::ZERO, |book| book.left_at(spot));
            let hit = BookKey { side: spot.side.opposite(), price: spot.price };
            let filled = self.fill(now, market, |ours| ours.side == hit.side && at_or_before(ours, hit), left);
            if !filled.is_zero()
                && let Some(book) = self.books.get_mut(market.index())
            {
                book.take(spot, filled);
            }
        }
        // The allocation is reused, because this runs for every frame.
        self.changed = changed;
    }

    /// Fills our orders at certain places with up to `size` shares, and returns the shares filled.
    fn fill(&mut self, now: Time, market: MarketIx, wanted: impl Fn(BookKey) -> bool, size: Size) -> Size {
        let mut filled = Size::ZERO;
        for (order, _) in self.queue.by_priority(&self.venue, market, wanted) {
            let shares = size.saturating_sub(filled).min(order.rest());
            if !shares.is_zero() {
                self.venue.fill_resting(now, order.id, shares);
                filled = filled.saturating_add(shares);
            }
        }
        if !filled.is_zero() {
            self.process_venue_events();
        }
        filled
    }

    /// Places an order among the depth that it can take.
    pub(super) fn place_among(&mut self, now: Time, order: &NewOrder, id: VenueOrderId) -> PlaceOutcome {
        let market = order.token.market();
        let own = BookKey::of(order.token, order.side, order.price);
        let hide = self.model.hides_crossed_depth();
        let lent =
            self.books.get(market.index()).map(|book| book.takeable(own.side, own.price, hide)).unwrap_or_default();
        self.venue.lend(market, &lent);
        let outcome = self.member.place(now, &mut self.venue, order, id);
        for (spot, size) in lent {
            let taken = size.saturating_sub(self.venue.external(market, spot));
            if !taken.is_zero()
                && let Some(book) = self.books.get_mut(market.index())
            {
                book.take(spot, taken);
            }
        }
        self.venue.clear_external(market).ok();
        outcome
    }

    /// Adds an order that now rests to the queue at its price. Nothing is known about the depth ahead of it without a
    /// book.
    pub(super) fn join(&mut self, order: &NewOrder, id: VenueOrderId) {
        if self.venue.order(id).is_none() {
            return;
        }
        let (market, spot) = (order.token.market(), BookKey::of(order.token, order.side, order.price));
        let book = self.books.get(market.index()).filter(|book| book.known);
        let ahead = book.map_or(Size(u64::MAX), |book| book.size_at(spot));
        self.queue.join(market, id, spot, ahead);
        self.note(VenueNote::Joined { order: order.id, ahead });
    }

    /// Handles the loss of the market channel: no book is known until it is received again.
    pub fn lose_books(&mut self) {
        let markets: alloc::vec::Vec<MarketIx> = self.markets();
        markets.into_iter().for_each(|market| self.lose_book(market));
    }

    /// Handles the loss of one market's book.
    pub fn lose_book(&mut self, market: MarketIx) {
        if let Some(book) = self.books.get_mut(market.index()) {
            book.lose();
        }
    }

    /// Ends trading in a market: its orders are cancelled, and new ones are refused.
    ///
    /// # Errors
    /// [`MarketError::Unknown`].
    pub fn close(&mut self, now: Time, market: MarketIx) -> Result<(), MarketError> {
        self.venue.set_open(market, false)?;
        self.venue.cancel_market(now, self.member.account(), market, None);
        self.process_venue_events();
        Ok(())
    }

    /// Ends a market and pays out its shares; `pays` is the payout per share of each token.
    ///
    /// # Errors
    /// [`MarketError::Unknown`], or [`MarketError::Resolved`] if it was paid out already.
    pub fn pay_out(&mut self, now: Time, market: MarketIx, pays: [Usd; 2]) -> Result<(), MarketError> {
        self.venue.pay_out(now, market, pays)?;
        self.process_venue_events();
        Ok(())
    }

    /// Returns the market's book, seen from its first token; `None` if none is known.
    pub fn book(&self, market: MarketIx) -> Option<&Book> {
        self.books.get(market.index()).filter(|book| book.known).map(|book| &book.book)
    }

    /// Returns the best bid and the best ask of a token; `None` where a side is empty or unknown.
    pub fn top(&self, token: TokenIx) -> (Option<Price>, Option<Price>) {
        let best = |side| self.book(token.market())?.levels(side).next().map(|level| level.price);
        let (bid, ask) = (best(Side::Buy), best(Side::Sell));
        if token.outcome() == 0 { (bid, ask) } else { (ask.map(Price::complement), bid.map(Price::complement)) }
    }

    /// Returns what `size` shares of a token bring if they are sold into the visible bids; shares beyond the depth
    /// bring nothing. `None` if no book is known.
    pub fn proceeds(&self, token: TokenIx, size: Size) -> Option<Usd> {
        let book = self.book(token.market())?;
        let side = if token.outcome() == 0 { Side::Buy } else { Side::Sell };
        let (mut left, mut sum) = (size, Usd::ZERO);
        for level in book.levels(side) {
            let shares = left.min(level.size);
            let price = if token.outcome() == 0 { level.price } else { level.price.complement() };
            sum = sum.saturating_add(price.cost_floor(shares).unwrap_or_default());
            left = left.saturating_sub(shares);
            if left.is_zero() {
                break;
            }
        }
        Some(sum)
    }
}

fn best_of(book: &MarketBook, side: Side) -> Option<Price> {
    book.book.levels(side).next().map(|level| level.price)
}
