//! The snapshot as readers get it: written once for all that ask within a moment, so that many readers cost what one does.

use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How old a snapshot may be. Its reader gets what is newer by the stream.
const FRESH: Duration = Duration::from_millis(50);

/// The snapshot that was written last. Readers wait for each other here, and never hold up what changes it.
#[derive(Debug, Default)]
pub(super) struct Published(Mutex<Option<(Instant, Arc<[u8]>)>>);

impl Published {
    /// Returns the last snapshot, or writes it again if it is too old.
    pub(super) fn get(&self, write: impl FnOnce() -> Option<Arc<[u8]>>) -> Option<Arc<[u8]>> {
        let mut last = self.0.lock();
        if let Some((at, text)) = last.as_ref()
            && at.elapsed() < FRESH
        {
            return Some(Arc::clone(text));
        }
        let text = write()?;
        // The time is that of the end: a snapshot that takes long to write is not written again and again.
        *last = Some((Instant::now(), Arc::clone(&text)));
        Some(text)
    }
}
