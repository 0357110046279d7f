//! The demo with recorded order books as counterparty.

use crate::process::{Api, Folder, Run, not_run, strategies};
use rustix::process::Signal;
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;

/// Returns two recorded games with much activity.
fn games() -> Option<Vec<PathBuf>> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let shared = std::env::var_os("POLYTRADER_SHARED").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let data = std::env::var_os("POLYTRADER_DATA").map_or_else(|| shared.join("data"), PathBuf::from);
    let folder = data.join("minesja-signaldrift/l2-events");
    let games = [
        "20250701_mlb-hou-col-2025-07-01_polymarket-market-events.csv.gz",
        "20250619_mlb-stl-cws-2025-06-19_polymarket-market-events.csv.gz",
    ];
    let games: Vec<PathBuf> = games.iter().map(|game| folder.join(game)).collect();
    games.iter().all(|game| game.is_file()).then_some(games)
}

#[test]
fn a_demo_on_recorded_games_trades_and_its_ledger_equals_the_exchanges_account() {
    let test = "the end-to-end demo on recordings";
    let Some(strategies) = strategies(test) else { return };
    let Some(games) = games() else { return not_run(test, "the recorded data (POLYTRADER_DATA)") };
    let folder = Folder::new("recordings");
    let mut more = vec!["--speed", "20"];
    for game in &games {
        more.extend(["--recording", game.to_str().unwrap()]);
    }
    let mut run = Run::start(&folder.0, &strategies, &more);
    let api = Api::new(&folder.0, &run.addresses());
    let some = |trades: &Value| trades.as_array().is_some_and(|trades| trades.len() > 2);
    api.wait_for("/v1/trading/trades", Duration::from_secs(180), some);
    run.signal(Signal::TERM);
    let outcome = run.finish();
    assert!(outcome["fills"].as_u64().unwrap() > 0, "{outcome}");
    assert_eq!(outcome["ledger_matches_exchange"], true, "{outcome}");
    assert_eq!(outcome["open_orders_at_exit"], 0, "{outcome}");
}
