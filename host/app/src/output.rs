//! The outputs of this process. Each has a queue of bounded size and a thread that writes it, because a write may take for ever: a terminal
//! stands still after Ctrl-S, a pipe whose reader is stopped is full. No other thread ever waits for an output. Lines that do not fit or
//! cannot be written are lost and counted; the count is written once the output works again.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes of standard error that wait to be written.
const ERR_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of standard output that wait to be written: more than any command prints.
const OUT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes that are written at once. No pipe is smaller, so a slow reader's progress shows.
const CHUNK_BYTES: usize = 4_096;
/// How long the end of the process waits for an output that makes no progress, and for one that does.
const STALLED_FOR: Duration = Duration::from_secs(5);
const FLUSHED_WITHIN: Duration = Duration::from_secs(60);
/// The pause before another attempt on an output that another program has made non-blocking.
const PAUSE: Duration = Duration::from_millis(10);

/// Standard error: the log, and what is said to people.
pub(crate) static ERR: Output =
    Output::new("polytrader-err", ERR_BYTES_MAX, || io::stderr().as_fd().try_clone_to_owned());
/// Standard output: answers.
pub(crate) static OUT: Output =
    Output::new("polytrader-out", OUT_BYTES_MAX, || io::stdout().as_fd().try_clone_to_owned());

/// Returns the number of lines that both outputs have lost since the start.
pub(crate) fn lost() -> u64 {
    [&ERR, &OUT].iter().fold(0, |sum, output| sum.saturating_add(output.lost_total.load(Ordering::Relaxed)))
}

/// Writes what waits when it is dropped: the end of a process that prints.
#[derive(Debug)]
pub(crate) struct Flushed;

impl Drop for Flushed {
    fn drop(&mut self) {
        flush();
    }
}

/// Waits until both outputs are written, within a limit.
pub(crate) fn flush() {
    let started = Instant::now();
    OUT.flush(started);
    ERR.flush(started);
}

/// Ends the threads that write, once they have written what waits; the next line starts another one. A process that confines itself does it
/// before, so that the threads are confined too.
pub(crate) fn rest() {
    flush();
    OUT.rest();
    ERR.rest();
}

/// An output with its queue.
pub(crate) struct Output {
    /// The name of its thread.
    name: &'static str,
    bytes_max: usize,
    open: fn() -> io::Result<OwnedFd>,
    state: Mutex<State>,
    changed: Condvar,
    lost_total: AtomicU64,
}

#[derive(Debug)]
struct State {
    lines: VecDeque<Line>,
    /// The bytes of `lines`.
    bytes: usize,
    /// Lost lines that were not reported.
    lost: u64,
    /// Whether the last write failed. What is lost is reported with the next line then, not at once.
    failing: bool,
    /// Whether a thread writes.
    writer: bool,
    /// Whether that thread has taken a line and not written it.
    writing: bool,
    /// Whether that thread ends when nothing waits.
    resting: bool,
    /// When something was last written.
    progress: Option<Instant>,
}

#[derive(Debug)]
struct Line {
    text: Vec<u8>,
    /// The lost lines that it reports; they are lost again if it is.
    reports: u64,
}

impl Output {
    const fn new(name: &'static str, bytes_max: usize, open: fn() -> io::Result<OwnedFd>) -> Self {
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

    /// Puts a line into the queue, or counts it as lost. Never waits for the output.
    pub(crate) fn put(&'static self, text: Vec<u8>) {
        let mut state = self.lock();
        if state.bytes.saturating_add(text.len()) > self.bytes_max {
            state.lost = state.lost.saturating_add(1);
            self.lost_total.fetch_add(1, Ordering::Relaxed);
            return;
        }
        // In the place of those that it reports: behind what was put before them.
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

    /// The thread: writes line after line.
    fn write_all_lines(&'static self) {
        // A file of its own: the standard streams have a lock each, which a write that stands still would hold.
        let mut file = (self.open)().map(File::from);
        while let Some(line) = self.next() {
            let written = match &mut file {
                Ok(file) => self.write_line(file, &line.text),
                Err(error) => Err(error.kind().into()),
            };
            self.written(&line, written.is_ok());
        }
    }

    /// Waits for a line; none if the thread is to end.
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

    /// Waits until all is written; not if there was no progress for a while since `started`.
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

    /// Puts a line about lost lines into the queue, if there are some.
    fn report(&mut self) {
        let reports = std::mem::take(&mut self.lost);
        if reports > 0 {
            let text = format!(
                "polytrader: {reports} lines were lost here: the output was not read or could not be written\n"
            );
            self.push(Line { text: text.into_bytes(), reports });
        }
    }
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Writes all of it, also where another program has made the output non-blocking.
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
    use std::sync::OnceLock;

    const LONG: usize = 100;

    fn line(number: usize) -> Vec<u8> {
        format!("{number:0width$}\n", width = LONG - 1).into_bytes()
    }

    /// Fills a pipe, so that the thread of its output stands still; returns the number of bytes.
    fn fill(pipe: &OnceLock<PipeWriter>) -> usize {
        let mut pipe = pipe.get().unwrap();
        let bytes = rustix::pipe::fcntl_getpipe_size(pipe).unwrap();
        pipe.write_all(&vec![0; bytes]).unwrap();
        bytes
    }

    /// Waits until the thread of an output has taken a line.
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
    fn a_reader_that_stands_still_costs_lines_and_no_time_and_is_told_how_many() {
        piped!(PIPE, OUTPUT, 10_000);
        let mut reader = reader_of(&PIPE);
        let filled = fill(&PIPE);
        OUTPUT.put(line(0));
        taken(&OUTPUT);
        // A hundred fit; each returns at once, or this test would never end.
        (1..=200).for_each(|number| OUTPUT.put(line(number)));
        reader.read_exact(&mut vec![0; filled]).unwrap();
        let lines: Vec<String> = (&mut reader).lines().take(102).map(Result::unwrap).collect();
        let (report, kept) = lines.split_last().unwrap();
        assert!(kept.iter().enumerate().all(|(number, text)| text.parse() == Ok(number)), "in their order");
        assert!(report.starts_with("polytrader: 100 lines were lost"), "{report}");
        assert_eq!(OUTPUT.lost_total.load(Ordering::Relaxed), 100);
        OUTPUT.put(line(7));
        let mut text = String::new();
        reader.read_line(&mut text).unwrap();
        assert_eq!(text.as_bytes(), line(7));
    }

    #[test]
    fn the_end_waits_for_a_slow_reader_and_gives_one_up_that_stands_still() {
        piped!(PIPE, OUTPUT, 1_000_000);
        let mut reader = reader_of(&PIPE);
        let whole = vec![b'x'; 300_000];
        OUTPUT.put(whole.clone());
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
        OUTPUT.put(whole);
        let started = Instant::now();
        OUTPUT.flush(started);
        assert!(started.elapsed() >= STALLED_FOR && OUTPUT.lock().writing);
    }

    #[test]
    fn lines_that_cannot_be_written_are_lost_and_counted() {
        static FULL: Output =
            Output::new("test", 10_000, || File::options().write(true).open("/dev/full").map(OwnedFd::from));
        (0..3).for_each(|number| FULL.put(line(number)));
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
            OUTPUT.put(line(number));
            OUTPUT.flush(Instant::now());
            OUTPUT.rest();
            assert!(!OUTPUT.lock().writer);
            let mut text = String::new();
            reader.read_line(&mut text).unwrap();
            assert_eq!(text.as_bytes(), line(number));
        }
    }
}
