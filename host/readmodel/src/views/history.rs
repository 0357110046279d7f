//! Rows of the database, from all sessions.

use super::{OrderView, RefusalView};
use serde::Serialize;
use ts_rs::TS;
use utoipa::ToSchema;

/// An order of any session.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub struct PastOrderView {
    /// Its session; order numbers start at 1 in each.
    #[ts(type = "number")]
    pub session: u64,
    pub order: OrderView,
}

/// A refusal of any session, or equal refusals within a minute.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub struct PastRefusalView {
    #[ts(type = "number")]
    pub session: u64,
    #[serde(flatten)]
    pub refusal: RefusalView,
}

/// An audit entry.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub struct AuditView {
    /// Its number, rising.
    #[ts(type = "number")]
    pub id: u64,
    #[ts(type = "number")]
    pub at_ms: u64,
    /// The token's name.
    pub who: String,
    /// The token's role at that time; empty if no token was needed.
    pub role: String,
    /// The origin of the request; empty if there was no connection.
    pub origin: String,
    /// The value before; empty if the action does not change a single value.
    pub old: String,
    /// The value after.
    pub new: String,
    /// The hash of the entry and of all entries before it; empty for entries that are older than the chain.
    pub hash: String,
    /// The path of the request, or a name of the action.
    pub action: String,
    /// Its reason or parameters.
    pub detail: String,
    /// The user that the request claimed to come from; empty if it named none.
    pub claimed_user: String,
    /// `ok`, or the reason why it was not done.
    pub outcome: String,
}
