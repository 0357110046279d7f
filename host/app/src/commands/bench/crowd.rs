//! 200 concurrent strategies, each in its own thread: memory per strategy, event throughput, and latency while one
//! strategy runs as slowly as allowed.

use super::sandbox_paths::{session, top};
use super::{Figure, engine_paths::Rig, module, percentiles};
use crate::console::eprintln;
use anyhow::Context;
use model::StrategyId;
use sandbox::{InstanceId, Report, Sandbox, Settings, Supervisor};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// Number of strategies, each with its own file and thread.
const STRATEGIES: u16 = 200;
/// Events per burst in the throughput measurement: below the number at which book tops are conflated.
const BURST: u32 = 200;
const BURSTS: usize = 10;
/// Number of turns in which each strategy receives one event, and the interval between them.
const TURNS: u32 = 300;
const PACE: Duration = Duration::from_millis(10);
/// Timeout of an answer.
const PATIENCE: Duration = Duration::from_secs(120);
/// The slow strategy, which the build creates beside the shipped ones; it is started last.
const SLOW: &str = "fixtures/burner.wasm";

/// Receipt of an answer: the strategy, its first consumed event and their number.
struct Progress {
    strategy: StrategyId,
    first: u64,
    consumed: u32,
    /// Events that the strategy will never receive, because newer ones replaced them.
    lost: usize,
    at: Instant,
}

/// The strategies, and the send times of their events.
struct Crowd {
    sandbox: Sandbox,
    supervisor: Supervisor,
    dir: PathBuf,
    progress: mpsc::Receiver<Progress>,
    /// Send times of the events, by strategy number; those of the slow strategy are not kept.
    sent_at: Vec<Vec<Instant>>,
    /// True if the slow strategy was started.
    slow: bool,
}

/// Measures memory, throughput and latency.
pub(super) fn measure(strategies: &Path, figures: &mut Vec<Figure>) -> anyhow::Result<()> {
    let rig = Rig::new(&[], engine::Purpose::Simulate)?;
    let before = resident();
    let mut crowd = Crowd::start(&rig, strategies)?;
    // The first event makes an instance touch the memory it needs.
    crowd.turns(&rig, 1, Duration::ZERO)?;
    let each = resident().saturating_sub(before).checked_div(u64::from(STRATEGIES)).unwrap_or(0) / 1024;
    let note = format!("{STRATEGIES} threads; a strategy takes {each} KB resident, its native code included");
    let (p50_ns, p99_ns) = crowd.bursts(&rig)?;
    figures.push(Figure { path: "200 strategies, one receives an event", p50_ns, p99_ns, budget_ns: None, note });
    let quiet = crowd.turns(&rig, TURNS, PACE)?;
    figures.push(response_times("200 strategies, event to answer, none slow", quiet));
    if !strategies.join(SLOW).is_file() {
        eprintln("skipping the measurement with a slow strategy, which is not built (cargo xtask strategies)");
        return Ok(());
    }
    crowd.begin_slow(&rig, strategies)?;
    let beside = crowd.turns(&rig, TURNS, PACE)?;
    figures.push(response_times("200 strategies, event to answer, one burns its fuel", beside));
    Ok(())
}

fn response_times(path: &'static str, times: Vec<u64>) -> Figure {
    let worst = times.iter().copied().max().unwrap_or(0) / 1_000;
    let note = format!("each receives one event every {} ms; the slowest answer took {worst} us", PACE.as_millis());
    let (p50_ns, p99_ns) = percentiles(times);
    Figure { path, p50_ns, p99_ns, budget_ns: None, note }
}

