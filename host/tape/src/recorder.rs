//! The recorder: a thread that writes tapes from a bounded queue. It never delays the sender: where the queue is full a
//! record is dropped, and the tape gets a marked gap. It stops where the disk is nearly full, and deletes its oldest
//! tapes beyond a total size and an age.

mod folder;

use crate::error::TapeError;
use crate::manifest::Manifest;
use crate::record::{Cause, Record, Stamp};
use crate::writer::{Pace, Writer};
use folder::Folder;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Maximum records in the queue.
const QUEUE_MAX: usize = 16_384;
/// Maximum bytes of frames in the queue.
const QUEUE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Interval at which open frames are closed and limits are checked.
const TICK: Duration = Duration::from_millis(200);
/// Size at which a tape is followed by the next one, in bytes.
const TAPE_MAX: u64 = 1_000_000_000;
/// Age at which a tape is followed by the next one, in microseconds.
const TAPE_US: u64 = 86_400_000_000;

/// Limits and clocks of a recorder.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Total size of the folder's tapes in bytes; the oldest ones are deleted beyond it.
    pub total_bytes: u64,
    /// Age in days at which a tape is deleted.
    pub keep_days: u64,
    /// Free bytes of the disk below which the recorder stops.
    pub free_min: u64,
    /// Returns the free bytes of a folder's disk.
    pub free: fn(&Path) -> std::io::Result<u64>,
    /// Returns the wall clock in microseconds since 1970.
    pub now: fn() -> u64,
}

/// Default of [`Limits::total_bytes`]: 10 GB.
pub const TOTAL_BYTES: u64 = 10_000_000_000;
/// Default of [`Limits::keep_days`].
pub const KEEP_DAYS: u64 = 30;

/// The state of a recorder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecorderState {
    /// The tape that is being written.
    pub path: PathBuf,
    /// Records written.
    pub records: u64,
    /// Records dropped because the queue was full.
    pub dropped: u64,
    /// Reason why it has stopped, if it has.
    pub stopped: Option<String>,
}

enum Item {
    Record(Record),
    Describe(Box<Manifest>),
    Close,
}

/// The sending side of a recorder. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Recorder {
    items: SyncSender<Item>,
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Item {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Record(_) => "Record",
            Self::Describe(_) => "Describe",
            Self::Close => "Close",
        })
    }
}

#[derive(Debug, Default)]
struct Shared {
    queued_bytes: AtomicUsize,
    records: AtomicU64,
    dropped: AtomicU64,
    /// Dropped records that the thread has not marked yet.
    unmarked: AtomicBool,
    stopped: Mutex<Option<String>>,
    path: Mutex<PathBuf>,
}

/// The thread of a recorder.
#[derive(Debug)]
pub struct RecorderThread {
    items: SyncSender<Item>,
    thread: JoinHandle<()>,
}

