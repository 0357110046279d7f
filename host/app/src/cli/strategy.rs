//! Arguments of `polytrader strategy`.

use super::authors::{BuildArgs, NewArgs, TestArgs};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `polytrader strategy`.
#[derive(Debug, Clone, Args)]
pub(crate) struct StrategyArgs {
    /// The action to run.
    #[command(subcommand)]
    pub(crate) action: StrategyAction,
}

/// Actions of `polytrader strategy`.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum StrategyAction {
    /// Create a project for a new strategy, with the SDK included. It builds with cargo alone.
    New(NewArgs),
    /// Build a project to WebAssembly, and optionally install it into a folder watched by a host.
    Build(BuildArgs),
    /// Show a module's manifest, hash and capabilities.
    Inspect(FileArgs),
    /// Check if the host would accept a module.
    ///
    /// Checks contract, imports and manifest, does a dry run on generated events, checks the saved state, and checks
    /// that a second dry run makes the same decisions. Exits with 1 if a check fails.
    Check(FileArgs),
    /// Run recorded or generated events through a module; print its intents and the cost of each event in fuel, memory
    /// and time.
    Test(TestArgs),
    /// List the strategies of the running host.
    List(HostedArgs),
    /// Arm a version of a strategy, by default that of its file, so that it may trade real money within a budget.
    Arm(ArmArgs),
    /// Enable a strategy that was disabled, or stopped after too many failures.
    Enable(NameArgs),
    /// Disable a strategy: stop it and cancel its orders. It stays disabled until it is enabled.
    Disable(NameArgs),
    /// Return to an earlier version of a strategy. Default: the previous one. It runs until the file changes.
    Rollback(VersionArgs),
}

/// A strategy module.
#[derive(Debug, Clone, Args)]
pub(crate) struct FileArgs {
    /// The .wasm file of the strategy.
    #[arg(value_name = "FILE", value_parser = super::file)]
    pub(crate) file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A running host.
#[derive(Debug, Clone, Args)]
pub(crate) struct HostedArgs {
    /// The data directory of the running host.
    #[arg(long, value_name = "DIR", default_value = "polytrader-data", value_parser = super::place)]
    pub(crate) data_dir: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A strategy of a running host.
#[derive(Debug, Clone, Args)]
pub(crate) struct NameArgs {
    /// The strategy's name: its file name without `.wasm`.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The reason, for the audit log.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) host: HostedArgs,
}

/// A version of a strategy of a running host.
#[derive(Debug, Clone, Args)]
pub(crate) struct VersionArgs {
    #[command(flatten)]
    pub(crate) named: NameArgs,
    /// The version's hash, or a prefix of it.
    #[arg(long, value_name = "HASH")]
    pub(crate) hash: Option<String>,
}

/// The version to arm and its budget.
#[derive(Debug, Clone, Args)]
pub(crate) struct ArmArgs {
    #[command(flatten)]
    pub(crate) version: VersionArgs,
    /// Arm from this backtest: the id of a run or of a sweep's trial. Refused unless it is of this version, on recent
    /// data (promotion.data_days_max), and the version ran on paper for a time (promotion.paper_hours_min). The audit
    /// names it.
    #[arg(long, value_name = "RUN")]
    pub(crate) from: Option<String>,
    /// The maximum capital in dollars: cost of positions plus reserves of open buy orders. NAME.toml can only lower it.
    #[arg(long, value_name = "DOLLARS")]
    pub(crate) capital_usd: Option<String>,
    /// The loss since 00:00 UTC, in dollars, at which the strategy is stopped.
    #[arg(long, value_name = "DOLLARS")]
    pub(crate) daily_loss_usd: Option<String>,
    /// The maximum number of placements in any 60 seconds.
    #[arg(long, value_name = "N")]
    pub(crate) orders_per_minute: Option<u32>,
    /// Arm without a budget; only the session's limits apply. Without this flag and the three above, the previous
    /// budget is kept.
    #[arg(long, conflicts_with_all = ["capital_usd", "daily_loss_usd", "orders_per_minute"])]
    pub(crate) no_budget: bool,
}
