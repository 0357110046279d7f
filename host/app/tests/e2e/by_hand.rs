//! Somebody trades by hand on the account that the host trades on.

use crate::process::{Api, Exchange, Folder, Run, strategies};
use model::{Market, NewOrder, OrderId, OrderKind, Price, Side, Size, StrategyId, TokenIx};
use order::{Account, Chain, Domains, Listing, SigningKey, UnsignedOrder};
use polymarket::client::Timeouts;
use polymarket::{AccountClient, Client, L1Headers};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SOON: Duration = Duration::from_secs(60);

/// The owner of the account, with a client of his own.
struct Person {
    client: AccountClient,
    market: Market,
    key: SigningKey,
    orders: u64,
}

impl Person {
    /// Logs in with the key that the demo keeps in its data folder.
    async fn new(data: &Path, exchange: &str) -> Self {
        let text = std::fs::read_to_string(data.join("demo.key")).unwrap();
        let mut bytes = [0; 32];
        model::id::parse_hex(text.trim(), &mut bytes).unwrap();
        let key = SigningKey::from_bytes(&bytes).unwrap();
        let client = Client::new(exchange, Timeouts::default()).unwrap();
        let timestamp_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let digest = Domains::new(Chain::Polygon).auth_digest(key.address(), timestamp_s, 0);
        let headers = L1Headers { address: key.address(), signature: key.sign_digest(&digest), timestamp_s, nonce: 0 };
        let credentials = client.create_or_derive_api_key(&headers).await.unwrap();
        let market = client.markets(1).await.unwrap().remove(0);
        let client = AccountClient::new(client, credentials, Account::eoa(key.address(), Chain::Polygon));
        Self { client, market, key, orders: 0 }
    }

    async fn buy(&mut self, micros: u32, kind: OrderKind) {
        self.orders += 1;
        let (id, strategy, token_ix) = (OrderId(self.orders), StrategyId(1), TokenIx(0));
        let price = Price::from_micros(micros).unwrap();
        let order =
            NewOrder { id, strategy, tag: 0, token: token_ix, side: Side::Buy, price, size: Size::shares(20), kind };
        let market = &self.market;
        let [token_id, _] = market.tokens;
        let listing = Listing { token_id, tick: market.tick, exchange: order::Exchange::of(market.neg_risk) };
        let domains = Domains::new(Chain::Polygon);
        let account = Account::eoa(self.key.address(), Chain::Polygon);
        let built = UnsignedOrder::build(&order, &account, &listing, 900_000 + self.orders, 1_795_392_000_000).unwrap();
        let signed = built.sign(domains.of(listing.exchange), &self.key);
        self.client.post_order(&signed, kind).await.unwrap();
    }
}

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
    // One that rests far below the market, and one that takes what is there.
    runtime.block_on(person.buy(10_000, OrderKind::Gtc { post_only: false }));
    runtime.block_on(person.buy(990_000, OrderKind::Fak));
    api.wait_for("/v1/trading/orders", SOON, |orders| by_hand(orders) == 1);
    api.wait_for("/v1/trading/trades", SOON, |trades| by_hand(trades) >= 1);
    // What the host counts is what the venue counts, or this would stop trading.
    std::thread::sleep(Duration::from_secs(17));
    assert_eq!(api.get("/v1/admin/bot/state")["restriction"], "none");
    run.signal(rustix::process::Signal::INT);
    let outcome = run.finish();
    let ends = (&outcome["open_orders_at_exit"], &outcome["ledger_matches_exchange"]);
    assert_eq!(ends, (&json!(0), &json!(true)), "{outcome}");
    let left = runtime.block_on(person.client.open_orders()).unwrap();
    assert_eq!(left.len(), 1, "a stop leaves what was placed by hand");

    // The next session goes on with it; one that never heard of it asks first.
    let outcome = Run::start(&data, &strategies, &["--exchange", &exchange.address, "--for", "8s"]).finish();
    assert_eq!(outcome["ledger_matches_exchange"], true, "{outcome}");
    let other = folder.0.join("other");
    std::fs::create_dir_all(&other).unwrap();
    std::fs::copy(data.join("demo.key"), other.join("demo.key")).unwrap();
    Run::start(&other, &strategies, &["--exchange", &exchange.address, "--for", "5s"]).fail();
    let told = std::fs::read_to_string(other.join("stderr.log")).unwrap();
    assert!(told.contains("start with --adopt"), "{told}");
}
