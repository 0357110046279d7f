//! Messages of the queue, as JSON of at most 256 KB; what is larger is an object that the message names.

use anyhow::{Context, ensure};
use research::sweep::{SweepJob, TrialRow};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Most bytes of a message.
pub const MESSAGE_MAX: usize = 256 * 1024;
/// Most bytes of a reason.
const REASON_MAX: usize = 2_000;

/// A job in the queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobMessage {
    /// The job.
    pub job: SweepJob,
    /// The object with its module.
    pub module: FileRef,
    /// The objects with its tapes, in their order.
    pub tapes: Vec<FileRef>,
}

/// An object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileRef {
    /// Its name: the SHA-256 of its bytes, lower-case hex.
    pub object: String,
    /// Its number of bytes.
    pub bytes: u64,
}

/// The result of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResultMessage {
    /// The row.
    Row(Box<TrialRow>),
    /// The object with the row, where it does not fit into a message.
    Object(FileRef),
}

/// A job that no worker could run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Poisoned {
    /// Its hash.
    pub job: String,
    /// The reason of the last attempt.
    pub reason: String,
    /// The name of the last worker.
    pub worker: String,
}

impl Poisoned {
    /// Returns a note with a reason of limited length.
    pub fn new(job: String, mut reason: String, worker: String) -> Self {
        if reason.len() > REASON_MAX {
            let end = (0..=REASON_MAX).rev().find(|end| reason.is_char_boundary(*end)).unwrap_or(0);
            reason.truncate(end);
        }
        Self { job, reason, worker }
    }
}

/// Writes a message.
///
/// # Errors
/// If it is too large.
pub fn encode<T: Serialize>(message: &T) -> anyhow::Result<Vec<u8>> {
    let bytes = serde_json::to_vec(message).context("writing a message as JSON")?;
    ensure!(bytes.len() <= MESSAGE_MAX, "a message has {} bytes, expected at most {MESSAGE_MAX}", bytes.len());
    Ok(bytes)
}

/// Reads a message.
///
/// # Errors
/// If it is too large or has another content.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> anyhow::Result<T> {
    ensure!(bytes.len() <= MESSAGE_MAX, "a message has {} bytes, expected at most {MESSAGE_MAX}", bytes.len());
    serde_json::from_slice(bytes).context("a message of the queue is not what this version writes")
}

/// Returns whether a text is a hash as this crate writes it: nothing else becomes a subject or a file name.
pub fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
