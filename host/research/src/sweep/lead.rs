//! The leader of a sweep: proposes jobs, has them executed, stores their rows, and scores them in the order of the
//! proposals. A job that has a row is not executed again.

use super::Method;
use super::file::SweepFile;
use super::job::{Models, SCHEMA, SweepJob, TrialRow};
use super::objective::Objective;
use super::results::Results;
use super::search::search;
use super::space::{Parameters, Space};
use super::splits::Splits;
use anyhow::{Context, ensure};
use model::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The files of a sweep's jobs on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Files {
    /// The strategy's module.
    pub module: PathBuf,
    /// The tapes, in the order of the jobs.
    pub tapes: Vec<PathBuf>,
}

/// Runs one job.
pub trait Evaluate: Send + Sync {
    /// Returns the job's row. A strategy that fails gives a row too.
    ///
    /// # Errors
    /// If the job cannot be run here: a file is missing or does not have its hash.
    fn evaluate(&self, job: &SweepJob, files: &Files) -> anyhow::Result<TrialRow>;
}

/// Runs jobs, in any order and on any number of machines.
pub trait Execute {
    /// Runs all jobs, and hands each row over when it is there.
    ///
    /// # Errors
    /// If a job cannot be run, or `done` fails. Rows handed over before count.
    fn execute(
        &mut self,
        jobs: &[SweepJob],
        done: &mut dyn FnMut(TrialRow) -> anyhow::Result<()>,
    ) -> anyhow::Result<()>;
}

/// Everything that decides the results of a sweep. Two sweeps with equal plans have equal rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Version of this description.
    pub schema: u32,
    /// The sweep's name.
    pub name: String,
    /// The strategy's name.
    pub strategy: String,
    /// SHA-256 of its module, lower-case hex.
    pub module: String,
    /// SHA-256 of the tapes' records.
    pub tapes: Vec<String>,
    /// The search.
    pub method: Method,
    /// Seed of the search.
    pub seed: u64,
    /// The score.
    pub objective: String,
    /// Parameters that do not change.
    pub parameters: Parameters,
    /// The varied parameters.
    pub space: Space,
    /// The models.
    pub models: Models,
    /// The splits.
    pub splits: Option<Splits>,
}

impl Plan {
    /// Returns the plan of a sweep file, for the files that it names.
    ///
    /// # Errors
    /// If the module's schema rejects a value, or the objective does not fit the splits.
    pub fn new(file: &SweepFile, module: &str, schema: &str, tapes: Vec<String>) -> anyhow::Result<Self> {
        file.space.check(schema, &file.base.parameters)?;
        if let (Some(_), Some(figure)) = (&file.splits, file.objective.beyond_groups()) {
            anyhow::bail!(
                "objective uses `{figure}`, which event groups do not have: leave out [splits], or use another"
            );
        }
        let strategy = file.strategy.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        Ok(Self {
            schema: SCHEMA,
            name: file.name.clone(),
            strategy: strategy.context("`strategy` is not the path of a module")?,
            module: module.to_owned(),
            tapes,
            method: file.method,
            seed: file.seed,
            objective: file.objective.text().to_owned(),
            parameters: file.base.parameters.clone(),
            space: file.space.clone(),
            models: file.base.models.clone(),
            splits: file.splits,
        })
    }

    /// Returns the plan as text; equal plans have equal texts.
    ///
    /// # Errors
    /// If a value cannot be written as JSON.
    pub fn to_text(&self) -> anyhow::Result<String> {
        serde_json::to_string_pretty(self).context("writing the plan as JSON")
    }

    /// Returns the sweep's id: the SHA-256 of its text, lower-case hex.
    ///
    /// # Errors
    /// If a value cannot be written as JSON.
    pub fn id(&self) -> anyhow::Result<String> {
        Ok(hex::encode(&Sha256::digest(self.to_text()?)))
    }

    /// Returns the identity of the tapes together, under which all trials on them are counted.
    pub fn tape(&self) -> String {
        identity(&self.tapes)
    }

    /// Returns the job of a proposal.
    pub fn job(&self, proposal: &Parameters) -> SweepJob {
        let parameters = self.parameters.clone().into_iter().chain(proposal.clone()).collect();
        SweepJob {
            schema: SCHEMA,
            strategy: self.strategy.clone(),
            module: self.module.clone(),
            tapes: self.tapes.clone(),
            parameters,
            models: self.models.clone(),
        }
    }
}

