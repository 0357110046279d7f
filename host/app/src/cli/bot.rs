//! Arguments of the commands to a running host: its state, orders, breakers and locks.

use super::strategy::HostedArgs;
use clap::{Args, Subcommand};
use std::time::Duration;

/// A command to the running host, with its reason.
#[derive(Debug, Clone, Args)]
pub(crate) struct BotArgs {
    /// The reason, for the audit log.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) host: HostedArgs,
}

/// `polytrader release`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ReleaseArgs {
    /// The cause and its remedy, for the audit log.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) host: HostedArgs,
}

/// `polytrader orders`.
#[derive(Debug, Clone, Args)]
pub(crate) struct OrdersArgs {
    /// The action to run.
    #[command(subcommand)]
    pub(crate) action: OrdersAction,
}

/// Actions of `polytrader orders`.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum OrdersAction {
    /// List the open orders.
    List(OrdersListArgs),
    /// Cancel one order.
    Cancel(CancelArgs),
    /// Cancel all orders of the host and clear all standing quotes.
    ///
    /// Strategies continue; `pause` or `stop` keeps them from placing new orders.
    CancelAll(BotArgs),
}

/// `polytrader orders list`.
#[derive(Debug, Clone, Args)]
pub(crate) struct OrdersListArgs {
    /// List the account's open orders as the venue reports them now.
    #[arg(long)]
    pub(crate) venue: bool,
    #[command(flatten)]
    pub(crate) host: HostedArgs,
}

/// The order to cancel.
#[derive(Debug, Clone, Args)]
pub(crate) struct CancelArgs {
    /// The number of the order, as shown by `orders list`.
    #[arg(value_name = "ORDER")]
    pub(crate) order: u64,
    #[command(flatten)]
    pub(crate) bot: BotArgs,
}

/// The position to close.
#[derive(Debug, Clone, Args)]
pub(crate) struct CloseArgs {
    /// The venue's token id, as shown by `positions list`.
    #[arg(value_name = "TOKEN")]
    pub(crate) token: String,
    #[command(flatten)]
    pub(crate) bot: BotArgs,
}

/// `polytrader breakers`.
#[derive(Debug, Clone, Args)]
pub(crate) struct BreakersArgs {
    /// The action to run.
    #[command(subcommand)]
    pub(crate) action: BreakersAction,
}

/// Actions of `polytrader breakers`.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum BreakersAction {
    /// List the circuit breakers, with the reason of each tripped one. Exits with 1 if one is tripped.
    List(HostedArgs),
    /// Close a breaker. Refused while its cause persists.
    Reset(ResetArgs),
}

/// The breaker to close.
#[derive(Debug, Clone, Args)]
pub(crate) struct ResetArgs {
    /// The name of the breaker, as shown by `breakers list`.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) bot: BotArgs,
}

/// `polytrader locks`.
#[derive(Debug, Clone, Args)]
pub(crate) struct LocksArgs {
    /// The action to run.
    #[command(subcommand)]
    pub(crate) action: LocksAction,
}

/// Actions of `polytrader locks`.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum LocksAction {
    /// Lock a market for a time: strategies may only reduce there, and their standing quotes there are cancelled.
    ///
    /// A lock is kept over restarts, and ends by itself.
    Add(LockArgs),
    /// List the locked markets, each with the end of its lock.
    List(HostedArgs),
    /// End the lock of a market.
    Delete(UnlockArgs),
}

/// The market to lock.
#[derive(Debug, Clone, Args)]
pub(crate) struct LockArgs {
    /// The market's slug.
    #[arg(value_name = "MARKET")]
    pub(crate) market: String,
    /// The duration from now, for example 30m or 12h; at most 8760h. Replaces an earlier lock.
    #[arg(long = "for", value_name = "TIME", value_parser = super::duration)]
    pub(crate) lasts: Duration,
    #[command(flatten)]
    pub(crate) bot: BotArgs,
}

/// The market to unlock.
#[derive(Debug, Clone, Args)]
pub(crate) struct UnlockArgs {
    /// The market's slug.
    #[arg(value_name = "MARKET")]
    pub(crate) market: String,
    #[command(flatten)]
    pub(crate) bot: BotArgs,
}
