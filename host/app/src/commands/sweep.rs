//! `polytrader sweep`: backtests of one strategy with many parameters, on this machine or on the workers of a queue.

mod files_of;
mod queue;
pub(crate) mod record;
mod store;

use crate::cli::{SweepArgs, WorkerArgs};
use crate::console::{eprintln, println};
use anyhow::Context;
use config::Config;
use files::Links;
use queue::Queue;
use research::backtest::Runner;
use research::sweep::file::FILE_MAX;
use research::sweep::threads::Threads;
use research::sweep::{Backtests, Execute, Files, Lead, Outcome, Plan, Results, SweepFile, Verdict, backtests};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use store::Store;

/// Most bytes of a fee schedule.
const SCHEDULE_MAX: u64 = 1024 * 1024;
/// Shortest interval of two lines about progress.
const SHOWN_EVERY: Duration = Duration::from_secs(2);

/// A sweep that is ready to run.
struct Prepared {
    file: SweepFile,
    plan: Plan,
    id: String,
    files: Files,
    /// The time of the last event of the tapes, in milliseconds.
    until_ms: u64,
    folder: PathBuf,
}

/// Runs `polytrader sweep`.
///
/// # Errors
/// If the sweep file is wrong, a file cannot be read, a backtest cannot be run, or a result cannot be stored.
pub(crate) fn run(args: &SweepArgs) -> anyhow::Result<ExitCode> {
    let named = || format!("{}", args.file.display());
    let text = files::read_text(&args.file, Links::Follow, u64::try_from(FILE_MAX)?).with_context(named)?;
    let mut file = SweepFile::parse(&text, &args.file).with_context(named)?;
    let config = configured(args, &file)?;
    file.base.models.limits = config.limits();
    file.base.models.fees = fees(&file.base.models.fees, &args.file).with_context(named)?;
    let backtests = Backtests::with(Runner::of_own_program(Some(&config.data_dir))?);
    let prepared = prepare(args, file, &config, &backtests).with_context(named)?;
    let stop = Arc::new(AtomicBool::new(false));
    let store = Store::open(&config, stop.clone())?;
    let outcome = execute(args, &prepared, &store, &backtests, &stop)?;
    let folds = prepared.file.splits.map(|splits| splits.walk(&prepared.file.objective, &outcome)).unwrap_or_default();
    let history = store.history(&prepared)?;
    let verdict = Verdict::new(&prepared.plan, &outcome, &folds, &history);
    store.trials(&prepared, &outcome, &verdict)?;
    files_of::write(&prepared, &outcome, &verdict)?;
    print(args, &prepared, &outcome, &verdict);
    store.close();
    Ok(ExitCode::SUCCESS)
}

/// Runs `polytrader worker`: replaces this process by `polytrader-worker work`.
///
/// # Errors
/// If there is no such program.
pub(crate) fn worker(args: &WorkerArgs) -> anyhow::Result<ExitCode> {
    let mut command = std::process::Command::new(queue::program()?);
    crate::platform::replace_process(command.arg("work").args(&args.args)).context("starting polytrader-worker")
}

/// Loads the configuration with the limits of the sweep file over it.
fn configured(args: &SweepArgs, file: &SweepFile) -> anyhow::Result<Config> {
    let mut common = args.common.clone();
    common.set.extend(file.base.limits.iter().map(|(key, value)| format!("{key}={value}")));
    common
        .load_config()
        .with_context(|| format!("reading the configuration with [base.limits] of {}", args.file.display()))
}

/// Returns the fee source with the lines of a schedule in place of its file.
fn fees(text: &str, file: &Path) -> anyhow::Result<String> {
    let text = match text.strip_prefix("schedule:") {
        None => text.to_owned(),
        Some(name) => {
            let path = file.parent().unwrap_or(Path::new("")).join(name);
            let read = files::read_text(&path, Links::Follow, SCHEDULE_MAX);
            let mut lines = read.with_context(|| format!("base.fees: reading {}", path.display()))?;
            lines.push('\n');
            lines
        }
    };
    backtests::fees(&text).context("base")?;
    Ok(text)
}

fn prepare(args: &SweepArgs, file: SweepFile, config: &Config, backtests: &Backtests) -> anyhow::Result<Prepared> {
    let module = research::backtest::ModuleRef { path: file.strategy.clone(), hash: String::new() };
    let module = backtests.runner().module(&module)?;
    let tapes = research::dataset::open(&file.tapes, file.base.models.from, file.base.models.to)?;
    let hashes: Vec<String> = tapes.descriptions().iter().map(|tape| tape.hash.clone()).collect();
    let until = tapes.descriptions().iter().map(|tape| tape.span.1).max().unwrap_or_default();
    let hash = model::hex::encode(&module.hash());
    let plan = Plan::new(&file, &hash, &module.manifest().parameter_schema, hashes)?;
    let id = plan.id()?;
    let short = id.get(..8).unwrap_or(&id);
    let folder =
        args.out.clone().unwrap_or_else(|| config.data_dir.join("sweeps").join(format!("{}-{short}", plan.name)));
    let files = Files { module: file.strategy.clone(), tapes: file.tapes.clone() };
    Ok(Prepared { file, plan, id, files, until_ms: until.millis(), folder })
}

