//! The valuations that daily losses are measured from. The engine determines them; they are stored here, and retried
//! until the database has them, the oldest day first.

use super::{Db, DbError, big, execute, fetch};
use model::Usd;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// The most days whose valuations wait for the database; beyond it the oldest is dropped.
pub const WAITING_MAX: usize = 32;
/// The delays before a row is retried: the first, and the longest.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Valuations to store, by day, with the time each was made.
type PendingValuations = BTreeMap<u64, (Usd, u64)>;

impl Db {
    /// Returns the newest valuation of `funder` on or before the UTC day `day` (counted from the epoch), with its day;
    /// `None` if there is none.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn last_valuation(&self, funder: &str, day: u64) -> Result<Option<(u64, Usd)>, DbError> {
        let sql = "SELECT utc_day, value_micro_usd FROM valuations WHERE funder = $1 AND utc_day <= $2
                   ORDER BY utc_day DESC LIMIT 1";
        let rows = fetch!(self, (i64, i64), sql, funder, big(day)?).await?;
        rows.first().map(|(day, micros)| Ok((u64::try_from(*day)?, Usd(*micros)))).transpose()
    }

    /// Adds the valuation of a day that has none, and returns the number of added rows.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn add_valuation(&self, funder: &str, day: u64, value: Usd, at_ms: u64) -> Result<u64, DbError> {
        let sql = "INSERT INTO valuations (funder, utc_day, value_micro_usd, at_ms) VALUES ($1, $2, $3, $4)
                   ON CONFLICT (funder, utc_day) DO NOTHING";
        execute!(self, sql, funder, big(day)?, value.micros(), big(at_ms)?).await
    }

    /// Stores the valuation that the loss of `day` is measured from. The engine changes it only for external transfers,
    /// so the last value of a day is the valid one.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn set_valuation(&self, funder: &str, day: u64, value: Usd, at_ms: u64) -> Result<(), DbError> {
        let sql = "INSERT INTO valuations (funder, utc_day, value_micro_usd, at_ms) VALUES ($1, $2, $3, $4)
                   ON CONFLICT (funder, utc_day) DO UPDATE SET value_micro_usd = excluded.value_micro_usd, at_ms = excluded.at_ms";
        execute!(self, sql, funder, big(day)?, value.micros(), big(at_ms)?).await.map(drop)
    }
}

/// Stores the valuations of one account in the database. A cheap handle; one task writes the rows, in order.
#[derive(Debug, Clone)]
pub struct Valuations {
    waiting: Arc<watch::Sender<PendingValuations>>,
}

impl Valuations {
    /// Starts the task for `funder` on the current runtime.
    pub fn start(db: &Db, funder: String) -> Self {
        let (waiting, wants) = watch::channel(PendingValuations::new());
        let waiting = Arc::new(waiting);
        let keeper = Keeper { db: db.clone(), funder, wants, waiting: Arc::downgrade(&waiting) };
        tokio::spawn(keeper.run());
        Self { waiting }
    }

    /// Queues the valuation of a day. Never blocks.
    pub fn set(&self, day: u64, value: Usd, at_ms: u64) {
        self.waiting.send_modify(|waiting| {
            waiting.insert(day, (value, at_ms));
            if waiting.len() > WAITING_MAX {
                waiting.pop_first();
            }
        });
    }

    /// Waits until the database has all of them; returns true if that happened within `time`.
    pub async fn are_stored(&self, time: Duration) -> bool {
        let mut waiting = self.waiting.subscribe();
        matches!(timeout(time, waiting.wait_for(PendingValuations::is_empty)).await, Ok(Ok(_)))
    }
}

/// Writes the rows, as long as a handle exists.
struct Keeper {
    db: Db,
    funder: String,
    wants: watch::Receiver<PendingValuations>,
    waiting: Weak<watch::Sender<PendingValuations>>,
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
                    tracing::error!(%error, day, "storing the opening valuation failed; retrying");
                    sleep(pause).await;
                    pause = pause.saturating_mul(2).min(PAUSE_MAX);
                }
            }
        }
    }
}

/// Removes a stored row from those that wait, unless its value has changed meanwhile.
fn stored(waiting: &watch::Sender<PendingValuations>, day: u64, row: (Usd, u64)) {
    waiting.send_if_modified(|waiting| waiting.get(&day) == Some(&row) && waiting.remove(&day).is_some());
}