/// Returns the identity of tapes together: the hash of one, or the hash of the hashes of several.
pub fn identity(tapes: &[String]) -> String {
    match tapes {
        [one] => one.clone(),
        many => hex::encode(&Sha256::digest(many.join("\n"))),
    }
}

/// A trial: a proposal of the search.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// Its place in the order of proposals, from 0.
    pub place: usize,
    /// The varied parameters.
    pub proposal: Parameters,
    /// The job's hash. Proposals with equal parameters share a job.
    pub job: String,
    /// The score; higher is better.
    pub score: Option<f64>,
}

/// The trials of a finished sweep.
#[derive(Debug)]
pub struct Outcome {
    /// In the order of proposals.
    pub trials: Vec<Trial>,
    /// One row for each job, in the order of first proposals.
    pub rows: Vec<TrialRow>,
}

impl Outcome {
    /// Returns the trial with the best score, the first of several.
    pub fn best(&self) -> Option<&Trial> {
        let scored = self.trials.iter().filter(|trial| trial.score.is_some());
        scored.reduce(|best, trial| if trial.score > best.score { trial } else { best })
    }

    /// Returns the row of a job.
    pub fn row(&self, job: &str) -> Option<&TrialRow> {
        self.rows.iter().find(|row| row.job == job)
    }
}

/// The parts of a sweep.
#[derive(Debug)]
pub struct Lead<'p> {
    /// The sweep file.
    pub file: &'p SweepFile,
    /// Its plan.
    pub plan: &'p Plan,
    /// Its rows on disk.
    pub results: &'p mut Results,
}

impl Lead<'_> {
    /// Runs the sweep to its end. `progress` receives the number of rows so far and that of the round's end.
    ///
    /// # Errors
    /// If a job cannot be run, or a row cannot be stored. The rows stored before stay.
    pub fn run(
        &mut self,
        execute: &mut dyn Execute,
        progress: &mut dyn FnMut(usize, usize),
    ) -> anyhow::Result<Outcome> {
        let mut search = search(self.file)?;
        let (mut trials, mut order, mut seen) = (Vec::new(), Vec::new(), BTreeMap::new());
        loop {
            let round = search.propose()?;
            if round.is_empty() {
                break;
            }
            let jobs: Vec<SweepJob> = round.iter().map(|proposal| self.plan.job(proposal)).collect();
            let hashes: Vec<String> = jobs.iter().map(SweepJob::hash).collect();
            let mut missing: BTreeMap<&str, &SweepJob> = BTreeMap::new();
            for (job, hash) in jobs.iter().zip(&hashes) {
                if seen.insert(hash.clone(), ()).is_none() {
                    order.push(hash.clone());
                    if self.results.row(hash).is_none() {
                        missing.insert(hash, job);
                    }
                }
            }
            let missing: Vec<SweepJob> = missing.into_values().cloned().collect();
            self.execute(execute, &missing, progress)?;
            let scores = self.scores(&hashes)?;
            search.observe(&scores)?;
            for ((proposal, job), score) in round.into_iter().zip(hashes).zip(scores) {
                trials.push(Trial { place: trials.len(), proposal, job, score });
            }
        }
        let rows = order.iter().filter_map(|job| self.results.row(job).cloned()).collect();
        Ok(Outcome { trials, rows })
    }

    fn execute(
        &mut self,
        execute: &mut dyn Execute,
        missing: &[SweepJob],
        progress: &mut dyn FnMut(usize, usize),
    ) -> anyhow::Result<()> {
        let end = self.results.len().saturating_add(missing.len());
        progress(self.results.len(), end);
        if missing.is_empty() {
            return Ok(());
        }
        let wanted: BTreeMap<String, ()> = missing.iter().map(|job| (job.hash(), ())).collect();
        let results = &mut *self.results;
        execute.execute(missing, &mut |row: TrialRow| {
            ensure!(wanted.contains_key(&row.job), "the row of an unknown job {}", row.job);
            results.add(row)?;
            progress(results.len(), end);
            Ok(())
        })
    }

    /// Returns the scores of jobs, in their order.
    fn scores(&self, jobs: &[String]) -> anyhow::Result<Vec<Option<f64>>> {
        let score = |job: &String| {
            let row = self.results.row(job).with_context(|| format!("the job {job} has no row"))?;
            Ok(score(&self.file.objective, row))
        };
        jobs.iter().map(score).collect()
    }
}

/// Returns the score of a row; none if its strategy failed.
pub fn score(objective: &Objective, row: &TrialRow) -> Option<f64> {
    match row.end {
        super::TrialEnd::Complete => objective.of_row(row),
        super::TrialEnd::Failed(_) => None,
    }
}
