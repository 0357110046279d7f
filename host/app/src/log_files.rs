//! The log's files in `DIR/logs`, under the names of the runbook. A queue of bounded size stands before one thread that
//! writes them: no other thread ever waits for a disk. Lines that do not fit or cannot be written are lost and counted.
//! A file that is large or a day old moves into `logs/archive`, where it is packed and, after some days, removed. Start
//! reading in [`enqueue`] and [`Writer::run`].

mod archive;
mod current;

use current::Current;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes that wait to be written.
const WAITING_MAX: usize = 4 * 1024 * 1024;
/// The time between two looks at the files where nothing is written: one that was moved away is made again.
const LOOK: Duration = Duration::from_secs(1);
/// The time that the end of the process waits for the disk.
const FLUSH_WITHIN: Duration = Duration::from_secs(5);

/// The file that a line goes into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Information of the API.
    ApiOut,
    /// Warnings and errors of the API.
    ApiErr,
    /// Information of everything else: engine, orders, feeds, strategies.
    WorkerOut,
    /// Warnings and errors of everything else.
    WorkerErr,
    /// The page.
    UiOut,
}

/// The files' names, in the order of [`Stream`].
const NAMES: [&str; 5] =
    ["api_stdout.log", "api_stderr.log", "worker_stdout.log", "worker_stderr.log", "ui_stdout.log"];

impl Stream {
    /// Returns the file of a line by what it is about, and whether it is a warning or an error.
    pub(crate) fn of(target: &str, bad: bool) -> Self {
        let of_api = target == "api" || target.starts_with("api::");
        match (of_api, bad) {
            _ if target.starts_with("api::page") => Self::UiOut,
            (true, false) => Self::ApiOut,
            (true, true) => Self::ApiErr,
            (false, false) => Self::WorkerOut,
            (false, true) => Self::WorkerErr,
        }
    }

    const fn index(self) -> usize {
        match self {
            Self::ApiOut => 0,
            Self::ApiErr => 1,
            Self::WorkerOut => 2,
            Self::WorkerErr => 3,
            Self::UiOut => 4,
        }
    }
}

/// Limits of the files' size and age.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keep {
    /// The bytes at which a file is archived.
    pub(crate) bytes_max: u64,
    /// The days that archived files are kept.
    pub(crate) days: u32,
}

#[derive(Debug, Default)]
struct State {
    lines: VecDeque<(usize, Vec<u8>)>,
    bytes: usize,
    /// Lost lines that were not reported in the files yet.
    lost: u64,
    writing: bool,
}

/// The queue.
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    /// Set while a thread writes.
    open: AtomicBool,
    lost_total: AtomicU64,
}

static QUEUE: Queue = Queue {
    state: Mutex::new(State { lines: VecDeque::new(), bytes: 0, lost: 0, writing: false }),
    changed: Condvar::new(),
    open: AtomicBool::new(false),
    lost_total: AtomicU64::new(0),
};

/// Begins to write the files of a folder, which is made. Once for a process; a second call changes nothing.
///
/// # Errors
/// If the folder or the thread cannot be made.
pub(crate) fn open(folder: &Path, keep: Keep) -> std::io::Result<()> {
    if QUEUE.open.swap(true, Ordering::AcqRel) {
        return Ok(());
    }
    let opened = Writer::new(folder, keep).and_then(|writer| {
        archive::start(folder.join(archive::FOLDER), keep.days)?;
        thread::Builder::new().name("log files".to_owned()).spawn(move || writer.run(&QUEUE))
    });
    if opened.is_err() {
        QUEUE.open.store(false, Ordering::Release);
    }
    opened.map(drop)
}

/// Queues a line, or counts it as lost. Never waits for the disk; does nothing where no files are open.
pub(crate) fn enqueue(stream: Stream, line: &[u8]) {
    if QUEUE.open.load(Ordering::Acquire) {
        QUEUE.enqueue(stream, line);
    }
}

