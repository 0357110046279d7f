//! Frames of the market channel (PROTOCOL 13.2), rebuilt from recordings.

use model::ConditionId;
use serde::Serialize;

/// A level of a book, with the texts of the recording.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub(super) struct TextLevel {
    pub(super) price: String,
    pub(super) size: String,
}

/// A change of one level.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub(super) struct TextChange {
    pub(super) asset_id: String,
    pub(super) price: String,
    pub(super) size: String,
    /// `BUY` for bids, `SELL` for asks.
    pub(super) side: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) hash: String,
}

#[derive(Serialize)]
struct Book<'a> {
    event_type: &'static str,
    market: String,
    asset_id: &'a str,
    timestamp: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    hash: &'a str,
    bids: &'a [TextLevel],
    asks: &'a [TextLevel],
}

#[derive(Serialize)]
struct Changes<'a> {
    event_type: &'static str,
    market: String,
    price_changes: &'a [TextChange],
    timestamp: String,
}

#[derive(Serialize)]
struct Trade<'a> {
    event_type: &'static str,
    market: String,
    asset_id: &'a str,
    price: &'a str,
    size: &'a str,
    side: &'a str,
    fee_rate_bps: &'a str,
    timestamp: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    transaction_hash: &'a str,
}

/// A trade; `side` is the taker's.
pub(super) struct TradeFrame<'a> {
    pub(super) market: ConditionId,
    pub(super) token: &'a str,
    pub(super) time_ms: u64,
    pub(super) side: &'a str,
    pub(super) price: &'a str,
    pub(super) size: &'a str,
}

impl TradeFrame<'_> {
    /// Returns a `last_trade_price` frame; fee and hash are empty where they are unknown.
    pub(super) fn bytes(&self, fee_rate_bps: &str, transaction_hash: &str) -> anyhow::Result<Vec<u8>> {
        let (event_type, market) = ("last_trade_price", self.market.to_string());
        let Self { token, time_ms, side, price, size, .. } = self;
        let timestamp = time_ms.to_string();
        let asset_id = token;
        let trade =
            Trade { event_type, market, asset_id, price, size, side, fee_rate_bps, timestamp, transaction_hash };
        Ok(serde_json::to_vec(&trade)?)
    }
}

/// Returns a `book` frame.
pub(super) fn book(
    market: ConditionId,
    token: &str,
    time_ms: u64,
    hash: &str,
    bids: &[TextLevel],
    asks: &[TextLevel],
) -> anyhow::Result<Vec<u8>> {
    let (market, timestamp) = (market.to_string(), time_ms.to_string());
    Ok(serde_json::to_vec(&Book { event_type: "book", market, asset_id: token, timestamp, hash, bids, asks })?)
}

/// Returns a `price_change` frame.
pub(super) fn changes(market: ConditionId, time_ms: u64, changes: &[TextChange]) -> anyhow::Result<Vec<u8>> {
    let (market, timestamp) = (market.to_string(), time_ms.to_string());
    Ok(serde_json::to_vec(&Changes { event_type: "price_change", market, price_changes: changes, timestamp })?)
}

/// Returns a `last_trade_price` frame without fee and hash.
pub(super) fn trade(
    market: ConditionId,
    token: &str,
    time_ms: u64,
    side: &str,
    price: &str,
    size: &str,
) -> anyhow::Result<Vec<u8>> {
    TradeFrame { market, token, time_ms, side, price, size }.bytes("", "")
}
