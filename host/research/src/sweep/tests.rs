//! A sweep from its file to its verdict, with one thread and with three, and after a kill.

#![allow(
    clippy::unwrap_used,
    clippy::float_arithmetic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    reason = "test code may fail loudly"
)]

use super::job::tests::group;
use super::job::{SCHEMA, bounded};
use super::threads::Threads;
use super::*;
use crate::run::Totals;
use model::{Time, Usd};
use sim::Rng;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use testkit::Scratch;

const SCHEMA_TEXT: &str = r#"{"type":"object","additionalProperties":false,"required":["size"],"properties":{
    "size":{"type":"integer","minimum":1,"maximum":50},"edge":{"type":["number","string"],"minimum":0,"maximum":1},
    "side":{"enum":["buy","sell"]}}}"#;

/// A market whose profit is known in closed form: a hump over the parameters, and noise by event group that follows
/// from the job alone.
struct Hump {
    delay: Duration,
    ran: AtomicU64,
}

impl Hump {
    const fn new(delay: Duration) -> Self {
        Self { delay, ran: AtomicU64::new(0) }
    }
}

impl Evaluate for Hump {
    fn evaluate(&self, job: &SweepJob, _: &Files) -> anyhow::Result<TrialRow> {
        self.ran.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(self.delay);
        let size = job.parameters["size"].as_i64().unwrap();
        let edge = (job.parameters["edge"].as_f64().unwrap() * 1e6) as i64;
        let end = if size == 50 { TrialEnd::Failed("out of fuel".to_owned()) } else { TrialEnd::Complete };
        let hump = 400_000 - (size - 20).pow(2) * 1_000 - (edge - 300_000).abs();
        let mut rng = Rng::new(job.models.seed ^ u64::from_str_radix(&job.hash()[..16], 16).unwrap());
        let groups = (0..40).map(|hour| group(&format!("{hour:02}"), hour, hump + rng.below(200_000) as i64));
        let groups = bounded(groups.collect());
        let totals = Totals { drawdown: Usd(rng.below(1_000_000) as i64), fills: 80, ..Totals::default() };
        let digest = format!("{:016x}", rng.next_u64());
        let (job, parameters) = (job.hash(), job.parameters.clone());
        Ok(TrialRow { schema: SCHEMA, job, parameters, end, totals, figures: [].into(), groups, digest })
    }
}

fn file(method: &str) -> SweepFile {
    let text = format!(
        "strategy = 'quoter.wasm'\ntapes = ['day.tape']\n{method}\nobjective = 'sharpe'\n[base.parameters]\nside = 'buy'\n\
         [parameters]\nsize = {{ from = 1, to = 50 }}\nedge = {{ from = 0.0, to = 1.0, step = 0.5 }}\n[splits]\nfolds = 3\n"
    );
    SweepFile::parse(&text, Path::new("hump.toml")).unwrap()
}

fn plan(file: &SweepFile) -> Plan {
    Plan::new(file, &"ab".repeat(32), SCHEMA_TEXT, vec!["cd".repeat(32)]).unwrap()
}

fn sweep(file: &SweepFile, folder: &Path, evaluate: &Hump, threads: usize) -> Outcome {
    let plan = plan(file);
    let mut results = Results::open(folder, &plan.to_text().unwrap()).unwrap();
    let (files, stop) = (Files::default(), AtomicBool::new(false));
    let mut threads = Threads::new(evaluate, &files, threads, &stop);
    Lead { file, plan: &plan, results: &mut results }.run(&mut threads, &mut |_, _| {}).unwrap()
}

#[test]
fn one_thread_and_three_give_the_same_trials() {
    for (method, jobs) in [
        ("method = 'tpe'\ntrials = 60\nround = 6", 0..=60),
        ("method = 'random'\ntrials = 80", 0..=80),
        ("", 150..=150),
    ] {
        let (one, three) = (Scratch::new("sweep-one"), Scratch::new("sweep-three"));
        let file = file(method);
        let first = sweep(&file, &one, &Hump::new(Duration::ZERO), 1);
        let hump = Hump::new(Duration::from_micros(200));
        let second = sweep(&file, &three, &hump, 3);
        assert_eq!(first.trials, second.trials, "{method}");
        assert_eq!(first.rows, second.rows, "{method}");
        assert!(
            jobs.contains(&(first.rows.len() as i32)) && first.rows.len() as u64 == hump.ran.load(Ordering::Relaxed)
        );
        assert!(first.rows.iter().any(|row| row.end != TrialEnd::Complete) || method.contains("tpe"));
        let best = first.best().unwrap();
        assert!(best.proposal["size"].as_i64().unwrap() < 40, "{best:?}");
        let (plan, history) = (plan(&file), History { trials: 900, sharpes: vec![0.1, -0.1, 0.2] });
        let verdict = |outcome: &Outcome| {
            let folds = file.splits.unwrap().walk(&file.objective, outcome);
            assert!(folds.len() == 3 && folds.iter().all(|fold| fold.chosen.is_some()), "{folds:?}");
            Verdict::new(&plan, outcome, &folds, &history)
        };
        let worth = verdict(&first);
        assert_eq!(worth, verdict(&second));
        assert_eq!(worth.trials_ever, 900 + first.rows.len() as u64);
        assert!(worth.deflated_sharpe.is_some() && worth.overfit.is_some() && worth.walk_forward_profit.unwrap() > 0.0);
    }
}

