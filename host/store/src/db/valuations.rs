//! The valuations that the days' losses count from. The engine decides them; here they are kept, and written again until the database
//! has taken them, the oldest day first.

use super::{Db, DbError, big, execute, fetch};
use model::Usd;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// The most days whose valuations wait for the database; beyond it the oldest is given up.
pub const WAITING_MAX: usize = 32;
/// How long to wait before a row is written again: at first, and at most.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Valuations that the database should have, by day, with when each was made.
type Waiting = BTreeMap<u64, (Usd, u64)>;

impl Db {
    /// Returns the newest valuation of `funder` of the UTC day `day` (counted from the epoch) or before, with its day; none if there is
    /// none.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn last_valuation(&self, funder: &str, day: u64) -> Result<Option<(u64, Usd)>, DbError> {
        let sql = "SELECT utc_day, value_micro_usd FROM valuations WHERE funder = $1 AND utc_day <= $2
                   ORDER BY utc_day DESC LIMIT 1";
        let rows = fetch!(self, (i64, i64), sql, funder, big(day)?).await?;
        rows.first().map(|(day, micros)| Ok((u64::try_from(*day)?, Usd(*micros)))).transpose()
    }

    /// Adds the valuation of a day that has none, and returns how many rows that were.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn add_valuation(&self, funder: &str, day: u64, value: Usd, at_ms: u64) -> Result<u64, DbError> {
        let sql = "INSERT INTO valuations (funder, utc_day, value_micro_usd, at_ms) VALUES ($1, $2, $3, $4)
                   ON CONFLICT (funder, utc_day) DO NOTHING";
        execute!(self, sql, funder, big(day)?, value.micros(), big(at_ms)?).await
    }

    /// Keeps the valuation that the loss of `day` counts from. The engine never moves it but by money from outside, so the last value of
    /// a day is the one that holds.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn set_valuation(&self, funder: &str, day: u64, value: Usd, at_ms: u64) -> Result<(), DbError> {
        let sql = "INSERT INTO valuations (funder, utc_day, value_micro_usd, at_ms) VALUES ($1, $2, $3, $4)
                   ON CONFLICT (funder, utc_day) DO UPDATE SET value_micro_usd = excluded.value_micro_usd, at_ms = excluded.at_ms";
        execute!(self, sql, funder, big(day)?, value.micros(), big(at_ms)?).await.map(drop)
    }
}

/// Keeps the valuations of one account in the database. A cheap handle; the rows are written by one task, in order.
#[derive(Debug, Clone)]
pub struct Valuations {
    waiting: Arc<watch::Sender<Waiting>>,
}

impl Valuations {
    /// Starts the task for `funder` on the current runtime.
    pub fn start(db: &Db, funder: String) -> Self {
        let (waiting, wants) = watch::channel(Waiting::new());
        let waiting = Arc::new(waiting);
        let keeper = Keeper { db: db.clone(), funder, wants, waiting: Arc::downgrade(&waiting) };
        tokio::spawn(keeper.run());
        Self { waiting }
    }

    /// Has the valuation of a day stored. Never waits.
    pub fn set(&self, day: u64, value: Usd, at_ms: u64) {
        self.waiting.send_modify(|waiting| {
            waiting.insert(day, (value, at_ms));
            if waiting.len() > WAITING_MAX {
                waiting.pop_first();
            }
        });
    }

    /// Waits until the database has all of them; says whether that was within `time`.
    pub async fn are_stored(&self, time: Duration) -> bool {
        let mut waiting = self.waiting.subscribe();
        matches!(timeout(time, waiting.wait_for(Waiting::is_empty)).await, Ok(Ok(_)))
    }
}

/// What writes the rows, as long as there is a handle.
struct Keeper {
    db: Db,
    funder: String,
    wants: watch::Receiver<Waiting>,
    waiting: Weak<watch::Sender<Waiting>>,
}

impl Keeper {
    async fn run(mut self) {
        let mut pause = PAUSE_MIN;
        loop {
            let oldest = self.wants.borrow_and_update().first_key_value().map(|(day, row)| (*day, *row));
            let Some((day, (value, at_ms))) = oldest else {
                if self.wants.changed().await.is_err() {
                    return;
                }
                continue;
            };
            let written = self.db.set_valuation(&self.funder, day, value, at_ms).await;
            let Some(waiting) = self.waiting.upgrade() else { return };
            match written {
                Ok(()) => {
                    pause = PAUSE_MIN;
                    stored(&waiting, day, (value, at_ms));
                }
                Err(error) => {
                    drop(waiting);
                    tracing::error!(%error, day, "opening valuation not stored; a restart would not find it, retrying");
                    sleep(pause).await;
                    pause = pause.saturating_mul(2).min(PAUSE_MAX);
                }
            }
        }
    }
}

/// Takes a row that is stored from those that wait, unless its value has changed meanwhile.
fn stored(waiting: &watch::Sender<Waiting>, day: u64, row: (Usd, u64)) {
    waiting.send_if_modified(|waiting| waiting.get(&day) == Some(&row) && waiting.remove(&day).is_some());
}
