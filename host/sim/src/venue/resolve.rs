//! Resolution of a market: payouts, and redemption.

use super::Venue;
use super::types::{Event, MarketError};
use alloc::vec::Vec;
use model::{Market, MarketIx, Time, Usd};

impl Venue {
    /// Resolves a market: its open orders are cancelled, no new ones are accepted, and its book is empty. `pays` is the
    /// payout per share of each token; together a dollar. Shares stay until they are redeemed. If a market of an event
    /// pays YES, all others of the event pay NO with it.
    ///
    /// # Errors
    /// [`MarketError::Unknown`], [`MarketError::Resolved`] if it is resolved already or the two do not make a dollar,
    /// or [`MarketError::Exclusive`] if its event would be left without exactly one that pays YES.
    pub fn resolve(&mut self, now: Time, market: MarketIx, pays: [Usd; 2]) -> Result<(), MarketError> {
        let [yes, no] = pays;
        let whole = yes >= Usd::ZERO && no >= Usd::ZERO && yes.checked_add(no) == Some(Usd::dollars(1));
        let listing = self.listing(market).ok_or(MarketError::Unknown)?;
        if listing.pays.is_some() || !whole {
            return Err(MarketError::Resolved);
        }
        let rivals = self.open_rivals(&listing.market, market);
        if rivals.as_ref().is_some_and(|rivals| yes != Usd::dollars(1) && (no != Usd::dollars(1) || rivals.is_empty()))
        {
            return Err(MarketError::Exclusive);
        }
        self.end(now, market, pays)?;
        let losers = if yes == Usd::dollars(1) { rivals.unwrap_or_default() } else { Vec::new() };
        losers.into_iter().try_for_each(|rival| self.end(now, rival, [Usd::ZERO, Usd::dollars(1)]))
    }

    /// Returns the other unresolved markets of a market's event; `None` if it is a standalone market.
    fn open_rivals(&self, of: &Market, market: MarketIx) -> Option<Vec<MarketIx>> {
        let event = of.event.filter(|_| of.neg_risk)?;
        let rivals = self.event_markets(event).into_iter();
        Some(rivals.filter(|rival| *rival != market && self.resolution(*rival).is_none()).collect())
    }

    /// Resolves one market and redeems its shares, whatever the other markets of its event pay: a recorded event may
    /// lack the one that pays YES.
    ///
    /// # Errors
    /// [`MarketError::Unknown`], or [`MarketError::Resolved`] if it is resolved already or the two do not make a dollar.
    pub(crate) fn pay_out(&mut self, now: Time, market: MarketIx, pays: [Usd; 2]) -> Result<(), MarketError> {
        let [yes, no] = pays;
        let whole = yes >= Usd::ZERO && no >= Usd::ZERO && yes.checked_add(no) == Some(Usd::dollars(1));
        if self.listing(market).ok_or(MarketError::Unknown)?.pays.is_some() || !whole {
            return Err(MarketError::Resolved);
        }
        self.end(now, market, pays)?;
        self.redeem(market)
    }

    fn end(&mut self, now: Time, market: MarketIx, pays: [Usd; 2]) -> Result<(), MarketError> {
        self.clear_external(market)?;
        let open = self.orders.values().filter(|order| order.token.market() == market);
        let ids: Vec<_> = open.map(|order| (order.account, order.id)).collect();
        for (account, id) in ids {
            self.cancel(now, account, id);
        }
        let listing = self.listing_mut(market).ok_or(MarketError::Unknown)?;
        (listing.open, listing.pays) = (false, Some(pays));
        self.events.push(Event::Resolved { market, pays });
        Ok(())
    }

    /// Returns the payout per share of each token of a market, once it is resolved.
    pub fn resolution(&self, market: MarketIx) -> Option<[Usd; 2]> {
        self.listing(market)?.pays
    }

    /// Redeems all accounts' shares of a resolved market, which are then gone.
    ///
    /// # Errors
    /// [`MarketError::Unknown`] if it is not resolved.
    pub fn redeem(&mut self, market: MarketIx) -> Result<(), MarketError> {
        let pays = self.resolution(market).ok_or(MarketError::Unknown)?;
        for (outcome, pays) in (0..).zip(pays) {
            let token = market.token(outcome);
            for (account, size, value) in self.ledger.redeem(token, pays) {
                self.events.push(Event::Redeemed { account, token, size, value });
            }
        }
        if let Some(listing) = self.listing_mut(market) {
            listing.sets = 0;
        }
        Ok(())
    }
}
