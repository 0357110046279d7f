//! Arguments of `polytrader positions`.

use super::bot::CloseArgs;
use super::strategy::HostedArgs;
use clap::{Args, Subcommand};

/// `polytrader positions`.
#[derive(Debug, Clone, Args)]
pub(crate) struct PositionsArgs {
    /// The action to run.
    #[command(subcommand)]
    pub(crate) action: PositionsAction,
}

/// Actions of `polytrader positions`.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum PositionsAction {
    /// List the account's positions by strategy, and mark orphaned ones.
    List(HostedArgs),
    /// Close a position through the gate, as guards do. The owners' orders in that market are cancelled first.
    Close(CloseArgs),
    /// Reallocate shares to another strategy, which manages them from then on; typically shares of a strategy that was
    /// removed.
    Assign(AssignArgs),
}

/// A reallocation of shares.
#[derive(Debug, Clone, Args)]
pub(crate) struct AssignArgs {
    /// The venue's token id, as shown by `positions list`.
    #[arg(value_name = "TOKEN")]
    pub(crate) token: String,
    /// The strategy that holds the shares, or `by hand` for external ones.
    #[arg(long, value_name = "NAME")]
    pub(crate) from: String,
    /// The strategy that receives the shares. It must be running and have the market.
    #[arg(long, value_name = "NAME")]
    pub(crate) to: String,
    /// The number of shares. Default: all.
    #[arg(long, value_name = "N")]
    pub(crate) shares: Option<String>,
    /// The reason, for the audit log.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) host: HostedArgs,
}
