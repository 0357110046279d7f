//! The state of the engine as the rest of the host sees it, published by the engine's thread ten times a second.

use engine::Summary;
use model::{Limits, NewOrder, Size, Time, TokenIx};
use parking_lot::Mutex;
use std::sync::Arc;

/// What the rest of the host may see of the engine, ten times a second.
#[derive(Debug, Clone)]
pub struct View {
    /// When it was made.
    pub at: Time,
    /// The account.
    pub summary: Summary,
    /// What the gate holds orders to.
    pub limits: Limits,
    /// Shares owned.
    pub positions: Vec<(TokenIx, Size)>,
    /// Whether the venue's account differed when it was last read.
    pub differs: bool,
    /// How many activities of the venue's records wait to be seen in the account.
    pub waiting: u64,
    /// Tokens that the venue's records tell of and that may be in the account: they are looked at too.
    pub told: Vec<TokenIx>,
    /// The orders that are not over.
    pub open: Vec<NewOrder>,
    /// The moment up to which settled fills may be forgotten; zero as long as all are remembered.
    pub fills_forgotten_until: Time,
    /// How many of them are ours, not placed by hand.
    pub ours: usize,
}

/// The newest view; none before the first. A cheap handle.
#[derive(Debug, Clone, Default)]
pub struct Latest(Arc<Mutex<Option<Arc<View>>>>);

impl Latest {
    /// Replaces the view.
    pub fn set(&self, view: View) {
        *self.0.lock() = Some(Arc::new(view));
    }

    /// Returns the newest view. The lock is held for the copy of a pointer only, so that readers never hold up the engine.
    pub fn get(&self) -> Option<Arc<View>> {
        self.0.lock().clone()
    }
}
