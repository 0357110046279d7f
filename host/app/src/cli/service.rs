//! `polytrader service`: the program as a systemd service.

use super::CommonArgs;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `polytrader service`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServiceArgs {
    /// The action to run.
    #[command(subcommand)]
    pub(crate) action: ServiceAction,
}

/// Actions of `polytrader service`.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ServiceAction {
    /// Write and enable the unit, which runs this program with these arguments of `run`.
    ///
    /// Also runs `doctor` and makes the tables of the database; the logs of all steps are in DIR/install-logs. As root it
    /// is a system unit, otherwise a user unit. It is not started.
    Install(Box<InstallArgs>),
    /// Stop and disable the service, and remove its unit. The data directory is kept.
    Uninstall(ManagerArgs),
    /// Start the service and wait until it is ready.
    Start(ManagerArgs),
    /// Stop the service: all orders are cancelled, and the venue is queried for open ones.
    Stop(ManagerArgs),
    /// Show the service's state. Exits with 0 if it runs, 2 if it does not, 1 if it has failed.
    Status(ManagerArgs),
    /// Stop the service, replace the program with FILE, and start it.
    ///
    /// Restores the previous program and database unless /health responds with success within 30 s.
    Upgrade(UpgradeArgs),
}

/// The location of the unit.
#[derive(Debug, Clone, Args)]
pub(crate) struct UnitArgs {
    /// Folder of the unit; by default /etc/systemd/system for root, ~/.config/systemd/user for others.
    #[arg(long, value_name = "FOLDER", value_parser = super::place)]
    pub(crate) unit_dir: Option<PathBuf>,
}

/// An installed unit, and the output about it.
#[derive(Debug, Clone, Args)]
pub(crate) struct ManagerArgs {
    #[command(flatten)]
    pub(crate) unit: UnitArgs,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `polytrader service install`.
#[derive(Debug, Clone, Args)]
pub(crate) struct InstallArgs {
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    #[command(flatten)]
    pub(crate) manager: UnitArgs,
    /// The user that the service runs as, who owns the data directory. Only for a system unit.
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// A file with the keystore's passphrase that only its owner can read; systemd passes it on (LoadCredential=).
    #[arg(long, value_name = "FILE", value_parser = super::place)]
    pub(crate) passphrase: Option<PathBuf>,
    /// A file of environment variables, NAME=VALUE per line; a missing file is ignored (EnvironmentFile=-).
    #[arg(long, value_name = "FILE", value_parser = super::place)]
    pub(crate) environment: Option<PathBuf>,
    /// Print a system unit even if this user is not root; needs --print.
    #[arg(long, requires = "print")]
    pub(crate) system: bool,
    /// Print the unit without changing anything.
    #[arg(long)]
    pub(crate) print: bool,
}

/// `polytrader service upgrade`.
#[derive(Debug, Clone, Args)]
pub(crate) struct UpgradeArgs {
    /// The new program.
    #[arg(value_name = "FILE", value_parser = super::file)]
    pub(crate) program: PathBuf,
    #[command(flatten)]
    pub(crate) manager: ManagerArgs,
}
