//! What a commit means on every connection that writes a decision. A process that is killed loses nothing that it wrote, synced or not; the
//! power does.
#![allow(clippy::panic, clippy::print_stderr, clippy::unwrap_used, reason = "test code may fail loudly")]

#[path = "../../../tests/it/postgres.rs"]
mod postgres;

use super::*;
use postgres::Cluster;
use sqlx::{Connection, Executor};
use testkit::Scratch;

/// `PRAGMA synchronous`: a commit returns when the log is on the disk.
const FULL: i64 = 2;
/// The log is on the disk at the next checkpoint.
const NORMAL: i64 = 1;

async fn pragma(pool: &sqlx::Pool<sqlx::Sqlite>, sql: &'static str, connections: u32) -> Vec<String> {
    let mut held = Vec::new();
    let mut values = Vec::new();
    // All at once, so that each is another connection.
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
    // What the journal has, and it alone.
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
