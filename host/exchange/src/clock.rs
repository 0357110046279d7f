//! The clock of the exchange.

use model::Time;
use std::time::{SystemTime, UNIX_EPOCH};

/// Returns the time of the wall clock.
pub(crate) fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}
