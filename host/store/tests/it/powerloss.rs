//! Decisions reported as stored, and a power failure. SQLite is covered with the whole program:
//! `host/app/tests/e2e/remembered.rs`.

use crate::db::live;
use crate::postgres::Cluster;
use sqlx::{Connection, PgConnection};
use std::time::Duration;
use store::db::{Db, Decision, DecisionRow, Halt, SettingRow};
use testkit::Scratch;

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn what_postgres_reported_as_stored_is_there_after_a_loss_of_power() {
    let place = Scratch::new("postgres-copies");
    let Some(cluster) = Cluster::start_volatile("power", &place) else { return };
    let db = Db::open(&cluster.url()).await.unwrap();
    let text = str::to_owned;
    let audit = crate::decisions::audit("stop");
    let limit = SettingRow { name: text("max_order_usd"), value: text("7"), who: text("desk"), at_ms: 5 };
    let disabled =
        DecisionRow { name: text("quoter"), disabled: 1, who: text("desk"), at_ms: 5, ..DecisionRow::default() };
    let halt = Halt { reason: text("noon"), at_ms: 5 };

    db.set_halted("power", Some(&halt)).await.unwrap();
    let writer = db.decisions();
    writer.write(Decision::Setting(live(), limit.clone()));
    writer.write(Decision::Strategy(live(), disabled));
    let last = writer.write(Decision::Audit(audit));
    assert!(writer.is_stored(last, PATIENCE).await);
    // The server's own default does not wait for the disk: such a row shows that the failure loses data.
    let mut other = PgConnection::connect(&cluster.url()).await.unwrap();
    sqlx::query("INSERT INTO halts (scope, reason, at_ms) VALUES ('unsynced', '', 1)")
        .execute(&mut other)
        .await
        .unwrap();
    cluster.lose_power();

    db.close(Duration::ZERO).await;
    let db = Db::open(&cluster.url()).await.unwrap();
    assert_eq!(db.halted("unsynced").await.unwrap(), None, "the failure lost nothing, so the test proves nothing");
    assert_eq!(db.halted("power").await.unwrap(), Some(halt));
    assert_eq!(db.settings(&live()).await.unwrap(), [limit]);
    assert_eq!(db.audits(9).await.unwrap().len(), 1);
    assert_eq!(db.decision(&live(), "quoter").await.unwrap().disabled, 1);
    db.close(PATIENCE).await;
}
