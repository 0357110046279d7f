//! Locks of markets, and the changes of a reload of the configuration.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

/// A market in which strategies may only reduce until a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS, ToSchema)]
pub struct LockView {
    /// The market's slug.
    pub market: String,
    #[ts(type = "number")]
    pub until_ms: u64,
}

/// The response to `PUT /v1/admin/locks/{market}`: the lock is in effect.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub struct LockedView {
    #[serde(flatten)]
    pub lock: LockView,
    /// True if it is stored, with its row in the audit. Otherwise the host retries until it is.
    pub durable: bool,
}

/// The body of `PUT /v1/admin/locks/{market}`.
#[derive(Debug, Clone, Deserialize, TS, ToSchema)]
pub struct LockBody {
    /// The time from now, in seconds.
    #[serde(deserialize_with = "super::whole::required")]
    #[schema(minimum = 1, maximum = 31_536_000)]
    #[ts(type = "number")]
    pub seconds: u64,
    /// The reason, for the audit log.
    #[serde(default)]
    pub reason: String,
}

/// Outcome of a reload for a key whose value differs from the one in effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReloadOutcomeView {
    /// It is in effect now.
    Applied,
    /// It takes effect after a restart of the host.
    NeedsRestart,
    /// An operator set the limit while the host ran; that value stays in effect, also after a restart.
    SetByOperator,
    /// It is beyond the ceiling to which the limit may be loosened while the host runs.
    Refused,
}

/// A key whose value in the configuration differs from the host's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS, ToSchema)]
pub struct ReloadedView {
    pub key: String,
    /// The value before the reload; passwords are masked.
    pub old: String,
    /// The value in the configuration; passwords are masked.
    pub new: String,
    pub outcome: ReloadOutcomeView,
    /// The reason, if the value was not applied.
    pub note: String,
}
