//! `polytrader positions`: what the account holds, and whose it is.

use super::strategy::HostedArgs;
use clap::{Args, Subcommand};

/// `polytrader positions`.
#[derive(Debug, Clone, Args)]
pub(crate) struct PositionsArgs {
    /// What to do.
    #[command(subcommand)]
    pub(crate) action: PositionsAction,
}

/// What can be done with positions.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum PositionsAction {
    /// List what the account holds, whose it is, and what nobody looks after.
    List(HostedArgs),
    /// Give shares to another strategy, which then looks after them: those of a strategy that is gone, mostly.
    Assign(AssignArgs),
}

/// What goes to whom.
#[derive(Debug, Clone, Args)]
pub(crate) struct AssignArgs {
    /// The token's id at the venue, as `positions list` shows it.
    #[arg(value_name = "TOKEN")]
    pub(crate) token: String,
    /// The strategy that has them, or `by hand`.
    #[arg(long, value_name = "NAME")]
    pub(crate) from: String,
    /// The strategy that gets them; it must run and have the market.
    #[arg(long, value_name = "NAME")]
    pub(crate) to: String,
    /// How many shares; all of them otherwise.
    #[arg(long, value_name = "N")]
    pub(crate) shares: Option<String>,
    /// Why; it stands in the audit.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) host: HostedArgs,
}
