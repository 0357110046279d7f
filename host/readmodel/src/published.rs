//! The serialised snapshot, written once for all readers within a short time, so that many readers cost as much as one.

use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The largest age of a snapshot. Its readers get later changes from the stream.
const FRESH: Duration = Duration::from_millis(50);

/// The last serialised snapshot. Readers wait for each other here, and never block its writers.
#[derive(Debug, Default)]
pub(super) struct Published(Mutex<Option<(Instant, Arc<[u8]>)>>);

impl Published {
    /// Returns the last snapshot, or serialises a new one if it is too old.
    pub(super) fn get(&self, write: impl FnOnce() -> Option<Arc<[u8]>>) -> Option<Arc<[u8]>> {
        let mut last = self.0.lock();
        if let Some((at, text)) = last.as_ref()
            && at.elapsed() < FRESH
        {
            return Some(Arc::clone(text));
        }
        let text = write()?;
        // The time of completion: a snapshot that takes long to serialise is not serialised again for each reader.
        *last = Some((Instant::now(), Arc::clone(&text)));
        Some(text)
    }
}
