//! The record of a key's signatures on disk: a counter of the day's worth, so that a restart does not reset the limits,
//! and a log with a line for each signature. The files are named by the key's address, opened before the signer gives
//! up opening files, and authenticated with a secret derived from the key: deletion, truncation or changes made without
//! the key are detected at the next start, and the signer is locked until its operator renews the record. An older copy
//! of all files together cannot be distinguished from the real ones.

mod counter;
mod log;

use crate::limits::Limits;
use crate::moment::Moment;
use crate::platform::make_private;
use counter::Counter;
use files::Links;
use files::write_all_at;
use log::{Chain, Tail};
use model::Time;
use order::eip712::keccak;
use order::{Address, SigningKey};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroizing;

/// The size of one of the log's two files, about 26,000 signatures; when it is full the older file is truncated and
/// reused.
pub const SEGMENT_BYTES: u64 = 4 << 20;
/// The most bytes of a file beyond that: the line that filled it, and one that was not counted.
const SLACK_BYTES: u64 = 4_096;
/// The number of attempts to lock a counter that another process holds, and the pause between them: half a second in
/// all.
const LOCK_TRIES: u32 = 25;
const LOCK_PAUSE: Duration = Duration::from_millis(20);
/// The purpose from which the key's secret is derived.
const PURPOSE: &str = "polytrader signer record 1";

/// Damage of counter or log: they are not what the signer wrote. It signs nothing until they are renewed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// A file is missing.
    #[error("{} is missing", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A file is shorter than it was.
    #[error("{} has {bytes} bytes, expected {expected}", path.display())]
    Shortened {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: u64,
        /// The expected length.
        expected: u64,
    },
    /// A file has content that the signer did not write, or was written with another key.
    #[error("{} has content that the signer did not write", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// The limits differ from those that were last set.
    #[error("the signer's limits differ from those that were last set with the passphrase")]
    Limits,
}

/// Errors of opening or creating a record.
#[derive(Debug, thiserror::Error)]
pub enum SigningLogError {
    /// The signer would start locked.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// Another signer of this key uses it.
    #[error("{} is in use: another signer of this key is running", path.display())]
    InUse {
        /// The counter.
        path: PathBuf,
    },
    /// A record exists already.
    #[error("{} already exists", path.display())]
    Exists {
        /// The counter.
        path: PathBuf,
    },
    /// A file cannot be opened, read or written.
    #[error("{}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl SigningLogError {
    fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File { path: path.to_owned(), source }
    }
}

/// A signature to record.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Entry {
    /// An order, by its id.
    Order([u8; 32]),
    /// A login, by its nonce.
    Login(u64),
    /// A wallet batch, by its digest.
    Batch([u8; 32]),
}

/// A kind of signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// An order.
    Order,
    /// A login.
    Login,
    /// A wallet batch.
    Batch,
}

impl What {
    /// All kinds.
    const ALL: [Self; 3] = [Self::Order, Self::Login, Self::Batch];

    /// Returns the kind's name in the log.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Login => "login",
            Self::Batch => "batch",
        }
    }
}

/// A line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Signed {
    /// Time of the signature.
    pub(crate) at: Time,
    /// Its kind.
    pub(crate) what: What,
    /// In micro-dollars.
    pub(crate) worth: u64,
}

/// Counter and log of one key. The default has no files and keeps nothing: for keys with which nothing is at stake.
#[derive(Debug, Default)]
pub struct SigningLog {
    counter: Counter,
    files: Option<Files>,
    /// The signatures made before it was opened, as far as the log goes back.
    recent: Vec<Signed>,
}

#[derive(Debug)]
struct Files {
    counter: File,
    segments: [File; 2],
    address: Address,
    chain: Chain,
}

/// The paths of counter and log.
#[derive(Debug, Clone)]
struct Paths {
    counter: PathBuf,
    segments: [PathBuf; 2],
}

