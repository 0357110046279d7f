//! Cancels of a whole market or of everything in place of single ones, for which the venue had no room.

use crate::order_ids::Index;
use control::clock;
use control::inbox::Inbox;
use model::input::CancelOutcome;
use model::{Body, VenueOrderId};
use std::time::Duration;

/// How long a cancel of the host's own waits for room before it takes the whole market.
pub(crate) const HOST_PATIENCE: Duration = Duration::from_millis(100);

/// Reports orders that were cancelled with others because single cancels had no room; `name` is what was cancelled as a whole.
pub(crate) fn report_swept<'a>(
    index: &Index,
    inbox: &Inbox,
    cancelled: impl Iterator<Item = &'a VenueOrderId>,
    name: &str,
) {
    let reason = format!("cancelled by the host: single cancels had no room at the venue, so it cancelled {name}");
    for venue in cancelled {
        match index.ours(venue) {
            Some(order) => {
                let outcome = CancelOutcome::Swept { reason: reason.clone() };
                inbox.account(clock::now(), Body::CancelAnswer { order, outcome });
            }
            None => tracing::warn!(%venue, reason, "order of no known number cancelled"),
        }
    }
}
