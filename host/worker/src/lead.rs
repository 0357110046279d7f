//! The leader's side of the queue: uploads the files, publishes the jobs without results, and collects rows.

use crate::address::Address;
use crate::link::{Link, job_subject, poisoned_subject};
use crate::message::{FileRef, JobMessage, Poisoned, ResultMessage, decode, encode};
use crate::objects;
use crate::platform::Interrupts;
use anyhow::{Context, anyhow, bail, ensure};
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::{Ordered, OrderedConfig};
use async_nats::jetstream::stream::Stream;
use futures_util::StreamExt;
use research::sweep::{Execute, Files, SweepJob, TrialRow};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::time::{Instant, interval};

/// Most bytes of a row.
const ROW_MAX: u64 = 64 * 1024 * 1024;
/// Interval at which the leader looks for an interruption.
const LOOK: Duration = Duration::from_millis(200);
/// Interval at which results are looked up, in case a message of a result was lost with a connection.
const LOOK_UP: Duration = Duration::from_secs(20);
/// Most poisoned jobs named in an error.
const NAMED_MAX: usize = 5;

/// An executor that hands jobs to the workers of a queue.
#[derive(Debug)]
pub struct QueueLead {
    runtime: Runtime,
    link: Link,
    module: FileRef,
    tapes: Vec<FileRef>,
    stop: Arc<AtomicBool>,
}

impl QueueLead {
    /// Connects, and uploads the files of the jobs. It hands out no further job once `stop` is set.
    ///
    /// # Errors
    /// If the queue cannot be reached, or a file cannot be uploaded.
    pub fn connect(address: &Address, files: &Files, stop: Arc<AtomicBool>) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.context("starting the leader's threads")?;
        let (link, module, tapes) = runtime.block_on(async {
            let link = Link::connect(address, "polytrader sweep").await?;
            let module = objects::upload(&link, &files.module).await?;
            let mut tapes = Vec::with_capacity(files.tapes.len());
            for tape in &files.tapes {
                tapes.push(objects::upload(&link, tape).await?);
            }
            anyhow::Ok((link, module, tapes))
        })?;
        Ok(Self { runtime, link, module, tapes, stop })
    }

    /// Calls `act` when this process is interrupted or terminated.
    ///
    /// # Errors
    /// If signals cannot be received.
    pub fn on_interrupt(&self, act: impl FnOnce() + Send + 'static) -> anyhow::Result<()> {
        let _context = self.runtime.enter();
        let mut interrupts = Interrupts::listen()?;
        drop(self.runtime.spawn(async move {
            interrupts.next().await;
            act();
        }));
        Ok(())
    }

    /// Returns the jobs in the list of poisoned ones.
    ///
    /// # Errors
    /// If the queue cannot be reached.
    pub fn poisoned(&self, jobs: &[SweepJob]) -> anyhow::Result<Vec<Poisoned>> {
        self.runtime.block_on(async {
            let mut found = Vec::new();
            for job in jobs {
                let subject = poisoned_subject(&job.hash());
                if let Ok(message) = self.link.poisoned.get_last_raw_message_by_subject(&subject).await {
                    found.push(decode(&message.payload)?);
                }
            }
            Ok(found)
        })
    }
}

impl Execute for QueueLead {
    fn execute(
        &mut self,
        jobs: &[SweepJob],
        done: &mut dyn FnMut(TrialRow) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let round = Round {
            link: &self.link,
            stop: &self.stop,
            module: &self.module,
            tapes: &self.tapes,
            waiting: jobs.iter().map(|job| (job.hash(), job)).collect(),
            poisoned: Vec::new(),
        };
        self.runtime.block_on(round.run(done))
    }
}

/// The jobs of one call.
struct Round<'l> {
    link: &'l Link,
    stop: &'l AtomicBool,
    module: &'l FileRef,
    tapes: &'l [FileRef],
    waiting: BTreeMap<String, &'l SweepJob>,
    poisoned: Vec<Poisoned>,
}

