//! Output queues of this process. Each output has a bounded queue and a thread that writes it, because a write may
//! block for ever: a terminal stops after Ctrl-S, and a pipe is full if its reader is stopped. No other thread ever
//! waits for an output. Lines that do not fit or cannot be written are lost and counted; the count is written once the
//! output works again.

use crate::platform::{self, OwnedOutput};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Maximum bytes queued for standard error.
const ERR_BYTES_MAX: usize = 1024 * 1024;
/// Maximum bytes queued for standard output: more than any command prints.
const OUT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes per write. No pipe is smaller, so a slow reader's progress is visible.
const CHUNK_BYTES: usize = 4_096;
/// Time that a process exit waits for an output that makes no progress, and for one that does.
const STALLED_FOR: Duration = Duration::from_secs(5);
const FLUSHED_WITHIN: Duration = Duration::from_secs(60);
/// Pause before the next attempt on an output that another program has made non-blocking.
const PAUSE: Duration = Duration::from_millis(10);

/// Standard error: the log, and messages to people.
pub(crate) static ERR: Output = Output::new("polytrader-err", ERR_BYTES_MAX, platform::stderr);
/// Standard output: results of commands.
pub(crate) static OUT: Output = Output::new("polytrader-out", OUT_BYTES_MAX, platform::stdout);

/// Returns the number of lines that both outputs and the log's files have lost since the start.
pub(crate) fn lost() -> u64 {
    [&ERR, &OUT]
        .iter()
        .fold(crate::log_files::lost(), |sum, output| sum.saturating_add(output.lost_total.load(Ordering::Relaxed)))
}

/// Flushes the outputs when dropped, at the end of a process that prints.
#[derive(Debug)]
pub(crate) struct Flushed;

impl Drop for Flushed {
    fn drop(&mut self) {
        flush();
    }
}

/// Waits until both outputs are written, up to a time limit.
pub(crate) fn flush() {
    let started = Instant::now();
    OUT.flush(started);
    ERR.flush(started);
    crate::log_files::flush();
}

/// Ends the writer threads after they have written their queues; the next line starts a new one. A process that
/// confines itself calls this before, so that the writer threads are confined too.
pub(crate) fn rest() {
    flush();
    OUT.rest();
    ERR.rest();
}

/// An output with its queue.
pub(crate) struct Output {
    /// Name of the writer thread.
    name: &'static str,
    bytes_max: usize,
    open: fn() -> io::Result<OwnedOutput>,
    state: Mutex<State>,
    changed: Condvar,
    lost_total: AtomicU64,
}

#[derive(Debug)]
struct State {
    lines: VecDeque<Line>,
    /// Total bytes of `lines`.
    bytes: usize,
    /// Lost lines that are not reported yet.
    lost: u64,
    /// True if the last write failed. Lost lines are then reported together with the next line, not at once.
    failing: bool,
    /// True if a writer thread is running.
    writer: bool,
    /// True if that thread has taken a line and not yet written it.
    writing: bool,
    /// True if that thread ends once the queue is empty.
    resting: bool,
    /// Time of the last successful write.
    progress: Option<Instant>,
}

#[derive(Debug)]
struct Line {
    text: Vec<u8>,
    /// Number of lost lines reported by this line; they count as lost again if this line is lost.
    reports: u64,
}

impl Output {
    const fn new(name: &'static str, bytes_max: usize, open: fn() -> io::Result<OwnedOutput>) -> Self {
        let state = State {
            lines: VecDeque::new(),
            bytes: 0,
            lost: 0,
            failing: false,
            writer: false,
            writing: false,
            resting: false,
            progress: None,
        };
        let state = Mutex::new(state);
        Self { name, bytes_max, open, state, changed: Condvar::new(), lost_total: AtomicU64::new(0) }
    }

