//! Reload latency: from a new file in the strategies folder to the first event answered by the new instance, in a
//! separate demo with real processes, while its strategies trade. The journal records the time of an instance's first
//! answer.

use super::{Figure, module, percentiles};
use anyhow::{Context, ensure};
use api::client::Remote;
use journal::Record;
use model::input::StrategyChange;
use model::{Input, InputKind, StrategyId, hex};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use store::journal_files::{Step, folder, segments_of, walk};

/// Strategies to reload, and the names of their figures.
const NAMES: [(&str, [&str; 2]); 4] = [
    ("template", ["reload, cold: template", "reload, cached: template"]),
    ("quoter", ["reload, cold: quoter", "reload, cached: quoter"]),
    ("momentum", ["reload, cold: momentum", "reload, cached: momentum"]),
    ("bundle", ["reload, cold: bundle", "reload, cached: bundle"]),
];
/// Number of reloads of each strategy, without and with cached native code.
const ROUNDS: u32 = 20;
const BUDGET_NS: u64 = 150_000_000;
/// Timeout for the start of the demo and for each reload, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// Polling interval.
const LOOK: Duration = Duration::from_millis(20);
/// Run time limit of a demo that is not ended.
const AT_MOST: &str = "30m";

/// A file installed for a reload.
struct Dropped {
    name: &'static str,
    hash: [u8; 32],
    at_micros: u64,
    cached: bool,
}

/// Measures reloads of the shipped strategies.
pub(super) fn measure(strategies: &Path, figures: &mut Vec<Figure>) -> anyhow::Result<()> {
    let scratch = Scratch::new()?;
    let demo = Demo::start(&scratch.0, strategies)?;
    let mut dropped = Vec::new();
    for (name, _) in NAMES {
        let bytes = module(strategies, &format!("{name}.wasm"))?;
        for number in 0..ROUNDS {
            dropped.push(demo.reload(name, &bytes, number, false)?);
        }
        // The first two versions in turn: a different file each time, but with cached native code.
        for turn in 0..ROUNDS {
            dropped.push(demo.reload(name, &bytes, turn % 2, true)?);
        }
    }
    demo.end()?;
    let times = times(&scratch.0, &dropped)?;
    for (name, paths) in NAMES {
        for (path, cached) in paths.into_iter().zip([false, true]) {
            let of = dropped.iter().zip(&times).filter(|(file, _)| file.name == name && file.cached == cached);
            let (p50_ns, p99_ns) = percentiles(of.map(|(_, micros)| micros.saturating_mul(1_000)).collect());
            let note = format!("file to first event, {ROUNDS} times in a running demo; p99 is the maximum");
            figures.push(Figure { path, p50_ns, p99_ns, budget_ns: Some(BUDGET_NS), note });
        }
    }
    Ok(())
}

/// Reads from the journal the reload time of each file, in microseconds.
fn times(data: &Path, dropped: &[Dropped]) -> anyhow::Result<Vec<u64>> {
    let sessions = segments_of(&folder(data)).context("finding the demo's journal")?;
    let (_, files) = sessions.last().context("the demo has no journal")?;
    let mut found = Found { dropped, instances: BTreeMap::new(), next: 0, loaded_after: vec![None; dropped.len()] };
    walk(files, |step| {
        if let Step::Record(Record::Input(input)) = step {
            found.apply(&input);
        }
    })?;
    let all: Option<Vec<u64>> = found.loaded_after.into_iter().collect();
    all.context("some reloads are missing in the journal")
}

/// Reload times found in the journal, for files installed one after another.
struct Found<'a> {
    dropped: &'a [Dropped],
    /// File index of each instance that has not answered yet.
    instances: BTreeMap<(StrategyId, u32), usize>,
    /// Index of the next file.
    next: usize,
    loaded_after: Vec<Option<u64>>,
}

impl Found<'_> {
    fn apply(&mut self, input: &Input) {
        match &input.kind {
            InputKind::Strategy(StrategyChange::Loaded { strategy, name, hash, instance, .. })
                if self.dropped.get(self.next).is_some_and(|file| file.name == name && file.hash == *hash) =>
            {
                self.instances.insert((*strategy, *instance), self.next);
                self.next = self.next.saturating_add(1);
            }
            InputKind::Intents(answer) => {
                let Some(place) = self.instances.remove(&(answer.strategy, answer.instance)) else { return };
                let Some(file) = self.dropped.get(place) else { return };
                if let Some(loaded_after) = self.loaded_after.get_mut(place) {
                    *loaded_after = Some(input.at.0.saturating_sub(file.at_micros));
                }
            }
            _ => {}
        }
    }
}