#[test]
fn failures_and_few_groups_are_said_in_plain_words() {
    let scratch = Scratch::new("sweep-words");
    let file = file("method = 'random'\ntrials = 80");
    let mut outcome = sweep(&file, &scratch, &Hump::new(Duration::ZERO), 2);
    let failed = outcome.rows.iter().filter(|row| row.end != TrialEnd::Complete).count();
    let verdict = Verdict::new(&plan(&file), &outcome, &[], &History::default());
    let said = format!("The strategy failed in {failed} of {} backtests.", outcome.rows.len());
    assert!(verdict.warnings.contains(&said), "{:?}", verdict.warnings);
    outcome.rows.iter_mut().for_each(|row| row.groups.truncate(12));
    let verdict = Verdict::new(&plan(&file), &outcome, &[], &History { trials: 20, sharpes: Vec::new() });
    let trials = outcome.rows.len() + 20;
    let said = format!(
        "The best trial has 12 event groups, and 30 are the least for a statement about luck: after {trials} trials on \
         these tapes its result may be chance."
    );
    assert_eq!((verdict.deflated_sharpe, verdict.warnings.first()), (None, Some(&said)));
    outcome.trials.iter_mut().for_each(|trial| trial.score = None);
    let verdict = Verdict::new(&plan(&file), &outcome, &[], &History::default());
    assert!(verdict.warnings[0].starts_with("No trial has a score"), "{:?}", verdict.warnings);
}

#[test]
fn a_plan_refuses_what_the_schema_or_the_splits_do_not_have() {
    let text = "strategy = 'q.wasm'\ntapes = ['d']\nobjective = 'brier'\n[parameters]\nsize = [1]\n[splits]\nfolds = 2";
    let file = SweepFile::parse(text, Path::new("x.toml")).unwrap();
    let said = Plan::new(&file, "ab", SCHEMA_TEXT, Vec::new()).unwrap_err().to_string();
    assert_eq!(said, "objective uses `brier`, which event groups do not have: leave out [splits], or use another");
    let file =
        SweepFile::parse("strategy = 'q.wasm'\ntapes = ['d']\n[parameters]\nedge = [0.5]", Path::new("x")).unwrap();
    let said = format!("{:#}", Plan::new(&file, "ab", SCHEMA_TEXT, Vec::new()).unwrap_err());
    assert_eq!(said, "parameters: the parameter `size` is required");
}

#[test]
fn an_executor_error_keeps_the_finished_rows() {
    struct Broken(Hump);
    impl Evaluate for Broken {
        fn evaluate(&self, job: &SweepJob, files: &Files) -> anyhow::Result<TrialRow> {
            if self.0.ran.load(Ordering::Relaxed) >= 10 {
                anyhow::bail!("day.tape is missing");
            }
            self.0.evaluate(job, files)
        }
    }
    let scratch = Scratch::new("sweep-broken");
    let file = file("method = 'random'\ntrials = 80");
    let plan = plan(&file);
    let mut results = Results::open(&scratch, &plan.to_text().unwrap()).unwrap();
    let (broken, files, stop) = (Broken(Hump::new(Duration::ZERO)), Files::default(), AtomicBool::new(false));
    let mut threads = Threads::new(&broken, &files, 1, &stop);
    let run = Lead { file: &file, plan: &plan, results: &mut results }.run(&mut threads, &mut |_, _| {});
    assert_eq!(run.unwrap_err().to_string(), "day.tape is missing");
    assert_eq!(results.len(), 10);
}

/// The folder of the process that the next test kills.
const VICTIM: &str = "POLYTRADER_TEST_SWEEP";

fn victims_sweep(folder: &Path, delay: Duration) -> (Outcome, u64) {
    let hump = Hump::new(delay);
    let outcome = sweep(&file("method = 'tpe'\ntrials = 64\nround = 8"), folder, &hump, 2);
    (outcome, hump.ran.load(Ordering::Relaxed))
}

/// The process that is killed; without the variable it is an empty test.
#[test]
fn victim() {
    if let Some(folder) = std::env::var_os(VICTIM) {
        victims_sweep(&PathBuf::from(folder), Duration::from_millis(30));
    }
}

#[test]
fn a_killed_sweep_continues_and_ends_like_an_undisturbed_one() {
    let (scratch, calm) = (Scratch::new("sweep-killed"), Scratch::new("sweep-calm"));
    // A line without its end is not a row.
    let rows = || std::fs::read_to_string(scratch.join("trials.jsonl")).unwrap_or_default().matches('\n').count();
    let mut last = 0;
    for kills in 1..=2 {
        let mut victim = Command::new(std::env::current_exe().unwrap());
        victim.args(["--exact", "sweep::tests::victim"]).env(VICTIM, &*scratch).stdout(Stdio::null());
        let mut victim = victim.spawn().unwrap();
        let begin = Instant::now();
        while rows() < last + 12 {
            assert!(begin.elapsed() < Duration::from_secs(60) && victim.try_wait().unwrap().is_none(), "{kills}");
            std::thread::sleep(Duration::from_millis(5));
        }
        victim.kill().unwrap();
        victim.wait().unwrap();
        last = rows();
    }
    let (resumed, ran) = victims_sweep(&scratch, Duration::ZERO);
    let (undisturbed, all) = victims_sweep(&calm, Duration::ZERO);
    assert_eq!(resumed.trials, undisturbed.trials);
    assert_eq!(resumed.rows, undisturbed.rows);
    let kept = all - ran;
    assert!(last >= 24 && kept >= last as u64, "{ran} of {all} jobs ran again, although {last} rows were stored");
    assert!(undisturbed.rows.iter().all(|row| row.groups.iter().all(|group| group.last > Time(0))));
}
