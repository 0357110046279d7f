//! The sports delay: orders that the venue accepts, holds, and matches later.

use crate::faults::faults;
use crate::person::Person;
use crate::process::{Api, Exchange, Folder, Run, strategies};
use model::OrderKind;
use model::input::PlaceOutcome;
use serde_json::{Value, json};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

fn by_hand(rows: &Value) -> Vec<&Value> {
    rows.as_array().map(|rows| rows.iter().filter(|row| row["strategy"] == "by hand").collect()).unwrap_or_default()
}

#[test]
fn a_delayed_order_is_open_until_its_outcome_comes_and_the_ledger_is_right() {
    let Some(strategies) = strategies("a sports delay") else { return };
    let folder = Folder::new("delays");
    let exchange = Exchange::start(&folder.0.join("exchange"), 16);
    let data = folder.0.join("host");
    std::fs::create_dir_all(&data).unwrap();
    let mut run = Run::start(&data, &strategies, &["--exchange", &exchange.address]);
    let api = Api::new(&data, &run.addresses());
    api.wait_for("/v1/trading/trades", SOON, |trades| trades.as_array().is_some_and(|list| !list.is_empty()));
    faults(&exchange, &json!({"sports_delay_s": 4}));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut person = runtime.block_on(Person::new(&data, &exchange.address));
    assert_eq!(runtime.block_on(person.buy(990_000, OrderKind::Fak)), PlaceOutcome::Delayed);
    // The order is external, it is open, and its maximum cost is reserved.
    let open = api.wait_for("/v1/trading/orders", SOON, |orders| by_hand(orders).len() == 1);
    assert_eq!(by_hand(&open)[0]["state"], "live", "{open}");
    assert!(by_hand(&api.get("/v1/trading/trades")).is_empty(), "it was not delayed");
    api.wait_for("/v1/trading/trades", SOON, |trades| !by_hand(trades).is_empty());
    api.wait_for("/v1/trading/orders", SOON, |orders| by_hand(orders).is_empty());
    assert_eq!(api.get("/v1/admin/bot/state")["restriction"], "none");
    run.signal(rustix::process::Signal::INT);
    let outcome = run.finish();
    let ends = (&outcome["open_orders_at_exit"], &outcome["ledger_matches_exchange"]);
    assert_eq!(ends, (&json!(0), &json!(true)), "{outcome}");
}