/// A `polytrader run --mode demo` with the shipped strategies in its folder.
struct Demo {
    child: Child,
    remote: Remote,
    strategies: PathBuf,
    /// Folder for files before they are moved into place.
    beside: PathBuf,
}

impl Demo {
    fn start(data: &Path, strategies: &Path) -> anyhow::Result<Self> {
        let (folder, beside) = (data.join("strategies"), data.join("beside"));
        std::fs::create_dir_all(&folder)?;
        std::fs::create_dir_all(&beside)?;
        for (name, _) in NAMES {
            let file = format!("{name}.wasm");
            std::fs::write(folder.join(&file), module(strategies, &file)?)?;
        }
        let mut command = Command::new(std::env::current_exe().context("finding this program")?);
        command.args(["run", "--mode", "demo", "--for", AT_MOST, "--api-port", "0", "--dashboard-port", "0"]);
        command.arg("--data-dir").arg(data);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        match up(data, &mut child) {
            Ok(remote) => Ok(Self { child, remote, strategies: folder, beside }),
            Err(error) => {
                end(&mut child)?;
                Err(error)
            }
        }
    }

    /// Installs a version of a strategy and waits until it is running.
    fn reload(&self, name: &'static str, bytes: &[u8], number: u32, cached: bool) -> anyhow::Result<Dropped> {
        let bytes = variant(bytes, number);
        let (fresh, file) = (self.beside.join(name), self.strategies.join(name).with_extension("wasm"));
        std::fs::write(&fresh, &bytes)?;
        let hash: [u8; 32] = Sha256::digest(&bytes).into();
        let at_micros = control::clock::now().0;
        std::fs::rename(&fresh, &file)?;
        let wanted = hex::encode(&hash);
        let text = |view: &Value, key: &str| view.get(key).and_then(Value::as_str).map(ToOwned::to_owned);
        let runs = |view: &Value| {
            let is = |key: &str, value: &str| text(view, key).as_deref() == Some(value);
            is("name", name) && is("hash", &wanted) && is("state", "running")
        };
        wait(|| Ok(views(&self.remote)?.iter().any(runs).then_some(())))
            .with_context(|| format!("waiting for {name} to be reloaded"))?;
        Ok(Dropped { name, hash, at_micros, cached })
    }

    fn end(mut self) -> anyhow::Result<()> {
        end(&mut self.child)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        if let Err(error) = end(&mut self.child) {
            tracing::error!(%error, "ending the benchmark's demo failed");
        }
    }
}

/// Returns the same module with an additional section without effect: another version.
pub(super) fn variant(module: &[u8], number: u32) -> Vec<u8> {
    let [one, two, three, four] = number.to_le_bytes();
    [module, &[0, 6, 1, b'v', one, two, three, four]].concat()
}

/// Waits until all strategies of a demo are running.
fn up(data: &Path, child: &mut Child) -> anyhow::Result<Remote> {
    let remote = wait(|| {
        ensure!(child.try_wait()?.is_none(), "the demo exited immediately: try `polytrader run --mode demo`");
        Ok(Remote::of(data).ok())
    })
    .context("waiting for the demo")?;
    let runs = |view: &Value| view.get("state").and_then(Value::as_str) == Some("running");
    wait(|| Ok((views(&remote)?.iter().filter(|view| runs(view)).count() == NAMES.len()).then_some(())))
        .context("waiting for the demo's strategies")?;
    Ok(remote)
}

fn views(remote: &Remote) -> anyhow::Result<Vec<Value>> {
    let Value::Array(all) = remote.get("/v1/strategies")? else { return Ok(Vec::new()) };
    Ok(all)
}

/// Polls until there is a result.
fn wait<T>(mut ask: impl FnMut() -> anyhow::Result<Option<T>>) -> anyhow::Result<T> {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        ensure!(started.elapsed() < PATIENCE, "no result within {} s", PATIENCE.as_secs());
        std::thread::sleep(LOOK);
    }
}

/// Shuts down a run in order, with its child processes.
fn end(child: &mut Child) -> anyhow::Result<()> {
    if child.try_wait()?.is_some() {
        return Ok(());
    }
    crate::platform::terminate(child.id())?;
    child.wait()?;
    Ok(())
}

/// A data directory that is removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("polytrader-bench-{}", std::process::id()));
        std::fs::create_dir_all(&path).with_context(|| format!("creating {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, path = %self.0.display(), "removing a benchmark folder failed");
        }
    }
}
