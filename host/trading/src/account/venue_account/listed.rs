//! Cancels the venue's listed open orders at the end of a session: by id, or by market where single cancels have no
//! room.

use super::{RETRY, VenueAccount};
use crate::listed_orders::{ListedOrder, ListedOrders};
use crate::sweeps::{HOST_PATIENCE, report_swept};
use model::{ConditionId, VenueOrderId};
use polymarket::CancelAnswer;
use polymarket::client::CANCEL_MAX;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

impl VenueAccount {
    /// Cancels orders by id as room permits, however long that takes, or with waits of at most `patience`.
    ///
    /// # Errors
    /// A message, if the request fails or has no room; some may be cancelled then.
    pub(super) async fn cancel_named(&self, ids: &[VenueOrderId], patience: Option<Duration>) -> Result<(), String> {
        let mut left = ids;
        while !left.is_empty() {
            let answer = match self.client.acquire_cancels(left.len().min(CANCEL_MAX)) {
                Ok(count) => {
                    let (now, later) = left.split_at(count.min(left.len()));
                    left = later;
                    self.client.cancel_taken(now).await
                }
                Err(wait) if patience.is_some_and(|patience| wait > patience) => {
                    return Err(format!("no room for single cancels at the venue for {} ms", wait.as_millis()));
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

    /// Cancels the markets of these orders, or everything if one of them is in an unknown market.
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

    /// Reports to the engine the orders that were cancelled along with the intended ones.
    fn report(&self, meant: &[ListedOrder], answer: &CancelAnswer, name: &str) -> Result<(), String> {
        let others = answer.cancelled.iter().filter(|id| meant.iter().all(|order| order.id != **id));
        report_swept(&self.index, &self.inbox, others, name);
        all_cancelled(answer)
    }
}

fn all_cancelled(answer: &CancelAnswer) -> Result<(), String> {
    match answer.not_cancelled.first() {
        Some((id, reason)) => Err(format!("order {id} was not cancelled: {reason}")),
        None => Ok(()),
    }
}

impl ListedOrders for VenueAccount {
    async fn listed(&self) -> Result<Vec<ListedOrder>, String> {
        let open = self.client.open_orders().await.map_err(|error| error.to_string())?;
        let market = |token| Some(self.listing.market(self.listing.token(token)?.market())?.condition);
        let markets: BTreeMap<VenueOrderId, Option<ConditionId>> =
            open.rows.iter().map(|order| (order.id, market(&order.token))).collect();
        // For a listed order that could not be parsed, the id is enough.
        let ours = open.known_ids().filter(|id| !self.index.is_external(id));
        let ours: Vec<_> = ours.map(|id| ListedOrder { id, market: markets.get(&id).copied().flatten() }).collect();
        // Those with an id are cancelled first; the rest is never reported as none.
        if ours.is_empty() { open.ids().map(|_| ours) } else { Ok(ours) }
    }

    async fn cancel_listed(&self, orders: &[ListedOrder]) -> Result<(), String> {
        let ids: Vec<VenueOrderId> = orders.iter().map(|order| order.id).collect();
        let Err(error) = self.cancel_named(&ids, Some(HOST_PATIENCE)).await else { return Ok(()) };
        tracing::warn!(error, "cancelling listed orders by id failed; cancelling their markets");
        self.cancel_markets(orders).await
    }
}
