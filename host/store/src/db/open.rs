//! Opening a database and bringing its tables up to date.

use super::{Db, DbError, DecisionWriter, Pools, writer};
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

static SQLITE: Migrator = sqlx::migrate!("../../migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("../../migrations/postgres");

/// Connections to one database.
const CONNECTIONS_MAX: u32 = 4;
/// What each connection to SQLite may keep of the file in memory, in KiB (a number below zero says that it is that). Rows are written once
/// and read seldom.
const CACHE: &str = "-512";
/// How long to wait for a connection, or for another process's lock.
const ACQUIRE_TIME: Duration = Duration::from_secs(5);

impl Db {
    /// Opens the database at `url` (`sqlite:FILE`, created if missing, or `postgres://…`), brings its tables up to date and
    /// starts its writer on the current tokio runtime.
    ///
    /// # Errors
    /// If the address is not understood, or the database cannot be opened or migrated.
    pub async fn open(url: &str) -> Result<Self, DbError> {
        let pools = if let Some(file) = url.strip_prefix("sqlite:") {
            open_sqlite(Path::new(file)).await?
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            open_postgres(url).await?
        } else {
            return Err(DbError::Address(url.split(':').next().unwrap_or_default().to_owned()));
        };
        let writer = writer::start(pools.clone());
        let decisions = DecisionWriter::new();
        let db = Self { pools, writer, decisions, unreadable_claims: Arc::default() };
        db.decisions.start(db.clone());
        Ok(db)
    }

    /// Writes what is queued, at most for `time`, and closes the connections.
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
                "rows not written when the database was closed; `polytrader db rebuild` writes them from the journal"
            );
        }
        self.writer.close();
        match &self.pools {
            Pools::Sqlite { pool, fast } => {
                fast.close().await;
                pool.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }
}

async fn open_sqlite(file: &Path) -> Result<Pools, DbError> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .pragma("cache_size", CACHE)
        .busy_timeout(ACQUIRE_TIME);
    let pool = |max| SqlitePoolOptions::new().max_connections(max).acquire_timeout(ACQUIRE_TIME);
    let primary = options.clone().synchronous(SqliteSynchronous::Full);
    let primary = pool(CONNECTIONS_MAX).connect_with(primary).await.map_err(DbError::Open)?;
    SQLITE.run(&primary).await?;
    let fast = options.synchronous(SqliteSynchronous::Normal);
    let fast = pool(1).connect_with(fast).await.map_err(DbError::Open)?;
    Ok(Pools::Sqlite { pool: primary, fast })
}

async fn open_postgres(url: &str) -> Result<Pools, DbError> {
    let options: PgConnectOptions = url.parse().map_err(DbError::Open)?;
    // The server gives up before we do, so that a statement that we forgot does not go on there.
    let options = options.application_name("polytrader").options([
        ("statement_timeout", "9000"),
        ("TimeZone", "UTC"),
        // Whatever the server's default is: what is decided must be on its disk before it is said to be stored.
        ("synchronous_commit", "on"),
    ]);
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS_MAX).acquire_timeout(ACQUIRE_TIME);
    let pool = pool.connect_with(options).await.map_err(DbError::Open)?;
    POSTGRES.run(&pool).await?;
    Ok(Pools::Postgres(pool))
}

#[cfg(test)]
mod tests;
