//! `polytrader service`: the program as a service of systemd, or as three services of Windows.

use super::CommonArgs;
#[cfg(windows)]
use clap::ValueEnum;
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
    /// Write and enable the unit, which runs this program with these arguments of `run`. On Windows: register the services.
    ///
    /// Also runs `doctor` and makes the tables of the database; the logs of all steps are in DIR/install-logs. As root it
    /// is a system unit, otherwise a user unit. Windows needs an administrator. Nothing is started.
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
#[cfg(unix)]
#[derive(Debug, Clone, Args)]
pub(crate) struct UnitArgs {
    /// Folder of the unit; by default /etc/systemd/system for root, ~/.config/systemd/user for others.
    #[arg(long, value_name = "FOLDER", value_parser = super::place)]
    pub(crate) unit_dir: Option<PathBuf>,
}

/// An installed unit, and the output about it.
#[derive(Debug, Clone, Args)]
pub(crate) struct ManagerArgs {
    #[cfg(unix)]
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
    #[cfg(unix)]
    #[command(flatten)]
    pub(crate) manager: UnitArgs,
    /// The user that the service runs as, who owns the data directory. Only for a system unit.
    #[cfg(unix)]
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// A file with the keystore's passphrase that only its owner can read; systemd passes it on (LoadCredential=). On
    /// Windows `polytrader keys protect-passphrase --machine` writes it.
    #[arg(long, value_name = "FILE", value_parser = super::place)]
    pub(crate) passphrase: Option<PathBuf>,
    /// A file of environment variables, NAME=VALUE per line; a missing file is ignored (EnvironmentFile=-).
    #[cfg(unix)]
    #[arg(long, value_name = "FILE", value_parser = super::place)]
    pub(crate) environment: Option<PathBuf>,
    /// Print a system unit even if this user is not root; needs --print.
    #[cfg(unix)]
    #[arg(long, requires = "print")]
    pub(crate) system: bool,
    /// Print the unit, or the command lines of the services, without changing anything.
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

/// A service of Windows.
#[cfg(windows)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ServiceKind {
    /// The host.
    Api,
    /// The page.
    Ui,
    /// The bot.
    Worker,
}

/// Arguments of the hidden `polytrader service-process`.
#[cfg(windows)]
#[derive(Debug, Clone, Args)]
pub(crate) struct ServiceProcessArgs {
    /// The service.
    #[arg(value_enum)]
    pub(crate) kind: ServiceKind,
    #[command(flatten)]
    pub(crate) run: super::RunArgs,
}
