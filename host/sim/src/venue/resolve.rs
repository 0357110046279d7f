//! The end of a market: what its shares pay, and the payment.

use super::Venue;
use super::types::{Event, MarketError};
use model::{MarketIx, Time, Usd};

impl Venue {
    /// Resolves a market: its open orders are cancelled, it takes no more of them, and its book is empty. `pays` is what a
    /// share of each token is worth; together a dollar. Shares stay until they are redeemed.
    ///
    /// # Errors
    /// [`MarketError::Unknown`], or [`MarketError::Resolved`] if it is over already or the two do not make a dollar.
    pub fn resolve(&mut self, now: Time, market: MarketIx, pays: [Usd; 2]) -> Result<(), MarketError> {
        let [yes, no] = pays;
        let whole = yes >= Usd::ZERO && no >= Usd::ZERO && yes.checked_add(no) == Some(Usd::dollars(1));
        let listing = self.listing_mut(market).ok_or(MarketError::Unknown)?;
        if listing.pays.is_some() || !whole {
            return Err(MarketError::Resolved);
        }
        self.clear_external(market)?;
        let open = self.orders.values().filter(|order| order.token.market() == market);
        let ids: alloc::vec::Vec<_> = open.map(|order| (order.account, order.id)).collect();
        for (account, id) in ids {
            self.cancel(now, account, id);
        }
        let listing = self.listing_mut(market).ok_or(MarketError::Unknown)?;
        (listing.open, listing.pays) = (false, Some(pays));
        self.events.push(Event::Resolved { market, pays });
        Ok(())
    }

    /// Returns what a share of each token of a market pays, once it is resolved.
    pub fn resolution(&self, market: MarketIx) -> Option<[Usd; 2]> {
        self.listing(market)?.pays
    }

    /// Pays everybody's shares of a resolved market, which are gone then.
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