impl Paths {
    fn new(dir: &Path, address: Address) -> Self {
        let path = |end: &str| dir.join(format!("signer-{address}.{end}"));
        Self { counter: path("count"), segments: [path("log.0"), path("log.1")] }
    }

    fn all(&self) -> [&Path; 3] {
        let [first, second] = &self.segments;
        [&self.counter, first, second]
    }
}

impl SigningLog {
    /// Returns true if any file of a key's record is in a folder.
    pub fn exists(dir: &Path, address: Address) -> bool {
        Paths::new(dir, address).all().iter().any(|path| path.exists())
    }

    /// Creates the record of a key. `start` is a worth that was already signed on its day: its time, and micro-dollars.
    ///
    /// # Errors
    /// If a record exists, or files cannot be written.
    pub fn create(
        dir: &Path,
        key: &SigningKey,
        limits: &Limits,
        now: Time,
        start: Option<(Time, u64)>,
    ) -> Result<Self, SigningLogError> {
        let paths = Paths::new(dir, key.address());
        if Self::exists(dir, key.address()) {
            return Err(SigningLogError::Exists { path: paths.counter });
        }
        let create = |path: &Path| {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create_new(true);
            make_private(&mut options);
            options.open(path).map_err(SigningLogError::file(path))
        };
        let [first, second] = &paths.segments;
        let segments = [create(first)?, create(second)?];
        let counter = lock(create(&paths.counter)?, &paths.counter)?;
        let files = Files { counter, segments, address: key.address(), chain: Chain::new(key.derive(PURPOSE)) };
        let mut record = Self { counter: Counter::new(limits), files: Some(files), recent: Vec::new() };
        if let Some((at, worth)) = start {
            record.counter.add(at, worth);
        }
        record.begin_segment(now).and_then(|()| record.sync()).map_err(SigningLogError::file(&paths.counter))?;
        // The directory entries must be durable, or a power cut would lose the files and their counts.
        sync_folder(dir)?;
        Ok(record)
    }

    /// Opens the record of a key. `limits` are those that were last set.
    ///
    /// # Errors
    /// If it is damaged, in use, or cannot be read.
    pub fn open(dir: &Path, key: &SigningKey, limits: &Limits) -> Result<Self, SigningLogError> {
        let record = Self::open_with_any_limits(dir, key)?;
        if record.counter.limits != counter::digest(limits) {
            return Err(Damage::Limits.into());
        }
        Ok(record)
    }

    /// Opens the record of a key to set other limits.
    ///
    /// # Errors
    /// If it is damaged in another way, in use, or cannot be read.
    pub fn open_with_any_limits(dir: &Path, key: &SigningKey) -> Result<Self, SigningLogError> {
        let paths = Paths::new(dir, key.address());
        let chain = Chain::new(key.derive(PURPOSE));
        let counter_file = lock(open(&paths.counter)?, &paths.counter)?;
        let [first, second] = &paths.segments;
        let segments = [open(first)?, open(second)?];
        let changed = |path: &Path| Damage::Changed { path: path.to_owned() };
        let bytes = read(&counter_file, &paths.counter, counter::LENGTH)?;
        let mut counter = Counter::decode(&bytes, chain.secret()).ok_or_else(|| changed(&paths.counter))?;
        let tail = check(&counter, &segments, &paths, &chain)?;
        let [segment, _] = ordered(&segments, counter.segment);
        if tail.torn {
            let [path, _] = ordered(&paths.segments, counter.segment);
            segment.set_len(tail.length).map_err(SigningLogError::file(path))?;
        }
        // A line logged but not counted when the process was killed between the two: the signature may have been
        // returned.
        let uncounted = tail.signed.len().saturating_sub(tail.uncounted);
        tail.signed.iter().skip(uncounted).for_each(|signed| counter.add(signed.at, signed.worth));
        (counter.length, counter.head) = (tail.length, tail.head);
        let files = Files { counter: counter_file, segments, address: key.address(), chain };
        let record = Self { counter, files: Some(files), recent: tail.signed };
        record.write_counter().map_err(SigningLogError::file(&paths.counter))?;
        Ok(record)
    }

