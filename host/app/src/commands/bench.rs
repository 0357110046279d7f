//! `polytrader bench`: latency of the order path on this machine, with budgets. Timings on shared machines drift, so
//! paths that are compared are measured side by side in one run.

mod crowd;
mod engine_paths;
mod line;
mod market_paths;
mod reload;
mod sandbox_paths;
mod signing;

use crate::cli::BenchArgs;
use crate::console::{eprintln, println};
use anyhow::Context;
use model::Usd;
use order::{Account, Chain};
use research::measure::percentiles;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

/// Larger than any module.
const FILE_MAX: u64 = 1024 * 1024 * 1024;

/// Timing of one path.
#[derive(Debug, Serialize)]
struct Figure {
    /// Name of the path.
    path: &'static str,
    /// Median of the rounds, in nanoseconds per operation.
    p50_ns: u64,
    /// 99th percentile of the rounds, in nanoseconds per operation.
    p99_ns: u64,
    /// Budget in nanoseconds, if the path has a fixed one.
    budget_ns: Option<u64>,
    /// Explanation, if the figure is not a plain time.
    note: String,
}

/// Runs `polytrader bench`. The signer's process is part of the measured path, so this process becomes the signer, and
/// its child measures.
///
/// # Errors
/// If a part of the system cannot be set up.
pub(crate) fn bench(args: &BenchArgs) -> anyhow::Result<ExitCode> {
    if args.hosted {
        return hosted(args);
    }
    if cfg!(debug_assertions) {
        eprintln("this is a development build: for real figures run `cargo run --release -p app -- bench`");
    }
    let key = crate::commands::run::fresh_key()?;
    let account = Account::eoa(key.address(), Chain::Polygon);
    let unlimited = Usd::dollars(1_000_000_000);
    let limits = signer::Limits {
        order_max: unlimited,
        minute_max: unlimited,
        day_max: unlimited,
        orders_per_minute: u32::MAX,
        batches_per_minute: 0,
    };
    let mut command = Command::new(std::env::current_exe().context("finding this program")?);
    command.args(["bench", "--hosted", "--strategies"]).arg(strategies(args.strategies.as_deref())?);
    command.args(args.json.then_some("--json")).args(args.reload.then_some("--reload"));
    let exit = signer::run(signer::Config { account, limits, record: None }, key, command, |_| {})?;
    Ok(u8::try_from(exit.code()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Returns the given folder of strategies, or the one beside this program.
pub(crate) fn strategies(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    let found = named.map(Path::to_owned).or_else(crate::commands::run::shipped_strategies);
    found.context(
        "no strategies found beside this program; pass their folder with --strategies (cargo xtask strategies builds \
         them)",
    )
}

/// Measures all paths and prints the figures, in the child of the signer.
fn hosted(args: &BenchArgs) -> anyhow::Result<ExitCode> {
    let strategies = strategies(args.strategies.as_deref())?;
    let mut figures = Vec::new();
    if !args.reload {
        paths(&strategies, &mut figures)?;
        crowd::measure(&strategies, &mut figures)?;
    }
    reload::measure(&strategies, &mut figures)?;
    if args.json {
        println(&serde_json::to_string(&figures)?);
    } else {
        println(&format!("{:<58} {:>11} {:>11} {:>11}  note", "path", "p50", "p99", "budget"));
        figures.iter().for_each(|figure| println(&line(figure)));
    }
    Ok(ExitCode::SUCCESS)
}

/// Measures the paths of an order, from market data to signature.
fn paths(strategies: &Path, figures: &mut Vec<Figure>) -> anyhow::Result<()> {
    market_paths::measure(figures)?;
    engine_paths::measure(figures)?;
    sandbox_paths::measure(strategies, figures)?;
    signing::measure(figures)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")?;
    let bare = figures.iter().find(|figure| figure.path == signing::BARE).map_or(0, |figure| figure.p50_ns);
    let strategies = strategies.to_owned();
    // In a task, as in the host: otherwise the thread that blocks on the runtime would have to be woken for each
    // signature.
    let line = runtime.spawn(async move {
        let signer = signer::Client::connect_inherited().await.context("connecting to the signer")?;
        line::measure(&strategies, &signer, bare).await
    });
    figures.extend(runtime.block_on(line).context("measuring the whole path")??);
    Ok(())
}

fn line(figure: &Figure) -> String {
    let budget = figure.budget_ns.map_or_else(|| "-".to_owned(), nanos);
    let verdict = match figure.budget_ns {
        Some(budget) if figure.p50_ns > budget => "OVER",
        _ => "",
    };
    let (p50, p99) = (nanos(figure.p50_ns), nanos(figure.p99_ns));
    format!("{:<58} {p50:>11} {p99:>11} {budget:>11}  {verdict} {}", figure.path, figure.note)
}

/// Formats nanoseconds in a readable unit.
fn nanos(nanos: u64) -> String {
    let (unit, size) = match nanos {
        0..10_000 => return format!("{nanos} ns"),
        10_000..10_000_000 => ("us", 1_000),
        _ => ("ms", 1_000_000),
    };
    let tenths = nanos.saturating_mul(10).checked_div(size).unwrap_or(0);
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

/// Times `rounds` rounds of `each` operations and returns the nanoseconds of one operation: median and 99th percentile.
fn time(rounds: u32, each: u32, mut operation: impl FnMut()) -> (u64, u64) {
    let mut times = Vec::new();
    // The first tenth of the rounds is for warm-up and is not counted.
    for round in 0..rounds.saturating_add(rounds / 10) {
        let started = Instant::now();
        for _ in 0..each {
            operation();
        }
        let took = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        if round >= rounds / 10 {
            times.push(took.checked_div(u64::from(each)).unwrap_or(0));
        }
    }
    percentiles(times)
}

/// Reads the module of a built strategy.
pub(crate) fn module(strategies: &Path, name: &str) -> anyhow::Result<Vec<u8>> {
    let path = strategies.join(name);
    files::read(&path, files::Links::Follow, FILE_MAX)
        .with_context(|| format!("reading {}; build it first (cargo xtask strategies)", path.display()))
}
