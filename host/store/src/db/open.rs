//! Opens a database and migrates its tables.

use super::readers::{READERS_MAX, Readers};
use super::server::{self, Plaintext};
use super::wal::{KEPT, Wal};
use super::{Db, DbError, DecisionWriter, Pools, address, writer};
use crate::private_file;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(super) static SQLITE: Migrator = sqlx::migrate!("../../migrations/sqlite");
pub(super) static POSTGRES: Migrator = sqlx::migrate!("../../migrations/postgres");

/// The most connections to one database.
pub(super) const CONNECTIONS_MAX: u32 = 4;
/// The memory cache of each connection to SQLite, in KiB (a negative number means KiB). Rows are written once and
/// rarely read.
const CACHE: &str = "-512";
/// The delay before an unavailable database is tried again.
pub(super) const OPEN_AGAIN: Duration = Duration::from_secs(1);
/// The longest wait for a connection, or for another process's lock.
pub(super) const ACQUIRE_TIME: Duration = Duration::from_secs(5);

impl Db {
    /// Opens the database at `url` (`sqlite:FILE`, created if missing, or `postgres://…`), migrates its tables and
    /// starts its writer on the current tokio runtime. A server on another machine must offer TLS.
    ///
    /// # Errors
    /// If the address is invalid, or the database cannot be opened or migrated.
    pub async fn open(url: &str) -> Result<Self, DbError> {
        Self::open_with(url, Plaintext::Refused).await
    }

    /// Opens the database as [`Db::open`] does, with the operator's policy on servers without TLS.
    ///
    /// # Errors
    /// If the address is invalid, or the database cannot be opened or migrated.
    pub async fn open_with(url: &str, plaintext: Plaintext) -> Result<Self, DbError> {
        address::check(url).map_err(DbError::Address)?;
        let pools = if let Some(file) = url.strip_prefix("sqlite:") {
            open_sqlite(Path::new(file)).await?
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            open_postgres(url, plaintext).await?
        } else {
            return Err(DbError::Address("write sqlite:FILE or postgres://USER@HOST/NAME".to_owned()));
        };
        let (pools, readers) = pools;
        let writer = writer::start(pools.clone());
        let decisions = DecisionWriter::new();
        let chain = super::audit_chain::Chain::default();
        let db = Self { pools, readers, writer, decisions, chain, unreadable_claims: Arc::default() };
        db.begin_chain().await?;
        db.decisions.start(db.clone());
        Ok(db)
    }

    /// Opens the database as [`Db::open_with`] does, and retries for `patience` while it is locked, restarting or
    /// unreachable: a host and its database may start at the same time.
    ///
    /// # Errors
    /// If the address is invalid, the database refuses, or it is still unavailable after `patience`.
    pub async fn open_when_there(url: &str, plaintext: Plaintext, patience: Duration) -> Result<Self, DbError> {
        let started = Instant::now();
        loop {
            match Self::open_with(url, plaintext).await {
                Err(error) if error.passes() && started.elapsed() < patience => {
                    tracing::warn!(%error, "opening the database failed; retrying");
                    tokio::time::sleep(OPEN_AGAIN).await;
                }
                opened => return opened,
            }
        }
    }

    /// Writes what is queued, for at most `time`, and closes the connections.
    pub async fn close(&self, time: Duration) {
        let (decisions, rows) = tokio::join!(self.decisions.flush(time), self.writer.flush(time));
        self.decisions.close();
        if !decisions {
            tracing::error!("decisions not stored when the database was closed; a restart does not find them");
        }
        if !rows {
            let waiting = self.writer.health().waiting;
            tracing::warn!(
                waiting,
                "rows not written when the database was closed; `polytrader db rebuild` restores them from the journal"
            );
        }
        self.writer.close();
        self.readers.close().await;
        match &self.pools {
            Pools::Sqlite { pool, fast, .. } => {
                fast.close().await;
                pool.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }
}

async fn open_sqlite(file: &Path) -> Result<(Pools, Readers), DbError> {
    // The files beside it take its mode.
    private_file::close_to_others(file);
    for end in ["-wal", "-shm"] {
        let mut beside = file.as_os_str().to_owned();
        beside.push(end);
        private_file::close_to_others(Path::new(&beside));
    }
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .pragma("cache_size", CACHE)
        .pragma("journal_size_limit", KEPT.to_string())
        .busy_timeout(ACQUIRE_TIME);
    let pool = |max| SqlitePoolOptions::new().max_connections(max).acquire_timeout(ACQUIRE_TIME);
    let primary = options.clone().synchronous(SqliteSynchronous::Full);
    let primary = pool(CONNECTIONS_MAX).connect_with(primary).await.map_err(DbError::Open)?;
    SQLITE.run(&primary).await?;
    let wal = Wal::watch(file, options.clone());
    let fast = options.clone().synchronous(SqliteSynchronous::Normal);
    let fast = pool(1).connect_with(fast).await.map_err(DbError::Open)?;
    let readers = options.pragma("query_only", "ON");
    let readers = pool(READERS_MAX).connect_with(readers).await.map_err(DbError::Open)?;
    Ok((Pools::Sqlite { pool: primary, fast, wal }, Readers::Sqlite(readers)))
}

async fn open_postgres(url: &str, plaintext: Plaintext) -> Result<(Pools, Readers), DbError> {
    let pool = server::connect(url, plaintext, CONNECTIONS_MAX).await?;
    POSTGRES.run(&pool).await.map_err(|error| match error {
        MigrateError::Execute(error) => server::pooled(error, |error| MigrateError::Execute(error).into()),
        other => other.into(),
    })?;
    let readers = server::connect(url, plaintext, READERS_MAX).await?;
    Ok((Pools::Postgres(pool), Readers::Postgres(readers)))
}

#[cfg(test)]
mod tests;
