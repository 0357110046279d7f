//! External depth: levels of a recorded book that belong to no account. Orders trade with them at their price, against
//! the house.

use super::Venue;
use super::matching::{Plan, Taker, plan};
use super::order_book::BookKey;
use super::types::{AccountId, Event, MarketError};
use alloc::collections::BTreeMap;
use model::{FeeRate, Level, MarketIx, Price, Side, Size, Time, TokenIx, VenueOrderId};

impl Venue {
    /// Sets a level of the recording, on either token (the other one shows the mirror); zero removes it. Size that
    /// accounts took from a level stays taken until the recording shows a different size there. A new level that
    /// crosses resting orders trades with them, up to its size.
    ///
    /// # Errors
    /// [`MarketError::Unknown`].
    pub fn set_external(
        &mut self,
        now: Time,
        token: TokenIx,
        side: Side,
        price: Price,
        size: Size,
    ) -> Result<(), MarketError> {
        if self.listing(token.market()).ok_or(MarketError::Unknown)?.pays.is_some() {
            return Ok(());
        }
        self.external_level(now, token.market(), BookKey::of(token, side, price), size);
        self.publish_levels();
        Ok(())
    }

    /// Replaces all external depth of a token's market with a whole book of that token; ends with [`Event::BookReset`]
    /// and emits no level events.
    ///
    /// # Errors
    /// [`MarketError::Unknown`].
    pub fn replace_external(
        &mut self,
        now: Time,
        token: TokenIx,
        bids: &[Level],
        asks: &[Level],
    ) -> Result<(), MarketError> {
        let market = token.market();
        let listing = self.listing(market).ok_or(MarketError::Unknown)?;
        if listing.pays.is_some() {
            return Ok(());
        }
        // Levels missing from the new book are removed first, so that nothing trades with depth that no longer exists.
        let mut levels: BTreeMap<BookKey, Size> =
            listing.shelves.recorded().into_iter().map(|spot| (spot, Size::ZERO)).collect();
        for (side, offered) in [(Side::Buy, bids), (Side::Sell, asks)] {
            levels.extend(offered.iter().map(|level| (BookKey::of(token, side, level.price), level.size)));
        }
        let (gone, there): (BTreeMap<_, _>, BTreeMap<_, _>) = levels.into_iter().partition(|(_, size)| size.is_zero());
        for (spot, size) in gone.into_iter().chain(there) {
            self.external_level(now, market, spot, size);
        }
        self.reset_levels(market);
        Ok(())
    }

    /// Removes all external depth of a market; ends with [`Event::BookReset`] and emits no level events.
    ///
    /// # Errors
    /// [`MarketError::Unknown`].
    pub fn clear_external(&mut self, market: MarketIx) -> Result<(), MarketError> {
        let listing = self.listing_mut(market).ok_or(MarketError::Unknown)?;
        for spot in listing.shelves.recorded() {
            listing.shelves.set_external(spot, Size::ZERO);
        }
        self.reset_levels(market);
        Ok(())
    }

    /// Sets external depth for the order that is placed next, without matching resting orders and without events. It
    /// is removed with [`Venue::clear_external`].
    pub(crate) fn lend(&mut self, market: MarketIx, levels: &[(BookKey, Size)]) {
        if let Some(listing) = self.listing_mut(market) {
            for (spot, size) in levels {
                listing.shelves.set_external(*spot, *size);
            }
        }
    }

    /// Returns the remaining external depth at a place.
    pub(crate) fn external(&self, market: MarketIx, spot: BookKey) -> Size {
        self.listing(market).map_or(Size::ZERO, |listing| listing.shelves.external(spot))
    }

    /// Fills up to `size` shares of a resting order at its price, for a trade outside of the recorded book.
    pub(crate) fn fill_resting(&mut self, now: Time, id: VenueOrderId, size: Size) {
        let Some(order) = self.orders.get(&id).copied() else { return };
        let taker = Taker {
            order: None,
            account: AccountId::HOUSE,
            token: order.token,
            side: order.side.opposite(),
            price: order.price,
            size,
            spend: None,
            fee: FeeRate::default(),
        };
        let plan = Plan::of(&order, &taker);
        self.execute(now, &taker, &plan, None);
        self.publish_levels();
    }

    fn reset_levels(&mut self, market: MarketIx) {
        self.touched.retain(|(touched, _)| *touched != market);
        self.events.push(Event::BookReset { market });
    }

    fn external_level(&mut self, now: Time, market: MarketIx, spot: BookKey, size: Size) {
        let Some(listing) = self.listing_mut(market) else { return };
        if !listing.shelves.set_external(spot, size) {
            return;
        }
        let taker = Taker {
            order: None,
            account: AccountId::HOUSE,
            token: market.token(0),
            side: spot.side,
            price: spot.price,
            size,
            spend: None,
            fee: FeeRate::default(),
        };
        self.touch(market, spot);
        let Some(listing) = self.listing(market) else { return };
        let plan = plan(&listing.shelves, &self.orders, &taker);
        if plan.is_empty() {
            return;
        }
        self.execute(now, &taker, &plan, None);
        if let Some(listing) = self.listing_mut(market) {
            listing.shelves.take_external(spot, plan.matched);
        }
    }
}
