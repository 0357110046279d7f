//! The memory soak of the whole program: runs a demo of the release build, samples the memory of each of its processes
//! every ten seconds, and fails if it grows. (The gate's soak is another test: the engine against a simulated venue
//! with injected faults.)

mod process;
mod table;

use crate::repo::Repo;
use crate::{command, say, wasm};
use anyhow::{Context, bail, ensure};
use process::{Family, folder_bytes};
use serde_json::Value;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use table::{Row, Table};

/// Sampling interval.
const SAMPLE_EVERY: Duration = Duration::from_secs(10);
/// The shortest soak: three samples in each third.
const SHORTEST: Duration = Duration::from_secs(90);
/// Time limit for the program to cancel everything and to exit after its run time.
const ENDING_MAX: Duration = Duration::from_secs(60);

/// Arguments of `cargo xtask soak`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Run time, for instance 90s, 20m or 1h.
    #[arg(long = "for", value_name = "TIME", default_value = "20m", value_parser = duration)]
    run_for: Duration,
    /// Activity of the other traders as a multiple of the usual: 20m at 4 are 80 minutes of traffic.
    #[arg(long, value_name = "X", default_value_t = 4)]
    speed: u32,
    /// Number of markets, all of which the host watches.
    #[arg(long, value_name = "N", default_value_t = 20)]
    markets: u32,
    /// Folder of strategies to run instead of those that ship.
    #[arg(long, value_name = "FOLDER")]
    strategies: Option<OsString>,
    /// Passed on to `polytrader run`, for instance: cargo xtask soak --for 5m -- --set journal.keep_days=1
    #[arg(last = true)]
    more: Vec<OsString>,
}

/// Builds the release, runs the demo, samples it and checks the result.
pub(crate) fn run(repo: &Repo, args: &Args) -> anyhow::Result<()> {
    ensure!(cfg!(target_os = "linux"), "the soak reads /proc, so it needs Linux");
    ensure!(args.run_for >= SHORTEST, "a soak shorter than {} has too few samples", say::time(SHORTEST));
    let strategies = match &args.strategies {
        Some(folder) => folder.clone(),
        None => {
            wasm::build(repo)?;
            repo.strategies().into()
        }
    };
    say::doing("host, release profile (some minutes)");
    let mut cargo = command::new("cargo", &repo.root);
    cargo.args(["build", "--release", "--package", "app", "--bin", "polytrader"]);
    command::run(&mut cargo, "building the release")?;

    let data = repo.target.join("soak");
    if data.exists() {
        fs::remove_dir_all(&data).with_context(|| format!("emptying {}", data.display()))?;
    }
    fs::create_dir_all(&data).with_context(|| format!("making {}", data.display()))?;
    say::doing(&format!("{} of trading at {} times the usual traffic", say::time(args.run_for), args.speed));
    let table = watch(start(repo, args, &strategies, &data)?, args, &data)?;
    table.show_verdict();
    outcome(&data)?;
    table.judge()
}

fn start(repo: &Repo, args: &Args, strategies: &OsString, data: &Path) -> anyhow::Result<Child> {
    let mut polytrader = command::new(repo.binary("release"), &repo.root);
    polytrader.args(["run", "--mode", "demo", "--json", "--api-port", "0", "--dashboard-port", "0"]);
    polytrader.args(["--for", &format!("{}s", args.run_for.as_secs()), "--speed", &args.speed.to_string()]);
    polytrader.args(["--invented", &args.markets.to_string(), "--set", &format!("markets_max={}", args.markets)]);
    polytrader.arg("--data-dir").arg(data).arg("--strategies").arg(strategies).args(&args.more);
    let file =
        |name: &str| File::create(data.join(name)).with_context(|| format!("making {name} in {}", data.display()));
    spawn(polytrader.stdout(file("outcome.json")?).stderr(file("log.txt")?))
}

fn spawn(command: &mut Command) -> anyhow::Result<Child> {
    command.stdin(Stdio::null()).spawn().with_context(|| format!("starting {}", command.get_program().display()))
}

/// Takes samples until the program ends.
fn watch(mut child: Child, args: &Args, data: &Path) -> anyhow::Result<Table> {
    let started = Instant::now();
    let mut table = Table::default();
    say::line(&Table::head());
    let mut next = SAMPLE_EVERY;
    loop {
        if let Some(status) = child.try_wait().context("waiting for the program")? {
            ensure!(status.success(), "the program failed ({status}); {} says why", data.join("log.txt").display());
            return Ok(table);
        }
        let elapsed = started.elapsed();
        if elapsed > args.run_for.saturating_add(ENDING_MAX) {
            child.kill().context("ending the program")?;
            child.wait().context("waiting for the program")?;
            bail!("the program did not end in time");
        }
        // The shutdown at the end, in which everything is cancelled, is not measured.
        if elapsed >= next && elapsed < args.run_for {
            next = next.saturating_add(SAMPLE_EVERY);
            let row = Row { at: elapsed, family: Family::of(child.id())?, data_bytes: folder_bytes(data) };
            say::line(&table.add(row));
        }
        thread::sleep(Duration::from_millis(200));
    }
}

/// Checks the outcome of the session; its memory figures mean nothing if the outcome is wrong.
fn outcome(data: &Path) -> anyhow::Result<()> {
    let text = fs::read_to_string(data.join("outcome.json")).context("reading the outcome of the session")?;
    let last = text.lines().next_back().context("the session printed no outcome")?;
    say::line(&format!("   {last}"));
    let outcome: Value = serde_json::from_str(last).context("parsing the outcome of the session")?;
    for (what, wanted) in [("ledger_matches_exchange", Value::from(true)), ("open_orders_at_exit", Value::from(0))] {
        let found = outcome.get(what).unwrap_or(&Value::Null);
        ensure!(*found == wanted, "{what} is {found}, expected {wanted}");
    }
    Ok(())
}

/// Parses a time such as 90s, 20m or 1h.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("expected a time such as 90s, 20m or 1h, got `{text}`");
    let (digits, seconds) = match text.split_at_checked(text.len().saturating_sub(1)) {
        Some((digits, "s")) => (digits, 1),
        Some((digits, "m")) => (digits, 60),
        Some((digits, "h")) => (digits, 3_600),
        _ => return Err(wrong()),
    };
    let count: u64 = digits.parse().map_err(|_not_a_number| wrong())?;
    count.checked_mul(seconds).filter(|seconds| *seconds > 0).map(Duration::from_secs).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("20m"), Ok(Duration::from_secs(1_200)));
        assert_eq!(duration("1h"), Ok(Duration::from_secs(3_600)));
        for wrong in ["", "5", "m", "1d", "0s", "-1m", "é"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
