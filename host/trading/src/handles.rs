//! The handles that the parts of one session share. Each is cheap to copy.

use crate::order_ids::Index;
use alerts::Alerts;
use control::inbox::Inbox;
use control::market_registry::Listing;
use control::{Latest, StrategyNames};
use lifecycle::Starts;
use readmodel::Picture;
use std::sync::Arc;
use store::db::{Db, Halts, Valuations};
use store::journal_files::Journal;
use store::strategy_state::SavedStates;

/// The handles of a session.
#[derive(Clone)]
pub(crate) struct Handles {
    /// The client of the signer's process.
    pub(crate) signer: Arc<signer::Client>,
    /// The way to the engine's thread.
    pub(crate) inbox: Inbox,
    /// The ids of our orders at the venue.
    pub(crate) index: Index,
    /// The newest view of the engine.
    pub(crate) latest: Latest,
    /// The read model.
    pub(crate) picture: Picture,
    /// The queue of alerts.
    pub(crate) alerts: Alerts,
    /// The journal.
    pub(crate) journal: Journal,
    /// Instances that are announced and not taken yet.
    pub(crate) starts: Starts,
    /// The markets of the session.
    pub(crate) listing: Listing,
    /// The names of strategies.
    pub(crate) names: StrategyNames,
    /// The saved states of strategies.
    pub(crate) states: SavedStates,
    /// The emergency stop on its way into the database.
    pub(crate) halts: Halts,
    /// The valuations of days on their way into the database.
    pub(crate) valuations: Valuations,
    /// The database.
    pub(crate) db: Db,
}

impl std::fmt::Debug for Handles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handles").finish_non_exhaustive()
    }
}
