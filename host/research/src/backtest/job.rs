//! The description of a run: everything that decides its result, so that another machine gives the same one.

use super::fees::Fees;
use crate::run::{FillModel, RunKind};
use model::{Budget, Limits, RequestTier, Time, Usd};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::PathBuf;

/// Feed latency that is assumed where a tape has no times of receipt, in microseconds: the median of the recordings
/// that have them is 118 to 130 ms.
pub(super) const FEED_LATENCY_MICROS: u64 = 125_000;
/// Order latency one way, in microseconds.
pub(super) const ORDER_LATENCY_MICROS: u64 = 50_000;

/// A run to be made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The origin of its rows.
    pub kind: RunKind,
    /// The strategies; at least one.
    pub strategies: Vec<JobStrategy>,
    /// The tapes, for the description of the run.
    pub tapes: Vec<JobTape>,
    /// The session's limits.
    pub limits: Limits,
    /// Cash at the start.
    pub cash: Usd,
    /// Seed of everything that is drawn.
    pub seed: u64,
    /// The fill model.
    pub fill: FillModel,
    /// The latencies.
    pub latency: Latency,
    /// The source of fee rates.
    pub fees: Fees,
    /// Start of the strategies; earlier events build the books only.
    pub from: Option<Time>,
    /// End of the run: later events are not read.
    pub to: Option<Time>,
    /// Begin of the held-out period that this run opens, for its description.
    pub holdout: Option<Time>,
    /// True if outcomes that are read off the last book count as outcomes.
    pub implied: bool,
    /// True if pairs are merged and complete baskets converted as soon as they are held.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub merge: bool,
    /// The tier that limits the rates of orders and cancels.
    #[serde(default, skip_serializing_if = "RequestTier::is_standard")]
    pub request_tier: RequestTier,
}

/// A strategy of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobStrategy {
    /// Its name.
    pub name: String,
    /// Its module.
    pub module: ModuleRef,
    /// Its parameters, a JSON object as text.
    pub parameters: String,
    /// Its budget.
    pub budget: Budget,
    /// Slugs or condition ids of the markets that it may be granted; empty for all that it selects.
    pub markets: Vec<String>,
    /// Its own start, if it is later than that of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Time>,
}

/// A module by path and hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleRef {
    /// Path of the file.
    pub path: PathBuf,
    /// SHA-256 in lower-case hex; empty if any file is accepted.
    pub hash: String,
}

/// A tape by path and hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobTape {
    /// Path of the file.
    pub path: PathBuf,
    /// SHA-256 of its records in lower-case hex; empty if unknown.
    pub hash: String,
}

/// The latencies of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// From the venue's time of an event to its receipt, where no time of receipt was recorded.
    pub feed: Delay,
    /// From an approval to its effect at the venue; the answer takes as long.
    pub order: Delay,
}

impl Default for Latency {
    fn default() -> Self {
        Self { feed: Delay::Fixed(FEED_LATENCY_MICROS), order: Delay::Fixed(ORDER_LATENCY_MICROS) }
    }
}

/// A latency in microseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delay {
    /// Always this.
    Fixed(u64),
    /// One of these, drawn from the seed.
    Samples(Vec<u64>),
}

impl Delay {
    /// Returns the constant, or the median of the samples.
    pub fn typical(&self) -> u64 {
        match self {
            Self::Fixed(micros) => *micros,
            Self::Samples(samples) => crate::measure::percentiles(samples.clone()).0,
        }
    }

    /// Returns the constant, or one of the samples.
    pub(super) fn draw(&self, rng: &mut sim::Rng) -> u64 {
        match self {
            Self::Fixed(micros) => *micros,
            Self::Samples(samples) => samples.get(rng.place(samples.len())).copied().unwrap_or(0),
        }
    }
}

impl Job {
    /// Returns the SHA-256 of the description without its paths, in lower-case hex: equal jobs give equal results.
    pub fn hash(&self) -> String {
        let mut job = self.clone();
        job.strategies.iter_mut().for_each(|strategy| strategy.module.path = PathBuf::new());
        job.tapes.iter_mut().for_each(|tape| tape.path = PathBuf::new());
        // A description of plain values always has a text.
        let text = serde_json::to_string(&job).unwrap_or_default();
        model::hex::encode(&Sha256::digest(text.as_bytes()))
    }

    /// Returns an error if the job cannot be run, whatever the tape.
    ///
    /// # Errors
    /// The value and what was expected.
    pub fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(!self.strategies.is_empty(), "a run needs at least one strategy");
        let mut names: Vec<&str> = self.strategies.iter().map(|strategy| strategy.name.as_str()).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair.first() == pair.last()) {
            anyhow::bail!("two strategies are named {}; expected different names", pair.first().unwrap_or(&""));
        }
        if let (Some(from), Some(to)) = (self.from, self.to) {
            anyhow::ensure!(from < to, "the run starts at {} and ends at {}, before it", from.iso(), to.iso());
        }
        for (what, delay) in [("feed", &self.latency.feed), ("order", &self.latency.order)] {
            let samples = if let Delay::Samples(samples) = delay { Some(samples) } else { None };
            anyhow::ensure!(samples.is_none_or(|samples| !samples.is_empty()), "no {what} latency was measured");
        }
        Ok(())
    }
}
