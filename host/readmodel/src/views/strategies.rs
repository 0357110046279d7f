//! Strategies as the API tells them.
#![expect(missing_docs, reason = "most fields say what they are by their names")]

use model::{Budget, Usd};
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

/// State of a strategy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StrategyStateView {
    /// Its file is a strategy that does not run yet.
    #[default]
    Loaded,
    /// Its first instance starts.
    Starting,
    /// It runs.
    Running,
    /// The instance of another version starts; the one before runs on.
    Replacing,
    /// It failed and starts again.
    Restarting,
    /// It waits to be armed, because it would trade real money.
    Unarmed,
    /// An operator disabled it.
    Disabled,
    /// Its file is no strategy, or its parameters do not fit.
    Failed,
    /// It failed too often.
    Quarantined,
    /// Its file is gone.
    Removed,
}

/// A strategy and what it has done in this session.
#[derive(Debug, Clone, Default, Serialize, TS, ToSchema)]
pub struct StrategyView {
    /// The file's stem.
    pub name: String,
    pub state: StrategyStateView,
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
    /// Realised and unrealised profit less fees.
    #[ts(type = "number")]
    pub profit_micro_usd: i64,
    /// Its profit since 00:00 UTC less fees, as its daily loss limit counts it.
    #[ts(type = "number")]
    pub today_micro_usd: i64,
    /// Fuel of the last call.
    #[ts(type = "number")]
    pub fuel: u64,
    /// The fuel that a call may use at most: what the sandbox gives, or what `NAME.toml` leaves of it.
    #[ts(type = "number")]
    pub fuel_limit: u64,
    /// The intents a second that it may have for ever.
    #[ts(type = "number")]
    pub intents_a_second_limit: u64,
    /// Its last log line.
    pub log: String,
    /// Lines that it logged beyond what a second has room for.
    #[ts(type = "number")]
    pub log_lines_lost: u64,
    #[ts(type = "number")]
    pub loaded_at_ms: u64,
    /// SHA-256 of the version that may trade real money; empty if none may.
    pub armed_hash: String,
    /// What it was armed with; empty where what is dropped trades.
    pub armed_budget: BudgetView,
    /// What it may use: the smaller of what it was armed with and what `NAME.toml` gives.
    pub budget: BudgetView,
    /// Where `NAME.toml` wants more than was armed; empty if it does not.
    pub bounded: String,
}

/// A file in the strategies folder that is not loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS, ToSchema)]
pub struct SkippedFileView {
    /// Its name.
    pub file: String,
    /// Why, as a sentence.
    pub reason: String,
}

/// What one strategy may use. Where nothing is said, and where more is said than the session's limits leave, those hold.
#[derive(Debug, Clone, Copy, Default, Serialize, TS, ToSchema)]
pub struct BudgetView {
    /// The most that its positions cost and its open buys hold back, together.
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

/// The body of `POST /v1/strategies/{name}/arm`.
#[derive(Debug, Clone, Default, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ArmBody {
    /// The beginning of the hash of what would run; where it is given another version is not armed.
    #[serde(default)]
    #[ts(optional)]
    pub hash: Option<String>,
    /// What it may use. If it is left out, what was armed before stays; if it is given, all of that is replaced.
    #[serde(default)]
    #[ts(optional)]
    pub budget: Option<BudgetBody>,
    #[serde(default)]
    pub reason: String,
    /// Who it is claimed to come from; the token says who it is.
    #[serde(default)]
    pub user: String,
}

/// A budget in the words of `NAME.toml`. What is left out has the session's limit.
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
    #[serde(default)]
    #[ts(optional)]
    pub orders_per_minute: Option<u32>,
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
