//! Strategies that are replaced, rolled back, disabled and given new parameters while they trade: by file, API and
//! command line.

use crate::crash::replay_all;
use crate::process::{Api, Folder, Run, program, strategies};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

/// Returns the same module with an additional section without effect: another version.
fn variant(module: &[u8], mark: u8) -> Vec<u8> {
    [module, &[0, 3, 1, b'v', mark]].concat()
}

/// Waits until the quoter's row satisfies `wanted`.
#[track_caller]
fn quoter(api: &Api, wanted: impl Fn(&Value) -> bool) -> Value {
    let of = |all: &Value| all.as_array().unwrap().iter().find(|one| one["name"] == "quoter").cloned();
    let all = api.wait_for("/v1/strategies", SOON, |all| of(all).is_some_and(|quoter| wanted(&quoter)));
    of(&all).unwrap()
}

fn orders(all: &Value) -> usize {
    all.as_array().unwrap().iter().filter(|order| order["strategy"] == "quoter").count()
}

fn runs(quoter: &Value, hash: &Value) -> bool {
    quoter["state"] == "running" && quoter["hash"] == *hash
}

fn run_command(data: &Path, words: &[&str]) -> (bool, Value) {
    let output = program()
        .args(["strategy", words[0]])
        .args(&words[1..])
        .args(["--json", "--data-dir"])
        .arg(data)
        .output()
        .unwrap();
    let answer = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.success(), serde_json::from_str(answer.trim()).unwrap_or(Value::Null))
}

#[test]
fn a_strategy_is_replaced_rolled_back_and_given_parameters_while_it_trades() {
    let Some(built) = strategies("a strategy that is replaced while it trades") else { return };
    let folder = Folder::new("reload");
    let dropped = folder.0.join("dropped");
    std::fs::create_dir_all(&dropped).unwrap();
    let module = std::fs::read(built.join("quoter.wasm")).unwrap();
    let file = dropped.join("quoter.wasm");
    std::fs::write(&file, &module).unwrap();
    let mut run = Run::start(&folder.0, &dropped, &["--seed", "8"]);
    let api = Api::new(&folder.0, &run.addresses());
    let first = quoter(&api, |quoter| quoter["state"] == "running")["hash"].clone();
    api.wait_for("/v1/trading/orders", SOON, |all| orders(all) > 0);

    // A new file: open orders are kept, and belong to the new instance.
    std::fs::write(&file, variant(&module, 1)).unwrap();
    let second = quoter(&api, |quoter| quoter["state"] == "running" && quoter["hash"] != first);
    assert_eq!((&second["instance"], &second["file_hash"]), (&json!(2), &second["hash"]));
    api.wait_for("/v1/trading/orders", SOON, |all| orders(all) > 0);

    // Half a file: the previous version keeps running, and the row shows the error.
    std::fs::write(&file, &module[..module.len() / 2]).unwrap();
    let error = |quoter: &Value, words: &str| quoter["error"].as_str().unwrap().contains(words);
    let broken = quoter(&api, |quoter| error(quoter, "the new file cannot be loaded"));
    assert!(runs(&broken, &second["hash"]), "{broken}");

    // Upload, and then rollback to the previous version.
    let (status, _) = api.put("/v1/strategies/quoter", variant(&module, 2));
    assert_eq!(status, 202);
    let third = quoter(&api, |quoter| quoter["state"] == "running" && quoter["hash"] != second["hash"]);
    assert_eq!(third["error"], "");
    let (status, answer) = api.put("/v1/strategies/quoter", b"no module".to_vec());
    assert!(status == 409 && answer["detail"].as_str().unwrap().contains("not a WebAssembly module"), "{answer}");
    assert!(run_command(&folder.0, &["rollback", "quoter"]).0);
    let back = quoter(&api, |quoter| runs(quoter, &second["hash"]));
    assert_eq!(back["file_hash"], third["hash"]);
    let hash = first.as_str().unwrap();
    assert!(run_command(&folder.0, &["rollback", "quoter", "--hash", &hash[..8]]).0);
    quoter(&api, |quoter| runs(quoter, &first));
    let versions = api.get("/v1/strategies/quoter/versions");
    assert_eq!(versions.as_array().unwrap().len(), 3, "{versions}");

    parameters(&api, &dropped);
    notes(&api, &dropped);
    misfits(&api, &dropped, &built);
    unusable(&api, &dropped, &built);
    disabled(&api, &folder.0);
    run.signal(Signal::INT);
    let outcome = run.finish();
    assert_eq!(replay_all(&folder.0), 1, "replaced instances give the same answers and states in the replay");
    assert_eq!((&outcome["open_orders_at_exit"], &outcome["ledger_matches_exchange"]), (&json!(0), &json!(true)));
}

fn parameters(api: &Api, dropped: &Path) {
    let path = "/v1/strategies/quoter/parameters";
    let before = quoter(api, |quoter| quoter["state"] == "running");
    let (status, answer) = api.put(path, json!({ "parameters": { "quote_dollars": 1 } }).to_string().into_bytes());
    assert_eq!((status, answer["detail"].as_str()), (409, Some("quoter: `quote_dollars` is 1, expected minimum 2")));
    let (status, _) = api.put(path, json!({ "parameters": { "quote_dollars": 5 } }).to_string().into_bytes());
    assert_eq!(status, 202);
    api.wait_for(path, SOON, |answer| answer["parameters"] == json!({ "quote_dollars": 5 }));
    std::fs::write(dropped.join("quoter.toml"), "[parameters]\nquote_dolars = 5\n").unwrap();
    let odd = quoter(api, |quoter| quoter["error"].as_str().unwrap().contains("unknown parameter `quote_dolars`"));
    assert_eq!(
        (&odd["state"], &odd["instance"]),
        (&json!("running"), &before["instance"]),
        "the instance was notified, not replaced"
    );
    let answer = api.get(path);
    assert_eq!(answer["parameters"], json!({ "quote_dollars": 5 }), "the old parameters stay in effect");
    assert_eq!(answer["schema"]["properties"]["quote_dollars"]["minimum"], 2);
    std::fs::remove_file(dropped.join("quoter.toml")).unwrap();
    api.wait_for(path, SOON, |answer| answer["parameters"] == json!({}));
}

