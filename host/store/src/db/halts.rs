//! Stores the emergency stop in the database. The stop is in effect in the engine at once; its row, or the row's
//! removal when the stop is released, is retried here until the database has it.

use super::{Db, DbError, Halt};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// Time within which the database is expected to have an emergency stop.
pub const STORED_WITHIN: Duration = Duration::from_secs(1);
/// The delays before the row is retried: the first, and the longest.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// The state that the database should have: an emergency stop, or none.
#[derive(Debug, Clone, Default)]
struct WantedHalt {
    /// The number of changes so far.
    number: u64,
    halt: Option<Halt>,
}

/// The delay of an emergency stop on its way into the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delay {
    /// It was not stored within [`STORED_WITHIN`], or was refused. The write is retried.
    Began,
    /// It is stored now.
    Ended,
    /// It was released before it was stored.
    Released,
}

/// Stores the emergency stop of one account in the database. A cheap handle; one task writes the row, so that no older
/// state overwrites a newer one.
#[derive(Debug, Clone)]
pub struct Halts {
    wanted: Arc<watch::Sender<WantedHalt>>,
    stored: watch::Receiver<u64>,
}

/// Writes the row.
struct Keeper<F> {
    db: Db,
    scope: String,
    wanted: watch::Receiver<WantedHalt>,
    stored: watch::Sender<u64>,
    report: F,
}

impl Halts {
    /// Starts the task for `scope` on the current runtime. It calls `report` when an emergency stop is delayed, and
    /// when the delay ends.
    pub fn start(db: &Db, scope: String, report: impl Fn(Delay) + Send + Sync + 'static) -> Self {
        let (wanted, wants) = watch::channel(WantedHalt::default());
        let (done, stored) = watch::channel(0);
        tokio::spawn(Keeper { db: db.clone(), scope, wanted: wants, stored: done, report }.run());
        Self { wanted: Arc::new(wanted), stored }
    }

    /// Queues an emergency stop, or its removal. Never blocks.
    pub fn set(&self, halt: Option<Halt>) {
        self.wanted.send_modify(|wanted| {
            wanted.number = wanted.number.saturating_add(1);
            wanted.halt = halt;
        });
    }

    /// Waits until the database has the last state that was set; returns true if that happened within `time`.
    pub async fn are_stored(&self, time: Duration) -> bool {
        let number = self.wanted.borrow().number;
        let mut stored = self.stored.clone();
        let reached = stored.wait_for(|stored| *stored >= number);
        matches!(timeout(time, reached).await, Ok(Ok(_)))
    }
}

impl<F: Fn(Delay)> Keeper<F> {
    async fn run(mut self) {
        while self.wanted.changed().await.is_ok() {
            self.store().await;
        }
    }

    /// Writes the wanted state until that succeeds; a newer state replaces an older one.
    async fn store(&mut self) {
        let (mut pause, mut delayed) = (PAUSE_MIN, false);
        loop {
            let WantedHalt { number, halt } = self.wanted.borrow_and_update().clone();
            let Err(error) = self.write(halt.as_ref(), &mut delayed).await else {
                match &halt {
                    Some(_) if delayed => {
                        tracing::info!("emergency stop stored after a delay");
                        (self.report)(Delay::Ended);
                    }
                    None if delayed => (self.report)(Delay::Released),
                    _ => {}
                }
                self.stored.send_replace(number);
                return;
            };
            let halted = halt.is_some();
            tracing::error!(%error, halted, "storing the emergency stop failed; retrying");
            self.delay(halt.as_ref(), &mut delayed);
            tokio::select! {
                () = sleep(pause) => pause = pause.saturating_mul(2).min(PAUSE_MAX),
                Ok(()) = self.wanted.changed() => pause = PAUSE_MIN,
            }
        }
    }

    async fn write(&self, halt: Option<&Halt>, delayed: &mut bool) -> Result<(), DbError> {
        let written = self.db.set_halted(&self.scope, halt);
        tokio::pin!(written);
        match timeout(STORED_WITHIN, &mut written).await {
            Ok(written) => written,
            Err(_) => {
                self.delay(halt, delayed);
                // The statement may still complete: a second one sent now could be applied before it.
                written.await
            }
        }
    }

    /// Reports the delay of an emergency stop once. A late release is on the safe side.
    fn delay(&self, halt: Option<&Halt>, delayed: &mut bool) {
        if halt.is_some() && !*delayed {
            *delayed = true;
            (self.report)(Delay::Began);
        }
    }
}