    /// Queues a line, or counts it as lost. Never waits for the output.
    pub(crate) fn enqueue(&'static self, text: Vec<u8>) {
        let mut state = self.lock();
        if state.bytes.saturating_add(text.len()) > self.bytes_max {
            state.lost = state.lost.saturating_add(1);
            self.lost_total.fetch_add(1, Ordering::Relaxed);
            return;
        }
        // The report is queued in place of the lost lines: after those queued before them.
        state.report();
        state.push(Line { text, reports: 0 });
        let start = !std::mem::replace(&mut state.writer, true);
        state.resting &= !start;
        drop(state);
        self.changed.notify_all();
        if start && thread::Builder::new().name(self.name.to_owned()).spawn(|| self.write_all_lines()).is_err() {
            // The next line tries again.
            self.lock().writer = false;
        }
    }

    /// Main function of the writer thread.
    fn write_all_lines(&'static self) {
        // A separate file handle: the standard streams have a lock, which a blocked write would hold.
        let mut file = (self.open)().map(File::from);
        while let Some(line) = self.next() {
            let written = match &mut file {
                Ok(file) => self.write_line(file, &line.text),
                Err(error) => Err(error.kind().into()),
            };
            self.written(&line, written.is_ok());
        }
    }

    /// Waits for a line. Returns `None` if the thread must end.
    fn next(&self) -> Option<Line> {
        let mut state = self.lock();
        loop {
            if state.lines.is_empty() && !state.failing {
                state.report();
            }
            if let Some(line) = state.lines.pop_front() {
                state.bytes = state.bytes.saturating_sub(line.text.len());
                state.writing = true;
                self.changed.notify_all();
                return Some(line);
            }
            if state.resting {
                state.writer = false;
                self.changed.notify_all();
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn write_line(&self, file: &mut impl Write, text: &[u8]) -> io::Result<()> {
        for chunk in text.chunks(CHUNK_BYTES) {
            write_chunk(file, chunk)?;
            self.lock().progress = Some(Instant::now());
            self.changed.notify_all();
        }
        Ok(())
    }

    fn written(&self, line: &Line, written: bool) {
        let mut state = self.lock();
        state.writing = false;
        state.failing = !written;
        if !written {
            state.lost = state.lost.saturating_add(line.reports.max(1));
            self.lost_total.fetch_add(u64::from(line.reports == 0), Ordering::Relaxed);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Waits until the queue is written, or until there has been no progress for [`STALLED_FOR`].
    fn flush(&self, started: Instant) {
        self.wait_while(started, |state| state.writer && (state.writing || !state.lines.is_empty()));
    }

    fn rest(&self) {
        self.lock().resting = true;
        self.changed.notify_all();
        self.wait_while(Instant::now(), |state| state.writer && state.lines.is_empty() && !state.writing);
    }

    fn wait_while(&self, started: Instant, busy: impl Fn(&State) -> bool) {
        let mut state = self.lock();
        while busy(&state) {
            let stalled_at = state.progress.map_or(started, |at| at.max(started)).checked_add(STALLED_FOR);
            let end = stalled_at.into_iter().chain(started.checked_add(FLUSHED_WITHIN)).min();
            let left = end.map(|end| end.saturating_duration_since(Instant::now())).unwrap_or_default();
            if left.is_zero() {
                return;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn push(&mut self, line: Line) {
        self.bytes = self.bytes.saturating_add(line.text.len());
        self.lines.push_back(line);
    }

    /// Queues a report of the lost lines, if there are any.
    fn report(&mut self) {
        let reports = std::mem::take(&mut self.lost);
        if reports > 0 {
            let text =
                format!("polytrader: {reports} lines were lost here: the output was blocked or could not be written\n");
            self.push(Line { text: text.into_bytes(), reports });
        }
    }
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Writes the whole chunk, even if another program has made the output non-blocking.
fn write_chunk(file: &mut impl Write, mut chunk: &[u8]) -> io::Result<()> {
    while !chunk.is_empty() {
        match file.write(chunk) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => chunk = chunk.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(PAUSE),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code may fail loudly")]

    use super::*;
    use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Read};
    use std::os::fd::{AsFd, OwnedFd};
    use std::sync::OnceLock;

    const LONG: usize = 100;

    fn line(number: usize) -> Vec<u8> {
        format!("{number:0width$}\n", width = LONG - 1).into_bytes()
    }

    /// Fills a pipe, so that the writer thread of its output blocks; returns the number of bytes.
    fn fill(pipe: &OnceLock<PipeWriter>) -> usize {
        let mut pipe = pipe.get().unwrap();
        let bytes = rustix::pipe::fcntl_getpipe_size(pipe).unwrap();
        pipe.write_all(&vec![0; bytes]).unwrap();
        bytes
    }

    /// Waits until the writer thread has taken a line.
    fn taken(output: &Output) {
        drop(output.changed.wait_while(output.lock(), |state| !state.writing).unwrap());
    }

    macro_rules! piped {
        ($pipe:ident, $output:ident, $bytes_max:expr) => {
            static $pipe: OnceLock<PipeWriter> = OnceLock::new();
            static $output: Output = Output::new("test", $bytes_max, || {
                $pipe.get().ok_or(ErrorKind::NotFound)?.as_fd().try_clone_to_owned()
            });
        };
    }

    fn reader_of(pipe: &OnceLock<PipeWriter>) -> BufReader<PipeReader> {
        let (reader, writer) = io::pipe().unwrap();
        pipe.set(writer).unwrap();
        BufReader::new(reader)
    }

    #[test]
    fn a_stalled_reader_costs_lines_but_no_time_and_the_loss_is_reported() {
        piped!(PIPE, OUTPUT, 10_000);
        let mut reader = reader_of(&PIPE);
        let filled = fill(&PIPE);
        OUTPUT.enqueue(line(0));
        taken(&OUTPUT);
        // 100 lines fit. Each call returns at once; otherwise this test would not end.
        (1..=200).for_each(|number| OUTPUT.enqueue(line(number)));
        reader.read_exact(&mut vec![0; filled]).unwrap();
        let lines: Vec<String> = (&mut reader).lines().take(102).map(Result::unwrap).collect();
        let (report, kept) = lines.split_last().unwrap();
        assert!(kept.iter().enumerate().all(|(number, text)| text.parse() == Ok(number)), "lines are in order");
        assert!(report.starts_with("polytrader: 100 lines were lost"), "{report}");
        assert_eq!(OUTPUT.lost_total.load(Ordering::Relaxed), 100);
        OUTPUT.enqueue(line(7));
        let mut text = String::new();
        reader.read_line(&mut text).unwrap();
        assert_eq!(text.as_bytes(), line(7));
    }

    #[test]
    fn the_end_waits_for_a_slow_reader_and_gives_one_up_that_stands_still() {
        piped!(PIPE, OUTPUT, 1_000_000);
        let mut reader = reader_of(&PIPE);
        let whole = vec![b'x'; 300_000];
        OUTPUT.enqueue(whole.clone());
        let slow = thread::spawn(move || {
            let mut text = vec![0; 300_000];
            text.chunks_mut(10_000).for_each(|part| {
                thread::sleep(Duration::from_millis(5));
                reader.read_exact(part).unwrap();
            });
            (reader, text)
        });
        OUTPUT.flush(Instant::now());
        let (_stands_still, text) = slow.join().unwrap();
        assert!(text == whole && OUTPUT.lock().lines.is_empty());
        OUTPUT.enqueue(whole);
        let started = Instant::now();
        OUTPUT.flush(started);
        assert!(started.elapsed() >= STALLED_FOR && OUTPUT.lock().writing);
    }

    #[test]
    fn lines_that_cannot_be_written_are_lost_and_counted() {
        static FULL: Output =
            Output::new("test", 10_000, || File::options().write(true).open("/dev/full").map(OwnedFd::from));
        (0..3).for_each(|number| FULL.enqueue(line(number)));
        FULL.flush(Instant::now());
        FULL.rest();
        let state = FULL.lock();
        assert_eq!((FULL.lost_total.load(Ordering::Relaxed), state.lost, state.writer), (3, 3, false));
    }

    #[test]
    fn a_thread_that_rests_is_followed_by_another() {
        piped!(PIPE, OUTPUT, 10_000);
        let mut reader = reader_of(&PIPE);
        for number in 0..2 {
            OUTPUT.enqueue(line(number));
            OUTPUT.flush(Instant::now());
            OUTPUT.rest();
            assert!(!OUTPUT.lock().writer);
            let mut text = String::new();
            reader.read_line(&mut text).unwrap();
            assert_eq!(text.as_bytes(), line(number));
        }
    }
}
