//! Storing of decisions that are already in effect.

use crate::db::live;
use sqlx::{Database, Executor};
use std::time::Duration;
use store::db::{AuditRow, Db, Decision, DecisionRow, SettingRow};
use testkit::Scratch;

const PATIENCE: Duration = Duration::from_secs(30);
const MOMENT: Duration = Duration::from_millis(300);

pub(crate) fn audit(action: &str) -> AuditRow {
    let (who, detail, claimed_user) = ("desk".to_owned(), "noon".to_owned(), String::new());
    AuditRow {
        at_ms: 5,
        who,
        action: action.to_owned(),
        detail,
        claimed_user,
        outcome: "ok".to_owned(),
        ..AuditRow::default()
    }
}

fn setting(value: &str) -> SettingRow {
    SettingRow { name: "max_order_usd".to_owned(), value: value.to_owned(), who: "desk".to_owned(), at_ms: 5 }
}

fn disabled(name: &str) -> DecisionRow {
    DecisionRow { name: name.to_owned(), disabled: 1, who: "desk".to_owned(), at_ms: 5, ..DecisionRow::default() }
}

/// Returns the newest audit rows, oldest first.
async fn actions(db: &Db, count: u32) -> Vec<String> {
    db.audits(count).await.unwrap().into_iter().rev().map(|row| row.action).collect()
}

/// While another connection holds a lock, decisions wait with their names; then they are stored in order.
pub(crate) async fn wait_for_a_lock<D: Database>(db: &Db, other: &mut D::Connection, lock: &[&'static str])
where
    for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
{
    let writer = db.decisions();
    let mut late = writer.late();
    assert!(writer.flush(Duration::ZERO).await, "no decision is queued yet");
    for sql in lock {
        other.execute(*sql).await.unwrap();
    }
    let first = writer.write(Decision::Audit(audit("stop")));
    let more = [
        Decision::Setting(live(), setting("7")),
        Decision::Strategy(live(), disabled("quoter")),
        Decision::Audit(audit("stop")),
    ];
    let [_, _, last] = more.map(|decision| writer.write(decision));
    let names =
        tokio::time::timeout(PATIENCE, late.wait_for(|names| !names.is_empty())).await.unwrap().unwrap().clone();
    assert_eq!(names, ["stop", "config/max_order_usd", "strategies/quoter"]);
    assert!(!writer.is_stored(first, Duration::ZERO).await && !writer.flush(Duration::ZERO).await);
    writer.write(Decision::Audit(audit("pause")));
    assert_eq!(late.borrow().len(), 4, "later decisions are shown too");
    other.execute("ROLLBACK").await.unwrap();
    assert!(writer.is_stored(last, PATIENCE).await && writer.is_stored(first, Duration::ZERO).await);
    assert!(writer.flush(PATIENCE).await);
    assert_eq!(actions(db, 3).await, ["stop", "stop", "pause"]);
    assert_eq!(
        db.settings(&live()).await.unwrap().into_iter().find(|row| row.name == "max_order_usd"),
        Some(setting("7"))
    );
    assert_eq!(db.decision(&live(), "quoter").await.unwrap(), disabled("quoter"));
    tokio::time::timeout(PATIENCE, late.wait_for(Vec::is_empty)).await.unwrap().unwrap();
}

/// While statements fail, the first decision keeps its place in front of the others. One that can never be stored does
/// not.
pub(crate) async fn are_written_again<D: Database>(db: &Db, other: &mut D::Connection)
where
    for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
{
    let writer = db.decisions();
    other.execute("ALTER TABLE settings RENAME TO hidden").await.unwrap();
    let [seven, eight] = ["7", "8"].map(|value| writer.write(Decision::Setting(live(), setting(value))));
    let after = writer.write(Decision::Audit(audit("after")));
    assert!(!writer.is_stored(after, MOMENT).await, "it does not overtake the one that fails");
    other.execute("ALTER TABLE hidden RENAME TO settings").await.unwrap();
    assert!(writer.is_stored(after, PATIENCE).await && writer.is_stored(seven, Duration::ZERO).await);
    assert!(writer.is_stored(eight, Duration::ZERO).await);
    assert_eq!(
        db.settings(&live()).await.unwrap().into_iter().find(|row| row.name == "max_order_usd"),
        Some(setting("8"))
    );
    // A row that breaks a constraint, and a number that fits no column.
    let never = [
        Decision::Strategy(live(), DecisionRow { disabled: 7, ..disabled("broken") }),
        Decision::Audit(AuditRow { at_ms: u64::MAX, ..audit("broken") }),
    ];
    for decision in never {
        let ticket = writer.write(decision);
        assert!(!writer.is_stored(ticket, PATIENCE).await);
        assert!(writer.flush(PATIENCE).await, "no decision waits behind it");
    }
    let last = writer.write(Decision::Audit(audit("last")));
    assert!(writer.is_stored(last, PATIENCE).await);
    assert_eq!(actions(db, 2).await, ["after", "last"]);
}

#[tokio::test]
async fn decisions_that_find_no_room_are_not_reported_as_stored() {
    let dir = Scratch::new("decisions-full");
    let db = Db::open(&format!("sqlite:{}", dir.join("test.sqlite").display())).await.unwrap();
    let writer = db.decisions();
    // The writer shares this test's thread, so that nothing is written until the test waits.
    let tickets: Vec<_> = (0..5_000).map(|_| writer.write(Decision::Audit(audit("stop")))).collect();
    assert!(!writer.is_stored(tickets[4_999], Duration::ZERO).await);
    db.close(PATIENCE).await;
    assert!(!writer.is_stored(writer.write(Decision::Audit(audit("late"))), Duration::ZERO).await, "queue closed");
}
