//! Hostile files of the sandbox's corpus, installed into the folder of a trading demo.

use crate::corpus::{Fate, corpus};
use crate::crash::replay_all;
use crate::guest::storming;
use crate::process::{Api, Folder, Run, strategies};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);
/// Time limit for all files: each is compiled, and retried for two seconds if it is invalid.
const ALL_OF_THEM: Duration = Duration::from_secs(400);

fn states(all: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    all.as_array().unwrap().iter().map(|one| (text(&one["name"]), text(&one["state"]))).collect()
}

fn orders_of(all: &Value, name: &str) -> usize {
    all.as_array().unwrap().iter().filter(|order| order["strategy"] == name).count()
}

#[test]
fn a_demo_goes_on_trading_while_every_hostile_file_is_dropped_into_it() {
    let Some(built) = strategies("hostile files in a demo") else { return };
    let folder = Folder::new("hostile");
    let dropped = folder.0.join("dropped");
    std::fs::create_dir_all(&dropped).unwrap();
    std::fs::copy(built.join("quoter.wasm"), dropped.join("quoter.wasm")).unwrap();
    let mut run = Run::start(&folder.0, &dropped, &["--seed", "9"]);
    let api = Api::new(&folder.0, &run.addresses());
    api.wait_for("/v1/trading/orders", SOON, |orders| orders_of(orders, "quoter") > 0);
    let corpus = corpus();
    for hostile in &corpus {
        // Renamed into place, so that no half-written file is seen.
        let path = dropped.join(hostile.name).with_extension("part");
        std::fs::write(&path, &hostile.file).unwrap();
        std::fs::rename(&path, path.with_extension("wasm")).unwrap();
    }
    let over = |state: &str| matches!(state, "running" | "failed" | "quarantined" | "restarting");
    let all = api.wait_for("/v1/strategies", ALL_OF_THEM, |all| {
        let states = states(all);
        corpus.iter().all(|hostile| states.get(hostile.name).is_some_and(|state| over(state)))
    });
    let states = states(&all);
    for hostile in corpus.iter().filter(|hostile| matches!(hostile.fate, Fate::Refused(_))) {
        assert_eq!(states[hostile.name], "failed", "{}", hostile.name);
    }
    assert_eq!(states["quoter"], "running");
    let before = api.get("/v1/admin/bot/state");
    assert_eq!(before["state"], "RUNNING", "{before}");
    // Tripped breakers concern only the hostile strategies.
    let tripped = api.get("/v1/snapshot")["breakers"].clone();
    for breaker in tripped.as_array().unwrap().iter().filter(|breaker| breaker["tripped"] == true) {
        let concerned = breaker["strategies"].as_array().unwrap();
        assert!(!concerned.is_empty() && !concerned.contains(&json!("quoter")), "{breaker}");
    }
    // The quoter has orders, and keeps changing them.
    let own = |orders: &Value| -> Vec<Value> {
        let all = orders.as_array().unwrap().iter();
        all.filter(|order| order["strategy"] == "quoter").map(|order| order["id"].clone()).collect()
    };
    let seen = own(&api.wait_for("/v1/trading/orders", SOON, |orders| orders_of(orders, "quoter") > 0));
    api.wait_for("/v1/trading/orders", SOON, |orders| own(orders).iter().any(|order| !seen.contains(order)));
    run.signal(Signal::INT);
    let outcome = run.finish();
    assert_eq!(
        (&outcome["open_orders_at_exit"], &outcome["ledger_matches_exchange"]),
        (&json!(0), &json!(true)),
        "{outcome}"
    );
}

#[test]
fn a_storm_of_refusals_is_quarantined_while_others_trade_and_replays_exactly() {
    let Some(built) = strategies("a storm in a demo") else { return };
    let folder = Folder::new("storm");
    let dropped = folder.0.join("dropped");
    std::fs::create_dir_all(&dropped).unwrap();
    std::fs::copy(built.join("quoter.wasm"), dropped.join("quoter.wasm")).unwrap();
    let mut run = Run::start(&folder.0, &dropped, &["--seed", "11"]);
    let api = Api::new(&folder.0, &run.addresses());
    api.wait_for("/v1/trading/orders", SOON, |orders| orders_of(orders, "quoter") > 0);
    std::fs::write(dropped.join("storm.wasm"), storming().core()).unwrap();
    let storm = |all: &Value| all.as_array().unwrap().iter().find(|one| one["name"] == "storm").cloned();
    let state = |all: &Value, state: &str| storm(all).is_some_and(|one| one["state"] == state);
    let all = api.wait_for("/v1/strategies", SOON, |all| state(all, "quarantined"));
    let storm = storm(&all).unwrap();
    assert!(storm["error"].as_str().unwrap().contains("refused more than"), "{storm}");
    // Three instances, each of which passed a burst of five seconds' worth.
    assert!(storm["intents"].as_u64().unwrap() < 10_000, "{storm}");
    assert_eq!(states(&all)["quoter"], "running");
    let events = |all: &Value| {
        let quoter = all.as_array().unwrap().iter().find(|one| one["name"] == "quoter").unwrap();
        quoter["events"].as_u64().unwrap()
    };
    let before = events(&all);
    api.wait_for("/v1/strategies", SOON, |all| events(all) > before + 10);
    assert_eq!(api.get("/health/detailed")["rows_lost"], 0);
    run.signal(Signal::INT);
    let outcome = run.finish();
    assert_eq!(outcome["open_orders_at_exit"], 0, "{outcome}");
    assert_eq!(replay_all(&folder.0), 1, "the replay has the same refusals and the same failures");
}
