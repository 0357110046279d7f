//! Journal files. The engine thread appends to a buffer in memory and never waits; a separate thread writes and syncs.
//! An action that must be on the disk first (a placement) waits until its journal offset is synced.

mod audit_heads;
mod chunks;
mod late_cancels;
mod recovery;
mod retention;
mod run_lock;
mod segments;
mod snapshot;
#[cfg(test)]
mod tests;

pub use audit_heads::{AuditHeads, HEADS_MAX};
pub use recovery::{OVER_MAX, RecoveredSession, Step, account_of, last_of, walk};
pub use retention::Keep;
pub use run_lock::RunLock;
pub use segments::{folder, is_first, segments_of};

use journal::{DecodeError, Header, Placement, Record, encode, encode_input};
use late_cancels::LateCancel;
use model::{Input, OrderId, SessionId, Time};
use parking_lot::{Condvar, Mutex, MutexGuard};
use segments::Segments;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;

/// The most bytes that wait to be written; more than this means that the disk has stalled.
const WAITING_MAX: usize = 64 * 1024 * 1024;
/// The longest time that records without a waiter are buffered.
const GATHER: Duration = Duration::from_millis(20);

/// The destination of records. A trait, so that tests can use a failing disk.
pub(crate) trait Storage: Send + 'static {
    /// Appends all bytes at the end.
    fn append(&mut self, bytes: &[u8]) -> std::io::Result<()>;
    /// Returns once everything written is on the disk.
    fn sync(&mut self) -> std::io::Result<()>;
}

/// A journal offset: bytes from its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct JournalOffset(u64);

/// The synced part of the journal, and the error that broke it.
#[derive(Debug, Clone, Default)]
struct Progress {
    synced: JournalOffset,
    failed: Option<Arc<str>>,
    syncs: u64,
}

#[derive(Debug, Default)]
struct PendingSync {
    bytes: Vec<u8>,
    /// The offset of the end of `bytes`.
    end: JournalOffset,
    /// The offset that a caller waits for.
    wanted: JournalOffset,
    closing: bool,
    failed: bool,
}

#[derive(Debug)]
struct Shared {
    waiting: Mutex<PendingSync>,
    signal: Condvar,
    progress: watch::Sender<Progress>,
}

/// The journal of one session. A cheap handle.
#[derive(Debug, Clone)]
pub struct Journal {
    shared: Arc<Shared>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
    session: SessionId,
    /// The late cancels, recorded after the journal has failed.
    late: Option<SyncSender<LateCancel>>,
}

impl Journal {
    /// Creates a journal in `DATA_DIR/journal`, named by its session. Full files are covered by a snapshot, compressed,
    /// and retained according to `keep`.
    ///
    /// # Errors
    /// If the file exists or cannot be created.
    pub fn create(data_dir: &Path, header: &Header, keep: Keep) -> std::io::Result<(Self, PathBuf)> {
        let dir = folder(data_dir);
        let (storage, path) = Segments::create(&dir, header)?;
        let storage = storage.notify_full(retention::start(dir.clone(), keep)?);
        for LateCancel { session, order, at } in late_cancels::left(&dir)? {
            let (session, order, at_ms) = (session.0, order.0, at.millis());
            tracing::warn!(session, order, at_ms, "a cancel was sent after the journal had failed");
        }
        let late = Some(late_cancels::open(&dir)?);
        Ok((Self { late, ..Self::on(storage, header)? }, path))
    }

    /// Creates a journal on this storage.
    pub(crate) fn on(mut storage: impl Storage, header: &Header) -> std::io::Result<Self> {
        let first = beginning(header)?;
        storage.append(&first)?;
        storage.sync()?;
        let end = JournalOffset(u64::try_from(first.len()).unwrap_or(u64::MAX));
        let progress = Progress { synced: end, failed: None, syncs: 0 };
        let waiting = PendingSync { end, wanted: end, ..PendingSync::default() };
        let shared =
            Shared { waiting: Mutex::new(waiting), signal: Condvar::new(), progress: watch::channel(progress).0 };
        let shared = Arc::new(shared);
        let written = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("journal".to_owned()).spawn(move || written.write_on(storage))?;
        Ok(Self { shared, thread: Arc::new(Mutex::new(Some(thread))), session: header.session, late: None })
    }

    /// Appends an input. Never blocks.
    ///
    /// # Errors
    /// If a text or a list in it exceeds what a record holds. Nothing is appended then, and the journal continues.
    pub fn input(&self, input: &Input) -> Result<(), DecodeError> {
        let mut encoded = Ok(());
        self.append(
            |bytes| {
                encoded = encode_input(input, bytes);
                encoded.is_ok()
            },
            false,
        );
        encoded
    }

    /// Appends a placement and requests a sync; returns the offset to wait for.
    pub fn placement(&self, placement: &Placement) -> JournalOffset {
        self.append(|bytes| encode(&Record::Placement(*placement), bytes).is_ok(), true)
    }

    /// Appends the head of the audit's chain. Never waits.
    pub fn audit_head(&self, entry: u64, hash: [u8; 32]) {
        self.append(|bytes| encode(&Record::AuditHead { entry, hash }, bytes).is_ok(), false);
    }

