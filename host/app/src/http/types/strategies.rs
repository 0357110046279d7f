//! Strategies as the API tells them.
#![expect(missing_docs, reason = "most fields say what they are by their names")]

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

/// A strategy and what it has done in this session.
#[derive(Debug, Clone, Default, Serialize, TS, ToSchema)]
pub struct StrategyView {
    /// The file's stem.
    pub name: String,
    /// `running`; `loaded`, `starting`, `replacing` and `restarting` on the way there; `unarmed` where real money waits for somebody to
    /// arm it; `disabled` by somebody; `failed` if its file is no strategy, `quarantined` if it failed too often; `removed`.
    pub state: String,
    /// Why it does not run, or why its newest version does not; empty otherwise.
    pub error: String,
    /// SHA-256 of the module that runs, hexadecimal.
    pub hash: String,
    /// SHA-256 of the file in the folder; another than `hash` if that does not run.
    pub file_hash: String,
    /// The version that its manifest states.
    pub version: String,
    pub description: String,
    pub instance: u32,
    pub markets: u32,
    #[ts(type = "number")]
    pub events: u64,
    #[ts(type = "number")]
    pub intents: u64,
    #[ts(type = "number")]
    pub orders: u64,
    #[ts(type = "number")]
    pub fills: u64,
    #[ts(type = "number")]
    pub refusals: u64,
    /// What its sales brought beyond their cost, fees apart. This and what follows counts all sessions on the account.
    #[ts(type = "number")]
    pub realised_micro_usd: i64,
    /// What its shares are worth at the last bid beyond their cost.
    #[ts(type = "number")]
    pub unrealised_micro_usd: i64,
    /// The fees that it paid.
    #[ts(type = "number")]
    pub fees_micro_usd: i64,
    /// Its profit since 00:00 UTC less fees, as its daily loss limit counts it.
    #[ts(type = "number")]
    pub today_micro_usd: i64,
    /// Fuel of the last call.
    #[ts(type = "number")]
    pub fuel: u64,
    /// Its last log line.
    pub log: String,
    #[ts(type = "number")]
    pub loaded_at_ms: u64,
}

/// A version of a strategy that was loaded here.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub struct StrategyVersionView {
    /// SHA-256 of the module, hexadecimal.
    pub hash: String,
    /// What its manifest states.
    pub version: String,
    /// The file that it was read from last.
    pub source: String,
    #[ts(type = "number")]
    pub bytes: u64,
    #[ts(type = "number")]
    pub first_seen_ms: u64,
    #[ts(type = "number")]
    pub loaded_at_ms: u64,
    /// Whether it runs.
    pub running: bool,
}

/// Which version an action on a strategy is about.
#[derive(Debug, Clone, Default, Deserialize, TS, ToSchema)]
pub struct VersionBody {
    /// The beginning of its hash; the one before for a rollback, what would run otherwise.
    #[serde(default)]
    #[ts(optional)]
    pub hash: Option<String>,
    #[serde(default)]
    pub reason: String,
}

/// The parameters of a strategy.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub struct ParametersView {
    /// The JSON Schema of its manifest.
    #[schema(value_type = Object)]
    #[ts(type = "Record<string, unknown>")]
    pub schema: serde_json::Value,
    /// What it was given; what is missing has its default.
    #[schema(value_type = Object)]
    #[ts(type = "Record<string, unknown>")]
    pub parameters: serde_json::Value,
}

/// The body of `PUT /v1/strategies/{name}/parameters`.
#[derive(Debug, Clone, Deserialize, TS, ToSchema)]
pub struct ParametersBody {
    /// All of them; what is left out has its default.
    #[schema(value_type = Object)]
    #[ts(type = "Record<string, unknown>")]
    pub parameters: serde_json::Value,
}
