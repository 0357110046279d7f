//! Conversion of dollars and shares into each other without a trade, as done by the venue's contracts (PROTOCOL 17):
//! split, merge, redeem, and the conversion of NO shares of an event whose markets exclude each other. The calls of one
//! transaction are executed all or none.

use super::Venue;
use super::types::{AccountId, Conversion, Event, TurnError, Turned};
use alloc::vec::Vec;
use model::{EventId, MarketIx, Side, Size, Time, TokenIx, Usd, VenueOrderId};

impl Venue {
    /// Executes all of these for an account, in order; if one of them fails, none is executed. Afterwards the account's
    /// resting orders that its money or shares no longer cover are cancelled.
    ///
    /// # Errors
    /// The index of the first conversion that cannot be executed, and the reason.
    pub fn turn(&mut self, now: Time, account: AccountId, turns: &[Conversion]) -> Result<(), (usize, TurnError)> {
        if account == AccountId::HOUSE || !self.ledger.has(account) {
            return Err((0, TurnError::Unknown));
        }
        let (ledger, events_before) = (self.ledger.clone(), self.events.len());
        let sets: Vec<i128> = self.listings.iter().map(|listing| listing.sets).collect();
        for (place, turn) in turns.iter().enumerate() {
            if let Err(error) = self.turn_one(now, account, turn) {
                self.ledger = ledger;
                self.events.truncate(events_before);
                self.listings.iter_mut().zip(sets).for_each(|(listing, sets)| listing.sets = sets);
                return Err((place, error));
            }
        }
        self.cancel_uncovered(now, account);
        self.publish_levels();
        Ok(())
    }

    /// Returns the mutually exclusive markets of an event, in the order of their listing.
    pub fn event_markets(&self, event: EventId) -> Vec<MarketIx> {
        let of_it = self.listed().filter(|(_, market)| market.neg_risk && market.event == Some(event));
        of_it.map(|(ix, _)| ix).collect()
    }

    fn turn_one(&mut self, now: Time, account: AccountId, turn: &Conversion) -> Result<(), TurnError> {
        match turn {
            Conversion::Split { market, size } => self.split(now, account, *market, *size),
            Conversion::Merge { market, size } => self.merge(now, account, *market, *size),
            Conversion::Redeem { market } => self.redeem_own(account, *market),
            Conversion::Convert { event, from, size } => self.convert(now, account, *event, from, *size),
        }
    }

    fn split(&mut self, now: Time, account: AccountId, market: MarketIx, size: Size) -> Result<(), TurnError> {
        self.listing(market).ok_or(TurnError::Unknown)?;
        let face = size.face_value().ok_or(TurnError::Range)?;
        self.pay(account, Usd::ZERO.saturating_sub(face))?;
        let got = [market.token(0), market.token(1)];
        got.into_iter().try_for_each(|token| self.give(account, token, i128::from(size.micros())))?;
        self.count_sets(market, i128::from(size.micros()));
        self.push_turned(now, account, Turned::Split, size, Usd::ZERO.saturating_sub(face), (Vec::new(), got.into()));
        Ok(())
    }

    fn merge(&mut self, now: Time, account: AccountId, market: MarketIx, size: Size) -> Result<(), TurnError> {
        self.listing(market).ok_or(TurnError::Unknown)?;
        let face = size.face_value().ok_or(TurnError::Range)?;
        let (gone, less) = ([market.token(0), market.token(1)], i128::from(size.micros()).saturating_neg());
        gone.into_iter().try_for_each(|token| self.give(account, token, less))?;
        self.pay(account, face)?;
        self.count_sets(market, less);
        self.push_turned(now, account, Turned::Merge, size, face, (gone.into(), Vec::new()));
        Ok(())
    }

    /// Redeems an account's shares of a resolved market; without shares the payout is zero.
    fn redeem_own(&mut self, account: AccountId, market: MarketIx) -> Result<(), TurnError> {
        let pays = self.listing(market).ok_or(TurnError::Unknown)?.pays.ok_or(TurnError::Open)?;
        for (outcome, pays) in (0..).zip(pays) {
            let token = market.token(outcome);
            if let Some((size, value)) = self.ledger.redeem_of(account, token, pays) {
                self.events.push(Event::Redeemed { account, token, size, value });
            }
        }
        Ok(())
    }

    /// Converts NO shares of k markets of an event into YES shares of all its other markets and k - 1 dollars for each
    /// set: whichever market wins, that pays the same as the NO shares.
    fn convert(
        &mut self,
        now: Time,
        account: AccountId,
        event: EventId,
        from: &[MarketIx],
        size: Size,
    ) -> Result<(), TurnError> {
        let markets = self.event_markets(event);
        let distinct = from.iter().enumerate().all(|(place, market)| !from.iter().take(place).any(|one| one == market));
        if markets.len() < 2 || from.is_empty() || !distinct || !from.iter().all(|market| markets.contains(market)) {
            return Err(TurnError::Unknown);
        }
        let (micros, face) = (i128::from(size.micros()), size.face_value().ok_or(TurnError::Range)?);
        let gone: Vec<TokenIx> = from.iter().map(|market| market.token(1)).collect();
        let others = markets.iter().filter(|market| !from.contains(market));
        let got: Vec<TokenIx> = others.map(|market| market.token(0)).collect();
        let times = i64::try_from(from.len().saturating_sub(1)).map_err(|_too_large| TurnError::Range)?;
        let value = face.micros().checked_mul(times).map(Usd).ok_or(TurnError::Range)?;
        gone.iter().try_for_each(|token| self.give(account, *token, micros.saturating_neg()))?;
        got.iter().try_for_each(|token| self.give(account, *token, micros))?;
        self.pay(account, value)?;
        self.push_turned(now, account, Turned::Conversion, size, value, (gone, got));
        Ok(())
    }

    fn pay(&mut self, account: AccountId, cash: Usd) -> Result<(), TurnError> {
        let have = self.ledger.cash(account).total;
        let needed = Usd::ZERO.saturating_sub(cash).micros();
        self.ledger.change_cash(account, i128::from(cash.micros())).ok_or(TurnError::Short { have, needed })
    }

    fn give(&mut self, account: AccountId, token: TokenIx, micros: i128) -> Result<(), TurnError> {
        let have = self.ledger.shares(account, token).total;
        let needed = i64::try_from(micros.saturating_neg()).unwrap_or(i64::MAX);
        self.ledger.change_shares(account, token, micros).ok_or(TurnError::Short { have, needed })
    }

    fn count_sets(&mut self, market: MarketIx, micros: i128) {
        if let Some(listing) = self.listing_mut(market) {
            listing.sets = listing.sets.saturating_add(micros);
        }
    }

    fn push_turned(
        &mut self,
        at: Time,
        account: AccountId,
        how: Turned,
        size: Size,
        value: Usd,
        (gone, got): (Vec<TokenIx>, Vec<TokenIx>),
    ) {
        self.events.push(Event::Turned { at, account, how, size, value, gone, got });
    }

    /// Cancels an account's resting orders, in the order of their ids, until its balance covers the rest of them.
    fn cancel_uncovered(&mut self, now: Time, account: AccountId) {
        while let Some(id) = self.uncovered(account) {
            self.remove_order(now, account, id);
        }
    }

    fn uncovered(&self, account: AccountId) -> Option<VenueOrderId> {
        let short = |side, token| match side {
            Side::Buy => self.cash(account).free() < 0,
            Side::Sell => self.shares(account, token).free() < 0,
        };
        self.orders(account).find(|order| short(order.side, order.token)).map(|order| order.id)
    }
}
