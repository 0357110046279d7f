//! Shutdowns without an operator watching: the outputs are not read any more, or the terminal was closed. In both cases
//! every order is cancelled and the outcome is printed.

use crate::faults::faults;
use crate::process::{Api, Exchange, Folder, demo_with_outputs, strategies};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::{Value, json};
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

/// Starts a demo on an exchange in its own process group, with pipes as outputs, and waits until its orders rest.
fn trading(data: &Path, strategies: &Path, exchange: &Exchange) -> Child {
    trading_on(data, strategies, exchange, Stdio::piped()).0
}

/// As [`trading`], with a different standard error.
fn trading_on(data: &Path, strategies: &Path, exchange: &Exchange, stderr: Stdio) -> (Child, Api) {
    let (child, addresses) = demo_with_outputs(data, strategies, &exchange.address, (Stdio::piped(), stderr));
    let resting = |orders: &Value| orders.as_array().is_some_and(|orders| !orders.is_empty());
    let api = Api::new(data, &addresses);
    api.wait_for("/v1/trading/venue-orders", SOON, resting);
    (child, api)
}

/// Returns a pipe with a capacity of one page.
fn small_pipe() -> (PipeReader, PipeWriter) {
    let (reader, writer) = std::io::pipe().unwrap();
    rustix::pipe::fcntl_setpipe_size(&writer, 4_096).unwrap();
    (reader, writer)
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
    // Closing a terminal sends the signal to the whole group.
    kill_process_group(pid(&child), Signal::HUP).unwrap();
    let outcome = outcome(child);
    assert_eq!((&outcome["open_orders_at_exit"], &outcome["ledger_matches_exchange"]), (&0.into(), &true.into()));
}

#[test]
fn a_log_whose_reader_stands_still_delays_no_command_and_no_emergency_stop() {
    let Some(strategies) = strategies("a log whose reader stands still") else { return };
    let folder = Folder::new("stuck-log");
    let exchange = Exchange::start(&folder.0.join("exchange"), 24);
    // Otherwise the venue itself would cancel the orders of a stalled host.
    faults(&exchange, &json!({"patient": true}));
    let (mut reader, writer) = small_pipe();
    let (child, api) = trading_on(&folder.0.join("host"), &strategies, &exchange, writer.into());
    // Several times the capacity of the pipe, and far less than the queue behind it, which the session's other lines
    // fill on a busy machine.
    const COMMANDS: usize = 60;
    let long = "x".repeat(180);
    (0..COMMANDS).for_each(|_| drop(api.post_json("/v1/trading/orders/cancel-all", &json!({"reason": long}))));
    api.post_json("/v1/admin/emergency-stop", &json!({"reason": "stuck log"}));
    let none = |orders: &Value| orders.as_array().is_some_and(Vec::is_empty);
    api.wait_for("/v1/trading/venue-orders", SOON, none);
    // The reader continues, and finds every line, because the queue was never full.
    let log = std::thread::spawn(move || {
        let mut text = Vec::new();
        reader.read_to_end(&mut text).unwrap();
        String::from_utf8_lossy(&text).into_owned()
    });
    kill_process(pid(&child), Signal::TERM).unwrap();
    let outcome = outcome(child);
    assert_eq!((&outcome["open_orders_at_exit"], &outcome["ledger_matches_exchange"]), (&0.into(), &true.into()));
    let log = log.join().unwrap();
    assert!(log.contains("EmergencyStop") && !log.contains("lines were lost"), "{} bytes: {log}", log.len());
    let commands = log.lines().filter(|line| line.contains("operator command") && line.contains("CancelAll"));
    assert_eq!(commands.count(), COMMANDS);
}

#[test]
fn outputs_that_stand_still_delay_no_end_and_cost_no_cancel() {
    let Some(strategies) = strategies("outputs that stand still") else { return };
    let folder = Folder::new("stuck-outputs");
    let exchange = Exchange::start(&folder.0.join("exchange"), 25);
    faults(&exchange, &json!({"patient": true}));
    let data = folder.0.join("host");
    let (reader, mut writer) = small_pipe();
    let (mut child, api) = trading_on(&data, &strategies, &exchange, writer.try_clone().unwrap().into());
    // Fills the rest of the pipe, which is not read until both processes have ended.
    let filled = std::thread::spawn(move || drop(writer.write_all(&[b'.'; 8_192])));
    drop(api);
    kill_process(pid(&child), Signal::TERM).unwrap();
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(child.wait().unwrap().success(), "{text}");
    drop(reader);
    filled.join().unwrap();
    let outcome: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!((&outcome["open_orders_at_exit"], &outcome["ledger_matches_exchange"]), (&0.into(), &true.into()));
}

#[test]
fn a_session_without_any_output_trades_and_ends_clean() {
    let Some(strategies) = strategies("a session without outputs") else { return };
    let folder = Folder::new("no-outputs");
    // Closed outputs, a full disk, and a pipe that is not read any more.
    for (number, outputs) in
        [">&- 2>&-", ">/dev/full 2>/dev/full", "2>&1 | true; exit ${PIPESTATUS[0]}"].iter().enumerate()
    {
        let data = folder.0.join(number.to_string());
        let mut command = std::process::Command::new("bash");
        let script = format!("\"$@\" {outputs}");
        command.args([
            "-c",
            &script,
            "bash",
            env!("CARGO_BIN_EXE_polytrader"),
            "run",
            "--mode",
            "demo",
            "--for",
            "10s",
        ]);
        command.args(["--json", "--api-port", "0", "--dashboard-port", "0", "--data-dir"]).arg(&data);
        let status = command.arg("--strategies").arg(&strategies).stdin(Stdio::null()).status().unwrap();
        assert!(status.success(), "{outputs}: {status}");
        assert!(!data.join("run.json").exists(), "{outputs}: the host removed its addresses");
    }
}
