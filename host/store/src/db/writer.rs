//! The queue in front of the projections. Adding a row never blocks. Rows wait in lanes, each with its own capacity,
//! and are retried until the database has them, however long it is locked, full, restarting or unavailable; a row is
//! lost only if its lane is full or the database will never accept it. The journal has all lost rows, and `polytrader
//! db rebuild` restores them.

mod lanes;

use super::projections::write_all;
use super::{DbError, DbWrite, Pools};
use lanes::{ByLane, LANES, Lane, Lanes};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until, timeout};

/// The most rows of one transaction.
const BATCH_MAX: usize = 512;
/// The delays before a lane is retried: the first, and the longest.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Queues rows without blocking. A cheap handle; the queue is written as long as one exists.
#[derive(Debug, Clone)]
pub struct DbWriter(Arc<Handle>);

/// Ends the task with the last handle.
#[derive(Debug)]
struct Handle(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    lanes: Mutex<Lanes>,
    wake: Notify,
    /// The number of finished rows of each lane, for callers that wait.
    done: watch::Sender<ByLane<u64>>,
    written: AtomicU64,
    lost: AtomicU64,
}

/// The state of the writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriterHealth {
    /// Rows written since the start.
    pub written: u64,
    /// Rows lost since the start, because their lane was full or the database will never accept them; the journal has
    /// them.
    pub lost: u64,
    /// Rows that wait now.
    pub waiting: u64,
}

impl DbWriter {
    /// Queues a row. Never blocks: if its lane is full, the row is lost and counted.
    pub fn write(&self, row: DbWrite) {
        let shared = &self.0.0;
        if shared.lanes.lock().push(row) {
            shared.wake.notify_one();
        } else {
            shared.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until all rows queued so far are written or lost; returns true if that happened within `time`.
    pub async fn flush(&self, time: Duration) -> bool {
        let taken = self.0.0.lanes.lock().taken();
        let mut done = self.0.0.done.subscribe();
        let reached = |done: &ByLane<u64>| LANES.into_iter().all(|lane| done.of(lane) >= taken.of(lane));
        matches!(timeout(time, done.wait_for(reached)).await, Ok(Ok(_)))
    }

    /// Returns the state of the writer.
    pub fn health(&self) -> WriterHealth {
        let shared = &self.0.0;
        WriterHealth {
            written: shared.written.load(Ordering::Relaxed),
            lost: shared.lost.load(Ordering::Relaxed),
            waiting: shared.lanes.lock().waiting(),
        }
    }

    /// Ends the task. Rows that wait are tried once more, unless an attempt has just failed.
    pub(super) fn close(&self) {
        self.0.close();
    }
}

impl Handle {
    fn close(&self) {
        self.0.lanes.lock().close();
        self.0.wake.notify_one();
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.close();
    }
}

/// Starts the writer on the current runtime. It ends when the last handle is gone.
pub(super) fn start(pools: Pools) -> DbWriter {
    let shared = Arc::new(Shared {
        lanes: Mutex::default(),
        wake: Notify::new(),
        done: watch::channel(ByLane::default()).0,
        written: AtomicU64::new(0),
        lost: AtomicU64::new(0),
    });
    tokio::spawn(Arc::clone(&shared).run(pools));
    DbWriter(Arc::new(Handle(shared)))
}

/// The pace of a lane: the number of rows per transaction, and the time of the next.
#[derive(Debug, Clone, Copy)]
struct Pace {
    batch: usize,
    pause: Duration,
    /// The failures since the last success.
    failures: u64,
    /// The time of the next attempt; `None` while there is no failure.
    due: Option<Instant>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { batch: BATCH_MAX, pause: PAUSE_MIN, failures: 0, due: None }
    }
}

impl Pace {
    fn succeed(&mut self) {
        *self = Self { batch: self.batch.saturating_mul(2).min(BATCH_MAX), ..Self::default() };
    }

    /// Reduces the rows per transaction: one of them is refused, or the database is too slow for so many.
    fn halve(&mut self, rows: usize) {
        self.batch = rows.div_ceil(2).max(1);
    }

    fn fail(&mut self) {
        self.due = Instant::now().checked_add(self.pause);
        self.pause = self.pause.saturating_mul(2).min(PAUSE_MAX);
        self.failures = self.failures.saturating_add(1);
    }

    fn is_due(&self) -> bool {
        self.due.is_none_or(|due| due <= Instant::now())
    }
}

impl Shared {
    async fn run(self: Arc<Self>, pools: Pools) {
        let mut paces = ByLane::<Pace>::default();
        loop {
            let (waiting, closed) = {
                let lanes = self.lanes.lock();
                (LANES.into_iter().filter(|lane| !lanes.is_empty(*lane)).collect::<Vec<_>>(), lanes.is_closed())
            };
            // The most important lane that is due. Others are tried while that one has to wait.
            if let Some(lane) = waiting.iter().copied().find(|lane| paces.of(*lane).is_due()) {
                self.write_some(&pools, lane, paces.of_mut(lane)).await;
                continue;
            }
            if closed {
                return;
            }
            let next = waiting.into_iter().filter_map(|lane| paces.of(lane).due).min();
            let due = async {
                match next {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.wake.notified() => {}
                () = due => {}
            }
        }
    }

    /// Writes the oldest rows of a lane, or puts them back.
    async fn write_some(&self, pools: &Pools, lane: Lane, pace: &mut Pace) {
        let rows = self.lanes.lock().take(lane, pace.batch);
        let count = rows.len();
        match write_all(pools, &rows).await {
            Ok(()) => {
                if pace.failures > 0 {
                    tracing::info!(?lane, failures = pace.failures, "rows written after a delay");
                }
                pace.succeed();
                self.finish(lane, count, &self.written);
            }
            Err(error) if error.is_about_the_row() => {
                if let [row] = rows.as_slice() {
                    tracing::error!(%error, ?row, "row refused by the database; the journal has it");
                    self.finish(lane, count, &self.lost);
                } else {
                    pace.halve(count);
                    self.lanes.lock().requeue(lane, rows);
                }
            }
            Err(error) => {
                pace.fail();
                if matches!(error, DbError::Timeout) {
                    pace.halve(count);
                }
                if pace.failures.is_power_of_two() {
                    let waiting = self.lanes.lock().waiting();
                    tracing::warn!(%error, ?lane, waiting, failures = pace.failures, "writing rows failed; retrying");
                }
                self.lanes.lock().requeue(lane, rows);
            }
        }
    }

    fn finish(&self, lane: Lane, rows: usize, counter: &AtomicU64) {
        let rows = u64::try_from(rows).unwrap_or(u64::MAX);
        counter.fetch_add(rows, Ordering::Relaxed);
        let done = self.lanes.lock().finish(lane, rows);
        self.done.send_replace(done);
    }
}
