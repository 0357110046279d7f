//! Orphaned positions of a removed strategy, and their reallocation.

use crate::crash::replay_all;
use crate::live::{KEY, keys, passphrase};
use crate::process::{Api, Exchange, Folder, Run, program, strategies};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(90);

fn positions(data: &Path, words: &[&str]) -> (bool, String) {
    let output = program().arg("positions").args(words).arg("--data-dir").arg(data).output().unwrap();
    let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (output.status.success(), printed)
}

/// Returns the positions of a strategy: tokens with its share of them.
fn held(all: &Value, name: &str) -> Vec<(String, Value)> {
    let part = |position: &Value| {
        let owner = position["owners"].as_array().unwrap().iter().find(|owner| owner["strategy"] == name)?.clone();
        Some((position["token"].as_str().unwrap().to_owned(), owner))
    };
    all.as_array().unwrap().iter().filter_map(part).collect()
}

/// Waits until a strategy holds a sellable amount of a token, and returns the token.
#[track_caller]
fn filled(api: &Api, name: &str) -> String {
    let enough = |all: &Value| {
        let part = |(token, owner): (String, Value)| (owner["size_micros"].as_u64() > Some(5_000_000)).then_some(token);
        held(all, name).into_iter().find_map(part)
    };
    enough(&api.wait_for("/v1/positions", SOON, |all| enough(all).is_some())).unwrap()
}

fn is_running(all: &Value, name: &str) -> bool {
    all.as_array().unwrap().iter().any(|one| one["name"] == name && one["state"] == "running")
}

#[test]
fn what_a_removed_strategy_holds_is_orphaned_until_another_one_gets_it() {
    let Some(built) = strategies("orphaned positions") else { return };
    let folder = Folder::new("orphans");
    let dropped = folder.0.join("dropped");
    std::fs::create_dir_all(&dropped).unwrap();
    let place = |name: &str| std::fs::copy(built.join("quoter.wasm"), dropped.join(format!("{name}.wasm"))).unwrap();
    place("first");
    let more = ["--seed", "8", "--set", "stop_loss_pct=100", "--set", "take_profit_pct=1000"];
    let mut run = Run::start(&folder.0, &dropped, &more);
    let api = Api::new(&folder.0, &run.addresses());
    let token = filled(&api, "first");
    std::fs::remove_file(dropped.join("first.wasm")).unwrap();
    let orphaned =
        |all: &Value, name| held(all, name).iter().any(|(held, owner)| *held == token && owner["orphaned"] == true);
    let all = api.wait_for("/v1/positions", SOON, |all| orphaned(all, "first"));
    let shares =
        held(&all, "first").iter().find(|(held, _)| *held == token).unwrap().1["size_micros"].as_u64().unwrap();
    let (good, printed) = positions(&folder.0, &["list"]);
    assert!(
        good && printed.contains(&token) && printed.contains("orphaned: only the guards look after it"),
        "{printed}"
    );

    // The receiving strategy must be running and have the market.
    let ask = |to: &str| json!({ "token": token, "from": "first", "to": to });
    let (status, why) = api.refused("/v1/positions/assign", &ask("second"));
    assert!(status == 404 && why.contains("there is no strategy `second`"), "{status}: {why}");
    let market = all.as_array().unwrap().iter().find(|one| one["token"] == token).unwrap()["market"].clone();
    std::fs::write(dropped.join("second.toml"), format!("markets = [{market}]\n")).unwrap();
    place("second");
    api.wait_for("/v1/strategies", SOON, |all| is_running(all, "second"));
    let (status, why) = api.refused("/v1/positions/assign", &json!({ "token": "5", "from": "first", "to": "second" }));
    assert!(status == 404 && why.contains("no known market has the token `5`"), "{status}: {why}");
    let (good, printed) = positions(&folder.0, &["assign", &token, "--from", "first", "--to", "first"]);
    assert!(!good && printed.contains("the source and the target strategy are the same"), "{printed}");

    // First a part, then the rest.
    settled(&folder.0, &token, &["--shares", "1", "--reason", "a test"]);
    settled(&folder.0, &token, &[]);
    let mine = |all: &Value| held(all, "first").iter().all(|(held, _)| *held != token);
    let all = api.wait_for("/v1/positions", SOON, mine);
    let (_, owner) = held(&all, "second").into_iter().find(|(held, _)| *held == token).unwrap();
    assert_eq!(owner["orphaned"], false, "{owner}");
    assert!(owner["size_micros"].as_u64().unwrap() + 100_000_000 > shares);
    // The receiver sells the shares; no other strategy could.
    let sells = |all: &Value| {
        let mut sells =
            all.as_array().unwrap().iter().filter(|order| order["side"] == "SELL" && order["token"] == token);
        sells.any(|order| order["strategy"] == "second")
    };
    api.wait_for("/v1/trading/orders", SOON, sells);
    run.signal(Signal::INT);
    let outcome = run.finish();
    assert_eq!(replay_all(&folder.0), 1, "the receiving strategy makes the same decisions in the replay");
    assert_eq!((&outcome["open_orders_at_exit"], &outcome["ledger_matches_exchange"]), (&json!(0), &json!(true)));
}

