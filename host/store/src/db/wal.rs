//! SQLite's write-ahead log. A long read elsewhere, such as a backup or a shell, keeps SQLite from reusing the log from
//! its beginning, so that it grows; when the read ends, the log is truncated again.

use super::{Db, Pools};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The bytes of the log that stay allocated; also the size to which SQLite itself truncates it when it restarts the
/// log.
pub(super) const KEPT: u64 = 4 * 1024 * 1024;
/// The size of the log that indicates a problem.
pub const WAL_WARN: u64 = 64 * 1024 * 1024;
/// The interval of size checks.
const LOOK: Duration = Duration::from_secs(10);

/// The size of the log at the last check.
#[derive(Debug)]
pub(super) struct Wal {
    file: PathBuf,
    bytes: AtomicU64,
}

impl Db {
    /// Returns the bytes of the database's log; 0 for a server, which manages its own.
    pub fn wal_bytes(&self) -> u64 {
        match &self.pools {
            Pools::Sqlite { wal, .. } => wal.bytes.load(Ordering::Relaxed),
            Pools::Postgres(_) => 0,
        }
    }
}

impl Wal {
    /// Maintains the log of the database at `file` for as long as the result lives.
    pub(super) fn watch(file: &Path, options: SqliteConnectOptions) -> Arc<Self> {
        let mut wal = file.as_os_str().to_owned();
        wal.push("-wal");
        let wal = Arc::new(Self { file: wal.into(), bytes: AtomicU64::new(0) });
        // A checkpoint that is not possible now is not waited for: while it waits, no write can proceed.
        let (watched, options) = (Arc::downgrade(&wal), options.busy_timeout(Duration::ZERO));
        tokio::spawn(async move {
            let mut warned = false;
            while let Some(wal) = watched.upgrade() {
                wal.check_size(&options, &mut warned).await;
                drop(wal);
                tokio::time::sleep(LOOK).await;
            }
        });
        wal
    }

    async fn check_size(&self, options: &SqliteConnectOptions, warned: &mut bool) {
        let mut bytes = self.size();
        if bytes > KEPT {
            if let Err(error) = truncate(options).await {
                tracing::debug!(%error, bytes, "truncating the database's log failed");
            }
            bytes = self.size();
        }
        self.bytes.store(bytes, Ordering::Relaxed);
        if bytes > WAL_WARN && !*warned {
            tracing::warn!(bytes, "database log grows; a read that stays open, such as a backup, prevents its reuse");
        }
        *warned = bytes > WAL_WARN;
    }

    fn size(&self) -> u64 {
        std::fs::metadata(&self.file).map_or(0, |meta| meta.len())
    }
}

/// Moves the log into the database and truncates it, unless a read still needs it. Most of it is moved while others
/// write.
async fn truncate(options: &SqliteConnectOptions) -> Result<(), sqlx::Error> {
    let mut connection = options.connect().await?;
    for checkpoint in ["PRAGMA wal_checkpoint(PASSIVE)", "PRAGMA wal_checkpoint(TRUNCATE)"] {
        sqlx::raw_sql(checkpoint).execute(&mut connection).await?;
    }
    connection.close().await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code may fail loudly")]

    use super::*;
    use sqlx::Executor;
    use testkit::Scratch;

    #[tokio::test]
    async fn a_log_that_grew_under_a_read_is_small_again_when_the_read_has_ended() {
        let dir = Scratch::new("wal");
        let file = dir.join("test.sqlite");
        let db = Db::open(&format!("sqlite:{}", file.display())).await.unwrap();
        let Pools::Sqlite { pool, fast, wal } = &db.pools else { return };
        let options = SqliteConnectOptions::new().filename(&file).busy_timeout(Duration::ZERO);
        let mut reader = options.connect().await.unwrap();
        reader.execute("BEGIN; SELECT COUNT(*) FROM orders").await.unwrap();
        fast.execute("CREATE TABLE filling (bytes BLOB)").await.unwrap();
        for _ in 0..80 {
            pool.execute("INSERT INTO filling VALUES (randomblob(1048576))").await.unwrap();
        }
        let mut warned = false;
        wal.check_size(&options, &mut warned).await;
        assert!(db.wal_bytes() > WAL_WARN && warned, "{}", db.wal_bytes());
        // No write waits for the read.
        let started = tokio::time::Instant::now();
        pool.execute("INSERT INTO filling VALUES (1)").await.unwrap();
        assert!(started.elapsed() < Duration::from_secs(5));
        reader.close().await.unwrap();
        wal.check_size(&options, &mut warned).await;
        assert!(db.wal_bytes() <= KEPT && !warned, "{}", db.wal_bytes());
        let (rows,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM filling").fetch_one(pool).await.unwrap();
        assert_eq!(rows, 81);
    }

    #[tokio::test]
    async fn every_connection_leaves_a_small_log_when_it_begins_again() {
        let dir = Scratch::new("wal-limit");
        let db = Db::open(&format!("sqlite:{}", dir.join("test.sqlite").display())).await.unwrap();
        let Pools::Sqlite { pool, fast, .. } = &db.pools else { return };
        for pool in [pool, fast] {
            let sql = "SELECT journal_size_limit FROM pragma_journal_size_limit";
            let (limit,): (i64,) = sqlx::query_as(sql).fetch_one(pool).await.unwrap();
            assert_eq!(u64::try_from(limit).unwrap(), KEPT);
        }
    }
}
