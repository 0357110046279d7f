//! An order of which the venue's id is not known is asked for by what else is known of it: token, side, price and size.

use super::VenueAccount;
use crate::listed_orders::NO_ID;
use control::clock;
use model::input::CancelOutcome;
use model::{Body, NewOrder, OrderId};
use polymarket::RequestError;
use polymarket::parse::VenueOrder;

impl VenueAccount {
    /// Says whether the venue's id of an order is known.
    pub(crate) fn has_id(&self, order: OrderId) -> bool {
        self.index.venue(order).is_some()
    }

    /// Cancels an order whose id has to be found first.
    pub(crate) fn cancel_without_id(&self, order: OrderId) {
        let this = self.clone();
        self.runtime.spawn(async move {
            let outcome = match this.find_and_cancel(order).await {
                Ok(outcome) => outcome,
                Err(error) => CancelOutcome::Failed { reason: error.to_string() },
            };
            this.inbox.account(clock::now(), Body::CancelAnswer { order, outcome });
        });
    }

    /// That the order is not found proves nothing: the engine asks again until it is over.
    async fn find_and_cancel(&self, order: OrderId) -> Result<CancelOutcome, RequestError> {
        self.ask_without_id(order).await?;
        let Some(venue) = self.index.venue(order) else {
            return Ok(CancelOutcome::Failed { reason: NO_ID.to_owned() });
        };
        match self.client.take_cancels(1) {
            Ok(_) => Ok(self.client.cancel_taken(&[venue]).await?.outcome(venue)),
            // Its id is known from now on, so the engine's next request waits for room with the others.
            Err(_) => Ok(CancelOutcome::Failed { reason: "the venue's rate has no room".to_owned() }),
        }
    }

    /// Looks for an order by its terms among the open orders and the orders of trades that belong to none that is known. Only where
    /// neither has one that it could be is it denied.
    pub(super) async fn ask_without_id(&self, order: OrderId) -> Result<(), RequestError> {
        let Some(terms) = self.open().into_iter().find(|open| open.id == order) else { return Ok(()) };
        let asked = clock::now();
        tracing::warn!(order = order.0, "an order without an id at the venue; it is looked for by its terms");
        let open = self.client.open_orders().await?;
        for open in &open.rows {
            if self.is_of_nobody(open) && self.fits(&terms, open) {
                self.found(order, open);
                return Ok(());
            }
        }
        let trades = self.client.trades(self.since).await?;
        for part in trades.rows.iter().flat_map(|trade| &trade.parts) {
            if self.index.ours(&part.order).is_some() || self.index.is_done(&part.order) {
                continue;
            }
            match self.client.order(part.order).await? {
                Some(traded) if self.is_of_nobody(&traded) && self.fits(&terms, &traded) => {
                    self.found(order, &traded);
                    return self.trades_of(traded.id).await;
                }
                Some(_) => {}
                // It traded, and its terms are gone.
                None => return Ok(()),
            }
        }
        // A row that is not understood could be the order.
        for (path, refused) in [("/data/orders", &open.refused), ("/data/trades", &trades.refused)] {
            if !refused.is_empty() {
                return Err(RequestError::Unread { path });
            }
        }
        self.inbox.account(clock::now(), Body::Looked { order, denied: true, asked });
        Ok(())
    }

    /// Takes an order for one of ours whose id is not known, if it has the terms of one.
    pub(super) fn recognise(&self, found: &VenueOrder) -> bool {
        let mut nameless = self.open().into_iter().filter(|open| !self.has_id(open.id));
        let Some(terms) = nameless.find(|terms| self.fits(terms, found)) else { return false };
        self.index.forget_foreign(&found.id);
        self.found(terms.id, found);
        true
    }

    fn found(&self, order: OrderId, found: &VenueOrder) {
        tracing::warn!(order = order.0, id = %found.id, "an order without an id was found by its terms");
        self.index.insert(order, found.id);
        self.order(clock::now(), found);
    }

    fn is_of_nobody(&self, found: &VenueOrder) -> bool {
        self.index.ours(&found.id).is_none() && !self.index.is_by_hand(&found.id)
    }

    fn fits(&self, terms: &NewOrder, found: &VenueOrder) -> bool {
        let token = self.listing.token(&found.token);
        token == Some(terms.token) && (found.side, found.price, found.original) == (terms.side, terms.price, terms.size)
    }
}
