//! Progress of a run on a terminal, and its end by a signal.

use crate::platform::Interrupts;
use anyhow::Context;
use research::backtest::Watch;
use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Interval between two lines.
const EVERY: Duration = Duration::from_millis(500);

/// Ends the run at Ctrl-C or SIGTERM; a second one ends the process.
///
/// # Errors
/// If the signals cannot be received.
pub(crate) fn stop_on_signals(watch: &Arc<Watch>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().context("starting a runtime")?;
    let mut interrupts = {
        let _inside = runtime.enter();
        Interrupts::listen()?
    };
    let watch = Arc::clone(watch);
    let work = move || {
        runtime.block_on(async {
            loop {
                interrupts.next().await;
                if watch.stop.swap(true, Ordering::Relaxed) {
                    std::process::exit(130);
                }
            }
        });
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(work).map(drop).context("starting a thread")
}

/// A line on the terminal that is redrawn while a run is in progress.
#[derive(Debug)]
pub(crate) struct Progress {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// Starts the line, if standard error is a terminal. `events` and `span` are those of the tapes, as far as known.
    pub(crate) fn start(watch: &Arc<Watch>, events: u64, span: Option<(model::Time, model::Time)>) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let thread = std::io::stderr().is_terminal().then(|| {
            let (watch, over) = (Arc::clone(watch), Arc::clone(&over));
            std::thread::spawn(move || {
                let started = Instant::now();
                while !over.load(Ordering::Relaxed) {
                    std::thread::sleep(EVERY);
                    let line = line(&watch, events, span, started.elapsed());
                    drop(write!(std::io::stderr(), "\r\x1b[2K{line}"));
                }
                drop(write!(std::io::stderr(), "\r\x1b[2K"));
            })
        });
        Self { over, thread }
    }

    /// Removes the line.
    pub(crate) fn end(self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread {
            thread.join().ok();
        }
    }
}

fn line(watch: &Watch, all: u64, span: Option<(model::Time, model::Time)>, took: Duration) -> String {
    let (events, at) = (watch.events.load(Ordering::Relaxed), watch.at.load(Ordering::Relaxed));
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
    let rate = events.saturating_mul(1_000).checked_div(millis).unwrap_or(0);
    let done = if all > 0 {
        events.saturating_mul(1_000).checked_div(all)
    } else {
        span.and_then(|(first, last)| {
            at.saturating_sub(first.0).saturating_mul(1_000).checked_div(last.since(first).max(1))
        })
    };
    let done = done.unwrap_or(0).min(1_000);
    let left = millis.saturating_mul(1_000_u64.saturating_sub(done)).checked_div(done).map(|millis| millis / 1_000);
    let left = left.map_or_else(String::new, |seconds| format!(", {seconds} s left"));
    format!("{}.{} %, {events} events, {rate} a second{left}, {}", done / 10, done % 10, model::Time(at).iso())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_has_rate_and_time_left() {
        let watch = Watch::default();
        watch.events.store(250, Ordering::Relaxed);
        let text = line(&watch, 1_000, None, Duration::from_secs(5));
        assert!(text.starts_with("25.0 %, 250 events, 50 a second, 15 s left"), "{text}");
    }
}
