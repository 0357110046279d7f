//! The venue's official Rust client, unmodified, against the local exchange named by `VENUE`; and this project's orders
//! compared with its orders.

mod catalog;
mod channels;
mod data;
mod differential;
mod keys;
mod public;
mod trading;

use polymarket_client_sdk_v2::auth::state::Authenticated;
use polymarket_client_sdk_v2::auth::{LocalSigner, Normal, Signer};
use polymarket_client_sdk_v2::clob::types::request::OrderBookSummaryRequest;
use polymarket_client_sdk_v2::clob::types::response::MarketResponse;
use polymarket_client_sdk_v2::clob::types::{OrderType, Side, SignatureType};
use polymarket_client_sdk_v2::clob::{Client, Config};
use polymarket_client_sdk_v2::types::{Address, Decimal, U256, dec};
use polymarket_client_sdk_v2::{POLYGON, auth::Uuid};
use std::str::FromStr;

type Trader = Client<Authenticated<Normal>>;
/// A private key in the client's type.
type Key = LocalSigner<k256::ecdsa::SigningKey>;

/// Returns the exchange's address, which `cargo xtask test` sets.
fn venue() -> String {
    std::env::var("VENUE").expect("VENUE names an exchange; `cargo xtask test` starts one")
}

fn bare() -> Client {
    Client::new(&venue(), Config::default()).unwrap()
}

/// Returns a new random key.
fn fresh() -> Key {
    let digits = [Uuid::new_v4(), Uuid::new_v4()].map(|id| id.simple().to_string()).concat();
    key(&digits)
}

fn key(digits: &str) -> Key {
    LocalSigner::from_str(digits).unwrap().with_chain_id(Some(POLYGON))
}

async fn trader(key: &Key) -> Trader {
    bare().authentication_builder(key).authenticate().await.unwrap()
}

async fn wallet(key: &Key, kind: SignatureType, funder: Option<Address>) -> Trader {
    let builder = bare().authentication_builder(key).signature_type(kind);
    match funder {
        Some(funder) => builder.funder(funder).authenticate().await.unwrap(),
        None => builder.authenticate().await.unwrap(),
    }
}

/// Returns a market of this kind with a tick of one cent.
async fn market(neg_risk: bool) -> MarketResponse {
    let page = bare().markets(None).await.unwrap();
    let fits = |market: &MarketResponse| market.neg_risk == neg_risk && market.minimum_tick_size == dec!(0.01);
    page.data.into_iter().find(fits).expect("such a market")
}

fn tokens(market: &MarketResponse) -> Vec<U256> {
    market.tokens.iter().map(|token| token.token_id).collect()
}

/// Returns the best bid and ask, which are the last of each list.
async fn touch(token: U256) -> (Decimal, Decimal) {
    let book = bare().order_book(&OrderBookSummaryRequest::builder().token_id(token).build()).await.unwrap();
    (book.bids.last().unwrap().price, book.asks.last().unwrap().price)
}

/// Returns a price far below the market, at which a bid rests.
async fn low(token: U256) -> Decimal {
    (touch(token).await.0 - dec!(0.2)).max(dec!(0.01))
}

/// Places a bid that rests and returns its id.
async fn rest(client: &Trader, key: &Key, token: U256) -> String {
    let order = client.limit_order().token_id(token).side(Side::Buy).price(low(token).await).size(dec!(20));
    let answer = order.order_type(OrderType::GTC).build_sign_and_post(key).await.unwrap();
    assert!(answer.success, "{answer:?}");
    answer.order_id
}

/// Sets the exchange's fault switches.
async fn faults(faults: serde_json::Value) {
    let url = format!("{}/exchange/faults", venue());
    let answer = reqwest::Client::new().put(url).body(faults.to_string()).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}
