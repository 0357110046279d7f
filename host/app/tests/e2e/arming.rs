//! Arming a strategy with a budget for real money.

use crate::live::{KEY, keys, passphrase};
use crate::process::{Api, Exchange, Folder, Run, kill, program, strategies};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

/// Waits until the quoter's row satisfies `wanted`.
#[track_caller]
fn quoter(api: &Api, wanted: impl Fn(&Value) -> bool) -> Value {
    let of = |all: &Value| all.as_array().unwrap().iter().find(|one| one["name"] == "quoter").cloned();
    let all = api.wait_for("/v1/strategies", SOON, |all| of(all).is_some_and(|quoter| wanted(&quoter)));
    of(&all).unwrap()
}

/// Waits until an order of the quoter is refused by its capital limit, and compares the value with the limit.
#[track_caller]
fn refused_over(api: &Api, limit: i64) {
    let over = |one: &Value| one["rule"] == "strategy_capital" && one["limit"] == limit;
    let refusals = |all: &Value| all["refusals"].as_array().unwrap().iter().find(|one| over(one)).cloned();
    let refusal = refusals(&api.wait_for("/v1/snapshot", SOON, |all| refusals(all).is_some())).unwrap();
    assert!(refusal["value"].as_i64().unwrap() > limit && refusal["strategy"] == "quoter", "{refusal}");
}

fn arm(data: &Path, words: &[&str]) -> (bool, String) {
    let output =
        program().args(["strategy", "arm", "quoter"]).args(words).arg("--data-dir").arg(data).output().unwrap();
    let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (output.status.success(), printed)
}

fn budget(capital: Option<i64>, daily_loss: Option<i64>, orders: Option<u32>) -> Value {
    json!({ "capital_micro_usd": capital, "daily_loss_micro_usd": daily_loss, "orders_per_minute": orders })
}

#[test]
fn what_a_strategy_was_armed_with_bounds_it_and_its_file_only_lowers_that() {
    let Some(built) = strategies("arming with a budget") else { return };
    let folder = Folder::new("arming");
    let exchange = Exchange::start(&folder.0.join("exchange"), 24);
    let (data, dropped) = (folder.0.join("host"), folder.0.join("dropped"));
    std::fs::create_dir_all(&data).unwrap();
    std::fs::create_dir_all(&dropped).unwrap();
    std::fs::copy(built.join("quoter.wasm"), dropped.join("quoter.wasm")).unwrap();
    let file = dropped.join("quoter.toml");
    std::fs::write(data.join("polytrader.toml"), "[live]\nenabled = true\n").unwrap();
    let secret = passphrase(&folder.0, "correct horse battery");
    assert!(keys("import", &data, &secret, KEY).0);
    let secret = secret.to_str().unwrap();
    let more = ["--exchange", &exchange.address, "--passphrase-file", secret, "--set", "probation_s=0"];
    let mut run = Run::start_as("live", &data, &dropped, &more);
    let addresses = run.addresses();
    let api = Api::new(&data, &addresses);
    api.post("/v1/admin/bot/start");
    let hash = quoter(&api, |quoter| quoter["state"] == "unarmed")["file_hash"].as_str().unwrap().to_owned();

    let (good, printed) = arm(&data, &["--from", "20260724-abcd"]);
    let refused = "the database has no run `20260724-abcd`, expected the id of a run or at least 8 characters of it";
    assert!(!good && printed.contains(refused), "{printed}");
    let (good, printed) = arm(&data, &["--hash", &hash[..8], "--capital-usd", "0.000001", "--daily-loss-usd", "7"]);
    assert!(good && printed.contains("armed with $0.000001 of capital, $7 of loss a day"), "{printed}");
    let armed = quoter(&api, |quoter| quoter["state"] == "running");
    let tight = budget(Some(1), Some(7_000_000), None);
    assert_eq!((&armed["armed_hash"], &armed["armed_budget"], &armed["budget"]), (&json!(hash), &tight, &tight));
    refused_over(&api, 1);
    assert_eq!(api.get("/v1/trading/venue-orders"), json!([]), "no order fits into that budget");

    // The file cannot raise the armed budget, which is reported, but can lower it.
    std::fs::write(&file, "[budget]\ncapital_usd = 500\norders_per_minute = 9\n").unwrap();
    let wanted = quoter(&api, |quoter| quoter["budget"]["orders_per_minute"] == 9);
    assert_eq!(wanted["budget"], budget(Some(1), Some(7_000_000), Some(9)));
    let bounded = "quoter.toml requests more than was armed, and gets the armed budget: capital_usd 500 over 0.000001";
    assert_eq!(wanted["bounded"], bounded);

    // Armed again without a budget, the strategy keeps the previous one; with one, the whole budget is replaced.
    assert!(arm(&data, &[]).0);
    assert_eq!(quoter(&api, |_| true)["armed_budget"], tight);
    let (good, printed) = arm(&data, &["--capital-usd", "5", "--no-budget"]);
    assert!(!good && printed.contains("cannot be used with"), "{printed}");
    assert!(arm(&data, &["--capital-usd", "3"]).0);
    std::fs::write(&file, "[budget]\ncapital_usd = 2\n").unwrap();
    let lowered = quoter(&api, |quoter| quoter["budget"]["capital_micro_usd"] == 2_000_000);
    assert_eq!((&lowered["armed_budget"], &lowered["bounded"]), (&budget(Some(3_000_000), None, None), &json!("")));
    refused_over(&api, 2_000_000);
    std::fs::remove_file(&file).unwrap();
    refused_over(&api, 3_000_000);
    assert!(arm(&data, &["--capital-usd", "4"]).0 && arm(&data, &["--capital-usd", "3"]).0);
    kill(&addresses);
    run.fail();
    let log = std::fs::read_to_string(data.join("stderr.log")).unwrap();
    assert!(log.contains("strategy file exceeds the armed budget; the armed budget applies"), "{log}");

    // The arming survives the host, which was killed right after its response.
    let mut run = Run::start_as("live", &data, &dropped, &more);
    let api = Api::new(&data, &run.addresses());
    api.post("/v1/admin/bot/start");
    let again = quoter(&api, |quoter| quoter["state"] == "running");
    assert_eq!((&again["armed_hash"], &again["budget"]), (&json!(hash), &budget(Some(3_000_000), None, None)));
    refused_over(&api, 3_000_000);
    assert!(arm(&data, &["--no-budget"]).0);
    api.wait_for("/v1/trading/venue-orders", SOON, |orders| orders.as_array().is_some_and(|all| !all.is_empty()));
    run.signal(Signal::INT);
    run.finish();
    audited(&data, &hash);
}

/// Checks that the audit log has the armed version and its budget.
fn audited(data: &Path, hash: &str) {
    let database = std::fs::read(data.join("polytrader.sqlite")).unwrap();
    let words = format!("{hash} with $0.000001 of capital, $7 of loss a day");
    assert!(
        database.windows(words.len()).any(|window| window == words.as_bytes()),
        "the audit log does not contain `{words}`"
    );
}