impl Recorder {
    /// Starts a recorder whose tapes are in `folder`, named by `name` and the time of their begin. The manifest describes
    /// the session; markets are added by [`Self::describe`].
    ///
    /// # Errors
    /// If the folder or the first tape cannot be created, or the thread cannot be started.
    pub fn start(
        folder: &Path,
        name: &str,
        manifest: Manifest,
        limits: Limits,
    ) -> Result<(Self, RecorderThread), TapeError> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder).map_err(TapeError::io(folder))?;
        let shared = Arc::new(Shared::default());
        let (items, received) = sync_channel(QUEUE_MAX);
        let folder = Folder { path: folder.to_owned(), name: name.to_owned() };
        let manifest = Manifest { gaps_marked: true, ..manifest };
        let mut work =
            Work { folder, manifest, limits, shared: Arc::clone(&shared), writer: None, begun_us: 0, last_us: 0 };
        work.open()?;
        let thread = std::thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || work.run(&received))
            .map_err(TapeError::io(Path::new("recorder")))?;
        Ok((Self { items: items.clone(), shared }, RecorderThread { items, thread }))
    }

    /// Records something. Never blocks: if the queue is full, the record is dropped and the tape gets a marked gap.
    pub fn record(&self, record: Record) {
        let bytes = if let Record::Frame { bytes, .. } = &record { bytes.len() } else { 0 };
        let queued = self.shared.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        let sent =
            if queued > QUEUE_BYTES_MAX { Err(()) } else { self.items.try_send(Item::Record(record)).map_err(drop) };
        if sent.is_err() {
            self.shared.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            self.shared.unmarked.store(true, Ordering::Release);
        }
    }

    /// Adds to the manifest, for example markets; false if the queue is full, so that it must be added again.
    pub fn describe(&self, addition: Manifest) -> bool {
        match self.items.try_send(Item::Describe(Box::new(addition))) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }

    /// Returns the state.
    pub fn state(&self) -> RecorderState {
        RecorderState {
            path: self.shared.path.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            records: self.shared.records.load(Ordering::Relaxed),
            dropped: self.shared.dropped.load(Ordering::Relaxed),
            stopped: self.shared.stopped.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

impl RecorderThread {
    /// Writes what is queued and closes the tape. Records that are sent later are dropped.
    pub fn close(self) {
        // A full queue is being emptied; the end waits for its turn.
        if self.items.send(Item::Close).is_ok() {
            drop(self.thread.join());
        }
    }
}

struct Work {
    folder: Folder,
    manifest: Manifest,
    limits: Limits,
    shared: Arc<Shared>,
    writer: Option<Writer>,
    begun_us: u64,
    last_us: u64,
}

impl Work {
    fn open(&mut self) -> Result<(), TapeError> {
        let now_us = (self.limits.now)();
        self.folder.delete_old(now_us, &self.limits)?;
        let path = self.folder.next(now_us);
        self.writer = Some(Writer::create(&path, Pace::LIVE, self.manifest.clone())?);
        self.begun_us = now_us;
        *self.shared.path.lock().unwrap_or_else(PoisonError::into_inner) = path;
        Ok(())
    }

    fn run(mut self, items: &Receiver<Item>) {
        let mut ticked = Instant::now();
        loop {
            let done = match items.recv_timeout(TICK) {
                Ok(Item::Record(record)) => self.append(&record),
                Ok(Item::Describe(addition)) => self.describe(*addition),
                Ok(Item::Close) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => Ok(()),
            };
            let done = done.and_then(|()| {
                if ticked.elapsed() < TICK {
                    return Ok(());
                }
                ticked = Instant::now();
                self.tick()
            });
            if let Err(reason) = done {
                self.stop(reason);
            }
        }
        if let Err(reason) = self.finish() {
            self.stop(reason);
        }
    }

    fn append(&mut self, record: &Record) -> Result<(), String> {
        if let Record::Frame { bytes, .. } = record {
            self.shared.queued_bytes.fetch_sub(bytes.len(), Ordering::Relaxed);
        }
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let at_us = record.stamp().at_us;
        if self.shared.unmarked.swap(false, Ordering::Acquire) {
            let stamp = Stamp::received(at_us);
            let (cause, since_us, markets) = (Cause::Dropped, self.last_us, Vec::new());
            writer.append(&Record::Gap { stamp, cause, since_us, markets }).map_err(|error| error.to_string())?;
        }
        writer.append(record).map_err(|error| error.to_string())?;
        self.last_us = self.last_us.max(at_us);
        self.shared.records.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn describe(&mut self, addition: Manifest) -> Result<(), String> {
        self.manifest.fold(addition.clone());
        self.writer.as_mut().map_or(Ok(()), |writer| writer.describe(addition)).map_err(|error| error.to_string())
    }

    /// Closes frames that are due, begins the next tape and checks the disk.
    fn tick(&mut self) -> Result<(), String> {
        let now_us = (self.limits.now)();
        let Some(writer) = &mut self.writer else { return Ok(()) };
        writer.tick(now_us).map_err(|error| error.to_string())?;
        let free = (self.limits.free)(&self.folder.path).map_err(|error| error.to_string())?;
        if free < self.limits.free_min {
            let minimum = self.limits.free_min;
            return Err(format!("the disk has {free} bytes left, expected at least {minimum}; recording stops"));
        }
        if writer.bytes() >= TAPE_MAX || now_us.saturating_sub(self.begun_us) >= TAPE_US {
            self.finish()?;
            self.open().map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), String> {
        let Some(mut writer) = self.writer.take() else { return Ok(()) };
        if self.shared.unmarked.swap(false, Ordering::Acquire) {
            let (stamp, since_us) = (Stamp::received((self.limits.now)()), self.last_us);
            let gap = Record::Gap { stamp, cause: Cause::Dropped, since_us, markets: Vec::new() };
            writer.append(&gap).map_err(|error| error.to_string())?;
        }
        writer.finish().map(drop).map_err(|error| error.to_string())
    }

    /// Stops recording; what was written stays readable, and records are dropped from now on.
    fn stop(&mut self, reason: String) {
        if let Some(writer) = self.writer.take() {
            drop(writer.finish());
        }
        self.shared.stopped.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(reason);
    }
}

#[cfg(test)]
mod tests;
