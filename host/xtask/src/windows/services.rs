//! The three services and the batch files, under Wine.

use super::{ANSWERS_WITHIN, COMMAND_MAX, COMPILER, Wine};
use crate::{command, say};
use anyhow::{Context, ensure};
use serde_json::Value;
use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

const FOLDER: &str = "service data";
const LIVE: &str = "live data";
const API: &str = "PolyTrader-API";
const UI: &str = "PolyTrader-UI";
const WORKER: &str = "PolyTrader-Worker";
/// The logs of an installation, each with its last line.
const STEPS: [&str; 4] = [
    "STEP00_preflight_check.log",
    "STEP03_setup_database.log",
    "STEP07_register_services.log",
    "STEP08_final_verification.log",
];
/// A program that has a version and is not a service.
const ODD: &str = "#include <stdio.h>\nint main(void) { puts(\"polytrader 9.9.9\"); return 0; }\n";
/// Pause between two questions.
const LOOK: Duration = Duration::from_millis(500);

/// Installs the services and starts and stops each.
pub(super) fn check(wine: &Wine) -> anyhow::Result<()> {
    install(wine)?;
    each_is_started_and_stopped(wine)?;
    batch_files(wine)?;
    upgrade(wine)?;
    without_credentials(wine)?;
    wine.pass(&["service", "uninstall"], "service uninstall")?;
    ensure!(states(wine).is_err(), "the services are there after `service uninstall`");
    Ok(())
}

fn install(wine: &Wine) -> anyhow::Result<()> {
    // Free ports: others may run a host on this machine.
    let arguments = ["--mode", "demo", "--data-dir", FOLDER, "--api-port", "0", "--dashboard-port", "0"];
    wine.pass(&[&["service", "install"], &arguments[..]].concat(), "service install")?;
    for step in STEPS {
        let path = wine.folder.join(FOLDER).join("install-logs").join(step);
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        ensure!(text.ends_with("\ndone\n"), "{step} does not end with `done`:\n{text}");
    }
    // Again: the services that are there are changed.
    wine.pass(&[&["service", "install"], &arguments[..]].concat(), "a second service install")
}

fn each_is_started_and_stopped(wine: &Wine) -> anyhow::Result<()> {
    net(wine, "start", API)?;
    await_state(wine, API, "running")?;
    ensure!(bot(wine)? == "STOPPED", "the bot is {}; expected STOPPED, because the worker starts it", bot(wine)?);
    net(wine, "start", UI)?;
    await_state(wine, UI, "running")?;
    net(wine, "start", WORKER)?;
    await_state(wine, WORKER, "running")?;
    ensure!(bot(wine)? == "RUNNING", "the bot is {}; expected RUNNING", bot(wine)?);
    await_orders(wine)?;
    net(wine, "stop", WORKER)?;
    await_state(wine, WORKER, "stopped")?;
    ensure!(bot(wine)? == "STOPPED", "the bot is {}; expected STOPPED, because the worker has ended", bot(wine)?);
    net(wine, "start", WORKER)?;
    await_state(wine, WORKER, "running")?;
    await_orders(wine)?;
    net(wine, "stop", UI)?;
    await_state(wine, UI, "stopped")?;
    // The host first, with orders open, so that it must cancel them.
    net(wine, "stop", API)?;
    await_state(wine, API, "stopped")?;
    ended_in_order(wine)?;
    // The host of before is gone, and with it the bot that the worker has started.
    net(wine, "start", API)?;
    await_state(wine, API, "running")?;
    await_state(wine, WORKER, "stopped")?;
    ensure!(bot(wine)? == "STOPPED", "the bot is {}; expected STOPPED after a new start of the host", bot(wine)?);
    net(wine, "stop", API)?;
    await_state(wine, API, "stopped")
}

/// Checks the outcome that the host has printed at its end.
fn ended_in_order(wine: &Wine) -> anyhow::Result<()> {
    let path = wine.folder.join(FOLDER).join("logs/service_console.log");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let outcome = text.lines().rev().find(|line| line.starts_with("at the venue:")).unwrap_or_default();
    let is_good = outcome.starts_with("at the venue: 0 open orders; the ledger agrees with the account");
    ensure!(is_good, "the host did not end in order; its console is:\n{text}");
    say::line(&format!("   {outcome}"));
    Ok(())
}

/// Runs both batch files from another folder; their own has spaces in its path.
fn batch_files(wine: &Wine) -> anyhow::Result<()> {
    for (name, state) in [("start_services.bat", "running"), ("stop_services.bat", "stopped")] {
        let mut cmd = wine.command("cmd");
        cmd.current_dir(wine.prefix.join("drive_c")).arg("/c").arg(wine.folder.join(name));
        command::run_within(&mut cmd, name, COMMAND_MAX)?;
        for service in [API, UI, WORKER] {
            await_state(wine, service, state)?;
        }
    }
    Ok(())
}

