//! `polytrader alert`: what can be done about alerts.

use super::CommonArgs;
use clap::{Args, Subcommand};

/// `polytrader alert`.
#[derive(Debug, Clone, Args)]
pub(crate) struct AlertArgs {
    /// What to do.
    #[command(subcommand)]
    pub(crate) action: AlertAction,
}

/// What can be done about alerts.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum AlertAction {
    /// Send a test alert, whatever `alerts.level` is. Takes the arguments of `run`; no host needs to run. Exits with 1 if it is not taken.
    Test(CommonArgs),
}
