//! The emergency stop on its way into the database. It holds in the engine at once; here its row, or the row's end when the stop is
//! released, is written again until the database has taken it.

use super::{Db, DbError, Halt};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// How soon the database is expected to have an emergency stop.
pub const STORED_WITHIN: Duration = Duration::from_secs(1);
/// How long to wait before the row is written again: at first, and at most.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// What the database should have: an emergency stop, or none.
#[derive(Debug, Clone, Default)]
struct Wanted {
    /// Counts the changes.
    number: u64,
    halt: Option<Halt>,
}

/// The delay of an emergency stop on its way into the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delay {
    /// It is not there within [`STORED_WITHIN`], or was refused. It is written again.
    Began,
    /// It is there after all.
    Ended,
    /// It was released before it was there.
    Released,
}

/// Keeps the emergency stop of one account in the database. A cheap handle; the row is written by one task, so that nothing overtakes
/// what came later, and what came last is what stays.
#[derive(Debug, Clone)]
pub struct Halts {
    wanted: Arc<watch::Sender<Wanted>>,
    stored: watch::Receiver<u64>,
}

/// What writes the row.
struct Keeper<F> {
    db: Db,
    scope: String,
    wanted: watch::Receiver<Wanted>,
    stored: watch::Sender<u64>,
    report: F,
}

impl Halts {
    /// Starts the task for `scope` on the current runtime. It calls `report` when an emergency stop is delayed, and when that is over.
    pub fn start(db: &Db, scope: String, report: impl Fn(Delay) + Send + Sync + 'static) -> Self {
        let (wanted, wants) = watch::channel(Wanted::default());
        let (done, stored) = watch::channel(0);
        tokio::spawn(Keeper { db: db.clone(), scope, wanted: wants, stored: done, report }.run());
        Self { wanted: Arc::new(wanted), stored }
    }

    /// Has an emergency stop stored, or forgotten. Never waits.
    pub fn set(&self, halt: Option<Halt>) {
        self.wanted.send_modify(|wanted| {
            wanted.number = wanted.number.saturating_add(1);
            wanted.halt = halt;
        });
    }

    /// Waits until the database has what was set last; says whether that was within `time`.
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

    /// Writes what is wanted until that is done; a newer wish takes the place of an older one.
    async fn store(&mut self) {
        let (mut pause, mut delayed) = (PAUSE_MIN, false);
        loop {
            let Wanted { number, halt } = self.wanted.borrow_and_update().clone();
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
            tracing::error!(%error, halted, "emergency stop not stored; a restart would not find it, retrying");
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
                // The statement goes on: one that is written beside it could come to stand before it.
                written.await
            }
        }
    }

    /// Reports the delay of an emergency stop once. A release that is late is on the safe side.
    fn delay(&self, halt: Option<&Halt>, delayed: &mut bool) {
        if halt.is_some() && !*delayed {
            *delayed = true;
            (self.report)(Delay::Began);
        }
    }
}
