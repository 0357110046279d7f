//! The audit's chain on both databases: changed, removed and cut-off rows are detected.

use crate::db::PATIENCE;
use crate::postgres::Cluster;
use sqlx::{Connection, Database, Executor};
use std::collections::BTreeMap;
use store::db::{AuditRow, Db, Filter};
use testkit::Scratch;

fn row(action: &str) -> AuditRow {
    AuditRow { at_ms: 5, who: "desk".to_owned(), action: action.to_owned(), ..AuditRow::default() }
}

/// Writes rows, damages them in each way, and repairs them.
async fn damage_is_found<DB: Database>(db: &Db, other: &mut DB::Connection)
where
    for<'a> &'a mut DB::Connection: Executor<'a, Database = DB>,
{
    for action in ["start", "stop", "start", "stop"] {
        db.audit(&row(action)).await.unwrap();
    }
    let entries = db.audit_entries(&Filter::default(), None, 10).await.unwrap();
    let ids: Vec<u64> = entries.iter().map(|entry| entry.id).collect();
    let [last, third, second, first] = ids[..] else { panic!("{ids:?}") };
    let heads: BTreeMap<[u8; 32], u64> =
        entries.iter().map(|entry| (model::hex::decode_array(&entry.hash).unwrap(), entry.id)).collect();
    let check = db.verify_audit(heads.clone()).await.unwrap();
    assert!(check.is_intact() && (check.chained, check.before) == (4, 0), "{check:?}");
    let mut run = async |sql: String| drop(other.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(sql))).await.unwrap());

    run(format!("UPDATE audit SET outcome = 'other' WHERE id = {second}")).await;
    let check = db.verify_audit(BTreeMap::new()).await.unwrap();
    let (entry, why) = check.broken.unwrap();
    assert!(entry == second && why.contains("was changed"), "{entry} {why}");
    run(format!("UPDATE audit SET outcome = '' WHERE id = {second}")).await;

    run(format!("UPDATE audit SET at_ms = 6 WHERE id = {first}")).await;
    assert_eq!(db.verify_audit(BTreeMap::new()).await.unwrap().broken.unwrap().0, first);
    run(format!("UPDATE audit SET at_ms = 5 WHERE id = {first}")).await;

    // A truncated chain is consistent in itself; the heads in the journal show the missing rows.
    run(format!("DELETE FROM audit WHERE id = {last}")).await;
    assert!(db.verify_audit(BTreeMap::new()).await.unwrap().is_intact());
    let check = db.verify_audit(heads.clone()).await.unwrap();
    assert_eq!((check.broken, check.missing), (None, vec![last]));
    // So they do when new rows follow.
    db.audit(&row("later")).await.unwrap();
    assert_eq!(db.verify_audit(heads.clone()).await.unwrap().missing, [last]);

    run(format!("DELETE FROM audit WHERE id = {third}")).await;
    let check = db.verify_audit(heads).await.unwrap();
    assert!(check.broken.unwrap().1.contains("does not follow") && check.missing == [third, last]);
    run("DELETE FROM audit".to_owned()).await;
}

/// Two hosts on one database, at the same time.
async fn rows_of_two_hosts_are_one_chain(db: &Db, other: &Db) {
    let write = async |db: &Db, name: &str| {
        for number in 0..20 {
            db.audit(&row(&format!("{name} {number}"))).await.unwrap();
        }
    };
    tokio::join!(write(db, "one"), write(other, "two"), write(db, "three"));
    let check = db.verify_audit(BTreeMap::new()).await.unwrap();
    assert!(check.is_intact() && check.chained == 60, "{check:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_to_the_audit_is_found_on_sqlite() {
    let dir = Scratch::new("audit");
    let url = format!("sqlite:{}", dir.join("test.sqlite").display());
    let (db, second) = (Db::open(&url).await.unwrap(), Db::open(&url).await.unwrap());
    let mut other = sqlx::SqliteConnection::connect(&url).await.unwrap();
    damage_is_found::<sqlx::Sqlite>(&db, &mut other).await;
    rows_of_two_hosts_are_one_chain(&db, &second).await;
    // The first row of the chain covers the rows from before it.
    for sql in [
        "DELETE FROM audit",
        "INSERT INTO audit (at_ms, who, action, detail, claimed_user, outcome) VALUES (1, 'a', 'b', '', '', 'ok')",
    ] {
        sqlx::query(sql).execute(&mut other).await.unwrap();
    }
    db.close(PATIENCE).await;
    second.close(PATIENCE).await;
    let db = Db::open(&url).await.unwrap();
    db.audit(&row("after")).await.unwrap();
    let check = db.verify_audit(BTreeMap::new()).await.unwrap();
    assert!(check.is_intact() && (check.before, check.chained) == (1, 2), "{check:?}");
    sqlx::query("UPDATE audit SET who = 'x' WHERE hash = ''").execute(&mut other).await.unwrap();
    assert!(!db.verify_audit(BTreeMap::new()).await.unwrap().is_intact(), "an older row was changed");
    db.close(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_to_the_audit_is_found_on_postgres() {
    let Some(cluster) = Cluster::start("damage_to_the_audit_is_found_on_postgres") else { return };
    let (db, second) = (Db::open(&cluster.url()).await.unwrap(), Db::open(&cluster.url()).await.unwrap());
    let mut other = sqlx::PgConnection::connect(&cluster.url()).await.unwrap();
    damage_is_found::<sqlx::Postgres>(&db, &mut other).await;
    rows_of_two_hosts_are_one_chain(&db, &second).await;
    db.close(PATIENCE).await;
    second.close(PATIENCE).await;
}