    /// Moves a damaged record to a folder beside it, and creates a new one. The counter's value of the day is kept if
    /// the counter is authentic. Returns the record and the folder of the old files.
    ///
    /// # Errors
    /// If it is in use, or files cannot be moved or written.
    pub fn renew(dir: &Path, key: &SigningKey, limits: &Limits, now: Time) -> Result<(Self, PathBuf), SigningLogError> {
        let paths = Paths::new(dir, key.address());
        let mut start = None;
        if let Ok(file) = files::open(&paths.counter, Links::Refuse) {
            let file = lock(file, &paths.counter)?;
            let bytes = read(&file, &paths.counter, counter::LENGTH)?;
            start = Counter::decode(&bytes, &key.derive(PURPOSE)).map(|counter| counter.today());
        }
        let aside = dir.join(format!("signer-{}.{}", key.address(), now.0));
        std::fs::create_dir_all(&aside).map_err(SigningLogError::file(&aside))?;
        for path in paths.all().into_iter().filter(|path| path.exists()) {
            let to = aside.join(path.file_name().unwrap_or_default());
            std::fs::rename(path, &to).map_err(SigningLogError::file(path))?;
        }
        sync_folder(&aside)?;
        Self::create(dir, key, limits, now, start).map(|record| (record, aside))
    }

    /// Records that other limits were set.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn set_limits(&mut self, limits: &Limits) -> io::Result<()> {
        self.counter.limits = counter::digest(limits);
        self.write_counter().and_then(|()| self.sync())
    }

    /// Returns the worth signed on the day of `now`, in micro-dollars. Setting the clock back does not reduce it.
    pub fn worth(&self, now: Time) -> u64 {
        self.counter.worth(now)
    }

    /// Returns the signatures made before the record was opened, once.
    pub(crate) fn take_recent(&mut self) -> Vec<Signed> {
        std::mem::take(&mut self.recent)
    }

    /// Logs and counts a signature before it is returned: one write each, and no sync.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn record(&mut self, now: Moment, entry: Entry, worth: u64) -> io::Result<()> {
        // Counted even if the write fails: the limits must never be exceeded.
        self.counter.add(now.of_day(), worth);
        if self.files.is_none() {
            return Ok(());
        }
        if self.counter.length >= SEGMENT_BYTES {
            self.begin_segment(now.steady)?;
        }
        self.append(&log::line(now.steady, entry, worth))?;
        self.write_counter()
    }

    fn append(&mut self, text: &str) -> io::Result<()> {
        let Some(files) = &self.files else { return Ok(()) };
        let (line, head) = files.chain.seal(&self.counter.head, text);
        let [segment, _] = ordered(&files.segments, self.counter.segment);
        write_all_at(segment, line.as_bytes(), self.counter.length)?;
        self.counter.head = head;
        self.counter.length = self.counter.length.saturating_add(u64::try_from(line.len()).unwrap_or(u64::MAX));
        Ok(())
    }

    /// Truncates and reuses the older file of the log. The counter first records that it is dropped: a kill between two
    /// of the steps leaves a state that [`check`] accepts.
    fn begin_segment(&mut self, now: Time) -> io::Result<()> {
        let Some(address) = self.files.as_ref().map(|files| files.address) else { return Ok(()) };
        let full = self.counter.length;
        self.counter.other_length = 0;
        if self.counter.segment > 0 {
            self.write_counter()?;
        }
        if let Some(files) = &self.files {
            let [_, older] = ordered(&files.segments, self.counter.segment);
            older.set_len(0)?;
        }
        let old = self.counter;
        self.counter.segment = old.segment.saturating_add(1);
        self.counter.length = 0;
        let head = log::head_line(now, self.counter.segment, address, &self.counter.head);
        if let Err(error) = self.append(&head) {
            self.counter = old;
            return Err(error);
        }
        self.counter.other_length = full;
        self.write_counter()
    }

    fn write_counter(&self) -> io::Result<()> {
        match &self.files {
            Some(files) => write_all_at(&files.counter, &self.counter.encode(files.chain.secret()), 0),
            None => Ok(()),
        }
    }

    fn sync(&self) -> io::Result<()> {
        let Some(files) = &self.files else { return Ok(()) };
        files.segments.iter().chain([&files.counter]).try_for_each(File::sync_all)
    }
}

