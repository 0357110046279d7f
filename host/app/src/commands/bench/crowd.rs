//! Two hundred strategies at once, each in a thread of its own: what one takes of memory, how many events they hear, and how long one
//! waits while another is as slow as it may be.

use super::sandbox_paths::{session, top};
use super::{Figure, engine_paths::Rig, module, percentiles};
use crate::console::complain;
use anyhow::Context;
use model::StrategyId;
use sandbox::{Report, Sandbox, Settings, Supervisor, Who};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// How many, as files and threads.
const STRATEGIES: u16 = 200;
/// Events that come at once when it is measured how many they can hear: fewer than after which tops are conflated.
const BURST: u32 = 200;
const BURSTS: usize = 10;
/// Turns in which each strategy is told one event, and how far they are from each other.
const TURNS: u32 = 300;
const PACE: Duration = Duration::from_millis(10);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// The slow one, which the build makes beside those that ship; it comes after the others.
const SLOW: &str = "fixtures/burner.wasm";

/// When a strategy said how much it had heard, and from which event on.
struct Heard {
    strategy: StrategyId,
    first: u64,
    consumed: u32,
    /// Events that it will never be shown, because newer ones took their place.
    lost: usize,
    at: Instant,
}

/// The strategies, and what they were told.
struct Crowd {
    sandbox: Sandbox,
    supervisor: Supervisor,
    dir: PathBuf,
    heard: mpsc::Receiver<Heard>,
    /// When each event was told, in the order of the strategies' numbers; the slow one's are not kept.
    told: Vec<Vec<Instant>>,
    /// Whether the slow one is there.
    slow: bool,
}

/// Measures all of it.
pub(super) fn measure(strategies: &Path, figures: &mut Vec<Figure>) -> anyhow::Result<()> {
    let rig = Rig::new(&[], engine::Purpose::Rehearse)?;
    let before = resident();
    let mut crowd = Crowd::start(&rig, strategies)?;
    // The first event of an instance touches what it needs of its memory.
    crowd.turns(&rig, 1, Duration::ZERO)?;
    let each = resident().saturating_sub(before).checked_div(u64::from(STRATEGIES)).unwrap_or(0) / 1024;
    let note = format!("{STRATEGIES} threads; a strategy takes {each} KB resident, its native code included");
    let (p50_ns, p99_ns) = crowd.bursts(&rig)?;
    figures.push(Figure { path: "200 strategies, one hears an event", p50_ns, p99_ns, budget_ns: None, note });
    let quiet = crowd.turns(&rig, TURNS, PACE)?;
    figures.push(answers("200 strategies, event to answer, none slow", quiet));
    if !strategies.join(SLOW).is_file() {
        complain("the slow strategy is not built (cargo xtask strategies), and what it does to others is not measured");
        return Ok(());
    }
    crowd.begin_slow(&rig, strategies)?;
    let beside = crowd.turns(&rig, TURNS, PACE)?;
    figures.push(answers("200 strategies, event to answer, one burns its fuel", beside));
    Ok(())
}

fn answers(path: &'static str, times: Vec<u64>) -> Figure {
    let worst = times.iter().copied().max().unwrap_or(0) / 1_000;
    let note = format!("each is told one event every {} ms; the worst took {worst} us", PACE.as_millis());
    let (p50_ns, p99_ns) = percentiles(times);
    Figure { path, p50_ns, p99_ns, budget_ns: None, note }
}

