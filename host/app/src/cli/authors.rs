//! Arguments of the commands for strategy authors: `polytrader strategy new`, `build` and `test`.

use clap::Args;
use std::path::PathBuf;

/// `polytrader strategy new`.
#[derive(Debug, Clone, Args)]
pub(crate) struct NewArgs {
    /// The strategy's name: lower-case letters, digits and `_`.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The project folder, which must be empty or not exist. Default: NAME.
    #[arg(long, value_name = "DIR", value_parser = super::place)]
    pub(crate) dir: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `polytrader strategy build`.
#[derive(Debug, Clone, Args)]
pub(crate) struct BuildArgs {
    /// The project folder.
    #[arg(value_name = "DIR", default_value = ".", value_parser = super::place)]
    pub(crate) dir: PathBuf,
    /// Install the module into this folder atomically, with its parameters file unless one exists there.
    #[arg(long, value_name = "FOLDER", value_parser = super::place)]
    pub(crate) into: Option<PathBuf>,
    /// Use only crates that are already downloaded.
    #[arg(long)]
    pub(crate) offline: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `polytrader strategy test`.
#[derive(Debug, Clone, Args)]
pub(crate) struct TestArgs {
    /// The .wasm file of the strategy.
    #[arg(value_name = "FILE", value_parser = super::file)]
    pub(crate) file: PathBuf,
    /// A recording of real order books (CSV, plain or .gz, in the format of `exchange --recording`) to use instead of
    /// generated events.
    #[arg(long, value_name = "FILE", value_parser = super::file)]
    pub(crate) tape: Option<PathBuf>,
    /// The seed of the generated events.
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "tape")]
    pub(crate) seed: u64,
    /// The number of generated events.
    #[arg(long, value_name = "N", default_value_t = 50_000, conflicts_with = "tape", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub(crate) events: u64,
    /// The strategy's parameters, as JSON.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    pub(crate) parameters: String,
    /// The maximum number of intents to print.
    #[arg(long, value_name = "N", default_value_t = 40)]
    pub(crate) show: usize,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}
