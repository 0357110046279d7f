//! The workflow of an author: a new strategy, built in an empty folder, trades in a running demo; its tests and
//! figures.

use crate::process::{Api, Folder, Run, not_run, program, strategies};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

/// Runs `polytrader strategy` in a folder.
fn strategy(folder: &Path, arguments: &[&str]) -> Output {
    // Reuses what the gate has compiled for the strategies.
    let target = concat!(env!("CARGO_MANIFEST_DIR"), "/../../strategies/target");
    let mut command = program();
    command.arg("strategy").args(arguments).env("CARGO_TARGET_DIR", target).current_dir(folder).output().unwrap()
}

fn text_of(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Returns true if the crates required by the SDK are available: a test downloads nothing.
fn can_build(folder: &Path) -> bool {
    let mut cargo = Command::new("cargo");
    cargo.args(["metadata", "--offline", "--format-version", "1"]).current_dir(folder);
    cargo.output().is_ok_and(|output| output.status.success())
}

/// Runs `check`, `test` and `inspect` as shown in the guide after `build --into demo/strategies`.
fn the_guides_commands_find_what_was_built(folder: &Path) {
    let guide = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/first-strategy.md")).unwrap();
    let shown = guide.lines().filter_map(|line| line.strip_prefix("polytrader strategy "));
    let words = shown.map(|line| line.split('#').next().unwrap().split_whitespace().collect::<Vec<_>>());
    let files = words.filter(|words| ["check", "test", "inspect"].contains(&words[0]) && words.len() == 2);
    let mut actions = Vec::new();
    for words in files {
        // The guide's data directory is `demo`.
        let file = words[1].strip_prefix("demo/").unwrap();
        let output = strategy(folder, &[words[0], file]);
        assert!(output.status.success(), "{words:?}: {}", text_of(&output));
        actions.push(words[0].to_owned());
    }
    assert_eq!(actions, ["check", "test", "inspect"]);
}

#[test]
fn a_strategy_that_was_made_in_an_empty_folder_trades_in_a_running_demo() {
    let test = "a new strategy in a running demo";
    let folder = Folder::new("new-strategy");
    let made = strategy(&folder.0, &["new", "mine"]);
    assert!(made.status.success(), "{}", text_of(&made));
    if !can_build(&folder.0.join("mine")) {
        return not_run(test, "the crates of the SDK's lock file (cargo xtask strategies)");
    }
    let dropped = folder.0.join("strategies");
    std::fs::create_dir_all(&dropped).unwrap();
    std::fs::create_dir_all(folder.0.join("data")).unwrap();
    let mut run = Run::start(&folder.0.join("data"), &dropped, &["--seed", "6"]);
    let api = Api::new(&folder.0.join("data"), &run.addresses());
    let built = strategy(&folder.0, &["build", "mine", "--into", "strategies", "--offline", "--json"]);
    if text_of(&built).contains("lacks the target") {
        run.signal(Signal::INT);
        let _outcome = run.finish();
        return not_run(test, "a Rust for WebAssembly (cargo xtask strategies)");
    }
    assert!(built.status.success(), "{}", text_of(&built));
    let report: Value = serde_json::from_slice(&built.stdout).unwrap();
    assert_eq!(report["name"], "mine", "{report}");
    the_guides_commands_find_what_was_built(&folder.0);
    let listed = |all: &Value| {
        let found = all.as_array().unwrap().iter().find(|strategy| strategy["name"] == "mine").cloned();
        found.is_some_and(|strategy| strategy["state"] == "running" && strategy["hash"] == report["sha256"])
    };
    api.wait_for("/v1/strategies", SOON, listed);
    let ours = |orders: &Value| orders.as_array().unwrap().iter().any(|order| order["strategy"] == "mine");
    api.wait_for("/v1/trading/orders", SOON, ours);
    run.signal(Signal::INT);
    let outcome = run.finish();
    assert!(outcome["orders"].as_u64().unwrap() > 0, "{outcome}");
    assert_eq!((&outcome["open_orders_at_exit"], &outcome["ledger_matches_exchange"]), (&json!(0), &json!(true)));
    let other = strategy(&folder.0, &["new", "other", "--json"]);
    let other: Value = serde_json::from_slice(&other.stdout).unwrap();
    assert!(other["name"] == "other" && folder.0.join(other["source"].as_str().unwrap()).is_file(), "{other}");
    let again = strategy(&folder.0, &["new", "mine"]);
    assert!(!again.status.success() && text_of(&again).contains("not empty"), "{}", text_of(&again));
}

#[test]
fn an_author_sees_what_a_strategy_does_with_a_tape_and_what_that_costs() {
    let Some(built) = strategies("strategy test") else { return };
    let file = built.join("template.wasm");
    let file = file.to_str().unwrap();
    let figures = |more: &[&str]| -> Value {
        let output = strategy(&built, &[&["test", file, "--json"], more].concat());
        assert!(output.status.success(), "{}", text_of(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let first = figures(&["--events", "20000"]);
    assert_eq!(first["events"], 20_000, "{first}");
    assert!(first["shown"].as_array().is_some_and(|shown| !shown.is_empty()), "{first}");
    assert_eq!(figures(&["--events", "20000", "--show", "1"])["shown"].as_array().unwrap().len(), 1);
    assert!(first["orders"].as_u64() > Some(0) && first["fuel_max"].as_u64() > Some(0), "{first}");
    assert!(first["memory_bytes"].as_u64() >= Some(65_536), "{first}");
    // The same events give the same intents; other events or parameters give other intents.
    let wanted = |figures: &Value| figures["shown"].to_string();
    assert_eq!(wanted(&first), wanted(&figures(&["--events", "20000"])));
    assert_ne!(wanted(&first), wanted(&figures(&["--events", "20000", "--seed", "2"])));
    let slow = figures(&["--events", "20000", "--parameters", r#"{"pace": 30}"#]);
    assert_ne!(wanted(&first), wanted(&slow));
    let wrong = strategy(&built, &["test", file, "--parameters", r#"{"pase": 30}"#]);
    assert!(!wrong.status.success() && text_of(&wrong).contains("no parameter `pase`"), "{}", text_of(&wrong));
}

#[test]
fn a_recording_is_a_tape() {
    let Some(built) = strategies("strategy test on a recording") else { return };
    let folder = Folder::new("tape");
    let tape = folder.0.join("game.csv");
    let mut rows = "market_slug,asset_id,event_type,price,side,size,hash,timestamp\n".to_owned();
    for (asset, bid, ask) in [("11", "0.40", "0.45"), ("22", "0.55", "0.60")] {
        rows +=
            &format!("game,{asset},book,{bid},bid,500,a{asset},1000\ngame,{asset},book,{ask},ask,500,a{asset},1000\n");
    }
    for n in 1..200 {
        rows += &format!("game,11,price_change,0.41,bid,{},b{n},{}\n", n % 7, 1_000 + n * 500);
    }
    std::fs::write(&tape, rows).unwrap();
    let file = built.join("template.wasm");
    let arguments = ["test", file.to_str().unwrap(), "--tape", tape.to_str().unwrap(), "--json"];
    let output = strategy(&folder.0, &arguments);
    assert!(output.status.success(), "{}", text_of(&output));
    let figures: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(figures["events"], 201, "{figures}");
    assert!(figures["shown"].to_string().contains("quote Yes 0.4"), "{figures}");
}
