//! The connection to the server, and the streams: jobs (a work queue), results and poisoned jobs (each keyed by the job's
//! hash, one message a job), and the bucket of objects.

use crate::address::Address;
use crate::message::{MESSAGE_MAX, ResultMessage, decode};
use anyhow::{Context, bail, ensure};
use async_nats::jetstream::consumer::AckPolicy;
use async_nats::jetstream::consumer::pull::Config as Pull;
use async_nats::jetstream::context::PublishError;
use async_nats::jetstream::object_store::{Config as Bucket, ObjectStore};
use async_nats::jetstream::stream::{Config, DiscardPolicy, LastRawMessageErrorKind, RetentionPolicy, Stream};
use async_nats::jetstream::{self, Context as JetStream};
use std::time::Duration;

/// Time within which a worker must report progress; else its job is delivered to another one.
pub(crate) const ACK_WAIT: Duration = Duration::from_secs(30);
/// Interval of a worker's reports of progress.
pub(crate) const PROGRESS: Duration = Duration::from_secs(10);
/// Time that results, poisoned jobs and objects are kept.
const KEPT: Duration = Duration::from_secs(14 * 24 * 3_600);
/// Deliveries of a job before it counts as poisoned.
pub(crate) const DELIVERIES_MAX: i64 = 3;

const JOBS: &str = "SWEEP_JOBS";
const RESULTS: &str = "SWEEP_RESULTS";
const POISONED: &str = "SWEEP_POISONED";
const OBJECTS: &str = "sweep-objects";
const WORKERS: &str = "workers";
/// The server's answer to a second message of a job.
const PER_SUBJECT: &str = "maximum messages per subject exceeded";

/// The subject of a job, of its result, and of its entry in the list of poisoned jobs.
pub(crate) fn job_subject(job: &str) -> String {
    format!("sweep.jobs.{job}")
}
pub(crate) fn result_subject(job: &str) -> String {
    format!("sweep.results.{job}")
}
pub(crate) fn poisoned_subject(job: &str) -> String {
    format!("sweep.poisoned.{job}")
}

/// A connection.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) context: JetStream,
    pub(crate) jobs: Stream,
    pub(crate) results: Stream,
    pub(crate) poisoned: Stream,
    pub(crate) objects: ObjectStore,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

impl Link {
    /// Connects, and creates what the server does not have yet.
    pub(crate) async fn connect(address: &Address, name: &str) -> anyhow::Result<Self> {
        let mut options = async_nats::ConnectOptions::new().name(name).require_tls(address.needs_tls());
        // The client does not read the login of an address.
        options = match address.login() {
            Some((name, Some(password))) => options.user_and_password(name, password),
            Some((token, None)) => options.token(token),
            None => options,
        };
        if let Some((certificate, key)) = address.identity() {
            options = options.add_client_certificate(certificate.clone(), key.clone());
        }
        if let Some(file) = address.authority() {
            options = options.add_root_certificates(file.clone());
        }
        let connected = options.connect(address.url()).await;
        // The client's error may name the address with its login; its kind does not.
        let client = match connected {
            Ok(client) => client,
            Err(error) => bail!("connecting to the queue at {address}: {}", error.kind()),
        };
        let context = jetstream::new(client);
        let created = Self::create(context).await;
        created.with_context(|| format!("preparing the queue at {address}; it needs JetStream"))
    }

    async fn create(context: JetStream) -> anyhow::Result<Self> {
        let message_max = i32::try_from(MESSAGE_MAX)?.saturating_add(1024);
        let one_each = |name: &str, subject: &str| Config {
            name: name.to_owned(),
            subjects: vec![subject.to_owned()],
            max_messages_per_subject: 1,
            discard: DiscardPolicy::New,
            discard_new_per_subject: true,
            max_message_size: message_max,
            ..Config::default()
        };
        let queue = Config { retention: RetentionPolicy::WorkQueue, ..one_each(JOBS, "sweep.jobs.*") };
        let jobs = context.get_or_create_stream(queue).await.context("the stream of jobs")?;
        let kept = Config { max_age: KEPT, ..one_each(RESULTS, "sweep.results.*") };
        let results = context.get_or_create_stream(kept).await.context("the stream of results")?;
        let kept = Config { max_age: KEPT, ..one_each(POISONED, "sweep.poisoned.*") };
        let poisoned = context.get_or_create_stream(kept).await.context("the stream of poisoned jobs")?;
        let objects = match context.get_object_store(OBJECTS).await {
            Ok(objects) => objects,
            Err(_) => {
                let bucket = Bucket { bucket: OBJECTS.to_owned(), max_age: KEPT, ..Bucket::default() };
                context.create_object_store(bucket).await.context("the bucket of objects")?
            }
        };
        Ok(Self { context, jobs, results, poisoned, objects })
    }

    /// Returns the consumer that all workers share.
    pub(crate) async fn workers(&self) -> anyhow::Result<jetstream::consumer::Consumer<Pull>> {
        let config = Pull {
            durable_name: Some(WORKERS.to_owned()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACK_WAIT,
            // The workers count, so that the last delivery can name its reason.
            max_deliver: -1,
            max_ack_pending: 20_000,
            ..Pull::default()
        };
        self.jobs.get_or_create_consumer(WORKERS, config).await.context("the consumer of the workers")
    }

    /// Publishes a message unless its subject has one. Returns whether it was published.
    pub(crate) async fn publish_once(&self, subject: String, bytes: Vec<u8>) -> anyhow::Result<bool> {
        ensure!(bytes.len() <= MESSAGE_MAX, "a message has {} bytes, expected at most {MESSAGE_MAX}", bytes.len());
        let sent = self.context.publish(subject, bytes.into()).await;
        let stored = match sent {
            Ok(stored) => stored.await,
            Err(error) => Err(error),
        };
        match stored {
            Ok(_) => Ok(true),
            Err(error) if is_second(&error) => Ok(false),
            Err(error) => Err(error).context("publishing to the queue"),
        }
    }

    /// Returns the result of a job, if it has one.
    pub(crate) async fn result(&self, job: &str) -> anyhow::Result<Option<ResultMessage>> {
        match self.results.get_last_raw_message_by_subject(&result_subject(job)).await {
            Ok(message) => decode(&message.payload).map(Some),
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(error).context("asking the queue for a result"),
        }
    }
}

fn is_second(error: &PublishError) -> bool {
    let mut source: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = source {
        if error.to_string().contains(PER_SUBJECT) {
            return true;
        }
        source = error.source();
    }
    false
}