/// Notes about a strategy's markets are kept when only its budget changes.
fn notes(api: &Api, dropped: &Path) {
    let slug = api.get("/v1/snapshot")["markets"][0]["slug"].as_str().unwrap().to_owned();
    let file = dropped.join("quoter.toml");
    let markets = format!("markets = [\"{slug}\", \"nowhere\"]\n");
    let note = "markets named in its file but not granted: nowhere (not open here)";
    std::fs::write(&file, &markets).unwrap();
    let before = quoter(api, |quoter| quoter["state"] == "running" && quoter["error"] == note);
    // An error in between shows that the budget has been read.
    std::fs::write(&file, format!("{markets}[budget]\ncapital = 1\n")).unwrap();
    quoter(api, |quoter| quoter["error"].as_str().unwrap().starts_with("quoter.toml: "));
    std::fs::write(&file, format!("{markets}[budget]\ncapital_usd = 500\n")).unwrap();
    let after = quoter(api, |quoter| quoter["error"] == note);
    assert_eq!((&after["markets"], &after["instance"]), (&json!(1), &before["instance"]));
    std::fs::remove_file(&file).unwrap();
    quoter(api, |quoter| quoter["state"] == "running" && quoter["error"] == "");
}

/// A strategy that never ran because of its settings starts when they are corrected.
fn misfits(api: &Api, dropped: &Path, built: &Path) {
    let late = |wanted: &str| {
        let is = |one: &Value| one["name"] == "late" && one["state"] == wanted;
        api.wait_for("/v1/strategies", SOON, |all| all.as_array().unwrap().iter().any(is))
    };
    std::fs::write(dropped.join("late.toml"), "[parameters]\nnope = 1\n").unwrap();
    std::fs::copy(built.join("template.wasm"), dropped.join("late.wasm")).unwrap();
    late("failed");
    std::fs::write(dropped.join("late.toml"), "").unwrap();
    late("running");
    std::fs::remove_file(dropped.join("late.wasm")).unwrap();
    late("removed");
}

/// Unusable settings are never treated as absent: a running strategy keeps its settings, and a stopped one does not
/// start.
fn unusable(api: &Api, dropped: &Path, built: &Path) {
    let slug = api.get("/v1/snapshot")["markets"][0]["slug"].as_str().unwrap().to_owned();
    let (file, elsewhere) = (dropped.join("quoter.toml"), dropped.join("elsewhere"));
    std::fs::write(&file, format!("markets = [\"{slug}\"]\n[budget]\ncapital_usd = 400\n")).unwrap();
    let before = quoter(api, |quoter| quoter["state"] == "running" && quoter["markets"] == 1);
    std::fs::copy(&file, &elsewhere).unwrap();
    // By renaming, so that the file is never absent.
    let link = |name: &str| {
        std::os::unix::fs::symlink(&elsewhere, dropped.join("link")).unwrap();
        std::fs::rename(dropped.join("link"), dropped.join(name)).unwrap();
    };
    link("quoter.toml");
    let linked = quoter(api, |quoter| quoter["error"].as_str().unwrap().contains("a link or not a plain file"));
    assert_eq!(
        (&linked["state"], &linked["markets"], &linked["budget"]),
        (&json!("running"), &json!(1), &before["budget"])
    );
    let (status, answer) =
        api.put("/v1/strategies/quoter/parameters", json!({ "parameters": {} }).to_string().into_bytes());
    assert!(status == 409 && answer["detail"].as_str().unwrap().contains("quoter.toml cannot be used"), "{answer}");
    link("linked.toml");
    std::fs::copy(built.join("template.wasm"), dropped.join("linked.wasm")).unwrap();
    let failed = |one: &Value| one["name"] == "linked" && one["state"] == "failed";
    api.wait_for("/v1/strategies", SOON, |all| all.as_array().unwrap().iter().any(failed));
    for name in ["linked.wasm", "linked.toml", "quoter.toml"] {
        std::fs::remove_file(dropped.join(name)).unwrap();
    }
    quoter(api, |quoter| quoter["state"] == "running" && quoter["error"] == "" && quoter["markets"] != 1);
}

fn disabled(api: &Api, data: &Path) {
    api.wait_for("/v1/trading/orders", SOON, |all| orders(all) > 0);
    assert!(run_command(data, &["disable", "quoter", "--reason", "a test"]).0);
    quoter(api, |quoter| quoter["state"] == "disabled");
    api.wait_for("/v1/trading/orders", SOON, |all| orders(all) == 0);
    let (_, all) = run_command(data, &["list"]);
    assert_eq!(all[0]["state"], "disabled", "{all}");
    assert!(run_command(data, &["enable", "quoter"]).0);
    quoter(api, |quoter| quoter["state"] == "running");
    api.wait_for("/v1/trading/orders", SOON, |all| orders(all) > 0);
    assert!(!run_command(data, &["enable", "missing"]).0);
}
