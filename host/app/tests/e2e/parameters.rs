//! Parameter changes at runtime: a strategy is notified between two events, or restarted if it cannot be notified.

use crate::crash::replay_all;
use crate::process::{Api, Folder, Run, strategies};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);
const OLD: &str = "since_0_1";

/// A demo with two strategies: one that logs its parameter notifications, and one with the previous contract.
struct Stage {
    api: Api,
    dropped: PathBuf,
}

impl Stage {
    fn set(&self, name: &str, word: &str) {
        std::fs::write(self.dropped.join(format!("{name}.toml")), format!("[parameters]\nword = {word}\n")).unwrap();
    }

    /// Limits the listener's fuel per call.
    fn limit(&self, units: &str) {
        std::fs::write(self.dropped.join("listener.toml"), format!("[budget]\nfuel_per_call = {units}\n")).unwrap();
    }

    /// Waits until a strategy's row satisfies `wanted`.
    #[track_caller]
    fn row(&self, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let of = |all: &Value| all.as_array().unwrap().iter().find(|one| one["name"] == name).cloned();
        let all = self.api.wait_for("/v1/strategies", SOON, |all| of(all).is_some_and(|row| wanted(&row)));
        of(&all).unwrap()
    }

    /// Waits until the listener's last log line is `line`, and returns its instance number.
    #[track_caller]
    fn logged(&self, line: &str) -> Value {
        self.row("listener", |row| row["log"] == line && row["state"] == "running")["instance"].clone()
    }

    fn parameters(&self) -> Value {
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

    // Less fuel than any call needs: a new instance gets it, and fails as with any other limit.
    stage.limit("40");
    let row = stage.row("listener", |row| row["state"] == "quarantined");
    assert_eq!(
        (&row["fuel_limit"], &row["error"]),
        (
            &json!(40),
            &json!("failed 3 times within a minute: it used up its fuel of 40 for one call: an endless loop?")
        )
    );

    // The sandbox's limit is the maximum.
    stage.limit("900000000");
    std::fs::write(stage.dropped.join("listener.wasm"), [&module[..], &[0, 3, 1, b'v', 1]].concat()).unwrap();
    let row = stage.row("listener", |row| row["state"] == "running");
    assert_eq!(row["fuel_limit"], 50_000_000);
    stage.limit("0");
    let words = "listener.toml: budget.fuel_per_call is 0, expected units, such as 5000000; \
                 the previous settings remain in force";
    stage.row("listener", |row| row["error"] == words);

    run.signal(Signal::INT);
    run.finish();
    assert_eq!(replay_all(&folder.0), 1, "with the same fuel it fails at the same point in the replay");
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

    // The strategy is notified once per change, and there is no new instance.
    stage.set("listener", "1");
    assert_eq!(stage.logged("change 1: {\"word\":1}"), 1);
    stage.set("listener", "2");
    assert_eq!(stage.logged("change 2: {\"word\":2}"), 1);
    assert_eq!(stage.parameters(), 2);

    // A later instance starts with the new parameters.
    std::fs::write(stage.dropped.join("listener.wasm"), [&module[..], &[0, 3, 1, b'v', 1]].concat()).unwrap();
    assert_eq!(stage.logged("starts after 2 changes with {\"word\":2}"), 2);

    // A value that violates the schema is rejected with key, value and expectation.
    stage.set("listener", "1000");
    let words = "listener.toml: `word` is 1000, expected maximum 100; the previous settings remain in force";
    let row = stage.row("listener", |row| row["error"] == words);
    assert_eq!((&row["state"], &row["instance"], stage.parameters()), (&json!("running"), &json!(2), json!(2)));

    // If the strategy rejects the parameters when notified, it keeps running with the old ones.
    stage.set("listener", "13");
    let row = stage.row("listener", |row| row["error"].as_str().unwrap().contains("not with the word 13"));
    assert_eq!((&row["state"], stage.parameters()), (&json!("running"), json!(2)), "{row}");
    // After both failed attempts, the running instance receives the next change.
    stage.set("listener", "3");
    let instance = stage.logged("change 3: {\"word\":3}");
    assert_eq!(instance, row["instance"], "the same instance keeps running");

    // If it crashes on new parameters, it restarts from its saved state with them: no notification is repeated.
    stage.set("listener", "14");
    let row = stage.row("listener", |row| row["log"] == "starts after 2 changes with {\"word\":14}");
    assert!(row["instance"].as_u64() > instance.as_u64(), "{row}");

    // The previous contract has no parameter notification.
    stage.row(OLD, |row| row["state"] == "running" && row["instance"] == 1);
    stage.set(OLD, "1");
    stage.row(OLD, |row| row["state"] == "running" && row["instance"] == 2);

    run.signal(Signal::INT);
    let outcome = run.finish();
    assert_eq!(replay_all(&folder.0), 1, "notified strategies give the same answers and states in the replay");
    assert_eq!((&outcome["open_orders_at_exit"], &outcome["ledger_matches_exchange"]), (&json!(0), &json!(true)));
}
