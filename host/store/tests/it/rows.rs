//! Rows of a session while the database is locked, slow, unavailable or incomplete.

use crate::ceilings::refusal;
use crate::db::{PATIENCE, SESSION, fill, order};
use crate::postgres::Cluster;
use sqlx::{Connection, Database, Executor, Postgres, Sqlite};
use std::time::{Duration, Instant};
use store::db::{Db, DbWrite, DbWriter, Filter};
use testkit::Scratch;

const MOMENT: Duration = Duration::from_millis(500);
/// Longer than a connection waits for a lock.
const LOCKED: Duration = Duration::from_secs(7);

#[tokio::test]
async fn no_row_is_lost_to_an_outage_of_sqlite() {
    let dir = Scratch::new("rows");
    let url = format!("sqlite:{}", dir.join("test.sqlite").display());
    let db = Db::open(&url).await.unwrap();
    let mut other = sqlx::SqliteConnection::connect(&url).await.unwrap();
    outlive_a_lock::<Sqlite>(&db, &mut other, &["BEGIN IMMEDIATE"]).await;
    lanes_do_not_block_each_other::<Sqlite>(&db, &mut other).await;
    bad_ones_are_lost_alone(&db).await;
    db.close(PATIENCE).await;
}

#[tokio::test]
async fn no_row_is_lost_to_an_outage_of_postgres() {
    let Some(cluster) = Cluster::start("no_row_is_lost_to_an_outage_of_postgres") else { return };
    let db = Db::open(&cluster.url()).await.unwrap();
    let mut other = sqlx::PgConnection::connect(&cluster.url()).await.unwrap();
    outlive_a_lock::<Postgres>(&db, &mut other, &["BEGIN", "LOCK TABLE orders, fills IN ACCESS EXCLUSIVE MODE"]).await;
    lanes_do_not_block_each_other::<Postgres>(&db, &mut other).await;
    bad_ones_are_lost_alone(&db).await;
    end_of_connections(&db, &mut other).await;
    db.close(PATIENCE).await;
}

/// Waits until the queue is empty, and returns the rows written and lost since `before`.
async fn written_and_lost(writer: &DbWriter, before: (u64, u64)) -> (u64, u64) {
    assert!(writer.flush(PATIENCE).await, "{:?}", writer.health());
    let health = writer.health();
    assert_eq!(health.waiting, 0);
    (health.written - before.0, health.lost - before.1)
}

fn counts(writer: &DbWriter) -> (u64, u64) {
    let health = writer.health();
    (health.written, health.lost)
}

async fn outlive_a_lock<D: Database>(db: &Db, other: &mut D::Connection, lock: &[&'static str])
where
    for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
{
    let (writer, before) = (db.writer(), counts(&db.writer()));
    for sql in lock {
        other.execute(*sql).await.unwrap();
    }
    let locked = Instant::now();
    for id in 1..=700 {
        writer.write(DbWrite::Order { seq: id, order: order(id, "live", 0) });
        writer.write(DbWrite::Fill(fill(&format!("t/{id}"), id, "matched")));
    }
    while locked.elapsed() < LOCKED {
        assert!(!writer.flush(MOMENT).await);
        assert_eq!((counts(&writer), writer.health().waiting), (before, 1_400));
    }
    other.execute("ROLLBACK").await.unwrap();
    assert_eq!(written_and_lost(&writer, before).await, (1_400, 0));
    assert_eq!(db.orders(&Filter::of(Some(SESSION)), None, 500).await.unwrap().len(), 500, "one page");
}

/// Rows of one lane that cannot be written do not delay those of another, in either direction.
async fn lanes_do_not_block_each_other<D: Database>(db: &Db, other: &mut D::Connection)
where
    for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
{
    let (writer, before) = (db.writer(), counts(&db.writer()));
    other.execute("ALTER TABLE refusals RENAME TO hidden").await.unwrap();
    // More refusals than there is room for, with an order and a fill behind them.
    for seq in 0..9_000 {
        writer.write(DbWrite::Refusal(refusal(seq)));
    }
    writer.write(DbWrite::Order { seq: 1, order: order(9_001, "live", 0) });
    writer.write(DbWrite::Fill(fill("behind/0", 9, "matched")));
    until(|| counts(&writer).0 == before.0 + 2).await;
    assert_eq!((counts(&writer).1 - before.1, writer.health().waiting), (9_000 - 8_192, 8_192));
    other.execute("ALTER TABLE hidden RENAME TO refusals").await.unwrap();
    other.execute("ALTER TABLE fills RENAME TO hidden").await.unwrap();
    writer.write(DbWrite::Fill(fill("behind/1", 9, "matched")));
    until(|| writer.health().waiting == 1).await;
    other.execute("ALTER TABLE hidden RENAME TO fills").await.unwrap();
    assert_eq!(written_and_lost(&writer, before).await, (8_192 + 3, 9_000 - 8_192));
}

/// Rows of a batch that the database will never accept do not affect the others.
async fn bad_ones_are_lost_alone(db: &Db) {
    let (writer, before) = (db.writer(), counts(&db.writer()));
    for id in 20_000..20_600_u64 {
        let mut row = order(id, "live", 0);
        match id {
            20_017 | 20_018 | 20_500 => "HOLD".clone_into(&mut row.side),
            20_300 => row.size_micros = u64::MAX,
            _ => {}
        }
        writer.write(DbWrite::Order { seq: id, order: row });
    }
    assert_eq!(written_and_lost(&writer, before).await, (596, 4));
}

/// The server repeatedly ends all connections while rows are written.
async fn end_of_connections(db: &Db, other: &mut sqlx::PgConnection) {
    let (writer, before) = (db.writer(), counts(&db.writer()));
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE application_name = 'polytrader' AND pid <> pg_backend_pid()";
    for round in 0..10_u64 {
        for row in 0..300 {
            let id = 30_000 + round * 300 + row;
            writer.write(DbWrite::Order { seq: id, order: order(id, "live", 0) });
        }
        other.execute(end).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(written_and_lost(&writer, before).await, (3_000, 0));
}

async fn until(condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
