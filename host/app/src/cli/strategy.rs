//! `polytrader strategy`: what can be said about strategies.

use super::authors::{BuildArgs, NewArgs, TestArgs};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `polytrader strategy`.
#[derive(Debug, Clone, Args)]
pub(crate) struct StrategyArgs {
    /// What to do.
    #[command(subcommand)]
    pub(crate) action: StrategyAction,
}

/// What can be done with strategies.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum StrategyAction {
    /// Make a project for a strategy of your own, with the SDK beside it. It builds with cargo alone.
    New(NewArgs),
    /// Build a project to WebAssembly, and drop it into a folder that a host watches.
    Build(BuildArgs),
    /// Show what a file says about itself, its hash and what it can do.
    Inspect(FileArgs),
    /// Say whether the host would take a file: contract, imports, manifest, a rehearsal on made-up events, its state, and whether a second
    /// rehearsal decides the same. Exits with 1 if something is bad.
    Check(FileArgs),
    /// Run a tape through a file and print what it wants, and what each event costs: fuel, memory, time.
    Test(TestArgs),
    /// List the strategies of the running host.
    List(HostedArgs),
    /// Let the version of a strategy that would run trade real money, within a budget.
    Arm(ArmArgs),
    /// Let a strategy run again that was disabled or failed too often.
    Enable(NameArgs),
    /// End a strategy and cancel its orders until it is enabled.
    Disable(NameArgs),
    /// Go back to a version that ran before: the one before this, if none is named. It runs until the file changes.
    Rollback(VersionArgs),
}

/// A strategy's file.
#[derive(Debug, Clone, Args)]
pub(crate) struct FileArgs {
    /// The .wasm file.
    #[arg(value_name = "FILE", value_parser = super::file)]
    pub(crate) file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A running host.
#[derive(Debug, Clone, Args)]
pub(crate) struct HostedArgs {
    /// The data folder of the running host.
    #[arg(long, value_name = "DIR", default_value = "polytrader-data", value_parser = super::place)]
    pub(crate) data_dir: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A strategy of a running host.
#[derive(Debug, Clone, Args)]
pub(crate) struct NameArgs {
    /// Its name: the file's, without `.wasm`.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Why; it stands in the audit.
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
    /// The version's hash, or the beginning of it.
    #[arg(long, value_name = "HASH")]
    pub(crate) hash: Option<String>,
}

/// What a strategy is armed with.
#[derive(Debug, Clone, Args)]
pub(crate) struct ArmArgs {
    #[command(flatten)]
    pub(crate) version: VersionArgs,
    /// The most that its positions cost and its open buys hold back, together, in dollars. NAME.toml can only lower it.
    #[arg(long, value_name = "DOLLARS")]
    pub(crate) capital_usd: Option<String>,
    /// The loss since 00:00 UTC at which it is stopped, in dollars.
    #[arg(long, value_name = "DOLLARS")]
    pub(crate) daily_loss_usd: Option<String>,
    /// Placements in any 60 seconds.
    #[arg(long, value_name = "N")]
    pub(crate) orders_per_minute: Option<u32>,
    /// Leave it what the session's limits leave. Without this and the three before, what it was armed with before stays.
    #[arg(long, conflicts_with_all = ["capital_usd", "daily_loss_usd", "orders_per_minute"])]
    pub(crate) no_budget: bool,
}
