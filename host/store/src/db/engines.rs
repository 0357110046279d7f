//! One engine per account and mode in a database, whatever machines they run on.

use super::{Db, DbError, execute, fetch};
use crate::account_lock::place_of_lock;
use std::path::Path;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{interval, sleep};

/// The interval of beats.
const BEAT: Duration = Duration::from_secs(3);
/// Time without a beat after which another machine's engine counts as dead.
const STANDS_FOR: Duration = Duration::from_secs(12);
/// The interval of checks on another machine's engine.
const LOOK: Duration = Duration::from_secs(1);

/// The reason why the account cannot be leased in the database.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Another engine is alive.
    #[error("another run trades on the account {account} in this database: {place}; stop it first")]
    Taken {
        /// The account's address.
        account: String,
        /// The place where the other one runs.
        place: String,
    },
    /// The database failed.
    #[error("leasing the account in the database")]
    Db(#[from] DbError),
}

/// The engine that requests the account.
#[derive(Debug, Clone)]
pub struct Claimant {
    /// The account's address.
    pub account: String,
    /// The trading mode; the modes of one address are accounts of different venues.
    pub mode: &'static str,
    /// A text unique to this run.
    pub holder: String,
    /// A text for this machine. An engine of the same machine that has a row is dead, because the machine's own lock of
    /// the account has been acquired.
    pub machine: String,
    /// The place where it runs, for display.
    pub place: String,
}

