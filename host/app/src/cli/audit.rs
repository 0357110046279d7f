//! `polytrader audit`: lists and verifies the operators' actions.

use super::CommonArgs;
use super::strategy::HostedArgs;
use clap::{Args, Subcommand};

/// `polytrader audit`.
#[derive(Debug, Clone, Args)]
pub(crate) struct AuditArgs {
    /// The action.
    #[command(subcommand)]
    pub(crate) action: AuditAction,
}

/// The actions of `polytrader audit`.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum AuditAction {
    /// List the operators' actions on the running host, newest first.
    List(ListAuditArgs),
    /// Verify that no entry of the audit was changed, removed or cut off: checks the chain in the database, and its
    /// heads in the journals of the data folder. Takes the arguments of `run`; a host may be running. Exits with 1 if
    /// the audit is not intact.
    Verify(Box<CommonArgs>),
}

/// `polytrader audit list`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ListAuditArgs {
    /// The maximum number of entries.
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) limit: u32,
    /// Include only entries of the token with this name.
    #[arg(long, value_name = "NAME")]
    pub(crate) who: Option<String>,
    /// Include only actions that begin with this text, for example config/ or emergency-stop.
    #[arg(long, value_name = "TEXT")]
    pub(crate) action: Option<String>,
    #[command(flatten)]
    pub(crate) host: HostedArgs,
}
