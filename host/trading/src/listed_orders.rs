//! What the venue itself lists as open, apart from what is known of it here.

use model::{ConditionId, VenueOrderId};
use std::time::{Duration, Instant};

/// How often to read the venue's list of open orders.
const LISTED_LOOK: Duration = Duration::from_millis(500);

/// Said of a cancel whose order has no known id at the venue.
pub(crate) const NO_ID: &str = "the order's id at the venue is not known; the venue is asked for its open orders";

/// An order that the venue lists as open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ListedOrder {
    /// The venue's id.
    pub(crate) id: VenueOrderId,
    /// Its market, if it is one that this session knows.
    pub(crate) market: Option<ConditionId>,
}

/// What the venue itself lists as open, apart from what is known of it here.
pub(crate) trait ListedOrders {
    /// Asks which orders of the account are open now that were not placed by hand.
    ///
    /// # Errors
    /// A sentence, if there is no answer.
    async fn listed(&self) -> Result<Vec<ListedOrder>, String>;

    /// Cancels such orders; with their markets, if there is no room for single cancels.
    ///
    /// # Errors
    /// A sentence, if there is no good answer; some may be cancelled then.
    async fn cancel_listed(&self, orders: &[ListedOrder]) -> Result<(), String>;
}

/// Asks the venue which orders of ours are open and cancels them by their ids, known here or not, until none is. Returns how many are
/// left; none if the venue did not say.
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
            Some(error) => tracing::error!(error, open, "orders at the venue not cancelled; asking again"),
            None => tracing::warn!(open, "orders that the venue lists are cancelled by id"),
        }
        if started.elapsed() >= within {
            return left;
        }
        tokio::time::sleep(LISTED_LOOK).await;
    }
}