/// Reallocates the settled shares; the newest fills may need a moment to settle.
#[track_caller]
fn settled(data: &Path, token: &str, more: &[&str]) {
    let words = [&["assign", token, "--from", "first", "--to", "second"], more].concat();
    for _ in 0..100 {
        let (good, printed) = positions(data, &words);
        if good {
            return;
        }
        assert!(printed.contains("are unsettled"), "{printed}");
        std::thread::sleep(Duration::from_millis(200));
    }
    panic!("the fills of {token} did not settle");
}

#[test]
fn who_is_gone_since_an_earlier_session_is_named_and_its_positions_are_orphaned() {
    let Some(built) = strategies("orphans of an earlier session") else { return };
    let folder = Folder::new("orphans-before");
    let exchange = Exchange::start(&folder.0.join("exchange"), 25);
    let (data, dropped) = (folder.0.join("host"), folder.0.join("dropped"));
    std::fs::create_dir_all(&data).unwrap();
    std::fs::create_dir_all(&dropped).unwrap();
    std::fs::copy(built.join("quoter.wasm"), dropped.join("left.wasm")).unwrap();
    std::fs::write(data.join("polytrader.toml"), "[live]\nenabled = true\n").unwrap();
    let secret = passphrase(&folder.0, "correct horse battery");
    assert!(keys("import", &data, &secret, KEY).0);
    let more = ["--exchange", &exchange.address, "--passphrase-file", secret.to_str().unwrap()];
    let guards = ["--set", "probation_s=0", "--set", "stop_loss_pct=100", "--set", "take_profit_pct=1000"];
    let more = [&more[..], &guards].concat();
    let mut run = Run::start_as("live", &data, &dropped, &more);
    let api = Api::new(&data, &run.addresses());
    api.post("/v1/admin/bot/start");
    api.arm(1);
    let token = filled(&api, "left");
    run.signal(Signal::INT);
    run.finish();

    std::fs::remove_file(dropped.join("left.wasm")).unwrap();
    let mut run = Run::start_as("live", &data, &dropped, &more);
    let api = Api::new(&data, &run.addresses());
    let orphaned =
        |all: &Value| held(all, "left").iter().any(|(held, owner)| *held == token && owner["orphaned"] == true);
    api.wait_for("/v1/positions", SOON, orphaned);
    let all = api.get("/v1/strategies");
    assert_eq!((&all[0]["name"], &all[0]["state"]), (&json!("left"), &json!("removed")), "{all}");
    assert!(all[0]["error"].as_str().unwrap().contains("the guards manage its positions"), "{all}");
    run.signal(Signal::INT);
    run.finish();
}
