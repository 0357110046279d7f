//! Permit for an instance's next batch.

use super::queue::Queue;
use std::sync::Arc;

/// Stands for an answer that the engine has not processed yet. Its instance receives no further events before this is
/// dropped, so that at most one answer of an instance is pending. Its state can be saved, and it can be ended and
/// replaced meanwhile.
pub struct Unjudged {
    /// `None` once released.
    queue: Option<Arc<Queue>>,
}

impl std::fmt::Debug for Unjudged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unjudged").finish_non_exhaustive()
    }
}

impl Unjudged {
    /// Keeps the queue closed until the answer is processed.
    pub(super) fn of(queue: &Arc<Queue>) -> Self {
        queue.close_until_judged();
        Self { queue: Some(Arc::clone(queue)) }
    }

    /// Allows the instance to be called again.
    pub fn release(&mut self) {
        if let Some(queue) = self.queue.take() {
            queue.judged();
        }
    }
}

impl Drop for Unjudged {
    fn drop(&mut self) {
        self.release();
    }
}
