//! The soak of the whole program: a demo of the release runs for a while, the memory of each of its processes is read every ten
//! seconds, and what grows fails. (The soak of the gate is another: the engine against a venue where everything goes wrong.)

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

/// How often the processes are looked at.
const SAMPLE_EVERY: Duration = Duration::from_secs(10);
/// The shortest soak: three samples in each third.
const SHORTEST: Duration = Duration::from_secs(90);
/// How long the program may take beyond its time to cancel everything and to end.
const ENDING_MAX: Duration = Duration::from_secs(60);

/// What `cargo xtask soak` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How long, for instance 90s, 20m or 1h.
    #[arg(long = "for", value_name = "TIME", default_value = "20m", value_parser = duration)]
    run_for: Duration,
    /// How many times as busy as usual the other traders are: 20m at 4 are 80 minutes of traffic.
    #[arg(long, value_name = "X", default_value_t = 4)]
    speed: u32,
    /// How many markets there are, all of which the host watches.
    #[arg(long, value_name = "N", default_value_t = 20)]
    markets: u32,
    /// The folder of the strategies; those that ship otherwise.
    #[arg(long, value_name = "FOLDER")]
    strategies: Option<OsString>,
    /// Passed on to `polytrader run`, for instance: cargo xtask soak --for 5m -- --set journal.keep_days=1
    #[arg(last = true)]
    more: Vec<OsString>,
}

/// Builds, runs, watches, judges.
pub(crate) fn run(repo: &Repo, args: &Args) -> anyhow::Result<()> {
    ensure!(cfg!(target_os = "linux"), "the soak reads /proc, so it needs Linux");
    ensure!(args.run_for >= SHORTEST, "a soak of less than {} says nothing", say::time(SHORTEST));
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
        // The last seconds, in which everything is cancelled, are not what is measured.
        if elapsed >= next && elapsed < args.run_for {
            next = next.saturating_add(SAMPLE_EVERY);
            let row = Row { at: elapsed, family: Family::of(child.id())?, data_bytes: folder_bytes(data) };
            say::line(&table.add(row));
        }
        thread::sleep(Duration::from_millis(200));
    }
}

/// What the session came to must be right, or its memory is of no interest.
fn outcome(data: &Path) -> anyhow::Result<()> {
    let text = fs::read_to_string(data.join("outcome.json")).context("reading what the session came to")?;
    let last = text.lines().next_back().context("the session printed no outcome")?;
    say::line(&format!("   {last}"));
    let outcome: Value = serde_json::from_str(last).context("reading what the session came to")?;
    for (what, wanted) in [("ledger_matches_exchange", Value::from(true)), ("open_orders_at_exit", Value::from(0))] {
        let told = outcome.get(what).unwrap_or(&Value::Null);
        ensure!(*told == wanted, "{what} is {told}, expected {wanted}");
    }
    Ok(())
}

/// Parses a time such as 90s, 20m or 1h.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no time; write it as 90s, 20m or 1h");
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
