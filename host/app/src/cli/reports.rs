//! Arguments of `polytrader report` and `runs`.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// `polytrader report`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ReportArgs {
    /// The run: its id, as shown by `runs list`, or the path of its folder.
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// Show the figures of this run beside those of RUN, with their differences.
    #[arg(long, value_name = "RUN")]
    pub(crate) compare: Option<String>,
    /// Also write this as CSV.
    #[arg(long, value_enum)]
    pub(crate) export: Option<ReportExport>,
    /// The folder for the files. Default: the folder of the run.
    #[arg(long, value_name = "DIR", value_parser = super::place)]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) folder: RunsFolderArgs,
    /// Print one JSON object with the paths of the files.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A table that `report` exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportExport {
    /// A line for each fill, in trades.csv.
    Trades,
}

/// The folder of runs.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunsFolderArgs {
    /// The data directory; its runs are in `runs`.
    #[arg(long, value_name = "DIR", default_value = "polytrader-data", value_parser = super::place)]
    pub(crate) data_dir: PathBuf,
}

/// `polytrader runs`.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunsArgs {
    /// The action to run.
    #[command(subcommand)]
    pub(crate) action: RunsAction,
}

/// Actions of `polytrader runs`.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum RunsAction {
    /// List the runs, newest first.
    List(RunsListArgs),
    /// Show the description and the figures of a run.
    Show(RunArg),
    /// Delete runs. Pinned ones are refused.
    Delete(RunsDeleteArgs),
    /// Protect a run from being deleted.
    Pin(RunsPinArgs),
    /// Delete the oldest runs until all together fit a limit. Pinned ones stay.
    Prune(RunsPruneArgs),
}

/// `polytrader runs list`.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunsListArgs {
    #[command(flatten)]
    pub(crate) folder: RunsFolderArgs,
    /// Print one JSON array.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A run.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunArg {
    /// The run: its id, or the path of its folder.
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    #[command(flatten)]
    pub(crate) folder: RunsFolderArgs,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `polytrader runs delete`.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunsDeleteArgs {
    /// The ids of the runs.
    #[arg(value_name = "RUN", required = true)]
    pub(crate) runs: Vec<String>,
    #[command(flatten)]
    pub(crate) folder: RunsFolderArgs,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `polytrader runs pin`.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunsPinArgs {
    /// The id of the run.
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// Release the run.
    #[arg(long)]
    pub(crate) off: bool,
    #[command(flatten)]
    pub(crate) folder: RunsFolderArgs,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `polytrader runs prune`.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunsPruneArgs {
    #[command(flatten)]
    pub(crate) limit: RunsLimitArgs,
    #[command(flatten)]
    pub(crate) folder: RunsFolderArgs,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The limit of the folder of runs; also for commands that add one.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunsLimitArgs {
    /// The most megabytes of all runs together. The oldest are deleted first, pinned ones never.
    #[arg(long, value_name = "MB", default_value_t = research::run::folders::BYTES_MAX >> 20)]
    pub(crate) runs_max_mb: u64,
}

impl RunsFolderArgs {
    /// Returns the folder of runs.
    pub(crate) fn runs(&self) -> PathBuf {
        self.data_dir.join(research::run::folders::RUNS)
    }
}

impl RunsLimitArgs {
    /// Returns the limit in bytes.
    pub(crate) const fn bytes_max(&self) -> u64 {
        self.runs_max_mb.saturating_mul(1 << 20)
    }
}
