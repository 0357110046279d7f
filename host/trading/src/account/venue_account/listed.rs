//! The end of a session: what the venue lists as open is cancelled, by id, and with its markets where there is no room for that.

use super::{RETRY, VenueAccount};
use crate::listed_orders::{ListedOrder, ListedOrders};
use crate::sweeps::{HOST_PATIENCE, report_swept};
use model::{ConditionId, VenueOrderId};
use polymarket::CancelAnswer;
use polymarket::client::CANCEL_MAX;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

impl VenueAccount {
    /// Cancels orders by id as there is room for them, however long that takes; or at most with waits of `patience`.
    ///
    /// # Errors
    /// A sentence, if there is no good answer or no room; some may be cancelled then.
    pub(super) async fn cancel_named(&self, ids: &[VenueOrderId], patience: Option<Duration>) -> Result<(), String> {
        let mut left = ids;
        while !left.is_empty() {
            let answer = match self.client.take_cancels(left.len().min(CANCEL_MAX)) {
                Ok(count) => {
                    let (now, later) = left.split_at(count.min(left.len()));
                    left = later;
                    self.client.cancel_taken(now).await
                }
                Err(wait) if patience.is_some_and(|patience| wait > patience) => {
                    return Err(format!("the venue takes no single cancels for {} ms", wait.as_millis()));
                }
                Err(wait) => {
                    tokio::time::sleep(wait.min(RETRY)).await;
                    continue;
                }
            };
            all_cancelled(&answer.map_err(|error| error.to_string())?)?;
        }
        Ok(())
    }

    /// Cancels the markets of these orders, and everything if one of them is in a market that is not known here.
    async fn cancel_markets(&self, orders: &[ListedOrder]) -> Result<(), String> {
        let markets: Option<BTreeSet<_>> = orders.iter().map(|order| order.market).collect();
        let Some(markets) = markets else {
            let answer = self.client.cancel_all().await.map_err(|error| error.to_string())?;
            return self.report(orders, &answer, "all orders");
        };
        for market in markets {
            let answer = self.client.cancel_market(&market).await.map_err(|error| error.to_string())?;
            self.report(orders, &answer, "the market's orders")?;
        }
        Ok(())
    }

    /// Tells the engine of orders that were cancelled with those that were meant.
    fn report(&self, meant: &[ListedOrder], answer: &CancelAnswer, name: &str) -> Result<(), String> {
        let others = answer.cancelled.iter().filter(|id| meant.iter().all(|order| order.id != **id));
        report_swept(&self.index, &self.inbox, others, name);
        all_cancelled(answer)
    }
}

fn all_cancelled(answer: &CancelAnswer) -> Result<(), String> {
    match answer.not_cancelled.first() {
        Some((id, reason)) => Err(format!("order {id} is not cancelled: {reason}")),
        None => Ok(()),
    }
}

impl ListedOrders for VenueAccount {
    async fn listed(&self) -> Result<Vec<ListedOrder>, String> {
        let open = self.client.open_orders().await.map_err(|error| error.to_string())?;
        let market = |token| Some(self.listing.market(self.listing.token(token)?.market())?.condition);
        let markets: BTreeMap<VenueOrderId, Option<ConditionId>> =
            open.rows.iter().map(|order| (order.id, market(&order.token))).collect();
        // Of an order that is listed and not understood the id is enough.
        let ours = open.known_ids().filter(|id| !self.index.is_by_hand(id));
        let ours: Vec<_> = ours.map(|id| ListedOrder { id, market: markets.get(&id).copied().flatten() }).collect();
        // Those that have an id are cancelled by it first; of the others it is not said that none is open.
        if ours.is_empty() { open.ids().map(|_| ours) } else { Ok(ours) }
    }

    async fn cancel_listed(&self, orders: &[ListedOrder]) -> Result<(), String> {
        let ids: Vec<VenueOrderId> = orders.iter().map(|order| order.id).collect();
        let Err(error) = self.cancel_named(&ids, Some(HOST_PATIENCE)).await else { return Ok(()) };
        tracing::warn!(error, "listed orders not cancelled by id; their markets are cancelled");
        self.cancel_markets(orders).await
    }
}
