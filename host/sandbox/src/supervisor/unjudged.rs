//! The permit of an instance's next call.

use super::queue::Queue;
use std::sync::Arc;

/// An answer that the engine has not judged yet. The instance that gave it is not called with events again before this is dropped, so
/// that no more than one answer of an instance waits anywhere. It can be asked for its state, ended and replaced meanwhile.
pub struct Unjudged {
    /// None once it is released.
    queue: Option<Arc<Queue>>,
}

impl std::fmt::Debug for Unjudged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unjudged").finish_non_exhaustive()
    }
}

impl Unjudged {
    /// Keeps the queue closed until the answer is judged.
    pub(super) fn of(queue: &Arc<Queue>) -> Self {
        queue.close_until_judged();
        Self { queue: Some(Arc::clone(queue)) }
    }

    /// Lets the instance be called again.
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
