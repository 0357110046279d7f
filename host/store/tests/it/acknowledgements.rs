//! Alerts that operators acknowledged, on both databases.

use crate::db::live;
use crate::postgres::Cluster;
use store::db::{AccountScope, AcknowledgementRow, Db};
use testkit::Scratch;

#[tokio::test]
async fn acknowledgements_hold_for_their_time_and_scope_on_sqlite() {
    let dir = Scratch::new("acknowledgements");
    hold(&Db::open(&format!("sqlite:{}", dir.join("test.sqlite").display())).await.unwrap()).await;
}

#[tokio::test]
async fn acknowledgements_hold_for_their_time_and_scope_on_postgres() {
    let Some(cluster) = Cluster::start("acknowledgements") else { return };
    hold(&Db::open(&cluster.url()).await.unwrap()).await;
}

fn row(kind: &str, at_ms: u64, until_ms: u64) -> AcknowledgementRow {
    let (kind, subject, severity) = (kind.to_owned(), "größe".to_owned(), "warning".to_owned());
    AcknowledgementRow { kind, subject, severity, who: "desk".to_owned(), at_ms, until_ms }
}

async fn hold(db: &Db) {
    let other = AccountScope::new("paper", "0xb");
    db.acknowledge(&live(), &row("disk_short", 10, 100)).await.unwrap();
    db.acknowledge(&live(), &row("guard", 10, 200)).await.unwrap();
    db.acknowledge(&other, &row("disk_short", 10, 300)).await.unwrap();
    let all = db.acknowledgements(&live(), 99).await.unwrap();
    assert_eq!(all, [row("guard", 10, 200), row("disk_short", 10, 100)], "those that last longest first");
    assert_eq!(db.acknowledgements(&live(), 100).await.unwrap(), [row("guard", 10, 200)]);
    // Once more: the last one holds, and what is over goes.
    db.acknowledge(&live(), &row("guard", 150, 400)).await.unwrap();
    assert_eq!(db.acknowledgements(&live(), 0).await.unwrap(), [row("guard", 150, 400)]);
    assert_eq!(db.acknowledgements(&other, 0).await.unwrap(), [row("disk_short", 10, 300)]);
}
