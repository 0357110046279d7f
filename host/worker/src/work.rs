//! The worker: takes a job, reports progress while it runs, publishes its row under the job's hash, and acknowledges.

use crate::address::Address;
use crate::link::{DELIVERIES_MAX, Link, PROGRESS, poisoned_subject, result_subject};
use crate::message::{FileRef, JobMessage, MESSAGE_MAX, Poisoned, ResultMessage, decode, encode, is_hash};
use crate::objects::{self, Cache};
use anyhow::{Context, anyhow, ensure};
use async_nats::jetstream::{AckKind, Message};
use futures_util::StreamExt;
use research::sweep::{Evaluate, Files, SweepJob, TrialRow};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep};

/// Time that one request for a job waits.
const ASKED_FOR: Duration = Duration::from_secs(5);
/// Pause before a job that failed is delivered again, and after an error of the server.
const PAUSE: Duration = Duration::from_secs(1);
/// Space that a message has beside its row.
const ENVELOPE: usize = 1_024;

/// The settings of a worker.
#[derive(Debug, Clone)]
pub struct Worker {
    /// The queue.
    pub address: Address,
    /// Its name in logs and in the list of poisoned jobs.
    pub name: String,
    /// Jobs at the same time.
    pub jobs: usize,
    /// The folder with modules and tapes.
    pub cache: PathBuf,
}

/// Works until `stop` is true. Jobs in progress then go back into the queue.
///
/// # Errors
/// If the first connection fails, or the folder cannot be created.
pub async fn work<E: Evaluate + 'static>(
    worker: &Worker,
    evaluate: Arc<E>,
    stop: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let link = Link::connect(&worker.address, &worker.name).await?;
    tracing::info!(queue = %worker.address, jobs = worker.jobs, "worker connected");
    let cache = Arc::new(Cache::open(&worker.cache)?);
    let lanes = (0..worker.jobs.max(1)).map(|_| {
        let (link, name, cache) = (link.clone(), worker.name.clone(), cache.clone());
        let lane = Lane { link, name, cache, evaluate: evaluate.clone() };
        tokio::spawn(lane.run(stop.clone()))
    });
    for lane in lanes.collect::<Vec<_>>() {
        lane.await.context("a lane of the worker panicked")?;
    }
    Ok(())
}

/// One job at a time.
struct Lane<E> {
    link: Link,
    name: String,
    cache: Arc<Cache>,
    evaluate: Arc<E>,
}

impl<E: Evaluate + 'static> Lane<E> {
    async fn run(self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            tokio::select! {
                // A closed channel ends the worker, as a signal does.
                _ = stop.changed() => {}
                message = self.next() => match message {
                    Ok(Some(message)) => self.handle(&message, &mut stop).await,
                    Ok(None) => {}
                    Err(error) => {
                        tracing::warn!(error = format!("{error:#}"), "asking for a job failed");
                        sleep(PAUSE).await;
                    }
                },
            }
        }
    }

    async fn next(&self) -> anyhow::Result<Option<Message>> {
        let consumer = self.link.workers().await?;
        let mut batch = consumer.batch().max_messages(1).expires(ASKED_FOR).messages().await?;
        batch.next().await.transpose().map_err(|error| anyhow!("receiving a job: {error}"))
    }

    async fn handle(&self, message: &Message, stop: &mut watch::Receiver<bool>) {
        let hash = message.subject.rsplit('.').next().unwrap_or_default().to_owned();
        let delivery = message.info().map_or(1, |info| info.delivered);
        let outcome = tokio::select! {
            outcome = self.finish(message, &hash, delivery) => outcome,
            _ = stop.changed() => {
                tracing::info!(job = hash, "worker stops; job returned to the queue");
                return acknowledge(message, AckKind::Nak(None)).await;
            }
        };
        let Err(error) = outcome else { return acknowledge(message, AckKind::Ack).await };
        tracing::warn!(job = hash, delivery, error = format!("{error:#}"), "job failed");
        if delivery < DELIVERIES_MAX {
            return acknowledge(message, AckKind::Nak(Some(PAUSE))).await;
        }
        let note = Poisoned::new(hash.clone(), format!("{error:#}"), self.name.clone());
        let noted = match encode(&note) {
            Ok(bytes) => self.link.publish_once(poisoned_subject(&hash), bytes).await.map(drop),
            Err(error) => Err(error),
        };
        match noted {
            Ok(()) => acknowledge(message, AckKind::Term).await,
            // It is delivered once more, and noted then.
            Err(error) => tracing::warn!(job = hash, error = format!("{error:#}"), "poisoned job not noted"),
        }
    }

    /// Runs a job and publishes its row, unless the row is there.
    async fn finish(&self, message: &Message, hash: &str, delivery: i64) -> anyhow::Result<()> {
        ensure!(is_hash(hash), "the job has a subject that is not a hash");
        if self.link.result(hash).await?.is_some() {
            tracing::info!(job = hash, delivery, "job has its result");
            return Ok(());
        }
        ensure!(delivery <= DELIVERIES_MAX, "its worker ended {DELIVERIES_MAX} times while the job ran");
        let JobMessage { job, module, tapes } = decode(&message.payload)?;
        ensure!(job.hash() == hash, "the job has the hash {}, expected that of its subject", job.hash());
        let ticks = async {
            let mut ticks = interval(PROGRESS);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                acknowledge(message, AckKind::Progress).await;
            }
        };
        let row = tokio::select! {
            row = self.evaluate(job, &module, &tapes) => row?,
            () = ticks => return Err(anyhow!("unreachable")),
        };
        self.publish(hash, row).await
    }

    async fn evaluate(&self, job: SweepJob, module: &FileRef, tapes: &[FileRef]) -> anyhow::Result<TrialRow> {
        let files = self.files(module, tapes).await?;
        let (evaluate, hash) = (self.evaluate.clone(), job.hash());
        let ran = tokio::task::spawn_blocking(move || evaluate.evaluate(&job, &files)).await;
        let row = ran.context("the job panicked")??;
        ensure!(row.job == hash, "the row belongs to the job {}", row.job);
        Ok(row)
    }

    async fn files(&self, module: &FileRef, tapes: &[FileRef]) -> anyhow::Result<Files> {
        let module = self.cache.fetch(&self.link, module).await?;
        let mut paths = Vec::with_capacity(tapes.len());
        for tape in tapes {
            paths.push(self.cache.fetch(&self.link, tape).await?);
        }
        Ok(Files { module, tapes: paths })
    }

    async fn publish(&self, hash: &str, row: TrialRow) -> anyhow::Result<()> {
        let bytes = serde_json::to_vec(&row).context("writing a row as JSON")?;
        let message = if bytes.len() <= MESSAGE_MAX.saturating_sub(ENVELOPE) {
            ResultMessage::Row(Box::new(row))
        } else {
            ResultMessage::Object(objects::upload_bytes(&self.link, &bytes).await?)
        };
        let first = self.link.publish_once(result_subject(hash), encode(&message)?).await?;
        tracing::info!(job = hash, first, "job done");
        Ok(())
    }
}

/// Answers the server. Without the answer the job is delivered again, and its result is there.
async fn acknowledge(message: &Message, kind: AckKind) {
    if let Err(error) = message.ack_with(kind).await {
        tracing::warn!(%error, "answer about a job not sent");
    }
}
