//! Orders by hand on the exchange, of which the channel tells before REST answers.
#![allow(clippy::panic, clippy::unwrap_used, reason = "test code may fail loudly")]

use super::*;
use control::inbox::Taken;
use exchange::{Config, start};
use model::{Market, NewOrder, OrderKind, Price, Side, StrategyId};
use order::{Account, Chain, Domains, SigningKey, UnsignedOrder};
use polymarket::client::{Terms, Timeouts};
use polymarket::{Client, L1Headers};
use serde_json::json;

struct Desk {
    account: VenueAccount,
    key: SigningKey,
    market: Market,
    address: String,
    _exchange: exchange::Running,
}

impl Desk {
    async fn new() -> Self {
        // Another test may have been first.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        // What is matched settles later than the test lasts: the channel tells of it once.
        let config = Config { mined_ms: 600_000, confirmed_ms: 600_000, ..Config::seeded(5) };
        let exchange = start(config).await.unwrap();
        let address = format!("http://{}", exchange.addr);
        let key = SigningKey::from_bytes(&[7; 32]).unwrap();
        let client = Client::new(&address, Timeouts::default()).unwrap();
        let since = clock::now();
        let (signer, timestamp_s, nonce) = (key.address(), since.seconds(), 0);
        let signature = key.sign_digest(&Domains::new(Chain::Polygon).auth_digest(signer, timestamp_s, nonce));
        let headers = L1Headers { address: signer, signature, timestamp_s, nonce };
        let credentials = client.create_or_derive_api_key(&headers).await.unwrap();
        let market = client.markets(1).await.unwrap().remove(0);
        let client = AccountClient::new(client, credentials, Account::eoa(signer, Chain::Polygon));
        let listing = Listing::new(std::slice::from_ref(&market));
        let account = VenueAccount::new(client, Inbox::default(), Index::default(), Latest::default(), listing, since);
        Self { account, key, market, address, _exchange: exchange }
    }

    /// Buys what is there, by hand; returns the order's id.
    async fn take(&self) -> VenueOrderId {
        let (side, size, kind) = (Side::Buy, Size::shares(20), OrderKind::Fak);
        let (id, strategy, token) = (OrderId(1), StrategyId(1), MarketIx(0).token(0));
        let price = Price::from_micros(990_000).unwrap();
        let order = NewOrder { id, strategy, tag: 0, token, side, price, size, kind };
        let exchange = order::Exchange::of(self.market.neg_risk);
        let listing = order::Listing { token_id: self.market.tokens[0], tick: self.market.tick, exchange };
        let account = Account::eoa(self.key.address(), Chain::Polygon);
        let built = UnsignedOrder::build(&order, &account, &listing, 1, clock::now().millis()).unwrap();
        let domain = Domains::new(Chain::Polygon);
        let signed = built.sign(domain.of(exchange), &self.key);
        self.account.client.post_order(&signed, kind, Terms::within(Duration::from_secs(30))).await.unwrap();
        let trades = self.account.client.trades(self.account.since).await.unwrap();
        let [part, ..] = trades.first().unwrap().parts[..] else { panic!("{trades:?}") };
        part.order
    }

    /// Breaks the next answers.
    async fn break_answers(&self, count: u32) {
        let request = reqwest::Client::new().put(format!("{}/exchange/faults", self.address));
        let answer = request.body(json!({"break_requests": count}).to_string()).send().await.unwrap();
        assert!(answer.status().is_success());
    }

    /// Waits until the engine is told something of that kind.
    async fn hears<T>(&self, what: impl Fn(&Body) -> Option<T>) -> T {
        for _ in 0..500 {
            let mut taken = Taken::default();
            self.account.inbox.take(&mut taken, 10, Duration::ZERO);
            if let Some(told) = taken.arrivals.iter().find_map(|arrival| what(&arrival.body)) {
                return told;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the engine was never told")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trade_by_hand_that_is_told_before_its_order_is_known_is_booked_whatever_the_venue_answers() {
    let desk = Desk::new().await;
    let venue = desk.take().await;
    let trade = desk.account.client.trades(desk.account.since).await.unwrap().remove(0);
    // The channel tells of the trade once. Nobody knows the order, and the venue fails.
    desk.break_answers(2).await;
    desk.account.trade(clock::now(), &trade);
    let found = desk.hears(|body| if let Body::Adopt(found) = body { Some(*found) } else { None }).await;
    assert_eq!((found.venue, found.counted), (venue, Size::ZERO));
    // The engine gives it a number; the venue fails again.
    desk.account.index.adopt(OrderId(1), venue);
    desk.break_answers(2).await;
    desk.account.look_back(OrderId(1));
    let told = desk.hears(|body| if let Body::Trade(told) = body { Some(*told) } else { None }).await;
    assert_eq!((told.order, told.trade, told.size), (OrderId(1), trade.trade, trade.parts[0].size));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_the_venue_never_shows_is_looked_at_again_when_there_is_news_of_it() {
    let desk = Desk::new().await;
    let stranger = VenueOrderId([9; 32]);
    desk.account.foreign(stranger);
    assert!(!desk.account.index.note_foreign(stranger), "it is being looked at");
    tokio::time::sleep(RETRY.saturating_mul(LOOKS) + Duration::from_secs(2)).await;
    assert!(desk.account.index.note_foreign(stranger), "it is never looked at again");
}
