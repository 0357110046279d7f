//! The queue in front of the projections. Whoever trades hands a row over and goes on: if the database is slow or gone,
//! rows are lost and counted, never waited for. The journal has what they told.

use super::projections::write_all;
use super::{DbError, DbWrite, Pools};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Rows that may wait.
const QUEUE_MAX: usize = 16_384;
/// Rows of one transaction.
const BATCH_MAX: usize = 512;
/// How often a batch is tried while the database cannot be reached.
const TRIES: u32 = 5;
/// How long the writer waits between two tries.
const PAUSE: Duration = Duration::from_millis(200);

#[derive(Debug)]
enum Message {
    Row(Box<DbWrite>),
    Flush(oneshot::Sender<()>),
}

/// Takes rows without waiting. A cheap handle; the queue is written as long as one exists.
#[derive(Debug, Clone)]
pub struct DbWriter {
    queue: mpsc::Sender<Message>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    written: AtomicU64,
    lost: AtomicU64,
}

/// How the writer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriterHealth {
    /// Rows written since the start.
    pub written: u64,
    /// Rows lost since the start, because the queue was full or the database refused them; the journal has them.
    pub lost: u64,
    /// Rows that wait now.
    pub waiting: usize,
}

impl DbWriter {
    /// Queues a row. Never waits: if the queue is full, the row is lost and counted.
    pub fn write(&self, row: DbWrite) {
        if self.queue.try_send(Message::Row(Box::new(row))).is_err() {
            self.counts.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until everything queued before is written or lost; says whether that was within `time`.
    pub async fn flush(&self, time: Duration) -> bool {
        let flushed = async {
            let (done, waiting) = oneshot::channel();
            self.queue.send(Message::Flush(done)).await.is_ok() && waiting.await.is_ok()
        };
        tokio::time::timeout(time, flushed).await.unwrap_or(false)
    }

    /// Returns how the writer does.
    pub fn health(&self) -> WriterHealth {
        WriterHealth {
            written: self.counts.written.load(Ordering::Relaxed),
            lost: self.counts.lost.load(Ordering::Relaxed),
            waiting: self.queue.max_capacity().saturating_sub(self.queue.capacity()),
        }
    }
}

/// Starts the writer on the current runtime. It ends when the last handle is gone.
pub(super) fn start(pools: Pools) -> DbWriter {
    let (queue, waiting) = mpsc::channel(QUEUE_MAX);
    let counts = Arc::new(Counts::default());
    tokio::spawn(drain(pools, waiting, Arc::clone(&counts)));
    DbWriter { queue, counts }
}

async fn drain(pools: Pools, mut waiting: mpsc::Receiver<Message>, counts: Arc<Counts>) {
    let mut messages = Vec::with_capacity(BATCH_MAX);
    while waiting.recv_many(&mut messages, BATCH_MAX).await > 0 {
        let mut rows = Vec::with_capacity(messages.len());
        let mut flushed = Vec::new();
        for message in messages.drain(..) {
            match message {
                Message::Row(row) => rows.push(*row),
                Message::Flush(done) => flushed.push(done),
            }
        }
        write_batch(&pools, &rows, &counts).await;
        for done in flushed {
            if done.send(()).is_err() {
                tracing::debug!("nobody waited for the flush");
            }
        }
    }
}

async fn write_batch(pools: &Pools, rows: &[DbWrite], counts: &Counts) {
    for _ in 0..TRIES {
        match write_all(pools, rows).await {
            Ok(()) => return count(&counts.written, rows.len()),
            Err(error) if is_about_a_row(&error) => return write_one_by_one(pools, rows, counts).await,
            Err(error) => tracing::warn!(%error, rows = rows.len(), "the database did not take a batch of rows"),
        }
        tokio::time::sleep(PAUSE).await;
    }
    tracing::error!(rows = rows.len(), "rows are lost to the database; the journal has them");
    count(&counts.lost, rows.len());
}

/// One row spoils its batch, so that each gets a transaction of its own.
async fn write_one_by_one(pools: &Pools, rows: &[DbWrite], counts: &Counts) {
    for row in rows.chunks(1) {
        match write_all(pools, row).await {
            Ok(()) => count(&counts.written, 1),
            Err(error) => {
                tracing::error!(%error, ?row, "the database refused a row; the journal has it");
                count(&counts.lost, 1);
            }
        }
    }
}

/// Says whether the database answered and refused, so that trying the same again is in vain.
const fn is_about_a_row(error: &DbError) -> bool {
    matches!(error, DbError::Statement(sqlx::Error::Database(_) | sqlx::Error::Encode(_)))
}

fn count(counter: &AtomicU64, rows: usize) {
    counter.fetch_add(u64::try_from(rows).unwrap_or(u64::MAX), Ordering::Relaxed);
}