/// Returns the number of lines that the files have lost since the start.
pub(crate) fn lost() -> u64 {
    QUEUE.lost_total.load(Ordering::Relaxed)
}

/// Waits until all is written, within a limit.
pub(crate) fn flush() {
    if QUEUE.open.load(Ordering::Acquire) {
        QUEUE.flush();
    }
}

impl Queue {
    fn enqueue(&self, stream: Stream, line: &[u8]) {
        let mut state = self.lock();
        if state.bytes.saturating_add(line.len()) > WAITING_MAX {
            state.lost = state.lost.saturating_add(1);
            self.lost_total.fetch_add(1, Ordering::Relaxed);
            return;
        }
        state.bytes = state.bytes.saturating_add(line.len());
        state.lines.push_back((stream.index(), line.to_vec()));
        drop(state);
        self.changed.notify_all();
    }

    fn flush(&self) {
        let started = Instant::now();
        let mut state = self.lock();
        while state.writing || !state.lines.is_empty() {
            let left = FLUSH_WITHIN.saturating_sub(started.elapsed());
            if left.is_zero() {
                return;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Takes what waits; returns with nothing after a while.
    fn next_lines(&self) -> (VecDeque<(usize, Vec<u8>)>, u64) {
        let mut state = self.lock();
        state.writing = false;
        self.changed.notify_all();
        if state.lines.is_empty() {
            state = self.changed.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.writing = !state.lines.is_empty();
        state.bytes = 0;
        (std::mem::take(&mut state.lines), std::mem::take(&mut state.lost))
    }

    /// Counts lines that could not be written, and has those reported again whose report could not be.
    fn lose(&self, failed: u64, unreported: u64) {
        self.lost_total.fetch_add(failed, Ordering::Relaxed);
        let mut state = self.lock();
        state.lost = state.lost.saturating_add(failed).saturating_add(unreported);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread's own part.
struct Writer {
    files: Vec<Current>,
    archive: PathBuf,
    keep: Keep,
    checked_at: Option<Instant>,
}

impl Writer {
    fn new(folder: &Path, keep: Keep) -> std::io::Result<Self> {
        let archive = folder.join(archive::FOLDER);
        store::private_file::make_folder(folder)?;
        store::private_file::make_folder(&archive)?;
        let files = NAMES.iter().map(|name| Current::new(folder.join(name))).collect();
        let mut this = Self { files, archive, keep, checked_at: None };
        this.check_files();
        Ok(this)
    }

    /// Writes for ever: the thread ends with the process.
    fn run(mut self, queue: &Queue) {
        loop {
            let (lines, lost) = queue.next_lines();
            let failed = self.write(lines);
            let unreported = if lost > 0 && !self.report(lost) { lost } else { 0 };
            queue.lose(failed, unreported);
            if self.checked_at.is_none_or(|at| at.elapsed() >= LOOK) {
                self.check_files();
            }
        }
    }

    /// Writes lines; returns how many could not be written.
    fn write(&mut self, lines: VecDeque<(usize, Vec<u8>)>) -> u64 {
        let mut failed = 0_u64;
        for (index, line) in lines {
            let written = self.files.get_mut(index).is_some_and(|file| file.write(&line));
            failed = failed.saturating_add(u64::from(!written));
        }
        failed
    }

    /// Writes how many lines are missing here; says whether that is in the file.
    fn report(&mut self, lost: u64) -> bool {
        let report = format!("polytrader: {lost} lines were lost here: the disk was slow, full or not writable\n");
        self.files.get_mut(Stream::WorkerErr.index()).is_some_and(|file| file.write(report.as_bytes()))
    }

    fn check_files(&mut self) {
        self.checked_at = Some(Instant::now());
        let (archive, most) = (&self.archive, self.keep.bytes_max);
        self.files.iter_mut().for_each(|file| file.check(archive, most));
    }
}

#[cfg(test)]
mod tests;
