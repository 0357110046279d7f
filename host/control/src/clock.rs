//! The host's clock: the wall clock, which never goes back here.

use model::Time;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

static LATEST: AtomicU64 = AtomicU64::new(0);

/// Returns the time now, never earlier than any time returned before.
pub fn now() -> Time {
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_micros());
    let micros = micros.ok().and_then(|micros| u64::try_from(micros).ok()).unwrap_or(0);
    Time(LATEST.fetch_max(micros, Ordering::Relaxed).max(micros))
}
