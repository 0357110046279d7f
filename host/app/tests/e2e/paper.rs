//! Paper trading: a real market feed with simulated fills.

use crate::crash::replay_all;
use crate::process::{Api, Exchange, Folder, Run, kill, strategies};
use serde_json::{Value, json};
use std::fs;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

#[test]
fn paper_trades_on_a_real_feed_places_nothing_there_and_goes_on_after_a_kill() {
    let Some(strategies) = strategies("paper trading") else { return };
    let folder = Folder::new("paper");
    let exchange = Exchange::start(&folder.0.join("exchange"), 11);
    let data = folder.0.join("host");
    fs::create_dir_all(&data).unwrap();
    let loose =
        ["portfolio_trade_pct=50", "max_open_positions=20", "max_fills_per_minute=1000", "daily_loss_limit_usd=500"];
    let mut more = vec!["--exchange", &exchange.address];
    more.extend(loose.iter().flat_map(|key| ["--set", key]));

    let some = |value: &Value| value.as_array().is_some_and(|list| !list.is_empty());
    let mut seen = 0;
    for crash in 0..3u64 {
        let mut run = Run::start_as("paper", &data, &strategies, &more);
        let addresses = run.addresses();
        let api = Api::new(&data, &addresses);
        api.wait_for("/v1/trading/venue-orders", SOON, some);
        api.wait_for("/v1/trading/trades?limit=500", SOON, |trades| {
            trades.as_array().is_some_and(|list| list.len() > seen)
        });
        seen = api.get("/v1/trading/trades?limit=500").as_array().unwrap().len();
        std::thread::sleep(Duration::from_millis(crash * 700));
        kill(&addresses);
        run.fail();
    }
    let outcome = Run::start_as("paper", &data, &strategies, &[&more[..], &["--for", "10s"]].concat()).finish();
    assert_eq!(outcome["mode"], "paper", "{outcome}");
    // No order is placed before the account is known to match the journal.
    assert!(outcome["orders"].as_u64().unwrap() > 0, "{outcome}");
    let ends = (&outcome["open_orders_at_exit"], &outcome["ledger_matches_exchange"]);
    assert_eq!(ends, (&json!(0), &json!(true)), "{outcome}");
    assert_eq!(replay_all(&data), 4, "sessions that replay to the same decisions");
}