impl Crowd {
    fn start(rig: &Rig, strategies: &Path) -> anyhow::Result<Self> {
        let bytes = module(strategies, "template.wasm")?;
        let sandbox = Sandbox::of_own_program(Settings::default(), None)?;
        let (answers, heard) = mpsc::channel();
        let sink = move |report| {
            let at = Instant::now();
            let said = match report {
                Report::Started { strategy, .. } => Heard { strategy, first: 0, consumed: 0, lost: 0, at },
                Report::Answer(answer, _) => {
                    let lost = answer.lost.len();
                    Heard { strategy: answer.strategy, first: answer.first, consumed: answer.consumed, lost, at }
                }
                Report::Faulted { strategy, error, .. } => {
                    complain(&format!("strategy {} failed: {error}", strategy.0));
                    return;
                }
                _ => return,
            };
            // Nobody listens any more at the end.
            let _told = answers.send(said);
        };
        let dir = std::env::temp_dir().join(format!("polytrader-crowd-{}", std::process::id()));
        let supervisor = Supervisor::open(sandbox.clone(), dir.clone(), Arc::new(sink))?;
        let told = vec![Vec::new(); usize::from(STRATEGIES)];
        let crowd = Self { sandbox, supervisor, dir, heard, told, slow: false };
        for number in 0..STRATEGIES {
            // Another file each, with native code of its own.
            let module = crowd.sandbox.load(&super::reload::variant(&bytes, u32::from(number)))?;
            crowd.supervisor.start(who(number), module, session(rig)?)?;
        }
        for _ in 0..STRATEGIES {
            crowd.next()?;
        }
        Ok(crowd)
    }

    /// Adds the slow one.
    fn begin_slow(&mut self, rig: &Rig, strategies: &Path) -> anyhow::Result<()> {
        let module = self.sandbox.load(&module(strategies, SLOW)?)?;
        self.supervisor.start(who(STRATEGIES), module, session(rig)?)?;
        self.slow = true;
        self.next().map(drop)
    }

    fn next(&self) -> anyhow::Result<Heard> {
        self.heard.recv_timeout(PATIENCE).context("a strategy does not answer")
    }

    /// Tells each strategy one event a turn and returns how long each but the slow one took to answer, in nanoseconds.
    fn turns(&mut self, rig: &Rig, turns: u32, pace: Duration) -> anyhow::Result<Vec<u64>> {
        for turn in 0..turns {
            let note = top(rig.now(), turn)?;
            for number in 0..STRATEGIES.saturating_add(self.slow.into()) {
                if let Some(told) = self.told.get_mut(usize::from(number)) {
                    told.push(Instant::now());
                }
                self.supervisor.notify_market(StrategyId(number), note.clone());
            }
            std::thread::sleep(pace);
        }
        let mut due = usize::from(STRATEGIES).saturating_mul(usize::try_from(turns)?);
        let mut times = Vec::with_capacity(due);
        while due > 0 {
            let heard = self.next()?;
            let number = usize::from(heard.strategy.0);
            let Some(told) = self.told.get(number) else { continue };
            due = due.saturating_sub(heard.lost);
            let first = usize::try_from(heard.first)?.saturating_sub(1);
            for told in told.iter().skip(first).take(usize::try_from(heard.consumed)?) {
                times.push(u64::try_from(heard.at.saturating_duration_since(*told).as_nanos()).unwrap_or(u64::MAX));
                due = due.saturating_sub(1);
            }
        }
        Ok(times)
    }

    /// Tells all of them many events at once, several times, and returns the nanoseconds of one event: median and worst burst.
    fn bursts(&mut self, rig: &Rig) -> anyhow::Result<(u64, u64)> {
        let mut times = Vec::new();
        for _ in 0..BURSTS {
            let started = Instant::now();
            let heard = self.turns(rig, BURST, Duration::ZERO)?;
            let took = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
            times.push(took.checked_div(u64::try_from(heard.len())?).unwrap_or(0));
        }
        Ok(percentiles(times))
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.supervisor.shutdown();
        if let Err(error) = std::fs::remove_dir_all(&self.dir) {
            tracing::warn!(%error, path = %self.dir.display(), "a folder of the benchmark stays");
        }
    }
}

fn who(number: u16) -> Who {
    Who { strategy: StrategyId(number), name: format!("crowd-{number}"), instance: 1 }
}

/// Returns the bytes that this process has resident; 0 where the system does not say.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0).saturating_mul(4_096)
}