impl Claimant {
    /// Returns this process as a claimant of `account`.
    ///
    /// # Errors
    /// If the system provides no randomness.
    pub fn of_this_process(account: &str, mode: &'static str, data_dir: &Path) -> Result<Self, getrandom::Error> {
        let mut holder = [0; 16];
        getrandom::fill(&mut holder)?;
        let holder = model::hex::encode(&holder);
        let name = crate::platform::machine_name();
        let name = if name.trim().is_empty() { "a machine without a name" } else { name.trim() };
        let place = format!("process {} on {name} in the data folder {}", std::process::id(), data_dir.display());
        // An unknown machine gets a unique text.
        let machine = place_of_lock().unwrap_or_else(|| holder.clone());
        Ok(Self { account: account.to_ascii_lowercase(), mode, holder, machine, place })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
struct EngineRow {
    holder: String,
    machine: String,
    place: String,
    beats: i64,
}

/// Holds the account in the database until it is released.
#[derive(Debug)]
pub struct Lease {
    db: Db,
    claimant: Claimant,
    lost: watch::Receiver<bool>,
}

impl Lease {
    /// Leases the account, and keeps sending beats on the current runtime. Waits up to 12 s until an engine of another
    /// machine counts as dead.
    ///
    /// # Errors
    /// If another engine is alive, or the database fails.
    pub async fn acquire(db: &Db, claimant: Claimant) -> Result<Self, LeaseError> {
        let mut waited = Duration::ZERO;
        let mut first = None;
        loop {
            let row = db.engine(&claimant).await?;
            let dead = match &row {
                None => true,
                Some(row) => row.machine == claimant.machine || waited >= STANDS_FOR,
            };
            if dead && db.replace_engine(&claimant, row.as_ref()).await? {
                return Ok(Self::renew_in_background(db, claimant));
            }
            if let Some(row) = row {
                match first.get_or_insert_with(|| row.clone()) {
                    first if *first == row => {}
                    _ => return Err(LeaseError::Taken { account: claimant.account, place: row.place }),
                }
            }
            if waited.is_zero() {
                tracing::warn!(
                    account = claimant.account,
                    "another engine holds the account in the database; checking whether it is alive"
                );
            }
            sleep(LOOK).await;
            waited = waited.saturating_add(LOOK);
        }
    }

    fn renew_in_background(db: &Db, claimant: Claimant) -> Self {
        let (is_lost, lost) = watch::channel(false);
        let (beating, whose) = (db.clone(), claimant.clone());
        tokio::spawn(async move {
            let mut beats = interval(BEAT);
            while !is_lost.is_closed() {
                beats.tick().await;
                match beating.beat_engine(&whose).await {
                    Ok(true) => {}
                    Ok(false) => {
                        is_lost.send_replace(true);
                        return;
                    }
                    // An unavailable database proves nothing.
                    Err(error) => tracing::debug!(%error, "storing a beat failed"),
                }
            }
        });
        Self { db: db.clone(), claimant, lost }
    }

    /// Waits until another engine has leased the account.
    pub async fn lost(&self) {
        let mut lost = self.lost.clone();
        if lost.wait_for(|lost| *lost).await.is_err() {
            // It was released in order.
            std::future::pending::<()>().await;
        }
    }

    /// Releases the account.
    ///
    /// # Errors
    /// If the database fails; the next start then waits, unless it is on the same machine.
    pub async fn leave(self) -> Result<(), DbError> {
        let Self { db, claimant, .. } = self;
        db.leave_engine(&claimant).await
    }
}

impl Db {
    /// Checks whether an engine on `account`, in any mode, sends beats to this database, and returns its place if so.
    /// Takes up to 12 s.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn living_engine(&self, account: &str) -> Result<Option<String>, DbError> {
        let account = account.to_ascii_lowercase();
        let first = self.engines(&account).await?;
        let mut waited = Duration::ZERO;
        while !first.is_empty() && waited < STANDS_FOR {
            sleep(LOOK).await;
            waited = waited.saturating_add(LOOK);
            if let Some(living) = self.engines(&account).await?.into_iter().find(|row| !first.contains(row)) {
                return Ok(Some(living.place));
            }
        }
        Ok(None)
    }

    async fn engines(&self, account: &str) -> Result<Vec<EngineRow>, DbError> {
        fetch!(self, EngineRow, "SELECT holder, machine, place, beats FROM engines WHERE account = $1", account).await
    }

    async fn engine(&self, claimant: &Claimant) -> Result<Option<EngineRow>, DbError> {
        let sql = "SELECT holder, machine, place, beats FROM engines WHERE account = $1 AND mode = $2";
        Ok(fetch!(self, EngineRow, sql, &claimant.account, claimant.mode).await?.pop())
    }

    /// Replaces the row `old` by the claimant, if it has not changed since.
    async fn replace_engine(&self, claimant: &Claimant, old: Option<&EngineRow>) -> Result<bool, DbError> {
        let Claimant { account, mode, holder, machine, place } = claimant;
        let taken = match old {
            None => {
                let sql =
                    "INSERT INTO engines (account, mode, holder, machine, place, beats) VALUES ($1, $2, $3, $4, $5, 0)
                           ON CONFLICT (account, mode) DO NOTHING";
                execute!(self, sql, account, *mode, holder, machine, place).await?
            }
            Some(old) => {
                let sql = "UPDATE engines SET holder = $3, machine = $4, place = $5, beats = 0
                           WHERE account = $1 AND mode = $2 AND holder = $6 AND beats = $7";
                execute!(self, sql, account, *mode, holder, machine, place, &old.holder, old.beats).await?
            }
        };
        Ok(taken == 1)
    }

    async fn beat_engine(&self, claimant: &Claimant) -> Result<bool, DbError> {
        let sql = "UPDATE engines SET beats = beats + 1 WHERE account = $1 AND mode = $2 AND holder = $3";
        Ok(execute!(self, sql, &claimant.account, claimant.mode, &claimant.holder).await? == 1)
    }

    async fn leave_engine(&self, claimant: &Claimant) -> Result<(), DbError> {
        let sql = "DELETE FROM engines WHERE account = $1 AND mode = $2 AND holder = $3";
        execute!(self, sql, &claimant.account, claimant.mode, &claimant.holder).await.map(drop)
    }
}
