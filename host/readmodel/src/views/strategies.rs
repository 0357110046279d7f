//! Views of strategies.
#![expect(missing_docs, reason = "most field names are self-explanatory")]

use model::{Budget, Usd};
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

/// State of a strategy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StrategyStateView {
    /// Its file is a valid strategy that is not running yet.
    #[default]
    Loaded,
    /// Its first instance is starting.
    Starting,
    /// It is running.
    Running,
    /// An instance of another version is starting; the old one keeps running.
    Replacing,
    /// It failed and is restarting.
    Restarting,
    /// It waits to be armed, because it would trade real money.
    Unarmed,
    /// An operator disabled it.
    Disabled,
    /// Its file is not a valid strategy, or its parameters are invalid.
    Failed,
    /// It failed too often.
    Quarantined,
    /// Its file is gone.
    Removed,
}

/// A strategy and its activity in this session.
#[derive(Debug, Clone, Default, Serialize, TS, ToSchema)]
pub struct StrategyView {
    /// The file's stem.
    pub name: String,
    pub state: StrategyStateView,
    /// The reason why it does not run, or why its newest version does not; empty otherwise.
    pub error: String,
    /// SHA-256 of the running module, hexadecimal.
    pub hash: String,
    /// SHA-256 of the file in the folder; different from `hash` if that file is not running.
    pub file_hash: String,
    /// The version stated in its manifest.
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
    /// P&L realised by its sales, without fees. This and the following amounts cover all sessions on the account.
    #[ts(type = "number")]
    pub realised_micro_usd: i64,
    /// Unrealised P&L of its shares at the last bid.
    #[ts(type = "number")]
    pub unrealised_micro_usd: i64,
    /// The fees paid.
    #[ts(type = "number")]
    pub fees_micro_usd: i64,
    /// Realised and unrealised P&L less fees.
    #[ts(type = "number")]
    pub profit_micro_usd: i64,
    /// P&L since 00:00 UTC less fees, as measured by its daily loss limit.
    #[ts(type = "number")]
    pub today_micro_usd: i64,
    /// Fuel used by the last call.
    #[ts(type = "number")]
    pub fuel: u64,
    /// The most fuel that a call may use: the sandbox's limit, or a lower one from `NAME.toml`.
    #[ts(type = "number")]
    pub fuel_limit: u64,
    /// The sustained limit of intents per second.
    #[ts(type = "number")]
    pub intents_a_second_limit: u64,
    /// Its last log line.
    pub log: String,
    /// Log lines dropped because they exceeded the limit per second.
    #[ts(type = "number")]
    pub log_lines_lost: u64,
    #[ts(type = "number")]
    pub loaded_at_ms: u64,
    /// SHA-256 of the version that may trade real money; empty if none may.
    pub armed_hash: String,
    /// The budget that it was armed with; empty in modes that need no arming.
    pub armed_budget: BudgetView,
    /// The budget in effect: the smaller of the armed budget and that of `NAME.toml`.
    pub budget: BudgetView,
    /// The limits of `NAME.toml` that exceed the armed budget; empty if there are none.
    pub bounded: String,
}

/// A file in the strategies folder that is not loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS, ToSchema)]
pub struct SkippedFileView {
    /// Its name.
    pub file: String,
    /// The reason.
    pub reason: String,
}

/// The budget of one strategy. The session's limits apply to values that are missing or higher.
#[derive(Debug, Clone, Copy, Default, Serialize, TS, ToSchema)]
pub struct BudgetView {
    /// The most that its positions and the reservations of its open buys may cost together.
    #[ts(type = "number | null")]
    pub capital_micro_usd: Option<i64>,
    /// The loss since 00:00 UTC at which it is stopped.
    #[ts(type = "number | null")]
    pub daily_loss_micro_usd: Option<i64>,
    /// Placements in any 60 seconds.
    pub orders_per_minute: Option<u32>,
}

impl From<Budget> for BudgetView {
    fn from(budget: Budget) -> Self {
        let [capital_micro_usd, daily_loss_micro_usd] =
            [budget.capital, budget.daily_loss].map(|amount| amount.map(Usd::micros));
        Self { capital_micro_usd, daily_loss_micro_usd, orders_per_minute: budget.orders_per_minute }
    }
}

/// A loaded version of a strategy.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub struct StrategyVersionView {
    /// SHA-256 of the module, hexadecimal.
    pub hash: String,
    /// The version stated in its manifest.
    pub version: String,
    /// The file from which it was last read.
    pub source: String,
    #[ts(type = "number")]
    pub bytes: u64,
    #[ts(type = "number")]
    pub first_seen_ms: u64,
    #[ts(type = "number")]
    pub loaded_at_ms: u64,
    /// True if it is running.
    pub running: bool,
}

/// The version that an action on a strategy concerns.
#[derive(Debug, Clone, Default, Deserialize, TS, ToSchema)]
pub struct VersionBody {
    /// The beginning of its hash; if omitted, the previous version for a rollback, and otherwise the version that would
    /// run.
    #[serde(default)]
    #[ts(optional)]
    pub hash: Option<String>,
    #[serde(default)]
    pub reason: String,
}

/// The body of `POST /v1/strategies/{name}/arm`.
#[derive(Debug, Clone, Default, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ArmBody {
    /// The beginning of the hash of the version that would run; if given, no other version is armed.
    #[serde(default)]
    #[ts(optional)]
    pub hash: Option<String>,
    /// The budget. If omitted, the budget of the last arming stays; if given, all of it is replaced.
    #[serde(default)]
    #[ts(optional)]
    pub budget: Option<BudgetBody>,
    /// The backtest that it is armed from: the id of a run or of a sweep's trial, or at least eight characters of it.
    #[serde(default)]
    #[ts(optional)]
    pub run: Option<String>,
    #[serde(default)]
    pub reason: String,
    /// The user on whose behalf the request is made, as claimed by the caller; the token identifies the caller.
    #[serde(default)]
    pub user: String,
}

/// A budget with the keys of `NAME.toml`. The session's limits apply to omitted values.
#[derive(Debug, Clone, Default, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetBody {
    /// Dollars with at most six decimals.
    #[serde(default)]
    #[ts(optional, type = "number | string")]
    pub capital_usd: Option<serde_json::Value>,
    /// Dollars with at most six decimals.
    #[serde(default)]
    #[ts(optional, type = "number | string")]
    pub daily_loss_usd: Option<serde_json::Value>,
    #[serde(default, deserialize_with = "super::whole::optional_u32")]
    #[ts(optional)]
    #[schema(maximum = 100_000)]
    pub orders_per_minute: Option<u32>,
}

/// The parameters of a strategy.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub struct ParametersView {
    /// The JSON Schema of its manifest.
    #[schema(value_type = Object)]
    #[ts(type = "Record<string, unknown>")]
    pub schema: serde_json::Value,
    /// The values given; a missing one has its default.
    #[schema(value_type = Object)]
    #[ts(type = "Record<string, unknown>")]
    pub parameters: serde_json::Value,
}

/// The body of `PUT /v1/strategies/{name}/parameters`.
#[derive(Debug, Clone, Deserialize, TS, ToSchema)]
pub struct ParametersBody {
    /// All parameters; an omitted one has its default.
    #[schema(value_type = Object)]
    #[ts(type = "Record<string, unknown>")]
    pub parameters: serde_json::Value,
}
