//! The durability of a commit on every connection that writes decisions. A killed process loses nothing that it wrote,
//! synced or not; a power failure does.
#![allow(clippy::panic, clippy::print_stderr, clippy::unwrap_used, reason = "test code may fail loudly")]

#[path = "../../../tests/it/postgres.rs"]
mod postgres;

use super::*;
use postgres::Cluster;
use sqlx::{ConnectOptions, Connection, Executor};
use testkit::Scratch;

/// `PRAGMA synchronous`: a commit returns when the log is on the disk.
const FULL: i64 = 2;
/// The log is on the disk at the next checkpoint.
const NORMAL: i64 = 1;

async fn pragma(pool: &sqlx::Pool<sqlx::Sqlite>, sql: &'static str, connections: u32) -> Vec<String> {
    let mut held = Vec::new();
    let mut values = Vec::new();
    // All at once, so that each uses a different connection.
    for _ in 0..connections {
        let mut connection = pool.acquire().await.unwrap();
        let (value,): (String,) = sqlx::query_as(sql).fetch_one(&mut *connection).await.unwrap();
        values.push(value);
        held.push(connection);
    }
    values
}

#[tokio::test]
async fn every_connection_that_writes_decisions_to_sqlite_syncs_each_commit() {
    let dir = Scratch::new("synchronous");
    let db = Db::open(&format!("sqlite:{}", dir.join("test.sqlite").display())).await.unwrap();
    let Pools::Sqlite { pool, fast, .. } = &db.pools else { panic!("not SQLite") };
    let synchronous = "SELECT CAST(synchronous AS TEXT) FROM pragma_synchronous";
    let expected = vec![FULL.to_string(); usize::try_from(CONNECTIONS_MAX).unwrap()];
    assert_eq!(pragma(pool, synchronous, CONNECTIONS_MAX).await, expected);
    let journal = "SELECT journal_mode FROM pragma_journal_mode";
    assert_eq!(pragma(pool, journal, CONNECTIONS_MAX).await, vec!["wal"; expected.len()]);
    // Rows that the journal has as well, and nothing else.
    assert_eq!(pragma(fast, synchronous, 1).await, [NORMAL.to_string()]);
}

#[tokio::test]
async fn commits_to_postgres_are_synced_whatever_the_default_of_the_server_is() {
    let Some(cluster) = Cluster::start("commits_to_postgres_are_synced") else { return };
    let mut other = sqlx::PgConnection::connect(&cluster.url()).await.unwrap();
    other.execute("ALTER DATABASE postgres SET synchronous_commit = off").await.unwrap();
    let db = Db::open(&cluster.url()).await.unwrap();
    let Pools::Postgres(pool) = &db.pools else { panic!("not PostgreSQL") };
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        let mut connection = pool.acquire().await.unwrap();
        let (value,): (String,) = sqlx::query_as("SHOW synchronous_commit").fetch_one(&mut *connection).await.unwrap();
        assert_eq!(value, "on");
        held.push(connection);
    }
}

#[tokio::test]
async fn a_locked_database_is_opened_when_the_lock_goes_and_one_that_refuses_is_not_waited_for() {
    let dir = Scratch::new("locked-start");
    let file = dir.join("test.sqlite");
    let url = format!("sqlite:{}", file.display());
    let mut other = SqliteConnectOptions::new().filename(&file).create_if_missing(true).connect().await.unwrap();
    other.execute("BEGIN EXCLUSIVE").await.unwrap();
    let opening = Db::open_when_there(&url, Plaintext::Refused, Duration::from_secs(60));
    let (opened, ()) = tokio::join!(opening, async {
        // Longer than a connection waits for a lock.
        tokio::time::sleep(ACQUIRE_TIME + Duration::from_secs(2)).await;
        other.execute("COMMIT").await.unwrap();
    });
    opened.unwrap().close(Duration::from_secs(10)).await;
    let started = Instant::now();
    let missing = format!("sqlite:{}", dir.join("no-such-folder/test.sqlite").display());
    let refused = Db::open_when_there(&missing, Plaintext::Refused, Duration::from_secs(60)).await;
    assert!(matches!(refused, Err(DbError::Open(_))), "{refused:?}");
    assert!(started.elapsed() < Duration::from_secs(30), "it was retried");
}

#[tokio::test]
async fn a_server_that_is_not_up_yet_is_waited_for_and_then_named() {
    let started = Instant::now();
    // No server listens there.
    let url = "postgres://user@127.0.0.1:1/none?sslmode=disable";
    let refused = Db::open_when_there(url, Plaintext::Refused, Duration::from_secs(2)).await;
    assert!(matches!(&refused, Err(DbError::Open(_))), "{refused:?}");
    assert!(started.elapsed() >= Duration::from_secs(2), "it was tried only once");
}
