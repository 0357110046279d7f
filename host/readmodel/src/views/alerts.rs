//! Alerts as the API lists them.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

/// Severity of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SeverityView {
    /// For information.
    Info,
    /// Needs attention.
    Warning,
    /// Trading stopped, or there is a problem with the funds.
    Critical,
}

/// An alert of this session; alerts of one kind about one subject are combined.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub struct AlertView {
    /// The number of the alert in this session.
    #[ts(type = "number")]
    pub id: u64,
    /// The time of the first one.
    #[ts(type = "number")]
    pub at_ms: u64,
    /// The time of the last one.
    #[ts(type = "number")]
    pub last_at_ms: u64,
    /// The number of occurrences.
    #[ts(type = "number")]
    pub count: u64,
    pub severity: SeverityView,
    /// The kind, as a single word.
    pub kind: String,
    /// The subject; empty for the whole host.
    pub subject: String,
    pub title: String,
    pub detail: String,
    /// The token that acknowledged it; empty if none did or the acknowledgement has ended.
    pub acknowledged_by: String,
    /// The time until which repeats are not sent.
    #[ts(type = "number | null")]
    pub acknowledged_until_ms: Option<u64>,
}

/// The body of `POST /v1/alerts/{id}/acknowledge`.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct AcknowledgeBody {
    /// The seconds for which repeats are not sent, 60 to 604,800; 14,400 if absent.
    #[serde(default, deserialize_with = "super::whole::optional")]
    #[schema(minimum = 60, maximum = 604_800)]
    pub for_s: Option<u64>,
    /// The reason.
    #[serde(default)]
    pub reason: String,
    /// The user that the request claims to come from; the token identifies the caller.
    #[serde(default)]
    pub user: String,
}