impl Round<'_> {
    async fn run(mut self, done: &mut dyn FnMut(TrialRow) -> anyhow::Result<()>) -> anyhow::Result<()> {
        // Before the jobs are published, so that no result is missed.
        let mut results = news(&self.link.results, "sweep.results.*").await?;
        let mut failures = news(&self.link.poisoned, "sweep.poisoned.*").await?;
        self.look_up(done).await?;
        self.publish().await?;
        let (mut look, mut looked) = (interval(LOOK), Instant::now());
        while !self.waiting.is_empty() {
            tokio::select! {
                message = results.next() => {
                    let Some(Ok(message)) = message else { results = news(&self.link.results, "sweep.results.*").await?; continue };
                    self.result(&message.subject, &message.payload, done).await?;
                }
                message = failures.next() => {
                    let Some(Ok(message)) = message else { failures = news(&self.link.poisoned, "sweep.poisoned.*").await?; continue };
                    self.failure(decode(&message.payload)?);
                }
                _ = look.tick() => {
                    ensure!(!self.stop.load(Ordering::Relaxed), "interrupted; the finished trials are kept, run it again to continue");
                    if looked.elapsed() > LOOK_UP {
                        looked = Instant::now();
                        self.look_up(done).await?;
                    }
                }
            }
        }
        self.end()
    }

    /// Takes the results that are there already.
    async fn look_up(&mut self, done: &mut dyn FnMut(TrialRow) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let waiting: BTreeSet<String> = self.waiting.keys().cloned().collect();
        for job in waiting {
            if let Some(result) = self.link.result(&job).await? {
                self.row(&job, result, done).await?;
            }
        }
        Ok(())
    }

    /// Publishes the jobs without results. A job that is in the queue stays as it is.
    async fn publish(&self) -> anyhow::Result<()> {
        for (hash, job) in &self.waiting {
            // An earlier attempt may have ended in the list; this is a new one.
            let purge = self.link.poisoned.purge().filter(poisoned_subject(hash)).await;
            purge.map_err(|error| anyhow!("clearing the list of poisoned jobs: {error}"))?;
            let message = JobMessage { job: (*job).clone(), module: self.module.clone(), tapes: self.tapes.to_vec() };
            self.link.publish_once(job_subject(hash), encode(&message)?).await?;
        }
        Ok(())
    }

    async fn result(
        &mut self,
        subject: &str,
        payload: &[u8],
        done: &mut dyn FnMut(TrialRow) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let job = subject.rsplit('.').next().unwrap_or_default();
        if !self.waiting.contains_key(job) {
            return Ok(());
        }
        self.row(job, decode(payload)?, done).await
    }

    async fn row(
        &mut self,
        job: &str,
        result: ResultMessage,
        done: &mut dyn FnMut(TrialRow) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let row = match result {
            ResultMessage::Row(row) => *row,
            ResultMessage::Object(object) => {
                let bytes = objects::fetch_bytes(self.link, &object, ROW_MAX).await?;
                serde_json::from_slice(&bytes).context("a result of the queue is not what this version writes")?
            }
        };
        ensure!(row.job == job, "the result of the job {job} belongs to {}", row.job);
        if self.waiting.remove(job).is_some() {
            done(row)?;
        }
        Ok(())
    }

    fn failure(&mut self, note: Poisoned) {
        if self.waiting.remove(&note.job).is_some() {
            self.poisoned.push(note);
        }
    }

    fn end(self) -> anyhow::Result<()> {
        if self.poisoned.is_empty() {
            return Ok(());
        }
        let named: Vec<String> = self
            .poisoned
            .iter()
            .take(NAMED_MAX)
            .map(|note| format!("{:.12} ({}, on {})", note.job, note.reason, note.worker))
            .collect();
        bail!(
            "{} jobs failed in 3 deliveries and are in the stream SWEEP_POISONED: {}",
            self.poisoned.len(),
            named.join("; ")
        )
    }
}

/// Subscribes to messages from now on.
async fn news(stream: &Stream, subject: &str) -> anyhow::Result<Ordered> {
    let config = OrderedConfig {
        filter_subject: subject.to_owned(),
        deliver_policy: DeliverPolicy::New,
        ..OrderedConfig::default()
    };
    let consumer = stream.create_consumer(config).await.context("subscribing to results")?;
    consumer.messages().await.context("subscribing to results")
}
