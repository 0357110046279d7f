//! An event with mutually exclusive markets, traded and resolved as a whole.

use crate::faults::request;
use crate::process::{Api, Exchange, Folder, Run, strategies};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

#[test]
fn an_event_of_several_markets_is_traded_and_leaves_a_right_ledger_when_it_ends() {
    let Some(strategies) = strategies("an event of several markets") else { return };
    let folder = Folder::new("exclusive");
    let exchange = Exchange::start(&folder.0.join("exchange"), 15);
    let data = folder.0.join("host");
    std::fs::create_dir_all(&data).unwrap();
    let mut run = Run::start(&data, &strategies, &["--exchange", &exchange.address]);
    let api = Api::new(&data, &run.addresses());
    let events = request(&exchange, Method::GET, "/gamma/events?limit=100", "");
    let event = events.as_array().unwrap().iter().find(|event| event["enableNegRisk"] == true).unwrap();
    let markets = event["markets"].as_array().unwrap();
    assert!(markets.len() >= 3, "{event}");
    let of_it = |row: &Value| markets.iter().any(|market| market["slug"] == row["market"]);
    let filled = |rows: &Value| {
        rows.as_array()
            .unwrap()
            .iter()
            .filter(|row| of_it(row))
            .map(|row| row["market"].to_string())
            .collect::<Vec<_>>()
    };
    // Orders in these markets are signed for another contract; a fill proves that the signature was right.
    let trades = api.wait_for("/v1/trading/trades", SOON, |rows| !filled(rows).is_empty());
    let slug = trades.as_array().unwrap().iter().find(|row| of_it(row)).unwrap()["market"].clone();
    let market = markets.iter().find(|market| market["slug"] == slug).unwrap();
    let end = json!({"condition": market["conditionId"], "pays": "1"}).to_string();
    request(&exchange, Method::POST, "/exchange/resolve", &end);
    std::thread::sleep(Duration::from_secs(5));
    let open = api.get("/v1/trading/orders");
    assert!(!open.as_array().unwrap().iter().any(of_it), "orders in the losing markets are closed too: {open}");
    run.signal(rustix::process::Signal::INT);
    let outcome = run.finish();
    let ends = (&outcome["open_orders_at_exit"], &outcome["ledger_matches_exchange"]);
    assert_eq!(ends, (&json!(0), &json!(true)), "{outcome}");
}