impl Drop for SigningLog {
    fn drop(&mut self) {
        // A sync that fails while the process ends is ignored.
        let _unsynced = self.sync();
    }
}

/// Returns the file that is being written and the other one, as determined by the segment number.
const fn ordered<T>([first, second]: &[T; 2], segment: u64) -> [&T; 2] {
    if segment.is_multiple_of(2) { [first, second] } else { [second, first] }
}

/// Checks the log against its counter: nothing is missing from either file, and all of it was written with the key.
fn check(counter: &Counter, files: &[File; 2], paths: &Paths, chain: &Chain) -> Result<Tail, SigningLogError> {
    let [file, other] = ordered(files, counter.segment);
    let [path, other_path] = ordered(&paths.segments, counter.segment);
    let changed = |path: &Path| Damage::Changed { path: path.to_owned() };
    let bytes = read_log(file, path, counter.length)?;
    let mut tail = chain.read(&bytes, Some(counter)).ok_or_else(|| changed(path))?;
    if counter.other_length > 0 {
        let bytes = read_log(other, other_path, counter.other_length)?;
        // The younger file's first line continues from the end of the older one.
        let older = chain.read(&bytes, None).filter(|older| older.head == tail.follows);
        let mut signed = older.ok_or_else(|| changed(other_path))?.signed;
        signed.append(&mut tail.signed);
        tail.signed = signed;
    }
    Ok(tail)
}

/// Syncs a folder, so that the names of its files are durable.
fn sync_folder(dir: &Path) -> Result<(), SigningLogError> {
    files::sync_folder(dir).map_err(SigningLogError::file(dir))
}

fn open(path: &Path) -> Result<File, SigningLogError> {
    match files::open_with(OpenOptions::new().read(true).write(true), path, Links::Refuse) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Damage::Missing { path: path.to_owned() }.into()),
        opened => opened.map_err(SigningLogError::file(path)),
    }
}

/// Locks a file. A child process that is being started briefly holds its parent's open files, so a single attempt is
/// not enough.
fn lock(file: File, path: &Path) -> Result<File, SigningLogError> {
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(source)) => return Err(SigningLogError::File { path: path.to_owned(), source }),
        }
    }
    Err(SigningLogError::InUse { path: path.to_owned() })
}

fn read(mut file: &File, path: &Path, most: usize) -> Result<Vec<u8>, SigningLogError> {
    let mut bytes = Vec::new();
    let most = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    (&mut file).take(most).read_to_end(&mut bytes).map_err(SigningLogError::file(path))?;
    Ok(bytes)
}

fn read_log(file: &File, path: &Path, expected: u64) -> Result<Vec<u8>, SigningLogError> {
    let most = SEGMENT_BYTES.saturating_add(SLACK_BYTES);
    let bytes = read(file, path, usize::try_from(most).unwrap_or(usize::MAX))?;
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if length < expected {
        return Err(Damage::Shortened { path: path.to_owned(), bytes: length, expected }.into());
    }
    if length > most {
        return Err(Damage::Changed { path: path.to_owned() }.into());
    }
    Ok(bytes)
}

/// Authenticates bytes: Keccak is a sponge, so hashing a secret prefix yields a message authentication code.
fn code(secret: &Zeroizing<[u8; 32]>, parts: &[&[u8]]) -> [u8; 32] {
    let mut bytes = Zeroizing::new(secret.to_vec());
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    keccak(&bytes)
}

#[cfg(test)]
mod tests;
