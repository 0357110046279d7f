//! Comparison with the official client in one run: time per parsed frame, and order throughput of the exchange that
//! `VENUE` names (a release build: `cargo run --release --bin polytrader -- exchange`). Run with `cargo bench`.

use model::{MarketIx, NewOrder, OrderId, OrderKind, Price, Side, Size, StrategyId, TokenIx};
use order::{Account, Chain, Domains, Exchange, OrderTerms, SignedOrder, SigningKey, UnsignedOrder};
use polymarket::client::{Terms, Timeouts};
use polymarket::{AccountClient, Client, L1Headers, TokenMap, parse_market};
use polymarket_client_sdk_v2::auth::Uuid;
use polymarket_client_sdk_v2::clob::ws::interest::MessageInterest;
use polymarket_client_sdk_v2::clob::ws::types::response::parse_if_interested;
use serde_json::json;
use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Number of accounts that post concurrently, and of orders of each: as many as the rate limit admits in one burst.
const ACCOUNTS: u64 = 200;
const ORDERS: u64 = 50;

fn main() {
    parser();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    match std::env::var("VENUE") {
        Ok(venue) => runtime.block_on(orders(&venue)),
        Err(_) => println!("exchange: not measured, VENUE is not set"),
    }
}

fn frames(yes: &str, no: &str) -> Vec<(&'static str, String)> {
    let hash = "0123456789abcdef0123456789abcdef01234567";
    let condition = format!("0x{}", "7d".repeat(32));
    let entry = |asset: &str, price: &str, side: &str| json!({"asset_id": asset, "price": price, "size": "75.5", "side": side, "hash": hash, "best_bid": "0.45", "best_ask": "0.48"});
    let level = |cents: u32| json!({"price": format!("0.{cents:02}"), "size": "500.25"});
    let book = json!({
        "event_type": "book", "market": condition, "asset_id": yes, "timestamp": "1795424400123", "hash": hash,
        "bids": (1..45).map(level).collect::<Vec<_>>(), "asks": (48..92).rev().map(level).collect::<Vec<_>>(),
        "min_order_size": "5", "tick_size": "0.01", "neg_risk": false, "last_trade_price": "0.46",
    });
    let change = json!({
        "event_type": "price_change", "market": condition, "timestamp": "1795424400163",
        "price_changes": [entry(yes, "0.43", "BUY"), entry(no, "0.57", "SELL")],
    });
    let trade = json!({
        "event_type": "last_trade_price", "market": condition, "asset_id": yes, "price": "0.48", "size": "20",
        "side": "BUY", "fee_rate_bps": "0", "timestamp": "1795424400163",
    });
    vec![
        ("price_change, 2 entries", change.to_string()),
        ("book, 88 levels", book.to_string()),
        ("trade", trade.to_string()),
    ]
}

/// Returns the median time of one call, in nanoseconds.
fn time(mut call: impl FnMut()) -> u128 {
    let mut rounds: Vec<u128> = (0..200)
        .map(|_| {
            let started = Instant::now();
            (0..200).for_each(|_| call());
            started.elapsed().as_nanos() / 200
        })
        .collect();
    rounds.sort_unstable();
    rounds[100]
}

fn parser() {
    let [yes, no] = [model::TokenId([0xb1; 32]), model::TokenId([0xdf; 32])];
    let mut map = TokenMap::default();
    map.insert(&yes, MarketIx(0).token(0)).unwrap();
    map.insert(&no, MarketIx(0).token(1)).unwrap();
    println!("{:<26} {:>10} {:>10} {:>8}", "frame", "ours", "official", "ratio");
    for (name, frame) in frames(&yes.to_string(), &no.to_string()) {
        let mut events = Vec::new();
        parse_market(frame.as_bytes(), &map, &mut events).unwrap();
        assert!(!events.is_empty());
        assert_eq!(parse_if_interested(frame.as_bytes(), &MessageInterest::all()).unwrap().len(), 1);
        let ours = time(|| {
            events.clear();
            parse_market(black_box(frame.as_bytes()), &map, &mut events).unwrap();
        });
        let theirs = time(|| {
            black_box(parse_if_interested(black_box(frame.as_bytes()), &MessageInterest::all()).unwrap());
        });
        println!("{name:<26} {ours:>7} ns {theirs:>7} ns {:>7}x", theirs / ours.max(1));
    }
}

/// Returns the client of a new account, and orders far from the market that are signed before the measurement.
async fn poster(venue: &str, number: u64) -> (AccountClient, Vec<SignedOrder>) {
    let digits = [Uuid::new_v4(), Uuid::new_v4()].map(|id| id.simple().to_string()).concat();
    let key = SigningKey::parse(&digits).unwrap();
    let client = Client::new(venue, Timeouts::default()).unwrap();
    let timestamp_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let domains = Domains::new(Chain::Polygon);
    let digest = domains.auth_digest(key.address(), timestamp_s, 0);
    let headers = L1Headers { address: key.address(), signature: key.sign_digest(&digest), timestamp_s, nonce: 0 };
    let credentials = client.create_or_derive_api_key(&headers).await.unwrap();
    let market = client.markets(1).await.unwrap().remove(0);
    let account = Account::eoa(key.address(), Chain::Polygon);
    let exchange = Exchange::of(market.neg_risk);
    let listing = OrderTerms { token_id: market.tokens[0], tick: market.tick, exchange };
    let orders = (0..ORDERS).map(|salt| {
        let new = NewOrder {
            id: OrderId(salt),
            strategy: StrategyId(1),
            tag: 0,
            token: TokenIx(0),
            side: Side::Buy,
            price: Price::from_micros(10_000).unwrap(),
            size: Size::shares(10 + number % 10),
            kind: OrderKind::Gtc { post_only: true },
        };
        UnsignedOrder::build(&new, &account, &listing, salt, timestamp_s * 1_000)
            .unwrap()
            .sign(domains.of(exchange), &key)
    });
    (AccountClient::new(client, credentials, account), orders.collect())
}

async fn orders(venue: &str) {
    let mut posters = Vec::new();
    for number in 0..ACCOUNTS {
        posters.push(poster(venue, number).await);
    }
    let started = Instant::now();
    let tasks: Vec<_> = posters
        .into_iter()
        .map(|(client, orders)| {
            tokio::spawn(async move {
                for order in &orders {
                    let terms = Terms::within(Duration::from_secs(30));
                    client.post_order(order, OrderKind::Gtc { post_only: true }, terms).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let took = started.elapsed();
    let count = ACCOUNTS * ORDERS;
    println!(
        "exchange: {count} orders of {ACCOUNTS} accounts in {} ms: {} orders/s",
        took.as_millis(),
        u128::from(count) * 1_000_000 / took.as_micros()
    );
}
