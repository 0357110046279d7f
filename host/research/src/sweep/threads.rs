//! Runs jobs on the threads of this process.

use super::job::{SweepJob, TrialRow};
use super::lead::{Evaluate, Execute, Files};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::{panic, thread};

/// Most threads.
const THREADS_MAX: usize = 1_024;

/// An executor with a number of threads.
#[derive(Debug)]
pub struct Threads<'e, E> {
    evaluate: &'e E,
    files: &'e Files,
    threads: usize,
    stop: &'e AtomicBool,
}

impl<'e, E: Evaluate> Threads<'e, E> {
    /// Returns an executor with `threads` threads; 0 stands for one for each core. It begins no further job once `stop`
    /// is set.
    pub fn new(evaluate: &'e E, files: &'e Files, threads: usize, stop: &'e AtomicBool) -> Self {
        let cores = || thread::available_parallelism().map_or(1, usize::from);
        let threads = if threads == 0 { cores() } else { threads };
        Self { evaluate, files, threads: threads.clamp(1, THREADS_MAX), stop }
    }
}

impl<E: Evaluate> Execute for Threads<'_, E> {
    fn execute(
        &mut self,
        jobs: &[SweepJob],
        done: &mut dyn FnMut(TrialRow) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
        let (rows, taken) = mpsc::sync_channel(self.threads);
        let (evaluate, files, stop) = (self.evaluate, self.files, self.stop);
        let work = |rows: mpsc::SyncSender<anyhow::Result<TrialRow>>| {
            while !stop.load(Ordering::Relaxed) && !failed.load(Ordering::Relaxed) {
                let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
                let row = panic::catch_unwind(panic::AssertUnwindSafe(|| evaluate.evaluate(job, files)));
                let row = row.unwrap_or_else(|_| Err(anyhow::anyhow!("the job {} panicked", job.hash())));
                if rows.send(row).is_err() {
                    return;
                }
            }
        };
        thread::scope(|scope| {
            for _ in 0..self.threads.min(jobs.len()) {
                let rows = rows.clone();
                scope.spawn(|| work(rows));
            }
            drop(rows);
            let mut outcome = Ok(());
            for row in taken {
                // After an error the threads end with their current job; its row is still kept if possible.
                let result = row.and_then(&mut *done);
                if result.is_err() && outcome.is_ok() {
                    failed.store(true, Ordering::Relaxed);
                    outcome = result;
                }
            }
            outcome
        })?;
        anyhow::ensure!(
            !stop.load(Ordering::Relaxed),
            "interrupted; the finished trials are kept, run it again to continue"
        );
        Ok(())
    }
}
