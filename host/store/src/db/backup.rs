//! Backups of the database and their restore, the way from `SQLite` to `PostgreSQL`, and the backup before an upgrade
//! of the tables. A backup is read back and compared before it counts as one, and so is what was restored. Start
//! reading in [`back_up`] and [`restore`].

mod folder;
mod postgres;
mod rows;
mod sqlite;
mod upgrade;

pub use folder::{all_of, manifest_path, prune};
pub use rows::TableSum;
pub use upgrade::{Schema, schema};

use super::server::Plaintext;
use super::{DbError, DbKind, address};
use model::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// A backup or a restore that did not happen.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database did not do what it was asked.
    #[error(transparent)]
    Db(#[from] DbError),
    /// A file failed.
    #[error("{path}: {error}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        #[source]
        error: io::Error,
    },
    /// There is nothing to back up.
    #[error("there is no database at {0}; nothing was backed up")]
    NoDatabase(PathBuf),
    /// The file is not a backup that can be trusted.
    #[error("{path} cannot be restored: {reason}; nothing was changed")]
    NotABackup {
        /// The file.
        path: PathBuf,
        /// Its fault.
        reason: String,
    },
    /// The target has tables already.
    #[error("the database has {found}, and a restore writes into an empty one only; nothing was changed. {remedy}")]
    Full {
        /// The tables or files that it has.
        found: String,
        /// The remedy.
        remedy: String,
    },
    /// The tables were written by a later release.
    #[error(
        "the database was written by a later release: its tables are of version {found}, and this program knows {known}; start the later \
         program, or restore a backup from before the upgrade (`polytrader db restore`)"
    )]
    Later {
        /// The version of the tables.
        found: i64,
        /// The last version that this program knows.
        known: i64,
    },
    /// The rows that were written differ from those that were read.
    #[error("the table {table} differs after the copy: {found} instead of {expected}; nothing was kept")]
    Differs {
        /// The table.
        table: String,
        /// The rows that are there.
        found: TableSum,
        /// The rows that should be there.
        expected: TableSum,
    },
    /// A table or a value has no place in the target.
    #[error("{0}")]
    Unfit(String),
}

impl From<sqlx::Error> for BackupError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

impl From<sqlx::migrate::MigrateError> for BackupError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        Self::Db(error.into())
    }
}

/// Names the file of an error.
fn at(path: &Path) -> impl FnOnce(io::Error) -> BackupError {
    let path = path.to_owned();
    move |error| BackupError::File { path, error }
}

/// The description of a backup, in a file beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The time at which it was made, in UTC.
    pub made: String,
    /// `sqlite` or `postgres`.
    pub kind: String,
    /// The version of its tables: the number of their last migration.
    pub version: i64,
    /// The length of the backup's file.
    pub bytes: u64,
    /// The SHA-256 of the backup's file.
    pub sha256: String,
    /// The rows of each table.
    pub tables: BTreeMap<String, TableSum>,
}

impl Manifest {
    /// Returns the rows of all tables.
    pub fn rows(&self) -> u64 {
        self.tables.values().fold(0, |sum, table| sum.saturating_add(table.rows))
    }
}

/// A verified backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Its file.
    pub path: PathBuf,
    /// The description of its content.
    pub manifest: Manifest,
}

/// A database by its address.
enum Place<'a> {
    Sqlite(&'a Path),
    Postgres(&'a str),
}

fn place(url: &str) -> Result<Place<'_>, BackupError> {
    address::check(url).map_err(DbError::Address)?;
    Ok(match url.strip_prefix("sqlite:") {
        Some(file) => Place::Sqlite(Path::new(file)),
        None => Place::Postgres(url),
    })
}

/// Returns the kind of the database that an address names.
///
/// # Errors
/// If the address is not understood.
pub fn kind_of(url: &str) -> Result<DbKind, BackupError> {
    Ok(match place(url)? {
        Place::Sqlite(_) => DbKind::Sqlite,
        Place::Postgres(_) => DbKind::Postgres,
    })
}

/// Copies the database, as it stands at one moment, into a new file of `folder`, and compares the two. A host may trade
/// meanwhile.
///
/// # Errors
/// If the database or the disk fails, or the copy is not good; no file is left then.
pub async fn back_up(url: &str, plaintext: Plaintext, folder: &Path, now: Time) -> Result<Backup, BackupError> {
    match place(url)? {
        Place::Sqlite(file) => {
            let file = file.to_owned();
            folder::make(folder, now, "sqlite", async |part| sqlite::copy_into(&file, part).await).await
        }
        Place::Postgres(url) => {
            folder::make(folder, now, "sql", async |part| postgres::dump_into(url, plaintext, part).await).await
        }
    }
}

/// Writes a backup into an empty database, and compares the two. Its tables are of the backup's version; opening it
/// brings them up to date.
///
/// # Errors
/// If the backup is damaged or of a later release, the database is not empty, or it fails; it stays as it was then.
pub async fn restore(url: &str, plaintext: Plaintext, backup: &Path) -> Result<Manifest, BackupError> {
    let place = place(url)?;
    let manifest = folder::verify(backup)?;
    let fits =
        matches!((&place, manifest.kind.as_str()), (Place::Sqlite(_), "sqlite") | (Place::Postgres(_), "postgres"));
    if !fits {
        let reason = format!(
            "it is of a {} database, and database_url names another kind; a SQLite database moves to PostgreSQL with `polytrader db \
             to-postgres`",
            manifest.kind
        );
        return Err(BackupError::NotABackup { path: backup.to_owned(), reason });
    }
    match place {
        Place::Sqlite(file) => sqlite::restore(file, backup, &manifest).await?,
        Place::Postgres(url) => postgres::restore(url, plaintext, backup, &manifest).await?,
    }
    Ok(manifest)
}

/// Moves all tables of a database of a `PostgreSQL` server into another schema of it, all or none, so that a backup can
/// be restored there; returns the schema's name. No host may use the database meanwhile.
///
/// # Errors
/// If the address names a `SQLite` file, there are no tables of ours, or the server refuses.
pub async fn set_aside(url: &str, plaintext: Plaintext, now: Time) -> Result<String, BackupError> {
    match place(url)? {
        Place::Sqlite(file) => {
            let fault = format!("{} is a file, which is moved away as a whole; nothing was moved", file.display());
            Err(BackupError::Unfit(fault))
        }
        Place::Postgres(url) => postgres::set_aside(url, plaintext, now).await,
    }
}

/// Copies a `SQLite` database into an empty database of a `PostgreSQL` server, and compares all rows. No host may use
/// it meanwhile.
///
/// # Errors
/// If one of the two fails, the server's database is not empty, or a value has no place there; it stays empty then.
pub async fn to_postgres(
    from: &Path,
    url: &str,
    plaintext: Plaintext,
) -> Result<BTreeMap<String, TableSum>, BackupError> {
    let Place::Postgres(url) = place(url)? else {
        return Err(DbError::Address("write postgres://USER@HOST/NAME".to_owned()).into());
    };
    postgres::take_from_sqlite(url, plaintext, from).await
}
