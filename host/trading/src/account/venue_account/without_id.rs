//! Looks up an order whose venue id is not known by its terms: token, side, price and size.

use super::VenueAccount;
use crate::listed_orders::NO_ID;
use control::clock;
use model::input::CancelOutcome;
use model::{InputKind, NewOrder, OrderId};
use polymarket::RequestError;
use polymarket::parse::VenueOrder;

impl VenueAccount {
    /// Returns true if the venue id of an order is known.
    pub(crate) fn has_id(&self, order: OrderId) -> bool {
        self.index.venue(order).is_some()
    }

    /// Cancels an order whose venue id has to be found first.
    pub(crate) fn cancel_without_id(&self, order: OrderId) {
        let this = self.clone();
        self.runtime.spawn(async move {
            let outcome = match this.find_and_cancel(order).await {
                Ok(outcome) => outcome,
                Err(error) => CancelOutcome::Failed { reason: error.to_string() },
            };
            this.inbox.account(clock::now(), InputKind::CancelAnswer { order, outcome });
        });
    }

    /// Finds and cancels an order. Not finding it proves nothing: the engine asks again until it is over.
    async fn find_and_cancel(&self, order: OrderId) -> Result<CancelOutcome, RequestError> {
        self.query_without_id(order).await?;
        let Some(venue) = self.index.venue(order) else {
            return Ok(CancelOutcome::Failed { reason: NO_ID.to_owned() });
        };
        match self.client.acquire_cancels(1) {
            Ok(_) => Ok(self.client.cancel_taken(&[venue]).await?.outcome(venue)),
            // Its id is known from now on, so the engine's next request waits for room with the others.
            Err(_) => Ok(CancelOutcome::Failed { reason: "the venue's rate limit has no room".to_owned() }),
        }
    }

    /// Looks for an order by its terms among the open orders and among the orders of unattributed trades. It is
    /// reported as not found only if neither contains a candidate.
    pub(super) async fn query_without_id(&self, order: OrderId) -> Result<(), RequestError> {
        let Some(terms) = self.open().into_iter().find(|open| open.id == order) else { return Ok(()) };
        let asked = clock::now();
        tracing::warn!(order = order.0, "order without a venue id; searching by its terms");
        let open = self.client.open_orders().await?;
        for open in &open.rows {
            if self.has_no_owner(open) && self.fits(&terms, open) {
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
                Some(traded) if self.has_no_owner(&traded) && self.fits(&terms, &traded) => {
                    self.found(order, &traded);
                    return self.trades_of(traded.id).await;
                }
                Some(_) => {}
                // It traded, and its terms are no longer available.
                None => return Ok(()),
            }
        }
        // A row that could not be parsed might be the order.
        for (path, refused) in [("/data/orders", &open.refused), ("/data/trades", &trades.refused)] {
            if !refused.is_empty() {
                return Err(RequestError::Unread { path });
            }
        }
        self.inbox.account(clock::now(), InputKind::OrderQueried { order, not_found: true, asked });
        Ok(())
    }

    /// Matches a reported order to one of ours whose id is not known, if the terms are the same.
    pub(super) fn recognise(&self, found: &VenueOrder) -> bool {
        let mut nameless = self.open().into_iter().filter(|open| !self.has_id(open.id));
        let Some(terms) = nameless.find(|terms| self.fits(terms, found)) else { return false };
        self.index.forget_foreign(&found.id);
        self.found(terms.id, found);
        true
    }

    fn found(&self, order: OrderId, found: &VenueOrder) {
        tracing::warn!(order = order.0, id = %found.id, "found an order without a venue id by its terms");
        self.index.insert(order, found.id);
        self.order(clock::now(), found);
    }

    fn has_no_owner(&self, found: &VenueOrder) -> bool {
        self.index.ours(&found.id).is_none() && !self.index.is_external(&found.id)
    }

    fn fits(&self, terms: &NewOrder, found: &VenueOrder) -> bool {
        let token = self.listing.token(&found.token);
        token == Some(terms.token) && (found.side, found.price, found.original) == (terms.side, terms.price, terms.size)
    }
}
