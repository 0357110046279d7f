//! Markets that follow a recorded price and resolve as recorded.

use crate::channels::{connect, next};
use crate::client::Rig;
use exchange::recording::{read_markets, read_prices};
use exchange::{Config, PricedFiles, start};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;
use testkit::Scratch;

/// A second of the recording in milliseconds since the epoch.
const START_MS: u64 = 1_784_851_200_000;
/// A dollar in the unit of prices.
const DOLLAR: u128 = 1_000_000_000_000_000_000;

struct Folder(Scratch);

impl Folder {
    fn new(name: &str) -> Self {
        Self(Scratch::new(name))
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

/// A price of 1,000 dollars that rises by a tenth of a dollar each second and a half, with a jitter of a few cents.
fn prices() -> String {
    let rows = (0..200u64).map(|second| {
        let value = (1_000 * DOLLAR) + u128::from(second) * DOLLAR / 15 + u128::from(second % 3) * DOLLAR / 50;
        format!("{},0,{value},0,0\n", START_MS + second * 1_000)
    });
    let header = "feed_ts_ms,value,full_accuracy_value,server_ts_ms,recv_ms\n".to_owned();
    std::iter::once(header).chain(rows).chain(["torn,row\n".to_owned()]).collect()
}

/// A market of `id` between two seconds of the recording.
fn market(id: u8, from: u64, until: u64, strike: Option<u128>, outcome: Option<[&str; 2]>) -> String {
    let row = json!({
        "slug": format!("price-{id}"),
        "condition_id": format!("0x{}", format!("{id:02x}").repeat(32)),
        "token_ids": [format!("{id}1"), format!("{id}2")],
        "start_sec": START_MS / 1_000 + from,
        "end_sec": START_MS / 1_000 + until,
        "resolved": outcome.is_some(),
        "outcome_prices": outcome.unwrap_or(["0", "0"]),
        "strike_value": strike.map(|strike| strike.to_string()),
        "raw": {
            "question": format!("Question {id}?"), "outcomes": "[\"Up\", \"Down\"]", "orderPriceMinTickSize": 0.01,
            "orderMinSize": 5, "negRisk": false, "feeSchedule": {"rate": 0.07},
        },
    });
    format!("{row}\n")
}

async fn rig(folder: &Folder, markets: &str) -> Rig {
    let priced =
        PricedFiles { prices: folder.write("prices.csv", &prices()), markets: folder.write("markets.jsonl", markets) };
    Rig::with(Config { priced: Some(priced), speed_micros: 30_000_000, ..Config::seeded(5) }).await
}

/// Returns the best bid; a book near a dollar has no asks.
async fn bid(rig: &Rig, token: &str) -> f64 {
    let (_, answer) = rig.get(&format!("/price?token_id={token}&side=BUY")).await;
    answer["price"].as_str().and_then(|price| price.parse().ok()).unwrap_or(0.0)
}

/// Checks that each filter of the catalog lets everything through, or nothing.
async fn filters(rig: &Rig) {
    for (all, none) in [
        ("tag_id=1", "tag_id=2"),
        ("end_date_min=2020-01-01T00:00:00Z", "end_date_min=2199-01-01T00:00:00Z"),
        ("end_date_max=2199-01-01T00:00:00Z", "end_date_max=2020-01-01T00:00:00Z"),
        ("liquidity_num_min=1", "liquidity_num_min=900000000"),
    ] {
        for (filter, count) in [(all, 3), (none, 0)] {
            let (_, page) = rig.get(&format!("/gamma/markets/keyset?{filter}")).await;
            assert_eq!(page["markets"].as_array().unwrap().len(), count, "{filter}");
        }
    }
}

#[tokio::test]
async fn books_follow_the_price_and_markets_end_as_they_did_or_as_the_price_says() {
    let folder = Folder::new("follow");
    // The price ends above both strikes. The first market's record says so, the second's says the opposite (the record
    // counts), the third has neither record nor strike: it resolves above its start. The fourth is listed an hour
    // before it begins.
    let markets = [
        market(1, 0, 120, Some(1_004 * DOLLAR), Some(["1", "0"])),
        market(2, 0, 120, Some(1_004 * DOLLAR), Some(["0", "1"])),
        market(3, 30, 120, None, None),
        market(4, 3_600 + 60, 3_600 + 120, None, None),
        "not a market\n".to_owned(),
    ];
    let rig = rig(&folder, &markets.concat()).await;
    let hello = json!({"type": "market", "assets_ids": ["11", "31"], "custom_feature_enabled": true});
    let mut socket = connect(&rig, "market", &hello).await;
    let (_, page) = rig.get("/gamma/markets?closed=false").await;
    let slugs: Vec<_> = page.as_array().unwrap().iter().map(|market| market["slug"].as_str().unwrap()).collect();
    assert_eq!(slugs, ["price-1", "price-2", "price-3"]);
    filters(&rig).await;
    assert!(bid(&rig, "11").await < 0.2, "far below the strike");
    let new = next(&mut socket, "new_market").await;
    assert_eq!((new["slug"].as_str(), new["clob_token_ids"][0].as_str()), (Some("price-4"), Some("41")));
    tokio::time::sleep(Duration::from_millis(700)).await;
    let late = bid(&rig, "11").await;
    assert!(late > 0.8, "{late}: above the strike after some 80 seconds of the recording");
    let mut winners: Vec<Value> = Vec::new();
    for _ in 0..2 {
        winners.push(next(&mut socket, "market_resolved").await["winning_asset_id"].clone());
    }
    assert_eq!(winners, ["11", "31"], "each of its two tokens is reported once");
    let (_, second) = rig.get("/gamma/markets/slug/price-2").await;
    assert_eq!((second["closed"].as_bool(), second["outcomePrices"].as_str()), (Some(true), Some("[\"0\",\"1\"]")));
}

#[tokio::test]
async fn invalid_files_are_named_with_what_was_expected() {
    let folder = Folder::new("none");
    let good = (folder.write("p.csv", &prices()), folder.write("m.jsonl", &market(1, 0, 9, None, None)));
    let odd = folder.write("odd.csv", "when,value\n1,2\n");
    let empty = folder.write("empty.jsonl", "\n\n");
    for (prices, markets, expected) in [
        (&odd, &good.1, "no column `feed_ts_ms`"),
        (&good.0, &empty, "the file has no markets"),
        (&good.0, &folder.0.join("missing"), "missing"),
    ] {
        let files = PricedFiles { prices: prices.clone(), markets: markets.clone() };
        let error = start(Config { priced: Some(files), ..Config::seeded(5) }).await.unwrap_err();
        let source = std::error::Error::source(&error).unwrap();
        let message = format!("{error}: {source}");
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_real_day_is_read_whole_and_its_price_explains_its_outcomes() {
    let Some(shared) = crate::samples::shared() else { return };
    let day = shared.join("../data/ligengxin96/2026-07-24");
    let prices = read_prices(&day.join("BTCUSD-prices-2026-07-24.csv.gz")).unwrap();
    let markets = read_markets(&day.join("BTC-5m-markets-2026-07-24.jsonl.gz")).unwrap();
    assert_eq!((prices.rows.len(), prices.torn_lines), (78_515, 0));
    assert_eq!((markets.markets.len(), markets.torn_lines), (292, 0));
    let at = |time| prices.rows.partition_point(|(row, _)| *row <= time).checked_sub(1).map(|row| prices.rows[row].1);
    let (mut agree, mut differ) = (0, 0);
    for market in &markets.markets {
        let (Some(strike), Some(price)) = (market.strike, at(market.end_ms)) else { continue };
        let up = market.pays.unwrap()[0] == model::Usd::dollars(1);
        *(if up == (price >= strike) { &mut agree } else { &mut differ }) += 1;
    }
    assert!(agree >= 265 && differ <= 10, "{agree} agree, {differ} differ");
}
