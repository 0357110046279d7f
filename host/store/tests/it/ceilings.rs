//! Tables at their ceilings, on both databases.

use crate::db::{PATIENCE, SESSION, fill, order};
use crate::postgres::Cluster;
use sqlx::{Connection, PgConnection, SqliteConnection};
use store::db::{Ceilings, Db, DbWrite, RefusalRow};
use testkit::Scratch;

/// The assumed bytes of a row.
const ROW: u64 = 400;

/// Another connection to the database.
enum Other {
    Lite(SqliteConnection),
    Post(PgConnection),
}

impl Other {
    async fn number(&mut self, sql: &'static str) -> i64 {
        match self {
            Self::Lite(other) => sqlx::query_scalar(sql).fetch_one(other).await.unwrap(),
            Self::Post(other) => sqlx::query_scalar(sql).fetch_one(other).await.unwrap(),
        }
    }
}

pub(crate) fn refusal(seq: u64) -> RefusalRow {
    RefusalRow {
        session: SESSION,
        seq,
        place: 0,
        at_ms: seq,
        strategy: "storm".to_owned(),
        rule: "size".to_owned(),
        market: String::new(),
        outcome: String::new(),
        value: 1,
        allowed: 2,
        count: 1,
        last_at_ms: seq,
    }
}

#[tokio::test]
async fn the_oldest_refusals_and_states_go_and_fills_and_orders_stay_on_sqlite() {
    let dir = Scratch::new("ceilings");
    let url = format!("sqlite:{}", dir.join("test.sqlite").display());
    let db = Db::open(&url).await.unwrap();
    go(&db, Other::Lite(SqliteConnection::connect(&url).await.unwrap())).await;
}

#[tokio::test]
async fn the_oldest_refusals_and_states_go_and_fills_and_orders_stay_on_postgres() {
    let Some(cluster) = Cluster::start("ceilings") else { return };
    let db = Db::open(&cluster.url()).await.unwrap();
    go(&db, Other::Post(PgConnection::connect(&cluster.url()).await.unwrap())).await;
}

async fn go(db: &Db, mut other: Other) {
    let writer = db.writer();
    for seq in 100..5_100 {
        writer.write(DbWrite::Refusal(refusal(seq)));
        writer.write(DbWrite::Order { seq, order: order(seq % 50, "live", 0) });
    }
    (0..10).for_each(|part| writer.write(DbWrite::Fill(fill(&format!("t/{part}"), 1, "matched"))));
    assert!(writer.flush(PATIENCE).await);
    let ceilings = Ceilings { refusals: ROW * 4_000, order_events: ROW * 100 };
    assert_eq!(db.prune(ceilings).await.unwrap(), 1_000 + 4_900);
    assert_eq!(other.number("SELECT COUNT(*) FROM refusals").await, 4_000);
    assert_eq!(other.number("SELECT MIN(seq) FROM refusals").await, 1_100, "the oldest are removed");
    assert_eq!(other.number("SELECT COUNT(*) FROM order_events").await, 100);
    assert_eq!(other.number("SELECT MIN(seq) FROM order_events").await, 5_000);
    assert_eq!(db.prune(ceilings).await.unwrap(), 0, "no row is removed at the ceiling");
    assert_eq!(other.number("SELECT COUNT(*) FROM fills").await, 10);
    assert_eq!(other.number("SELECT COUNT(*) FROM orders").await, 50);
    // A row with the same place has the sum so far.
    writer.write(DbWrite::Refusal(RefusalRow { count: 7, last_at_ms: 9_000, value: 5, ..refusal(5_099) }));
    assert!(writer.flush(PATIENCE).await);
    let sum = "SELECT count * 1000000 + last_at_ms * 10 + value FROM refusals WHERE seq = 5099 AND at_ms = 5099";
    assert_eq!(other.number(sum).await, 7_090_005);
}

#[tokio::test]
async fn rows_go_by_age_on_sqlite() {
    let dir = Scratch::new("ages");
    let url = format!("sqlite:{}", dir.join("test.sqlite").display());
    age(&Db::open(&url).await.unwrap(), Other::Lite(SqliteConnection::connect(&url).await.unwrap())).await;
}

#[tokio::test]
async fn rows_go_by_age_on_postgres() {
    let Some(cluster) = Cluster::start("ages") else { return };
    let db = Db::open(&cluster.url()).await.unwrap();
    age(&db, Other::Post(PgConnection::connect(&cluster.url()).await.unwrap())).await;
}

/// Refusals are one a millisecond; more than one statement removes.
async fn age(db: &Db, mut other: Other) {
    (1..=2_500).for_each(|seq| db.writer().write(DbWrite::Refusal(refusal(seq))));
    assert!(db.writer().flush(PATIENCE).await);
    assert_eq!(db.prune_older(1).await.unwrap(), 0);
    assert_eq!(db.prune_older(2_251).await.unwrap(), 2_250);
    assert_eq!(other.number("SELECT MIN(at_ms) FROM refusals").await, 2_251);
    assert_eq!(other.number("SELECT COUNT(*) FROM refusals").await, 250);
}