    /// Requests a sync of everything appended so far, and returns the offset to wait for.
    pub fn mark(&self) -> JournalOffset {
        self.append(|_| true, true)
    }

    /// Appends the digest of the last input's effects. Never blocks.
    pub fn effects(&self, count: u32, digest: u64) {
        self.append(|bytes| encode(&Record::Effects { count, digest }, bytes).is_ok(), false);
    }

    /// Records a cancel if the journal has failed; until then its input's decisions record it. Never blocks.
    pub fn cancel(&self, order: OrderId, at: Time) {
        let late = LateCancel { session: self.session, order, at };
        if self.shared.lock().failed
            && let Some(reserve) = &self.late
            && reserve.try_send(late).is_err()
        {
            tracing::warn!(order = order.0, "cancel sent without a record; the disk has stalled");
        }
    }

    fn append(&self, write: impl FnOnce(&mut Vec<u8>) -> bool, sync: bool) -> JournalOffset {
        let mut waiting = self.shared.lock();
        if waiting.failed {
            return JournalOffset(u64::MAX);
        }
        let before = waiting.bytes.len();
        let good = write(&mut waiting.bytes);
        let full = waiting.bytes.len() > WAITING_MAX;
        if !good || full {
            waiting.bytes.truncate(before);
            // A record that cannot be encoded is the caller's error and does not fail the journal.
            if full {
                waiting.failed = true;
                self.shared.fail("the disk has stalled: too many bytes wait to be written");
            }
            return JournalOffset(u64::MAX);
        }
        let added = u64::try_from(waiting.bytes.len().saturating_sub(before)).unwrap_or(u64::MAX);
        waiting.end = JournalOffset(waiting.end.0.saturating_add(added));
        let end = waiting.end;
        if sync {
            waiting.wanted = end;
            self.shared.signal.notify_one();
        }
        end
    }

    /// Waits until everything before `place` is on the disk.
    ///
    /// # Errors
    /// The error that broke the journal; it stays broken.
    pub async fn synced(&self, place: JournalOffset) -> Result<(), Arc<str>> {
        let mut progress = self.shared.progress.subscribe();
        let reached = progress.wait_for(|progress| progress.synced >= place || progress.failed.is_some()).await;
        match reached {
            // Bytes synced before the failure stay valid.
            Ok(progress) if progress.synced >= place => Ok(()),
            Ok(progress) => Err(progress.failed.clone().unwrap_or_else(|| "the journal has failed".into())),
            Err(_) => Err("the journal is closed".into()),
        }
    }

    /// Returns the error that broke the journal, if any.
    pub fn failure(&self) -> Option<Arc<str>> {
        self.shared.progress.borrow().failed.clone()
    }

    /// Writes the end record, syncs and closes.
    pub fn close(&self, now: Time) {
        self.append(|bytes| encode(&Record::End(now), bytes).is_ok(), true);
        self.shared.lock().closing = true;
        self.shared.signal.notify_all();
        let thread = self.thread.lock().take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the journal thread panicked");
        }
    }

    /// Returns the number of syncs.
    #[cfg(test)]
    fn syncs(&self) -> u64 {
        self.shared.progress.borrow().syncs
    }
}

/// Returns the first bytes of a journal file.
fn beginning(header: &Header) -> std::io::Result<Vec<u8>> {
    let mut first = journal::MAGIC.to_vec();
    encode(&Record::Header(header.clone()), &mut first).map_err(std::io::Error::other)?;
    Ok(first)
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, PendingSync> {
        self.waiting.lock()
    }

    fn fail(&self, words: &str) {
        tracing::error!(words, "journal failed");
        self.progress.send_modify(|progress| {
            progress.failed.get_or_insert_with(|| words.into());
        });
    }

    /// Runs the writer thread. One sync covers everything written before it.
    fn write_on(&self, mut storage: impl Storage) {
        let mut bytes = Vec::new();
        let mut synced = self.progress.borrow().synced;
        loop {
            let mut waiting = self.lock();
            if waiting.wanted <= synced && !waiting.closing {
                let _waited = self.signal.wait_for(&mut waiting, GATHER);
            }
            bytes.clear();
            std::mem::swap(&mut bytes, &mut waiting.bytes);
            let (end, wanted, closing) = (waiting.end, waiting.wanted, waiting.closing);
            drop(waiting);
            let sync = wanted > synced || closing;
            if let Err(error) = write(&mut storage, &bytes, sync) {
                self.lock().failed = true;
                self.fail(&error.to_string());
                return;
            }
            if sync {
                synced = end;
                self.progress.send_modify(|progress| {
                    progress.synced = end;
                    progress.syncs = progress.syncs.saturating_add(1);
                });
            }
            if closing {
                return;
            }
        }
    }
}

fn write(storage: &mut impl Storage, bytes: &[u8], sync: bool) -> std::io::Result<()> {
    if !bytes.is_empty() {
        storage.append(bytes)?;
    }
    if sync { storage.sync() } else { Ok(()) }
}
