//! Arguments of `polytrader config`.

use super::CommonArgs;
use super::strategy::HostedArgs;
use clap::{Args, Subcommand};

/// `polytrader config`.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct ConfigArgs {
    /// The action on the configuration of the running host. Default: show the configuration that `run` would use.
    #[command(subcommand)]
    pub(crate) action: Option<ConfigAction>,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// Actions of `polytrader config` on the running host.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ConfigAction {
    /// Show a key with its value, source and range, or all keys.
    Get(GetArgs),
    /// Change a limit at once and for later starts.
    ///
    /// Other keys are set in polytrader.toml, and take effect after a restart.
    Set(SetArgs),
    /// List the changes of limits, newest first.
    History(HistoryArgs),
    /// Set a limit to its value before the last change.
    Rollback(RollbackArgs),
    /// Read the host's configuration again: changed limits take effect at once, and keys that need a restart are
    /// listed.
    Reload(HostedArgs),
}

/// `polytrader config get`.
#[derive(Debug, Clone, Args)]
pub(crate) struct GetArgs {
    /// The key, for example max_order_usd. Default: all keys.
    #[arg(value_name = "KEY")]
    pub(crate) key: Option<String>,
    #[command(flatten)]
    pub(crate) host: HostedArgs,
}

/// `polytrader config set`.
#[derive(Debug, Clone, Args)]
pub(crate) struct SetArgs {
    /// The limit, for example max_order_usd.
    #[arg(value_name = "KEY")]
    pub(crate) key: String,
    /// Its new value.
    #[arg(value_name = "VALUE", allow_hyphen_values = true)]
    pub(crate) value: String,
    #[command(flatten)]
    pub(crate) host: HostedArgs,
}

/// `polytrader config history`.
#[derive(Debug, Clone, Args)]
pub(crate) struct HistoryArgs {
    /// The limit. Default: all limits.
    #[arg(value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// The maximum number of changes.
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) host: HostedArgs,
}

/// `polytrader config rollback`.
#[derive(Debug, Clone, Args)]
pub(crate) struct RollbackArgs {
    /// The limit, for example max_order_usd.
    #[arg(value_name = "KEY")]
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) host: HostedArgs,
}
