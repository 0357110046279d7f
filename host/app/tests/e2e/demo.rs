//! The demo with simulated markets.

use crate::process::{Api, Folder, Run, strategies};
use rustix::process::Signal;
use serde_json::json;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

#[test]
fn a_demo_trades_and_its_ledger_equals_the_exchanges_account_to_the_micro_dollar() {
    let Some(strategies) = strategies("the end-to-end demo") else { return };
    let folder = Folder::new("ledger");
    let outcome = Run::start(&folder.0, &strategies, &["--for", "20s", "--seed", "7"]).finish();
    assert_eq!(outcome["mode"], "demo", "{outcome}");
    for count in ["events", "intents", "orders", "fills"] {
        assert!(outcome[count].as_u64().unwrap() > 0, "no {count}: {outcome}");
    }
    assert!(outcome["fills"].as_u64().unwrap() >= 5, "{outcome}");
    assert_eq!(outcome["ledger_matches_exchange"], true, "{outcome}");
    assert_eq!(outcome["open_orders_at_exit"], 0, "{outcome}");
    for amount in ["realised_usd", "unrealised_usd"] {
        assert!(outcome[amount].is_string() || outcome[amount].is_number(), "no {amount}: {outcome}");
    }
    assert!(outcome["uptime_s"].as_f64().unwrap() >= 19.0, "{outcome}");
    assert!(outcome["refusals"].is_u64(), "{outcome}");
}

#[test]
fn a_demo_whose_signer_is_killed_leaves_no_process_behind() {
    let Some(strategies) = strategies("a killed signer") else { return };
    let folder = Folder::new("killed-signer");
    let mut run = Run::start(&folder.0, &strategies, &["--seed", "5"]);
    let addresses = run.addresses();
    let exchange = std::fs::read_to_string(folder.0.join("exchange/exchange.json")).unwrap();
    let exchange: serde_json::Value = serde_json::from_str(&exchange).unwrap();
    run.signal(Signal::KILL);
    run.fail();
    for (name, pid) in [("host", &addresses["pid"]), ("exchange", &exchange["pid"])] {
        let stat = format!("/proc/{pid}/stat");
        let started = std::time::Instant::now();
        while std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
            if started.elapsed() > SOON {
                let pid = i32::try_from(pid.as_i64().unwrap()).unwrap();
                rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
                panic!("the {name} is still running");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn stop_leaves_nothing_open_at_the_exchange_and_start_trades_again() {
    let Some(strategies) = strategies("stop and start") else { return };
    let folder = Folder::new("stop");
    let mut run = Run::start(&folder.0, &strategies, &["--seed", "3"]);
    let api = Api::new(&folder.0, &run.addresses());
    let some = |value: &serde_json::Value| value.as_array().is_some_and(|list| !list.is_empty());
    let none = |value: &serde_json::Value| value.as_array().is_some_and(Vec::is_empty);
    api.wait_for("/v1/trading/venue-orders", SOON, some);
    api.post("/v1/admin/bot/stop");
    api.wait_for("/v1/trading/venue-orders", SOON, none);
    api.wait_for("/v1/trading/orders", SOON, none);
    assert_eq!(api.get("/v1/admin/bot/state")["state"], "STOPPED");
    // Trading must not resume by itself.
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(api.get("/v1/trading/venue-orders"), json!([]));
    api.post("/v1/admin/bot/start");
    api.wait_for("/v1/trading/venue-orders", SOON, some);
    run.signal(Signal::INT);
    let outcome = run.finish();
    assert_eq!((&outcome["open_orders_at_exit"], &outcome["ledger_matches_exchange"]), (&json!(0), &json!(true)));
}

#[test]
fn an_emergency_stop_clears_the_account_and_holds_until_its_release() {
    let Some(strategies) = strategies("the emergency stop") else { return };
    let folder = Folder::new("kill");
    let mut run = Run::start(&folder.0, &strategies, &["--seed", "4"]);
    let api = Api::new(&folder.0, &run.addresses());
    let some = |value: &serde_json::Value| value.as_array().is_some_and(|list| !list.is_empty());
    let none = |value: &serde_json::Value| value.as_array().is_some_and(Vec::is_empty);
    api.wait_for("/v1/trading/venue-orders", SOON, some);
    api.post("/v1/admin/emergency-stop");
    api.wait_for("/v1/trading/venue-orders", SOON, none);
    api.wait_for("/v1/trading/orders", SOON, none);
    assert_eq!(api.get("/v1/admin/bot/state")["restriction"], "halted");
    api.post_json("/v1/admin/emergency-stop/release", &json!({ "reason": "the test saw enough" }));
    api.post("/v1/admin/bot/start");
    api.wait_for("/v1/trading/venue-orders", SOON, some);
    run.signal(Signal::TERM);
    let outcome = run.finish();
    assert_eq!((&outcome["open_orders_at_exit"], &outcome["ledger_matches_exchange"]), (&json!(0), &json!(true)));
}
