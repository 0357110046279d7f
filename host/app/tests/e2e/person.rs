//! The owner of the account, who trades on it independently of the host.

use model::input::PlaceOutcome;
use model::{Market, NewOrder, OrderId, OrderKind, Price, Side, Size, StrategyId, TokenIx, hex};
use order::{Account, Chain, Domains, OrderTerms, SigningKey, UnsignedOrder};
use polymarket::client::{Terms, Timeouts};
use polymarket::{AccountClient, Client, L1Headers};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The account's owner, with a separate client.
pub(crate) struct Person {
    pub(crate) client: AccountClient,
    market: Market,
    key: SigningKey,
    orders: u64,
}

impl Person {
    /// Logs in with the key that the demo keeps in its data directory.
    pub(crate) async fn new(data: &Path, exchange: &str) -> Self {
        let text = std::fs::read_to_string(data.join("demo.key")).unwrap();
        let bytes = hex::decode_array(text.trim()).unwrap();
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

    /// Places a buy order and returns the venue's immediate response.
    pub(crate) async fn buy(&mut self, micros: u32, kind: OrderKind) -> PlaceOutcome {
        self.orders += 1;
        let (id, strategy, token_ix) = (OrderId(self.orders), StrategyId(1), TokenIx(0));
        let price = Price::from_micros(micros).unwrap();
        let order =
            NewOrder { id, strategy, tag: 0, token: token_ix, side: Side::Buy, price, size: Size::shares(20), kind };
        let market = &self.market;
        let [token_id, _] = market.tokens;
        let listing = OrderTerms { token_id, tick: market.tick, exchange: order::Exchange::of(market.neg_risk) };
        let domains = Domains::new(Chain::Polygon);
        let account = Account::eoa(self.key.address(), Chain::Polygon);
        let built = UnsignedOrder::build(&order, &account, &listing, 900_000 + self.orders, 1_795_392_000_000).unwrap();
        let signed = built.sign(domains.of(listing.exchange), &self.key);
        self.client.post_order(&signed, kind, Terms::within(Duration::from_secs(30))).await.unwrap().outcome()
    }
}
