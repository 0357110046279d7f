//! Arguments of `polytrader db`.

use super::CommonArgs;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `polytrader db`.
#[derive(Debug, Clone, Args)]
pub(crate) struct DbArgs {
    /// The action to run.
    #[command(subcommand)]
    pub(crate) action: DbAction,
}

/// Actions of `polytrader db`.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum DbAction {
    /// Rebuild the database rows of all sessions from their journals.
    ///
    /// Rewrites orders with their states, fills, positions, refusals and breakers, and adds missing valuations.
    /// Decisions, audit, tokens and settings are not changed. Takes the arguments of `run`; no host may be using the
    /// data directory. Exits with 1 if the rows of a session cannot be rebuilt; those rows are left unchanged.
    Rebuild(RebuildArgs),
    /// Copy the database into a file of DIR/backups and compare the two.
    ///
    /// A host may trade meanwhile. Removes backups that are older than backups.keep_days; the newest is always kept.
    Backup(BackupArgs),
    /// Restore a backup into the empty database of the configuration and compare the two.
    ///
    /// Then upgrades the tables and adds later rows from the journals. No host may be using the data directory. A
    /// database that has tables is refused.
    Restore(RestoreArgs),
    /// Upgrade the tables, after a backup; a host does the same when it starts. Prints the versions before and after.
    Migrate(MigrateArgs),
    /// Move the tables of a PostgreSQL database into another schema of it. Used by `service upgrade` when it goes back.
    #[command(hide = true)]
    SetAside(SetAsideArgs),
    /// Copy the SQLite database of the configuration into an empty PostgreSQL database and compare all rows.
    ///
    /// No host may be using the data directory.
    ToPostgres(ToPostgresArgs),
}

/// `polytrader db backup`.
#[derive(Debug, Clone, Args)]
pub(crate) struct BackupArgs {
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    /// Folder of the backups; DIR/backups by default.
    #[arg(long, value_name = "FOLDER", value_parser = super::place)]
    pub(crate) to: Option<PathBuf>,
}

/// `polytrader db restore`.
#[derive(Debug, Clone, Args)]
pub(crate) struct RestoreArgs {
    /// The backup, with its manifest (FILE.json) beside it.
    #[arg(value_name = "FILE", value_parser = super::file)]
    pub(crate) backup: PathBuf,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// `polytrader db migrate`.
#[derive(Debug, Clone, Args)]
pub(crate) struct MigrateArgs {
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    /// Only print the versions. Exits with 1 if the tables are not up to date.
    #[arg(long)]
    pub(crate) check: bool,
}

/// `polytrader db set-aside`.
#[derive(Debug, Clone, Args)]
pub(crate) struct SetAsideArgs {
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// `polytrader db to-postgres`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ToPostgresArgs {
    /// The server's empty database, such as postgres://USER@HOST/NAME. The password is read from PGPASSWORD or
    /// ~/.pgpass.
    #[arg(value_name = "URL")]
    pub(crate) to: String,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// `polytrader db rebuild`.
#[derive(Debug, Clone, Args)]
pub(crate) struct RebuildArgs {
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    /// Rebuild only this session.
    #[arg(long, value_name = "SESSION")]
    pub(crate) session: Option<u64>,
}
