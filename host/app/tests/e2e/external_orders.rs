//! External orders on the account that the host trades on.

use crate::person::Person;
use crate::process::{Api, Exchange, Folder, Run, strategies};
use model::OrderKind;
use serde_json::{Value, json};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

fn by_hand(rows: &Value) -> usize {
    rows.as_array().map_or(0, |rows| rows.iter().filter(|row| row["strategy"] == "by hand").count())
}

#[test]
fn orders_placed_by_hand_are_known_counted_and_kept_apart() {
    let Some(strategies) = strategies("orders by hand") else { return };
    let folder = Folder::new("hand");
    let exchange = Exchange::start(&folder.0.join("exchange"), 8);
    let data = folder.0.join("host");
    std::fs::create_dir_all(&data).unwrap();
    let mut run = Run::start(&data, &strategies, &["--exchange", &exchange.address]);
    let api = Api::new(&data, &run.addresses());
    api.wait_for("/v1/trading/trades", SOON, |trades| trades.as_array().is_some_and(|list| !list.is_empty()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut person = runtime.block_on(Person::new(&data, &exchange.address));
    // One order rests far below the market, and one is filled at once.
    runtime.block_on(person.buy(10_000, OrderKind::Gtc { post_only: false }));
    runtime.block_on(person.buy(990_000, OrderKind::Fak));
    api.wait_for("/v1/trading/orders", SOON, |orders| by_hand(orders) == 1);
    api.wait_for("/v1/trading/trades", SOON, |trades| by_hand(trades) >= 1);
    // The host's ledger matches the venue's account; otherwise this would stop trading.
    std::thread::sleep(Duration::from_secs(17));
    assert_eq!(api.get("/v1/admin/bot/state")["restriction"], "none");
    run.signal(rustix::process::Signal::INT);
    let outcome = run.finish();
    let ends = (&outcome["open_orders_at_exit"], &outcome["ledger_matches_exchange"]);
    assert_eq!(ends, (&json!(0), &json!(true)), "{outcome}");
    let left = runtime.block_on(person.client.open_orders()).unwrap();
    assert_eq!(left.len(), 1, "a stop leaves external orders open");

    // The next session takes the order over; a session without that journal requires --adopt.
    let outcome = Run::start(&data, &strategies, &["--exchange", &exchange.address, "--for", "8s"]).finish();
    assert_eq!(outcome["ledger_matches_exchange"], true, "{outcome}");
    let other = folder.0.join("other");
    std::fs::create_dir_all(&other).unwrap();
    std::fs::copy(data.join("demo.key"), other.join("demo.key")).unwrap();
    Run::start(&other, &strategies, &["--exchange", &exchange.address, "--for", "5s"]).fail();
    let log = std::fs::read_to_string(other.join("stderr.log")).unwrap();
    assert!(log.contains("start with --adopt"), "{log}");
}
