//! What authors of strategies say: `polytrader strategy new`, `build` and `test`.

use clap::Args;
use std::path::PathBuf;

/// `polytrader strategy new`.
#[derive(Debug, Clone, Args)]
pub(crate) struct NewArgs {
    /// Its name: small letters, digits and `_`.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The folder of the project; NAME otherwise. It must not be there, or be empty.
    #[arg(long, value_name = "DIR", value_parser = super::place)]
    pub(crate) dir: Option<PathBuf>,
}

/// `polytrader strategy build`.
#[derive(Debug, Clone, Args)]
pub(crate) struct BuildArgs {
    /// The folder of the project.
    #[arg(value_name = "DIR", default_value = ".", value_parser = super::place)]
    pub(crate) dir: PathBuf,
    /// Put the module into this folder, whole at once, and its parameters beside it unless there are some.
    #[arg(long, value_name = "FOLDER", value_parser = super::place)]
    pub(crate) into: Option<PathBuf>,
    /// Use only crates that were downloaded before.
    #[arg(long)]
    pub(crate) offline: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `polytrader strategy test`.
#[derive(Debug, Clone, Args)]
pub(crate) struct TestArgs {
    /// The .wasm file.
    #[arg(value_name = "FILE", value_parser = super::file)]
    pub(crate) file: PathBuf,
    /// A recording of real order books (CSV, plain or .gz, as `exchange --recording` plays it) instead of made-up events.
    #[arg(long, value_name = "FILE", value_parser = super::file)]
    pub(crate) tape: Option<PathBuf>,
    /// The seed of the made-up events.
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "tape")]
    pub(crate) seed: u64,
    /// How many events are made up.
    #[arg(long, value_name = "N", default_value_t = 50_000, conflicts_with = "tape", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub(crate) events: u64,
    /// The strategy's parameters, as JSON.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    pub(crate) parameters: String,
    /// How many of its intents are shown.
    #[arg(long, value_name = "N", default_value_t = 40)]
    pub(crate) show: usize,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}
