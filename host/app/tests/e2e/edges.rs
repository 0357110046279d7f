//! Edge cases of new users, other systems and small machines.

use crate::process::{Api, Folder, Run, program, strategies};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(60);

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Returns all names below a folder that contain a character of URLs, home directories or variables.
fn odd_names(dir: &Path) -> Vec<String> {
    let mut odd = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type().unwrap().is_dir() {
            odd.extend(odd_names(&entry.path()));
        }
        odd.extend(name.contains(['~', '$', '?', ':']).then_some(name));
    }
    odd
}

/// Waits for the addresses of a run.
fn addresses(child: &mut Child, data: &Path) -> Value {
    let started = Instant::now();
    loop {
        let addresses = std::fs::read_to_string(data.join("run.json")).ok();
        if let Some(addresses) = addresses.and_then(|text| serde_json::from_str(&text).ok()) {
            return addresses;
        }
        assert!(child.try_wait().unwrap().is_none(), "the run has ended early");
        if started.elapsed() > SOON {
            child.kill().unwrap();
            panic!("no run.json");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn files_that_are_not_loaded_are_shown_and_what_is_not_there_is_reported_and_a_run_ends_with_a_summary() {
    let Some(built) = strategies("files that are not loaded") else { return };
    let folder = Folder::new("edges");
    // The paths as passed by a shell that does not expand them, with a separate home directory.
    let (home, here) = (folder.0.join("home"), folder.0.join("here"));
    std::fs::create_dir_all(&here).unwrap();
    let (data, dropped) = (home.join("d"), home.join("s"));
    std::fs::create_dir_all(&dropped).unwrap();
    for name in ["my-quoter-v1.2.wasm", "quoter (1).wasm", "Quoter2.WASM", "größer.wasm"] {
        std::fs::copy(built.join("quoter.wasm"), dropped.join(name)).unwrap();
    }
    std::os::unix::fs::symlink(built.join("quoter.wasm"), dropped.join("linked.wasm")).unwrap();
    std::fs::copy(built.join("template.wasm"), dropped.join("template.wasm")).unwrap();
    let mut command = program();
    command.args([
        "run",
        "--mode",
        "demo",
        "--data-dir=~/d",
        "--set",
        "strategies_dir=~/s",
        "--set",
        "database_url=sqlite:db.sqlite",
    ]);
    command.args(["--api-port", "0", "--dashboard-port", "0"]).env("HOME", &home).current_dir(&here);
    command.env("POLYTRADER_SERVICE_HOST", "10.0.0.7").env("POLYTRADER_PORT", "tcp://10.0.0.7:8000");
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).spawn().unwrap();
    let addresses = addresses(&mut child, &data);
    let api = Api::new(&data, &addresses);
    api.wait_for("/v1/skipped-files", SOON, |files| files.as_array().unwrap().len() == 5);
    std::fs::rename(dropped.join("Quoter2.WASM"), dropped.join("quoter2.wasm")).unwrap();
    let files = api.wait_for("/v1/skipped-files", SOON, |files| files.as_array().unwrap().len() == 4);
    let linked = files.as_array().unwrap().iter().find(|file| file["file"] == "linked.wasm").unwrap();
    assert!(linked["reason"].as_str().unwrap().contains("links are not followed"), "{files}");
    let list = program().args(["strategy", "list", "--data-dir"]).arg(&data).output().unwrap();
    assert!(
        text(&list).contains("not loaded: quoter (1).wasm: expected a strategy name of 1 to 64"),
        "{}",
        text(&list)
    );
    assert_eq!(api.delete("/v1/trading/orders/99999999").0, 404);
    let (status, detail) = api.refused("/v1/admin/circuit-breakers/drawdown/reset", &json!({}));
    assert!(status == 409 && detail.contains("`drawdown` is not tripped"), "{status}: {detail}");
    let id = i32::try_from(child.id()).unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(id).unwrap(), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{errors}");
    for words in [
        "in demo mode",
        "events",
        "orders",
        "fills",
        "profit:",
        "fees",
        "at the venue: 0 open orders; the ledger agrees",
    ] {
        assert!(printed.contains(words), "no `{words}` in: {printed}");
    }
    assert_eq!(errors.matches("file in the strategies folder not loaded").count(), 5, "each reported once: {errors}");
    let ignored = "ignoring environment variables set by Kubernetes for a service of the same name: ";
    assert_eq!(errors.matches(ignored).count(), 1, "{errors}");
    assert!(data.join("db.sqlite").is_file() && odd_names(&folder.0).is_empty(), "{:?}", odd_names(&folder.0));
    assert_eq!(std::fs::read_dir(&here).unwrap().count(), 0, "nothing is written to the working directory");
}

#[test]
fn kubernetes_variables_are_skipped_and_a_misspelled_key_is_not() {
    let folder = Folder::new("kubernetes");
    let config = |variables: &[(&str, &str)]| {
        let mut command = program();
        command.args(["config", "--mode", "demo", "--data-dir"]).arg(&folder.0).envs(variables.iter().copied());
        command.output().unwrap()
    };
    let output = config(&[
        ("POLYTRADER_PORT", "tcp://10.0.0.7:8000"),
        ("POLYTRADER_SERVICE_HOST", "10.0.0.7"),
        ("POLYTRADER_SERVICE_PORT", "8000"),
        ("POLYTRADER_SERVICE_PORT_HTTP", "8000"),
        ("POLYTRADER_PORT_8000_TCP", "tcp://10.0.0.7:8000"),
        ("POLYTRADER_PORT_8000_TCP_PROTO", "tcp"),
        ("POLYTRADER_PORT_8000_TCP_PORT", "8000"),
        ("POLYTRADER_PORT_8000_TCP_ADDR", "10.0.0.7"),
    ]);
    assert!(output.status.success() && text(&output).contains("by Kubernetes"), "{}", text(&output));
    let output = config(&[("POLYTRADER_MAX_MARKT_USD", "5")]);
    assert!(!output.status.success() && text(&output).contains("POLYTRADER_MAX_MARKET_USD"), "{}", text(&output));
    let output = config(&[("POLYTRADER_SERVICE_HOST", "localhost")]);
    assert!(!output.status.success(), "not a value set by Kubernetes: {}", text(&output));
}

#[test]
fn paths_and_database_addresses_of_other_programs_are_refused_with_what_to_write_and_leave_nothing() {
    let folder = Folder::new("foreign");
    for (arguments, expected) in [
        (["--data-dir=~you/d", "--json"], "home folders of other users"),
        (["--data-dir=$HOME/d", "--json"], "variables are not replaced"),
        (["--set", "strategies_dir=$HOME/x"], "variables are not replaced"),
        (["--set", "strategies_dir=a?b"], "no '?'"),
        (["--set", "database_url=sqlite::memory:"], "write sqlite:FILE"),
        (["--set", "database_url=sqlite:///tradesv3.sqlite"], "write sqlite:FILE"),
        (["--set", "database_url=sqlite:a.sqlite?mode=rwc"], "write sqlite:FILE"),
        (["--set", "database_url=SQLITE:a.sqlite"], "write sqlite:FILE"),
        (["--set", "database_url=postgresql+psycopg2://u@h/d"], "postgres://USER@HOST/NAME"),
    ] {
        let mut command = program();
        command
            .args(["run", "--mode", "demo", "--for", "1s", "--api-port", "0", "--dashboard-port", "0"])
            .args(arguments);
        let output = command.env("HOME", &folder.0).current_dir(&folder.0).output().unwrap();
        assert!(!output.status.success() && text(&output).contains(expected), "{arguments:?}: {}", text(&output));
    }
    assert_eq!(odd_names(&folder.0), Vec::<String>::new());
    assert!(!Path::new("/tradesv3.sqlite").exists());
}

/// Small boards and hardened containers do not allow 4 GiB of address space per memory.
#[test]
fn the_shipped_strategies_run_within_12_gib_of_address_space() {
    let Some(built) = strategies("strategies in a small address space") else { return };
    let folder = Folder::new("address-space");
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "ulimit -v 12582912; exec \"$@\"",
        "sh",
        env!("CARGO_BIN_EXE_polytrader"),
        "run",
        "--mode",
        "demo",
        "--json",
    ]);
    command
        .args(["--api-port", "0", "--dashboard-port", "0", "--data-dir"])
        .arg(&folder.0)
        .arg("--strategies")
        .arg(&built);
    let mut run = Run::of(command, &folder.0);
    let api = Api::new(&folder.0, &run.addresses());
    let running = |all: &Value| {
        let all = all.as_array().unwrap();
        all.len() == 4 && all.iter().all(|strategy| strategy["state"] == "running")
    };
    api.wait_for("/v1/strategies", SOON, running);
    run.signal(Signal::INT);
    run.finish();
}
