//! Cancels of a whole market or of the whole account, used when the venue's rate limit leaves no room for single
//! cancels.

use crate::order_ids::OrderIds;
use control::clock;
use control::inbox::Inbox;
use model::input::CancelOutcome;
use model::{InputKind, VenueOrderId};
use std::time::Duration;

/// Time that a cancel decided by the host waits for room before the whole market is cancelled.
pub(crate) const HOST_PATIENCE: Duration = Duration::from_millis(100);

/// Reports orders that were cancelled along with others because single cancels had no room; `name` is what was
/// cancelled as a whole.
pub(crate) fn report_swept<'a>(
    index: &OrderIds,
    inbox: &Inbox,
    cancelled: impl Iterator<Item = &'a VenueOrderId>,
    name: &str,
) {
    let reason = format!("cancelled by the host: single cancels had no room at the venue, so it cancelled {name}");
    for venue in cancelled {
        match index.ours(venue) {
            Some(order) => {
                let outcome = CancelOutcome::Swept { reason: reason.clone() };
                inbox.account(clock::now(), InputKind::CancelAnswer { order, outcome });
            }
            None => tracing::warn!(%venue, reason, "an order without a known number was cancelled"),
        }
    }
}
