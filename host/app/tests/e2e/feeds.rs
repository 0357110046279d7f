//! Redundant market channels: losses on one connection are covered by another, and the books are right in the end.

use crate::faults::{faults, request};
use crate::process::{Api, Exchange, Folder, Run, strategies};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(60);

/// Returns the exchange's best bid and ask of a token, in micro-dollars.
fn best(exchange: &Exchange, token: &str) -> [Option<u64>; 2] {
    let book = request(exchange, reqwest::Method::GET, &format!("/book?token_id={token}"), "");
    let best = |side: &str, highest: bool| {
        let price = |level: &Value| model::Price::parse(level["price"].as_str().unwrap()).unwrap();
        let micros = book[side].as_array().unwrap().iter().map(|level| u64::from(price(level).micros()));
        if highest { micros.max() } else { micros.min() }
    };
    [best("bids", true), best("asks", false)]
}

/// Waits until each token's book has matched the exchange's at least once.
fn books_agree(exchange: &Exchange, api: &Api) {
    let until = Instant::now() + SOON;
    let markets = api.get("/v1/markets");
    let tokens = markets.as_array().unwrap().iter().flat_map(|market| market["tokens"].as_array().unwrap().clone());
    let mut left: Vec<String> = tokens.map(|token| token["token"].as_str().unwrap().to_owned()).collect();
    assert!(left.len() >= 10, "{markets}");
    while !left.is_empty() {
        assert!(Instant::now() < until, "these books differ from the exchange's: {left:?}");
        let there: Vec<_> = left.iter().map(|token| best(exchange, token)).collect();
        let seen = api.get("/v1/markets");
        let mut rows = seen.as_array().unwrap().iter().flat_map(|market| market["tokens"].as_array().unwrap());
        let here: Vec<&Value> =
            left.iter().map(|id| rows.clone().find(|row| row["token"] == id.as_str()).unwrap()).collect();
        let same = |row: &Value, best: [Option<u64>; 2]| {
            [row["bid_micro_usd"].as_u64(), row["ask_micro_usd"].as_u64()] == best
        };
        let differ: Vec<bool> = here.iter().zip(&there).map(|(row, best)| !same(row, *best)).collect();
        assert!(rows.next().is_some());
        left = left.into_iter().zip(differ).filter(|(_, differs)| *differs).map(|(token, _)| token).collect();
    }
}

/// Returns true if a lost connection was ever treated as a lost feed.
fn was_disconnected(api: &Api) -> bool {
    let breakers = api.get("/v1/snapshot")["breakers"].clone();
    breakers
        .as_array()
        .unwrap()
        .iter()
        .any(|breaker| breaker["name"] == "websocket_disconnect" && breaker["tripped"] == true)
}

#[test]
fn one_connection_may_fail_and_frames_may_get_lost() {
    let Some(strategies) = strategies("redundant connections") else { return };
    let folder = Folder::new("feeds");
    let exchange = Exchange::start(&folder.0.join("exchange"), 21);
    let data = folder.0.join("host");
    std::fs::create_dir_all(&data).unwrap();
    let mut run = Run::start(&data, &strategies, &["--exchange", &exchange.address]);
    let api = Api::new(&data, &run.addresses());
    let connections = |health: &Value, up: u64| {
        let all = health["market_connections"].as_array().unwrap();
        all.len() == 2 && all.iter().map(|line| line["up"].as_u64().unwrap()).sum::<u64>() == up
    };
    let both = |health: &Value| connections(health, 2) && health["market_connections"][1]["later"].as_u64() > Some(0);
    api.wait_for("/health/detailed", SOON, both);
    // The older connection is closed. The other continues, and only the figures change.
    faults(&exchange, &json!({ "close_connections": 1 }));
    let until = Instant::now() + Duration::from_millis(1_500);
    while Instant::now() < until {
        assert!(!was_disconnected(&api));
        std::thread::sleep(Duration::from_millis(20));
    }
    api.wait_for("/health/detailed", SOON, |health| connections(health, 2));
    books_agree(&exchange, &api);
    faults(&exchange, &json!({ "drop_per_mille": 30, "duplicate_per_mille": 30, "reorder_per_mille": 30 }));
    std::thread::sleep(Duration::from_secs(8));
    faults(&exchange, &json!({}));
    books_agree(&exchange, &api);
    run.signal(rustix::process::Signal::INT);
    let last = run.finish();
    assert_eq!(last["ledger_matches_exchange"], true, "{last}");
}
