//! The venue's wire format. No code is shared with the client: each side is checked against the venue's samples.

use model::{Level, Market, Price, Side, Size, Time, TokenIx, Usd, hex};
use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};
use std::str::FromStr;

/// A level of a book.
#[derive(Debug, Serialize)]
pub(crate) struct WireLevel {
    price: String,
    size: String,
}

/// A book; the order of its keys is part of its hash (PROTOCOL 7.3).
#[derive(Debug, Serialize)]
pub(crate) struct WireBook {
    market: String,
    asset_id: String,
    timestamp: String,
    pub(crate) hash: String,
    bids: Vec<WireLevel>,
    asks: Vec<WireLevel>,
    min_order_size: String,
    tick_size: String,
    neg_risk: bool,
    last_trade_price: String,
}

/// A book on the market channel.
#[derive(Debug, Serialize)]
pub(crate) struct BookEvent {
    pub(crate) event_type: &'static str,
    #[serde(flatten)]
    pub(crate) book: WireBook,
}

/// The content of a book.
pub(crate) struct BookParts<'a> {
    pub(crate) market: &'a Market,
    pub(crate) token: TokenIx,
    pub(crate) at: Time,
    /// Best first.
    pub(crate) bids: Vec<Level>,
    /// Best first.
    pub(crate) asks: Vec<Level>,
    pub(crate) last: Option<Price>,
}

impl WireBook {
    /// Returns a book with its hash: SHA-1 of itself with an empty hash.
    pub(crate) fn new(parts: BookParts<'_>) -> Self {
        let mut book = Self {
            market: parts.market.condition.to_string(),
            asset_id: asset(parts.market, parts.token),
            timestamp: parts.at.millis().to_string(),
            hash: String::new(),
            bids: worst_first(&parts.bids),
            asks: worst_first(&parts.asks),
            min_order_size: parts.market.min_size.to_string(),
            tick_size: parts.market.tick.to_string(),
            neg_risk: parts.market.neg_risk,
            last_trade_price: parts.last.map(|price| price.to_string()).unwrap_or_default(),
        };
        let text = serde_json::to_vec(&book).unwrap_or_default();
        book.hash = hash(&text);
        book
    }
}

/// Returns the venue's hash of a text.
pub(crate) fn hash(text: &[u8]) -> String {
    hex::encode(&Sha1::digest(text))
}

fn worst_first(levels: &[Level]) -> Vec<WireLevel> {
    let wire = |level: &Level| WireLevel { price: level.price.to_string(), size: level.size.to_string() };
    levels.iter().rev().map(wire).collect()
}

/// One level in a `price_change`.
#[derive(Debug, Serialize)]
pub(crate) struct PriceChange {
    pub(crate) asset_id: String,
    pub(crate) price: String,
    pub(crate) size: String,
    pub(crate) side: &'static str,
    pub(crate) hash: String,
    pub(crate) best_bid: String,
    pub(crate) best_ask: String,
}

/// A `price_change` on the market channel.
#[derive(Debug, Serialize)]
pub(crate) struct PriceChanges {
    pub(crate) event_type: &'static str,
    pub(crate) market: String,
    pub(crate) price_changes: Vec<PriceChange>,
    pub(crate) timestamp: String,
}

/// The body of `POST /order` (PROTOCOL 4.4).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PostOrder {
    pub(crate) order: OrderFields,
    pub(crate) owner: String,
    pub(crate) order_type: String,
    #[serde(default)]
    pub(crate) post_only: bool,
}

/// The signed fields and the signature.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderFields {
    pub(crate) salt: u64,
    pub(crate) maker: String,
    pub(crate) signer: String,
    pub(crate) token_id: String,
    pub(crate) maker_amount: String,
    pub(crate) taker_amount: String,
    pub(crate) side: String,
    pub(crate) expiration: String,
    pub(crate) signature_type: u8,
    pub(crate) timestamp: String,
    pub(crate) metadata: String,
    pub(crate) builder: String,
    pub(crate) signature: String,
}

/// The response to `POST /order` (PROTOCOL 4.5).
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PostAnswer {
    pub(crate) success: bool,
    pub(crate) error_msg: String,
    #[serde(rename = "orderID")]
    pub(crate) order_id: String,
    pub(crate) status: &'static str,
    pub(crate) making_amount: String,
    pub(crate) taking_amount: String,
    #[serde(rename = "tradeIDs")]
    pub(crate) trade_ids: Vec<String>,
    pub(crate) transactions_hashes: Vec<String>,
}

/// Returns the venue's text for a side.
pub(crate) const fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "BUY",
        Side::Sell => "SELL",
    }
}

/// Returns a token's id in wire format.
pub(crate) fn asset(market: &Market, token: TokenIx) -> String {
    let [yes, no] = &market.tokens;
    if token.outcome() == 0 { yes } else { no }.to_string()
}

/// Returns Gamma's id of a market.
pub(crate) fn gamma_id(market: model::MarketIx) -> String {
    u64::from(market.0).saturating_add(1_000_000).to_string()
}

/// Returns a token's outcome name.
pub(crate) fn outcome(market: &Market, token: TokenIx) -> &str {
    let [yes, no] = &market.outcomes;
    if token.outcome() == 0 { yes } else { no }
}

/// Returns a decimal as a JSON number; the venue sends a few amounts this way.
pub(crate) fn number(decimal: &str) -> serde_json::Value {
    serde_json::Number::from_str(decimal).map_or(serde_json::Value::Null, serde_json::Value::Number)
}

/// Returns the amounts of a match; empty if there was none.
pub(crate) fn matched_amounts(order: Side, size: Size, value: Usd) -> (String, String) {
    if size.is_zero() {
        return (String::new(), String::new());
    }
    match order {
        Side::Buy => (value.to_string(), size.to_string()),
        Side::Sell => (size.to_string(), value.to_string()),
    }
}

/// Returns a market's taker fee in the format of the catalog and the market channel.
pub(crate) fn fee_schedule(market: &Market) -> serde_json::Value {
    let rate = Usd(i64::from(market.fee.rate_micros)).to_string();
    serde_json::json!({"exponent": 1, "rate": number(&rate), "takerOnly": true, "rebateRate": 0})
}