impl Crowd {
    fn start(rig: &Rig, strategies: &Path) -> anyhow::Result<Self> {
        let bytes = module(strategies, "template.wasm")?;
        let sandbox = Sandbox::of_own_program(Settings::default(), None)?;
        let (answers, progress) = mpsc::channel();
        let sink = move |report| {
            let at = Instant::now();
            let update = match report {
                Report::Started { strategy, .. } => Progress { strategy, first: 0, consumed: 0, lost: 0, at },
                Report::Answer(answer, _) => {
                    let lost = answer.lost.len();
                    Progress { strategy: answer.strategy, first: answer.first, consumed: answer.consumed, lost, at }
                }
                Report::Faulted { strategy, error, .. } => {
                    eprintln(&format!("strategy {} failed: {error}", strategy.0));
                    return;
                }
                _ => return,
            };
            // The receiver is already dropped at the end.
            let _sent = answers.send(update);
        };
        let dir = std::env::temp_dir().join(format!("polytrader-crowd-{}", std::process::id()));
        let supervisor = Supervisor::open(sandbox.clone(), dir.clone(), Arc::new(sink))?;
        let sent_at = vec![Vec::new(); usize::from(STRATEGIES)];
        let crowd = Self { sandbox, supervisor, dir, progress, sent_at, slow: false };
        for number in 0..STRATEGIES {
            // A separate file for each, with its own native code.
            let module = crowd.sandbox.load(&super::reload::variant(&bytes, u32::from(number)))?;
            crowd.supervisor.start(who(number), module, session(rig)?)?;
        }
        for _ in 0..STRATEGIES {
            crowd.next()?;
        }
        Ok(crowd)
    }

    /// Starts the slow strategy.
    fn begin_slow(&mut self, rig: &Rig, strategies: &Path) -> anyhow::Result<()> {
        let module = self.sandbox.load(&module(strategies, SLOW)?)?;
        self.supervisor.start(who(STRATEGIES), module, session(rig)?)?;
        self.slow = true;
        self.next().map(drop)
    }

    fn next(&self) -> anyhow::Result<Progress> {
        self.progress.recv_timeout(PATIENCE).context("no answer from a strategy in time")
    }

    /// Sends one event per turn to each strategy, and returns the answer times of all but the slow one, in nanoseconds.
    fn turns(&mut self, rig: &Rig, turns: u32, pace: Duration) -> anyhow::Result<Vec<u64>> {
        for turn in 0..turns {
            let note = top(rig.now(), turn)?;
            for number in 0..STRATEGIES.saturating_add(self.slow.into()) {
                if let Some(sent_at) = self.sent_at.get_mut(usize::from(number)) {
                    sent_at.push(Instant::now());
                }
                self.supervisor.notify_market(StrategyId(number), note.clone());
            }
            std::thread::sleep(pace);
        }
        let mut due = usize::from(STRATEGIES).saturating_mul(usize::try_from(turns)?);
        let mut times = Vec::with_capacity(due);
        while due > 0 {
            let progress = self.next()?;
            let number = usize::from(progress.strategy.0);
            let Some(sent_at) = self.sent_at.get(number) else { continue };
            due = due.saturating_sub(progress.lost);
            let first = usize::try_from(progress.first)?.saturating_sub(1);
            for sent in sent_at.iter().skip(first).take(usize::try_from(progress.consumed)?) {
                times.push(u64::try_from(progress.at.saturating_duration_since(*sent).as_nanos()).unwrap_or(u64::MAX));
                due = due.saturating_sub(1);
            }
        }
        Ok(times)
    }

    /// Sends bursts of events to all strategies, and returns the nanoseconds per event: median and slowest burst.
    fn bursts(&mut self, rig: &Rig) -> anyhow::Result<(u64, u64)> {
        let mut times = Vec::new();
        for _ in 0..BURSTS {
            let started = Instant::now();
            let latencies = self.turns(rig, BURST, Duration::ZERO)?;
            let took = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
            times.push(took.checked_div(u64::try_from(latencies.len())?).unwrap_or(0));
        }
        Ok(percentiles(times))
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.supervisor.shutdown();
        if let Err(error) = std::fs::remove_dir_all(&self.dir) {
            tracing::warn!(%error, path = %self.dir.display(), "removing a benchmark folder failed");
        }
    }
}

fn who(number: u16) -> InstanceId {
    InstanceId { strategy: StrategyId(number), name: format!("crowd-{number}"), instance: 1 }
}

/// Returns the resident memory of this process in bytes; 0 if the system does not report it.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0).saturating_mul(4_096)
}
