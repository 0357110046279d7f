//! Rows of the database, of all sessions.

use super::OrderView;
use serde::Serialize;
use ts_rs::TS;
use utoipa::ToSchema;

/// An order of any session.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub struct PastOrderView {
    /// Its session; order numbers begin at 1 in each.
    #[ts(type = "number")]
    pub session: u64,
    pub order: OrderView,
}

/// A refusal of any session, or equal ones of a minute.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub struct PastRefusalView {
    #[ts(type = "number")]
    pub session: u64,
    /// When; of several, the first.
    #[ts(type = "number")]
    pub at_ms: u64,
    /// When the last of them was.
    #[ts(type = "number")]
    pub last_at_ms: u64,
    /// How many there were.
    #[ts(type = "number")]
    pub count: u64,
    pub strategy: String,
    pub rule: String,
    pub market: String,
    pub outcome: String,
    /// In the rule's unit; of several, the last.
    #[ts(type = "number")]
    pub value: i64,
    #[ts(type = "number")]
    pub limit: i64,
}

/// An entry of the audit.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub struct AuditView {
    /// Its number, rising.
    #[ts(type = "number")]
    pub id: u64,
    #[ts(type = "number")]
    pub at_ms: u64,
    /// The token's name.
    pub who: String,
    /// The path of the request, or a name of the action.
    pub action: String,
    /// Its reason or parameters.
    pub detail: String,
    /// Who the request claimed to come from; empty if it did not.
    pub claimed_user: String,
    /// `ok`, or why it was not done.
    pub outcome: String,
}
