//! Last saved state of each strategy, from which its next instance starts after a swap, a failure or a restart.

use model::StrategyId;
use parking_lot::{Mutex, MutexGuard};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The last states by strategy, each within the size limit of the sandbox's settings. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct States {
    last: Arc<Mutex<BTreeMap<StrategyId, Arc<[u8]>>>>,
}

impl States {
    /// Stores a state, and returns it if it changed.
    pub(super) fn store(&self, strategy: StrategyId, state: &[u8]) -> Option<Arc<[u8]>> {
        let mut last = self.lock();
        if last.get(&strategy).is_some_and(|last| last.as_ref() == state) {
            return None;
        }
        let state: Arc<[u8]> = state.into();
        last.insert(strategy, Arc::clone(&state));
        Some(state)
    }

    /// Returns the last state of a strategy.
    pub(super) fn get(&self, strategy: StrategyId) -> Option<Arc<[u8]>> {
        self.lock().get(&strategy).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<StrategyId, Arc<[u8]>>> {
        self.last.lock()
    }
}
