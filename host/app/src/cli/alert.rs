//! Arguments of `polytrader alert`.

use super::CommonArgs;
use clap::{Args, Subcommand};

/// `polytrader alert`.
#[derive(Debug, Clone, Args)]
pub(crate) struct AlertArgs {
    /// The action to run.
    #[command(subcommand)]
    pub(crate) action: AlertAction,
}

/// Actions of `polytrader alert`.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum AlertAction {
    /// Send a test alert over each configured channel, regardless of `alerts.level`.
    ///
    /// Takes the arguments of `run`; no host needs to be running. Exits with 1 if a channel does not accept the alert.
    Test(CommonArgs),
}
