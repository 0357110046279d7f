//! Check of a database without changing it.

use super::open::ACQUIRE_TIME;
use super::{DbError, Plaintext, address, server};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use std::path::Path;
use tokio::time::timeout;

/// Result of the check of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// It answers.
    There,
    /// Its file does not exist; the first start creates it.
    NotMade,
}

/// Checks the database at `url`: connects and runs one query. The database is neither created nor migrated.
///
/// # Errors
/// If the address is invalid, or the database does not answer.
pub async fn probe(url: &str, plaintext: Plaintext) -> Result<Probe, DbError> {
    address::check(url).map_err(DbError::Address)?;
    let ask = async {
        let Some(file) = url.strip_prefix("sqlite:") else {
            let pool = server::connect(url, plaintext, 1).await?;
            sqlx::query("SELECT 1").execute(&pool).await.map_err(DbError::Open)?;
            pool.close().await;
            return Ok(Probe::There);
        };
        if !Path::new(file).exists() {
            return Ok(Probe::NotMade);
        }
        let options = SqliteConnectOptions::new().filename(file).read_only(true).busy_timeout(ACQUIRE_TIME);
        let mut one = options.connect().await.map_err(DbError::Open)?;
        sqlx::query("SELECT COUNT(*) FROM sqlite_schema").execute(&mut one).await.map_err(DbError::Open)?;
        one.close().await.map_err(DbError::Open)?;
        Ok(Probe::There)
    };
    timeout(ACQUIRE_TIME.saturating_mul(2), ask).await.map_err(|_late| DbError::Timeout)?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Db;
    use testkit::Scratch;

    #[tokio::test]
    async fn a_check_creates_no_file_and_finds_a_file_that_is_not_a_database() {
        let dir = Scratch::new("probe");
        let file = dir.join("a.sqlite");
        let url = format!("sqlite:{}", file.display());
        assert_eq!(probe(&url, Plaintext::Refused).await.unwrap(), Probe::NotMade);
        assert!(!file.exists());
        Db::open(&url).await.unwrap().close(std::time::Duration::from_secs(5)).await;
        assert_eq!(probe(&url, Plaintext::Refused).await.unwrap(), Probe::There);
        std::fs::write(&file, "this is not a database, and long enough to be taken for the beginning of one").unwrap();
        for beside in ["a.sqlite-wal", "a.sqlite-shm"] {
            let _gone = std::fs::remove_file(dir.join(beside));
        }
        assert!(probe(&url, Plaintext::Refused).await.is_err());
        assert!(matches!(probe("mysql://h/d", Plaintext::Refused).await, Err(DbError::Address(_))));
    }
}
