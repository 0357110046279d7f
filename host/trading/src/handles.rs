//! The handles that the parts of one session share. Each is cheap to clone.

use crate::order_ids::OrderIds;
use alerts::Alerts;
use control::inbox::Inbox;
use control::market_registry::MarketRegistry;
use control::{Latest, StrategyNames};
use lifecycle::Starts;
use readmodel::ReadModel;
use std::sync::Arc;
use store::db::{Db, Halts, Valuations};
use store::journal_files::Journal;
use store::strategy_state::SavedStates;

/// The handles of a session.
#[derive(Clone)]
pub(crate) struct Handles {
    /// The client of the signer process.
    pub(crate) signer: Arc<signer::Client>,
    /// The inbox of the engine thread.
    pub(crate) inbox: Inbox,
    /// The ids of our orders at the venue.
    pub(crate) index: OrderIds,
    /// The newest view of the engine.
    pub(crate) latest: Latest,
    /// The read model.
    pub(crate) picture: ReadModel,
    /// The queue of alerts.
    pub(crate) alerts: Alerts,
    /// The journal.
    pub(crate) journal: Journal,
    /// Announced instances that have not started yet.
    pub(crate) starts: Starts,
    /// The markets of the session.
    pub(crate) listing: MarketRegistry,
    /// The names of strategies by number.
    pub(crate) names: StrategyNames,
    /// The saved states of strategies.
    pub(crate) states: SavedStates,
    /// The writer of the emergency stop into the database.
    pub(crate) halts: Halts,
    /// The writer of the days' valuations into the database.
    pub(crate) valuations: Valuations,
    /// The database.
    pub(crate) db: Db,
}

impl std::fmt::Debug for Handles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handles").finish_non_exhaustive()
    }
}
