//! `polytrader tape`: recordings.

use super::CommonArgs;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `polytrader record`.
#[derive(Debug, Clone, Args)]
pub(crate) struct RecordArgs {
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    /// Record this running exchange instead of the configured venue.
    #[arg(long, value_name = "URL")]
    pub(crate) exchange: Option<String>,
    /// Folder of the tapes; by default `tapes` in the data folder.
    #[arg(long, value_name = "FOLDER", value_parser = super::place)]
    pub(crate) out: Option<PathBuf>,
    /// Total size of the recorded tapes in GB; the oldest ones are deleted beyond it.
    #[arg(long, value_name = "GB", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) max_gb: u64,
    /// Age in days at which a recorded tape is deleted.
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=36_500))]
    pub(crate) keep_days: u64,
    /// Free disk space in MB below which recording stops.
    #[arg(long, value_name = "MB", default_value_t = 500)]
    pub(crate) disk_free_min_mb: u64,
}

/// `polytrader tape`.
#[derive(Debug, Clone, Args)]
pub(crate) struct TapeArgs {
    /// The action.
    #[command(subcommand)]
    pub(crate) action: TapeAction,
}

/// The actions of `polytrader tape`.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum TapeAction {
    /// Show what a tape contains: span, markets, records, gaps, sources and assumptions.
    Info(TapeFileArgs),
    /// Read every record of a tape, verify checksums and identity, and count what is wrong in it, each kind with its
    /// first case.
    ///
    /// Exits with 1 if the tape is damaged or was not closed.
    Check(TapeFileArgs),
    /// Write the part of a tape between two times to a new tape.
    Slice(SliceTapeArgs),
    /// Merge tapes by time into a new one; one tape is recompressed. Slices of a tape give its identity again.
    Merge(MergeTapeArgs),
    /// Write a tape as Parquet: the tables deltas, trades and markets in a new folder.
    Export(ExportTapeArgs),
    /// Import recordings of other programs into a new tape, with a report of everything that was damaged.
    Import(ImportTapeArgs),
}

/// A tape, and the form of the output.
#[derive(Debug, Clone, Args)]
pub(crate) struct TapeFileArgs {
    /// The tape.
    pub(crate) tape: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `polytrader tape slice`.
#[derive(Debug, Clone, Args)]
pub(crate) struct SliceTapeArgs {
    /// The tape.
    pub(crate) tape: PathBuf,
    /// The new tape.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// First time, for example 2025-07-01T23:30:00Z or microseconds since 1970.
    #[arg(long, value_name = "TIME", value_parser = super::moment)]
    pub(crate) from: Option<model::Time>,
    /// Time after the last record.
    #[arg(long, value_name = "TIME", value_parser = super::moment)]
    pub(crate) to: Option<model::Time>,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `polytrader tape export`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ExportTapeArgs {
    /// The tape.
    pub(crate) tape: PathBuf,
    /// The new folder.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `polytrader tape merge`.
#[derive(Debug, Clone, Args)]
pub(crate) struct MergeTapeArgs {
    /// The tapes, in any order.
    #[arg(required = true)]
    pub(crate) tapes: Vec<PathBuf>,
    /// The new tape.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `polytrader tape import`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ImportTapeArgs {
    /// The recordings, plain or gzip; several are merged by time.
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// The new tape.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Format of the files, recognised by their first lines by default.
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub(crate) format: String,
    /// Infer trades from consecutive books where a recording has none. They are marked.
    #[arg(long)]
    pub(crate) infer_trades: bool,
    /// Invent books from a file of prices and one of the markets that it decided. The tape and each report of it say
    /// that they are invented.
    #[arg(long)]
    pub(crate) invent_books: bool,
    /// Seed of invented books.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// File with names of markets and outcomes by token. Can be given several times.
    #[arg(long, value_name = "FILE")]
    pub(crate) metadata: Vec<PathBuf>,
    /// Hours by which local times without zone are ahead of UTC.
    #[arg(long, value_name = "HOURS", default_value_t = 0, allow_negative_numbers = true, value_parser = clap::value_parser!(i64).range(-14..=14))]
    pub(crate) utc_offset: i64,
    /// Licence note for the manifest.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) licence: String,
    /// Rule by which the markets were chosen, for the manifest and for reports.
    #[arg(long, value_name = "TEXT", default_value = "as found in the files")]
    pub(crate) selection: String,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}