/// Upgrades to a copy of the program while the services run, and goes back from a program that is not a service.
fn upgrade(wine: &Wine) -> anyhow::Result<()> {
    wine.pass(&["service", "start"], "service start")?;
    fs::copy(wine.exe(), wine.folder.join("next.exe")).context("copying the program")?;
    wine.pass(&["service", "upgrade", "next.exe"], "service upgrade")?;
    for service in [API, UI, WORKER] {
        await_state(wine, service, "running")?;
    }
    ensure!(wine.folder.join("polytrader.previous.exe").is_file(), "the program of before is not kept");
    fs::write(wine.folder.join("odd.c"), ODD).context("writing odd.c")?;
    let mut compiler = command::new(COMPILER, &wine.folder);
    command::run(compiler.args(["-o", "odd.exe", "odd.c"]), "building a program that is not a service")?;
    let mut upgrade = wine.command(wine.exe());
    let output = upgrade.args(["service", "upgrade", "odd.exe"]).output().context("running service upgrade")?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success() && text.contains("is in place again"), "expected to go back; it printed `{text}`");
    for service in [API, UI, WORKER] {
        await_state(wine, service, "running")?;
    }
    wine.pass(&["service", "stop"], "service stop")
}

/// Without credentials the worker refuses live mode in one sentence, and with an error code.
fn without_credentials(wine: &Wine) -> anyhow::Result<()> {
    wine.pass(&["service", "install", "--mode", "live", "--data-dir", LIVE], "service install --mode live")?;
    // It fails; the manager may answer before that.
    let _failed = net(wine, "start", WORKER);
    await_state(wine, WORKER, "stopped")?;
    let failed = state(wine, WORKER)?.get("failed").and_then(Value::as_bool);
    ensure!(failed == Some(true), "PolyTrader-Worker reports no error without credentials");
    let path = wine.folder.join(LIVE).join("logs/worker_stderr.log");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    ensure!(text.contains("live mode needs credentials"), "worker_stderr.log has no reason:\n{text}");
    say::line(&format!("   {}", text.trim()));
    Ok(())
}

/// Runs `net start` or `net stop`.
fn net(wine: &Wine, verb: &str, service: &str) -> anyhow::Result<()> {
    let what = format!("net {verb} {service}");
    say::line(&format!("   {what}"));
    command::run_within(wine.command("net").args([verb, service]), &what, COMMAND_MAX)
}

fn states(wine: &Wine) -> anyhow::Result<Vec<Value>> {
    let mut status = wine.command(wine.exe());
    let output = status.args(["service", "status", "--json"]).stderr(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let all: Value = serde_json::from_str(text.trim()).with_context(|| format!("reading the states `{text}`"))?;
    all.get("services").and_then(Value::as_array).cloned().with_context(|| format!("`{all}` has no services"))
}

fn state(wine: &Wine, service: &str) -> anyhow::Result<Value> {
    let found = states(wine)?.into_iter().find(|state| state.get("service").is_some_and(|name| name == service));
    found.with_context(|| format!("the status has no {service}"))
}

fn await_state(wine: &Wine, service: &str, wanted: &str) -> anyhow::Result<()> {
    let started = Instant::now();
    loop {
        let state = state(wine, service)?;
        if state.get("state").is_some_and(|state| state == wanted) {
            return Ok(());
        }
        ensure!(started.elapsed() < ANSWERS_WITHIN, "{service} is not {wanted} but {state}");
        thread::sleep(LOOK);
    }
}

/// Returns the state of the bot.
fn bot(wine: &Wine) -> anyhow::Result<String> {
    // The exit code is that of an unhealthy host, if it has just started.
    let output = wine.command(wine.exe()).args(["status", "--json", "--data-dir", FOLDER]).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let status: Value = serde_json::from_str(text.trim()).with_context(|| format!("reading the status `{text}`"))?;
    let state = status.get("bot").and_then(|bot| bot.get("state")).and_then(Value::as_str);
    Ok(state.with_context(|| format!("`{status}` has no state of the bot"))?.to_owned())
}

fn await_orders(wine: &Wine) -> anyhow::Result<()> {
    let started = Instant::now();
    loop {
        let text = wine.read(&["orders", "list", "--json", "--data-dir", FOLDER])?;
        let orders: Value =
            serde_json::from_str(text.trim()).with_context(|| format!("reading the orders `{text}`"))?;
        if orders.as_array().is_some_and(|orders| !orders.is_empty()) {
            return Ok(());
        }
        ensure!(started.elapsed() < ANSWERS_WITHIN, "the bot runs, but has no open order");
        thread::sleep(LOOK);
    }
}
