//! The open orders as listed by the venue, independent of the host's own state.

use model::{ConditionId, VenueOrderId};
use std::time::{Duration, Instant};

/// The interval between reads of the venue's list of open orders.
const LISTED_LOOK: Duration = Duration::from_millis(500);

/// The reason given when the venue's id of an order to cancel is not known.
pub(crate) const NO_ID: &str = "the order's id at the venue is not known; querying the venue's open orders";

/// An order that the venue lists as open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ListedOrder {
    /// The venue's id.
    pub(crate) id: VenueOrderId,
    /// Its market, if this session knows it.
    pub(crate) market: Option<ConditionId>,
}

/// The open orders as listed by the venue, independent of the host's own state.
pub(crate) trait ListedOrders {
    /// Returns the account's open orders, without external ones.
    ///
    /// # Errors
    /// A message, if there is no answer.
    async fn listed(&self) -> Result<Vec<ListedOrder>, String>;

    /// Cancels these orders; by cancelling their markets if there is no room for single cancels.
    ///
    /// # Errors
    /// A message, if there is no successful answer; some may be cancelled then.
    async fn cancel_listed(&self, orders: &[ListedOrder]) -> Result<(), String>;
}

/// Lists our open orders at the venue and cancels them by id, whether the host knows them or not, until none is left.
/// Returns the number that is left; `None` if the venue did not answer.
pub(crate) async fn cancel_listed(access: &impl ListedOrders, within: Duration) -> Option<usize> {
    let started = Instant::now();
    loop {
        let (left, error) = match access.listed().await {
            Ok(open) if open.is_empty() => return Some(0),
            Ok(open) => (Some(open.len()), access.cancel_listed(&open).await.err()),
            Err(error) => (None, Some(error)),
        };
        let open = left.unwrap_or_default();
        match error {
            Some(error) => tracing::error!(error, open, "cancelling orders listed by the venue failed; retrying"),
            None => tracing::warn!(open, "cancelling orders listed by the venue by id"),
        }
        if started.elapsed() >= within {
            return left;
        }
        tokio::time::sleep(LISTED_LOOK).await;
    }
}
