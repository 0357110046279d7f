//! The version of the tables: a database of a later release is refused, and one of an earlier release is backed up
//! before its tables change.

use super::super::Db;
use super::super::open::{POSTGRES, SQLITE};
use super::super::server::{self, Plaintext};
use super::{BackupError, Place, back_up, place, sqlite};
use model::Time;
use sqlx::migrate::Migrator;
use sqlx::{PgConnection, SqliteConnection};
use std::path::Path;
use std::time::{Duration, Instant};

/// The version of a database's tables, beside the last that this program knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schema {
    /// The version of the tables; none if there are no tables.
    pub found: Option<i64>,
    /// The last version that this program knows.
    pub known: i64,
}

fn last(migrator: &Migrator) -> i64 {
    migrator.iter().map(|migration| migration.version).max().unwrap_or(0)
}

pub(super) fn known_of_sqlite() -> i64 {
    last(&SQLITE)
}

pub(super) fn known_of_postgres() -> i64 {
    last(&POSTGRES)
}

pub(super) const fn refuse_later(found: i64, known: i64) -> Result<(), BackupError> {
    if found > known { Err(BackupError::Later { found, known }) } else { Ok(()) }
}

/// Returns the version of the tables; 0 if there are none.
pub(super) async fn version_of_sqlite(connection: &mut SqliteConnection) -> Result<i64, BackupError> {
    let exists = "SELECT COUNT(*) FROM sqlite_master WHERE name = '_sqlx_migrations'";
    let (exists,): (i64,) = sqlx::query_as(exists).fetch_one(&mut *connection).await?;
    if exists == 0 {
        return Ok(0);
    }
    let version = "SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations";
    let (version,): (i64,) = sqlx::query_as(version).fetch_one(connection).await?;
    Ok(version)
}

/// Returns the version of the tables; 0 if there are none.
pub(super) async fn version_of_postgres(connection: &mut PgConnection) -> Result<i64, BackupError> {
    let exists = "SELECT to_regclass('_sqlx_migrations') IS NOT NULL";
    let (exists,): (bool,) = sqlx::query_as(exists).fetch_one(&mut *connection).await?;
    if !exists {
        return Ok(0);
    }
    let version = "SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations";
    let (version,): (i64,) = sqlx::query_as(version).fetch_one(connection).await?;
    Ok(version)
}

/// Returns the version of the tables at `url`. A database that does not exist has none.
///
/// # Errors
/// If the database cannot be opened or read.
pub async fn schema(url: &str, plaintext: Plaintext) -> Result<Schema, BackupError> {
    let (found, known) = match place(url)? {
        Place::Sqlite(file) if std::fs::metadata(file).map_or(0, |about| about.len()) == 0 => (0, known_of_sqlite()),
        Place::Sqlite(file) => (version_of_sqlite(&mut sqlite::open(file).await?).await?, known_of_sqlite()),
        Place::Postgres(url) => {
            (version_of_postgres(&mut server::connect_once(url, plaintext).await?).await?, known_of_postgres())
        }
    };
    Ok(Schema { found: Some(found).filter(|found| *found > 0), known })
}

impl Db {
    /// Opens the database as [`Db::open_when_there`] does. Tables of a later release are refused; those of an earlier
    /// one are backed up into `backups` before they are brought up to date.
    ///
    /// # Errors
    /// If the address is not understood, the tables are of a later release, they cannot be backed up, or the database
    /// is not there when `patience` is over.
    pub async fn open_upgraded(
        url: &str,
        plaintext: Plaintext,
        patience: Duration,
        (backups, now): (&Path, Time),
    ) -> Result<Self, BackupError> {
        let started = Instant::now();
        let schema = loop {
            match schema(url, plaintext).await {
                Err(BackupError::Db(error)) if error.passes() && started.elapsed() < patience => {
                    tracing::warn!(%error, "database not open; trying again");
                    tokio::time::sleep(super::super::open::OPEN_AGAIN).await;
                }
                read => break read?,
            }
        };
        if let Schema { found: Some(found), known } = schema {
            refuse_later(found, known)?;
            if found < known {
                let backup = back_up(url, plaintext, backups, now).await?;
                let (path, rows) = (backup.path.display(), backup.manifest.rows());
                tracing::info!(%path, rows, found, known, "database backed up; its tables are brought up to date");
            }
        }
        let left = patience.saturating_sub(started.elapsed());
        Ok(Self::open_when_there(url, plaintext, left).await?)
    }
}
