//! Owners of positions.
#![expect(missing_docs, reason = "most field names are self-explanatory")]

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

/// The owner of a part of a position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS, ToSchema)]
pub struct OwnerView {
    /// A strategy's name, or `by hand`.
    pub strategy: String,
    #[ts(type = "number")]
    pub size_micros: u64,
    #[ts(type = "number")]
    pub cost_micro_usd: i64,
    /// True if the strategy is gone, disabled or quarantined: only the guards then watch these shares, until they are
    /// closed or reallocated.
    pub orphaned: bool,
}

/// The body of `POST /v1/positions/assign`.
#[derive(Debug, Clone, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssignBody {
    /// The token's id at the venue.
    pub token: String,
    /// The present owner: a strategy's name, or `by hand`.
    pub from: String,
    /// The new owner, a strategy that runs and has the market.
    pub to: String,
    /// The number of shares, with at most six decimals; all of them if omitted.
    #[serde(default)]
    #[ts(optional)]
    pub shares: Option<String>,
    #[serde(default)]
    pub reason: String,
    /// The user on whose behalf the request is made, as claimed by the caller; the token identifies the caller.
    #[serde(default)]
    pub user: String,
}
