//! The state of the engine as seen by the rest of the host, published by the engine thread ten times a second.

use engine::Summary;
use model::{Limits, NewOrder, Size, Time, TokenIx};
use parking_lot::Mutex;
use std::sync::Arc;

/// A snapshot of the engine's state, for the rest of the host.
#[derive(Debug, Clone)]
pub struct View {
    /// The time of the snapshot.
    pub at: Time,
    /// Summary of the account.
    pub summary: Summary,
    /// Effective risk limits.
    pub limits: Limits,
    /// Owned shares by token.
    pub positions: Vec<(TokenIx, Size)>,
    /// True if the venue's account differed from the ledger when it was last read.
    pub differs: bool,
    /// Number of activities reported by the Data API that are not visible in the account yet.
    pub waiting: u64,
    /// Tokens in activities reported by the Data API that may be in the account; their balances are queried too.
    pub reported: Vec<TokenIx>,
    /// Open orders.
    pub open: Vec<NewOrder>,
    /// Time up to which settled fills may be forgotten; zero while all are kept.
    pub fills_forgotten_until: Time,
    /// Number of open orders that are not external.
    pub ours: usize,
}

/// The newest view; `None` before the first. A cheap handle.
#[derive(Debug, Clone, Default)]
pub struct Latest(Arc<Mutex<Option<Arc<View>>>>);

impl Latest {
    /// Replaces the view.
    pub fn set(&self, view: View) {
        *self.0.lock() = Some(Arc::new(view));
    }

    /// Returns the newest view. The lock is held only to copy a pointer, so that readers never delay the engine.
    pub fn get(&self) -> Option<Arc<View>> {
        self.0.lock().clone()
    }
}
