//! Ends of a session that an operator does not see: nothing reads the log any more, or the terminal was closed. Either way every order is
//! cancelled and the outcome is printed.

use crate::process::{Api, Exchange, Folder, program, strategies};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::Value;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(60);

/// Starts a demo on an exchange in a process group of its own, with pipes as its outputs, and waits until its orders rest.
fn trading(data: &Path, strategies: &Path, exchange: &Exchange) -> Child {
    std::fs::create_dir_all(data).unwrap();
    let mut command = program();
    command.args(["run", "--mode", "demo", "--json", "--api-port", "0", "--dashboard-port", "0"]);
    command.args(["--exchange", &exchange.address]).arg("--data-dir").arg(data).arg("--strategies").arg(strategies);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let child = command.spawn().unwrap();
    let started = Instant::now();
    let addresses: Value = loop {
        let text = std::fs::read_to_string(data.join("run.json")).unwrap_or_default();
        match serde_json::from_str(&text) {
            Ok(addresses) => break addresses,
            Err(_) => assert!(started.elapsed() < SOON, "no run.json within a minute"),
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let resting = |orders: &Value| orders.as_array().is_some_and(|orders| !orders.is_empty());
    Api::new(data, &addresses).wait_for("/v1/trading/venue-orders", SOON, resting);
    child
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap()
}

/// Waits for the end and returns the outcome.
fn outcome(mut child: Child) -> Value {
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    let status = child.wait().unwrap();
    assert!(status.success(), "{status}: {text}");
    serde_json::from_str(text.lines().last().unwrap_or_default()).unwrap()
}

#[test]
fn a_host_whose_log_is_not_read_any_more_cancels_its_orders() {
    let Some(strategies) = strategies("a log without a reader") else { return };
    let folder = Folder::new("dead-log");
    let exchange = Exchange::start(&folder.0.join("exchange"), 21);
    let mut child = trading(&folder.0.join("host"), &strategies, &exchange);
    drop(child.stderr.take());
    kill_process(pid(&child), Signal::TERM).unwrap();
    let outcome = outcome(child);
    assert_eq!((&outcome["open_orders_at_exit"], &outcome["ledger_matches_exchange"]), (&0.into(), &true.into()));
}

#[test]
fn a_closed_terminal_ends_a_session_in_order() {
    let Some(strategies) = strategies("a closed terminal") else { return };
    let folder = Folder::new("hangup");
    let exchange = Exchange::start(&folder.0.join("exchange"), 22);
    let child = trading(&folder.0.join("host"), &strategies, &exchange);
    // What a terminal does when it is closed: the signal goes to the whole group.
    kill_process_group(pid(&child), Signal::HUP).unwrap();
    let outcome = outcome(child);
    assert_eq!((&outcome["open_orders_at_exit"], &outcome["ledger_matches_exchange"]), (&0.into(), &true.into()));
}
