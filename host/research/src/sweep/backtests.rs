//! Runs a job as a backtest, and sums its rows by event group.

use super::job::{GroupRow, HORIZONS, Markout, SCHEMA, SweepJob, TrialEnd, TrialRow, bounded};
use super::lead::{Evaluate, Files};
use crate::backtest::{Delay, Fees, Job, JobStrategy, JobTape, Latency, ModuleRef, Runner, Watch};
use crate::dataset;
use crate::run::{FillRow, RunData, RunEnd, RunKind};
use crate::statistics::{group_profits, summary};
use anyhow::{Context, bail, ensure};
use model::{Budget, Side, Size, Time, Usd};
use std::collections::BTreeMap;

/// The evaluator of sweeps: backtests under the sandbox's limits.
#[derive(Debug)]
pub struct Backtests {
    runner: Runner,
}

impl Backtests {
    /// Returns an evaluator with a runner; modules are compiled once.
    pub const fn with(runner: Runner) -> Self {
        Self { runner }
    }

    /// Returns its runner.
    pub const fn runner(&self) -> &Runner {
        &self.runner
    }
}

impl Evaluate for Backtests {
    fn evaluate(&self, job: &SweepJob, files: &Files) -> anyhow::Result<TrialRow> {
        let mut events = dataset::open(&files.tapes, job.models.from, job.models.to)?;
        let found: Vec<&str> = events.descriptions().iter().map(|tape| tape.hash.as_str()).collect();
        for ((found, expected), path) in found.iter().zip(&job.tapes).zip(&files.tapes) {
            ensure!(found == expected, "the tape {} has the hash {found}, expected {expected}", path.display());
        }
        ensure!(found.len() == job.tapes.len(), "the job has {} tapes, expected {}", found.len(), job.tapes.len());
        let data = self.runner.run(&mut events, &run_of(job, files)?, &Watch::default())?;
        row(job, &data)
    }
}

/// Returns the run of a job.
///
/// # Errors
/// If its fees cannot be read.
pub fn run_of(job: &SweepJob, files: &Files) -> anyhow::Result<Job> {
    let models = &job.models;
    let tapes = files.tapes.iter().zip(&job.tapes);
    Ok(Job {
        kind: RunKind::Sweep,
        strategies: vec![JobStrategy {
            name: job.strategy.clone(),
            module: ModuleRef { path: files.module.clone(), hash: job.module.clone() },
            parameters: serde_json::to_string(&job.parameters).context("writing the parameters as JSON")?,
            budget: Budget::NONE,
            markets: Vec::new(),
            from: None,
        }],
        tapes: tapes.map(|(path, hash)| JobTape { path: path.clone(), hash: hash.clone() }).collect(),
        limits: models.limits,
        cash: models.cash,
        seed: models.seed,
        fill: models.fill,
        latency: Latency { feed: Delay::Fixed(models.feed_latency_us), order: Delay::Fixed(models.order_latency_us) },
        fees: fees(&models.fees)?,
        from: models.from,
        to: models.to,
        holdout: None,
        implied: false,
        merge: false,
        request_tier: models.request_tier,
    })
}

/// Reads `recorded`, a rate, or the lines of a schedule.
///
/// # Errors
/// If it is none of these.
pub fn fees(text: &str) -> anyhow::Result<Fees> {
    match text {
        "recorded" => Ok(Fees::Recorded),
        lines if lines.contains('\n') => Fees::parse_schedule(lines),
        rate => {
            let read = Fees::parse_rate(rate).map(Fees::Rate);
            read.with_context(|| {
                format!("fees is \"{rate}\", expected recorded, a rate such as 0.05, or schedule:FILE")
            })
        }
    }
}

/// Sums the data of a run.
fn row(job: &SweepJob, data: &RunData) -> anyhow::Result<TrialRow> {
    let end = match &data.description.end {
        RunEnd::Complete => TrialEnd::Complete,
        RunEnd::Failed(at, reason) => TrialEnd::Failed(format!("at {}: {reason}", at.iso())),
        RunEnd::Interrupted(at) => bail!("interrupted at {}", at.iso()),
    };
    let figures = serde_json::to_value(summary(data)).context("writing the figures as JSON")?;
    let numbers = figures.as_object().into_iter().flatten();
    let figures = numbers.filter_map(|(name, value)| Some((name.clone(), value.as_f64()?))).collect();
    Ok(TrialRow {
        schema: SCHEMA,
        job: job.hash(),
        parameters: job.parameters.clone(),
        end,
        totals: data.description.totals,
        figures,
        groups: groups(data),
        digest: data.description.digest.clone(),
    })
}

/// Sums the fills by event group.
fn groups(data: &RunData) -> Vec<GroupRow> {
    let mut rows: BTreeMap<&str, GroupRow> = BTreeMap::new();
    for (group, profit) in group_profits(data) {
        let markets = || data.markets.iter().filter(|market| market.group == group);
        let first = markets().map(|market| market.listed_at).min().unwrap_or_default();
        let end = data.description.span.1;
        let last = markets().map(|market| market.resolved_at.unwrap_or(end)).max().unwrap_or(end);
        let Some(name) = markets().next().map(|market| market.group.as_str()) else { continue };
        rows.insert(name, empty(name, (first, last.max(first)), profit));
    }
    for fill in &data.fills {
        let index = usize::try_from(fill.market).unwrap_or(usize::MAX);
        let group = data.markets.get(index).map(|market| market.group.as_str());
        if let Some(row) = group.and_then(|group| rows.get_mut(group)) {
            add(row, fill);
        }
    }
    bounded(rows.into_values().collect())
}

fn empty(group: &str, (first, last): (Time, Time), profit: Usd) -> GroupRow {
    GroupRow {
        group: group.to_owned(),
        first,
        last,
        profit,
        fees: Usd::ZERO,
        turnover: Usd::ZERO,
        fills: 0,
        markouts: [Markout::default(); HORIZONS.len()],
    }
}

fn add(row: &mut GroupRow, fill: &FillRow) {
    row.fills = row.fills.saturating_add(1);
    row.fees = row.fees.saturating_add(fill.fee);
    row.turnover = row.turnover.saturating_add(fill.price.cost_floor(fill.size).unwrap_or(Usd::ZERO));
    for (markout, mid) in row.markouts.iter_mut().zip(fill.mids.iter().skip(1)) {
        let Some(mid) = mid else { continue };
        let change = i128::from(mid.micros()).saturating_sub(i128::from(fill.price.micros()));
        let change = if fill.side == Side::Buy { change } else { change.saturating_neg() };
        let gain = change.saturating_mul(i128::from(fill.size.micros())).div_euclid(1_000_000);
        markout.gain = markout.gain.saturating_add(Usd(i64::try_from(gain).unwrap_or_default()));
        markout.shares = Size(markout.shares.micros().saturating_add(fill.size.micros()));
    }
}
