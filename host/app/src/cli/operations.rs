//! Arguments of `polytrader status`, `logs`, `profit`, `tax`, `drill`, `completions` and `man`.

use super::CommonArgs;
use super::strategy::HostedArgs;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// `polytrader status`.
#[derive(Debug, Clone, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) host: HostedArgs,
    /// Print one page and exit, also on a terminal.
    #[arg(long)]
    pub(crate) once: bool,
    /// Print one page, and the last log lines of the parts that are not healthy.
    #[arg(long)]
    pub(crate) tail_on_failure: bool,
    /// Show the hosts of this file, one line each: TOML with `[[host]]` tables of `name` and either `data_dir`, or
    /// `address` and `token_file`. Read-only; a viewer's token is sufficient.
    #[arg(long, value_name = "FILE", value_parser = super::file, conflicts_with_all = ["data_dir", "tail_on_failure"])]
    pub(crate) all: Option<PathBuf>,
}

/// `polytrader logs`.
#[derive(Debug, Clone, Args)]
pub(crate) struct LogsArgs {
    /// The logs to print, for example worker_stderr. Default: all logs.
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// The number of lines at the end of each log.
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub(crate) lines: u32,
    /// Print new lines until Ctrl-C. If a log is rotated, its new file is followed.
    #[arg(long, short = 'f')]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) host: HostedArgs,
}

/// `polytrader profit`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ProfitArgs {
    /// The period of each line, in UTC. Weeks begin on Monday.
    #[arg(long, value_enum, default_value = "day")]
    pub(crate) by: PeriodArg,
    #[command(flatten)]
    pub(crate) lots: LotsArgs,
}

/// Period of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PeriodArg {
    /// A UTC day.
    Day,
    /// A week that begins on Monday.
    Week,
    /// A calendar month.
    Month,
}

/// `polytrader tax`.
#[derive(Debug, Clone, Args)]
pub(crate) struct TaxArgs {
    /// The action to run.
    #[command(subcommand)]
    pub(crate) action: TaxAction,
}

/// Actions of `polytrader tax`.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum TaxAction {
    /// Print a CSV line for each lot closed by sale, redemption, merge or conversion, first in, first out (FIFO).
    ///
    /// Times are RFC 3339 in UTC, amounts decimal dollars.
    Export(ExportArgs),
}

/// `polytrader tax export`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ExportArgs {
    /// Include only lots closed in this year (UTC).
    #[arg(long, value_name = "YEAR", value_parser = clap::value_parser!(u16).range(1970..=9999))]
    pub(crate) year: Option<u16>,
    /// Include open lots; their closing fields are empty.
    #[arg(long)]
    pub(crate) open: bool,
    /// Write to this file, which must not exist. Default: standard output.
    #[arg(long, value_name = "FILE", value_parser = super::place)]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) lots: LotsArgs,
}

/// The account of lots, and the configuration with their database.
#[derive(Debug, Clone, Args)]
pub(crate) struct LotsArgs {
    /// The address of the account's funder. Default: all accounts of the mode.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) account: Option<String>,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// `polytrader drill`.
#[derive(Debug, Clone, Args)]
pub(crate) struct DrillArgs {
    #[command(flatten)]
    pub(crate) host: HostedArgs,
    /// The number of emergency stops.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) rounds: u32,
    /// Allow a host that trades real money: each round cancels its orders, and it trades only between the rounds.
    #[arg(long)]
    pub(crate) live_yes: bool,
}

/// `polytrader completions`.
#[derive(Debug, Clone, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell. The script is written to standard output.
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// `polytrader man`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ManArgs {
    /// The folder for the pages, one per command. It is created if it does not exist.
    #[arg(value_name = "FOLDER", value_parser = super::place)]
    pub(crate) folder: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}
