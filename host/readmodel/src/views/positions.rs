//! Whose positions are, as the API tells it.
#![expect(missing_docs, reason = "most fields say what they are by their names")]

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

/// Whose a part of a position is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS, ToSchema)]
pub struct OwnerView {
    /// A strategy's name, or `by hand`.
    pub strategy: String,
    #[ts(type = "number")]
    pub size_micros: u64,
    #[ts(type = "number")]
    pub cost_micro_usd: i64,
    /// Whether the strategy is gone, disabled or quarantined: then the guards alone look after these shares, until they are closed or
    /// assigned.
    pub orphaned: bool,
}

/// The body of `POST /v1/positions/assign`.
#[derive(Debug, Clone, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssignBody {
    /// The token's id at the venue.
    pub token: String,
    /// Whose shares they are: a strategy's name, or `by hand`.
    pub from: String,
    /// The strategy that gets them; it must run and have the market.
    pub to: String,
    /// How many, with at most six decimals; all of them if it is left out.
    #[serde(default)]
    #[ts(optional)]
    pub shares: Option<String>,
    #[serde(default)]
    pub reason: String,
    /// Who it is claimed to come from; the token says who it is.
    #[serde(default)]
    pub user: String,
}