fn execute(
    args: &SweepArgs,
    prepared: &Prepared,
    store: &Store,
    backtests: &Backtests,
    stop: &Arc<AtomicBool>,
) -> anyhow::Result<Outcome> {
    let Prepared { file, plan, folder, files, .. } = prepared;
    let mut results = Results::open(folder, &plan.to_text()?)?;
    let damage = results.damage().clone();
    if let Some(first) = damage.first {
        let (lines, folder) = (damage.lines, folder.display());
        eprintln(&format!(
            "{lines} damaged lines in {folder}/trials.jsonl, the first is {first}; their trials run again"
        ));
    }
    if !results.is_empty() {
        eprintln(&format!("continuing with {} finished trials of {}", results.len(), folder.display()));
    }
    store.started(prepared)?;
    let mut local = Threads::new(backtests, files, usize::from(args.threads), stop);
    let mut remote = args.queue.as_deref().map(|url| Queue::start(url, args, files)).transpose()?;
    let executor: &mut dyn Execute = match &mut remote {
        Some(remote) => remote,
        None => &mut local,
    };
    let (begin, mut shown) = (Instant::now(), None::<Instant>);
    let already = results.len();
    let mut progress = |done: usize, end: usize| {
        if done < end && shown.is_some_and(|shown| shown.elapsed() < SHOWN_EVERY) {
            return;
        }
        shown = Some(Instant::now());
        eprintln(&line(done, end, done.saturating_sub(already), begin.elapsed()));
    };
    let ran = Lead { file, plan, results: &mut results }.run(executor, &mut progress);
    if stop.load(Ordering::Relaxed) {
        eprintln(&format!("interrupted with {} finished trials; run it again to continue", results.len()));
    }
    ran
}

/// Returns a line about progress.
fn line(done: usize, end: usize, fresh: usize, elapsed: Duration) -> String {
    let left = elapsed.as_secs().saturating_mul(u64::try_from(end.saturating_sub(done)).unwrap_or(u64::MAX));
    let left = left.checked_div(u64::try_from(fresh).unwrap_or(u64::MAX));
    let left = left.filter(|_| end > done).map(|left| format!(", {left} s left")).unwrap_or_default();
    format!("{done} of {end} trials{left}")
}

fn print(args: &SweepArgs, prepared: &Prepared, outcome: &Outcome, verdict: &Verdict) {
    let best = outcome.best();
    let folder = prepared.folder.display().to_string();
    if args.common.json {
        let best = best.map(|best| json!({ "parameters": best.proposal, "score": best.score, "run": best.job }));
        let text = json!({
            "sweep": prepared.id, "trials": outcome.trials.len(), "best": best, "verdict": verdict, "folder": folder,
        });
        return println(&text.to_string());
    }
    let objective = &prepared.plan.objective;
    if let Some(best) = best {
        let parameters: Vec<String> = best.proposal.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        let score = best.score.unwrap_or_default();
        println(&format!("best of {} trials: {}; {objective} {score}", outcome.trials.len(), parameters.join(", ")));
        println(&format!("run {}", best.job));
    }
    let optional =
        |value: Option<f64>| value.map_or_else(|| "too few event groups".to_owned(), |value| value.to_string());
    println(&format!("trials ever run on these tapes: {}", verdict.trials_ever));
    println(&format!("deflated Sharpe ratio: {}", optional(verdict.deflated_sharpe)));
    println(&format!("probability of over-fitting: {}", optional(verdict.overfit)));
    if let Some(profit) = verdict.walk_forward_profit {
        println(&format!("walk-forward profit: ${profit:.2}"));
    }
    verdict.warnings.iter().for_each(|warning| println(&format!("warning: {warning}")));
    println(&format!("report: {folder}/report.html"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_has_the_time_that_is_left() {
        assert_eq!(line(10, 40, 10, Duration::from_secs(20)), "10 of 40 trials, 60 s left");
        assert_eq!(line(10, 40, 0, Duration::from_secs(20)), "10 of 40 trials");
        assert_eq!(line(40, 40, 30, Duration::from_secs(20)), "40 of 40 trials");
    }
}
