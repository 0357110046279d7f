//! Storing of daily valuations.

use crate::db::PATIENCE;
use model::Usd;
use sqlx::{Database, Executor};
use std::time::Duration;
use store::db::{Db, Valuations, WAITING_MAX};

/// While statements fail, valuations wait: the last one of each day is stored in the end, and the oldest days are
/// dropped first.
pub(crate) async fn are_written_again<D: Database>(db: &Db, other: &mut D::Connection)
where
    for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
{
    let valuations = Valuations::start(db, "0xslow".to_owned());
    assert!(valuations.are_stored(PATIENCE).await, "no valuation is queued yet");
    other.execute("ALTER TABLE valuations RENAME TO hidden").await.unwrap();
    let days = 1..=u64::try_from(WAITING_MAX).unwrap() + 1;
    for day in days.clone() {
        valuations.set(day, Usd::dollars(1), 1);
        valuations.set(day, Usd::dollars(2), 2);
    }
    assert!(!valuations.are_stored(Duration::from_millis(300)).await);
    other.execute("ALTER TABLE hidden RENAME TO valuations").await.unwrap();
    assert!(valuations.are_stored(PATIENCE).await);
    for day in days {
        let expected = (day > 1).then_some((day, Usd::dollars(2)));
        assert_eq!(db.last_valuation("0xslow", day).await.unwrap(), expected, "{day}");
    }
}
