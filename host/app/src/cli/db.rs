//! `polytrader db`: what can be done about the database.

use super::CommonArgs;
use clap::{Args, Subcommand};

/// `polytrader db`.
#[derive(Debug, Clone, Args)]
pub(crate) struct DbArgs {
    /// What to do.
    #[command(subcommand)]
    pub(crate) action: DbAction,
}

/// What can be done about the database.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum DbAction {
    /// Write the rows of all sessions again from their journals: orders with their states, fills, positions, refusals and breakers, and
    /// missing valuations. Decisions, audit, tokens and settings stay as they are. Takes the arguments of `run`; no host may use the data
    /// folder meanwhile. Exits with 1 if the rows of a session cannot be made; those stay as they are.
    Rebuild(RebuildArgs),
}

/// `polytrader db rebuild`.
#[derive(Debug, Clone, Args)]
pub(crate) struct RebuildArgs {
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    /// Only this session.
    #[arg(long, value_name = "SESSION")]
    pub(crate) session: Option<u64>,
}
