//! Market discovery: markets that are added and end during a session.

use crate::process::{Api, Exchange, Folder, Run, strategies};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);
/// Start of the synthetic recording, in milliseconds since the epoch.
const START_MS: u64 = 1_784_851_200_000;

/// Writes a price around 1,000 dollars, and four markets on it: two end soon, two last. Returns the exchange's
/// arguments.
fn day(dir: &Path) -> [String; 4] {
    let mut prices = "feed_ts_ms,value,full_accuracy_value,server_ts_ms,recv_ms\n".to_owned();
    for second in 0..2_000u64 {
        let value = 1_000_000_000_000_000_000_000u128 + u128::from(second * 7 % 11) * 20_000_000_000_000_000;
        prices.push_str(&format!("{},0,{value},0,0\n", START_MS + second * 1_000));
    }
    let mut markets = String::new();
    for (id, until) in [(1u8, 15), (2, 15), (3, 1_900), (4, 1_900)] {
        let raw = json!({
            "question": format!("Question {id}?"), "outcomes": "[\"Up\", \"Down\"]", "orderPriceMinTickSize": 0.01,
            "orderMinSize": 5, "negRisk": false, "feeSchedule": {"rate": 0.07},
        });
        let row = json!({
            "slug": format!("price-{id}"), "condition_id": format!("0x{}", format!("{id:02x}").repeat(32)),
            "token_ids": [format!("{id}1"), format!("{id}2")], "start_sec": START_MS / 1_000,
            "end_sec": START_MS / 1_000 + until, "resolved": true, "outcome_prices": ["1", "0"],
            "strike_value": "1000000000000000000000", "raw": raw,
        });
        markets.push_str(&format!("{row}\n"));
    }
    let write = |name: &str, text: &str| {
        let path = dir.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    ["--prices".into(), write("prices.csv", &prices), "--markets".into(), write("markets.jsonl", &markets)]
}

fn follow(mode: &str, folder: &Path, built: &Path, exchange: &str) -> Run {
    let dir = folder.join(mode);
    std::fs::create_dir_all(&dir).unwrap();
    // Markets that end first are selected first.
    let keys = [
        "markets_max=2",
        "markets.look_every_s=1",
        "markets.slugs=price-",
        "min_time_to_end_s=60",
        "markets.ends_within_minutes=1000000",
    ];
    let sets = keys.into_iter().flat_map(|key| ["--set", key]);
    Run::start_as(mode, &dir, built, &["--exchange", exchange].into_iter().chain(sets).collect::<Vec<_>>())
}

fn slugs(all: &Value) -> Vec<Value> {
    all.as_array().unwrap().iter().map(|market| market["slug"].clone()).collect()
}

/// Waits until the strategies trade on markets that did not exist when the session began.
fn trades_on_new_markets(api: &Api) {
    let seen = api.wait_for("/v1/markets", SOON, |all| slugs(all).len() == 4);
    let mut seen: Vec<String> = slugs(&seen).iter().map(|slug| slug.as_str().unwrap().to_owned()).collect();
    // Of two markets that end together, the more liquid one comes first.
    seen.sort();
    assert_eq!(seen, ["price-1", "price-2", "price-3", "price-4"]);
    let granted = |all: &Value| {
        let mut quoters = all.as_array().unwrap().iter().filter(|strategy| strategy["name"] == "quoter");
        quoters.any(|one| one["instance"].as_u64() > Some(1) && one["state"] == "running")
    };
    api.wait_for("/v1/strategies", SOON, granted);
    let on_new = |order: &Value| order["market"] == "price-3" || order["market"] == "price-4";
    api.wait_for("/v1/trading/orders", SOON, |orders| orders.as_array().unwrap().iter().any(on_new));
}

#[test]
fn markets_that_end_are_followed_by_others_which_are_traded() {
    let Some(built) = strategies("markets that come and go") else { return };
    let folder = Folder::new("discovery");
    let day = day(&folder.0);
    let exchange = Exchange::start_with(&folder.0.join("exchange"), &day.each_ref().map(String::as_str));
    let mut runs = ["demo", "paper"].map(|mode| (mode, follow(mode, &folder.0, &built, &exchange.address)));
    let apis = runs.each_mut().map(|(mode, run)| Api::new(&folder.0.join(mode), &run.addresses()));
    for api in &apis {
        let first = api.wait_for("/v1/markets", SOON, |all| !slugs(all).is_empty());
        assert_eq!(slugs(&first), ["price-1", "price-2"], "no more than markets_max");
    }
    apis.iter().for_each(trades_on_new_markets);
    for (mode, run) in runs {
        run.signal(Signal::INT);
        let outcome = run.finish();
        assert_eq!(outcome["open_orders_at_exit"], 0, "{mode}: {outcome}");
        assert_eq!(outcome["ledger_matches_exchange"], true, "{mode}: {outcome}");
        assert_eq!(crate::crash::replay_all(&folder.0.join(mode)), 1, "{mode} makes the same decisions in the replay");
    }
}
