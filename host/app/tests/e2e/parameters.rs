//! Parameters that change while a strategy runs: it hears of them between two events, or is started anew where that cannot be.

use crate::crash::replay_all;
use crate::process::{Api, Folder, Run, strategies};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);
const OLD: &str = "since_0_1";

/// A demo with two strategies: one that logs what it hears of parameters, and one of the contract before.
struct Stage {
    api: Api,
    dropped: PathBuf,
}

impl Stage {
    fn set(&self, name: &str, word: &str) {
        std::fs::write(self.dropped.join(format!("{name}.toml")), format!("[parameters]\nword = {word}\n")).unwrap();
    }

    /// Leaves the listener so much fuel.
    fn limit(&self, units: &str) {
        std::fs::write(self.dropped.join("listener.toml"), format!("[budget]\nfuel_per_call = {units}\n")).unwrap();
    }

    /// Waits until a strategy is as wanted.
    #[track_caller]
    fn row(&self, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let of = |all: &Value| all.as_array().unwrap().iter().find(|one| one["name"] == name).cloned();
        let all = self.api.wait_for("/v1/strategies", SOON, |all| of(all).is_some_and(|row| wanted(&row)));
        of(&all).unwrap()
    }

    /// Waits until the last that the listener logged is this, and returns which instance of it runs.
    #[track_caller]
    fn logged(&self, line: &str) -> Value {
        self.row("listener", |row| row["log"] == line && row["state"] == "running")["instance"].clone()
    }

    fn word(&self) -> Value {
        self.api.get("/v1/strategies/listener/parameters")["parameters"]["word"].clone()
    }
}

#[test]
fn a_file_leaves_a_strategy_less_fuel_and_never_more() {
    let Some(built) = strategies("a strategy with little fuel") else { return };
    let folder = Folder::new("fuel");
    let dropped = folder.0.join("dropped");
    std::fs::create_dir_all(&dropped).unwrap();
    let module = std::fs::read(built.join("fixtures/listener.wasm")).unwrap();
    std::fs::write(dropped.join("listener.wasm"), &module).unwrap();
    std::fs::write(dropped.join("listener.toml"), "[budget]\nfuel_per_call = 5000000\n").unwrap();
    let mut run = Run::start(&folder.0, &dropped, &["--seed", "12"]);
    let stage = Stage { api: Api::new(&folder.0, &run.addresses()), dropped };
    let row = stage.row("listener", |row| row["state"] == "running");
    assert_eq!((&row["fuel_limit"], &row["instance"]), (&json!(5_000_000), &json!(1)));

    // Less than it needs for anything: another instance has it, and fails as with any other limit.
    stage.limit("40");
    let row = stage.row("listener", |row| row["state"] == "quarantined");
    assert_eq!(
        (&row["fuel_limit"], &row["error"]),
        (
            &json!(40),
            &json!("failed 3 times within a minute: it used up its fuel of 40 for one call: an endless loop?")
        )
    );

    // What the sandbox gives is the most.
    stage.limit("900000000");
    std::fs::write(stage.dropped.join("listener.wasm"), [&module[..], &[0, 3, 1, b'v', 1]].concat()).unwrap();
    let row = stage.row("listener", |row| row["state"] == "running");
    assert_eq!(row["fuel_limit"], 50_000_000);
    stage.limit("0");
    let words = "listener.toml: budget.fuel_per_call is 0, expected units, such as 5000000; what ran before goes on";
    stage.row("listener", |row| row["error"] == words);

    run.signal(Signal::INT);
    run.finish();
    assert_eq!(replay_all(&folder.0), 1, "with the same fuel it fails again where it failed");
}

#[test]
fn a_strategy_hears_of_its_new_parameters_once_and_goes_on() {
    let Some(built) = strategies("a strategy whose parameters change") else { return };
    let folder = Folder::new("parameters");
    let dropped = folder.0.join("dropped");
    std::fs::create_dir_all(&dropped).unwrap();
    let module = std::fs::read(built.join("fixtures/listener.wasm")).unwrap();
    std::fs::write(dropped.join("listener.wasm"), &module).unwrap();
    std::fs::copy(built.join("fixtures/since_0_1.wasm"), dropped.join("since_0_1.wasm")).unwrap();
    let mut run = Run::start(&folder.0, &dropped, &["--seed", "12"]);
    let stage = Stage { api: Api::new(&folder.0, &run.addresses()), dropped };
    assert_eq!(stage.logged("starts after 0 changes with {}"), 1);

    // It is told, once each time, and no other instance comes.
    stage.set("listener", "1");
    assert_eq!(stage.logged("change 1: {\"word\":1}"), 1);
    stage.set("listener", "2");
    assert_eq!(stage.logged("change 2: {\"word\":2}"), 1);
    assert_eq!(stage.word(), 2);

    // What comes after it begins with them.
    std::fs::write(stage.dropped.join("listener.wasm"), [&module[..], &[0, 3, 1, b'v', 1]].concat()).unwrap();
    assert_eq!(stage.logged("starts after 2 changes with {\"word\":2}"), 2);

    // What does not fit the schema is refused with the key, the value and what was expected.
    stage.set("listener", "1000");
    let words = "listener.toml: `word` is 1000, expected maximum 100; what ran before goes on";
    let row = stage.row("listener", |row| row["error"] == words);
    assert_eq!((&row["state"], &row["instance"], stage.word()), (&json!("running"), &json!(2), json!(2)));

    // One that would not start with them is asked to, and goes on as it was.
    stage.set("listener", "13");
    let row = stage.row("listener", |row| row["error"].as_str().unwrap().contains("not with the word 13"));
    assert_eq!((&row["state"], stage.word()), (&json!("running"), json!(2)), "{row}");
    // Both failed attempts over, the next change is heard again by what runs.
    stage.set("listener", "3");
    let instance = stage.logged("change 3: {\"word\":3}");
    assert_eq!(instance, row["instance"], "the same instance goes on");

    // One that crashes over them starts again from its state, with them: nothing is told twice.
    stage.set("listener", "14");
    let row = stage.row("listener", |row| row["log"] == "starts after 2 changes with {\"word\":14}");
    assert!(row["instance"].as_u64() > instance.as_u64(), "{row}");

    // The contract before has no word for it.
    stage.row(OLD, |row| row["state"] == "running" && row["instance"] == 1);
    stage.set(OLD, "1");
    stage.row(OLD, |row| row["state"] == "running" && row["instance"] == 2);

    run.signal(Signal::INT);
    let outcome = run.finish();
    assert_eq!(replay_all(&folder.0), 1, "who was told of parameters answers and saves the same again");
    assert_eq!((&outcome["open_orders_at_exit"], &outcome["ledger_matches_exchange"]), (&json!(0), &json!(true)));
}
