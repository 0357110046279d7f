//! Books and markets on REST.

use super::Text;
use serde::Deserialize;
use serde_json::value::RawValue;

/// `GET /book` (PROTOCOL 7.3).
#[derive(Debug, Deserialize)]
pub(crate) struct Book<'a> {
    #[serde(borrow, default)]
    pub(crate) asset_id: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) timestamp: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) bids: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) asks: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) tick_size: Text<'a>,
}

/// One level of a book.
#[derive(Debug, Deserialize)]
pub(crate) struct Level<'a> {
    #[serde(borrow, default)]
    pub(crate) price: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) size: Text<'a>,
}

/// A page of a list (PROTOCOL 1.6).
#[derive(Debug, Deserialize)]
pub(crate) struct Page<'a> {
    #[serde(borrow, default)]
    pub(crate) next_cursor: Text<'a>,
    #[serde(borrow)]
    pub(crate) data: Vec<&'a RawValue>,
}

/// An entry of `GET /markets`.
#[derive(Debug, Deserialize)]
pub(crate) struct Market<'a> {
    #[serde(borrow, default)]
    pub(crate) enable_order_book: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) active: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) closed: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) archived: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) accepting_orders: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) condition_id: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) question: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) market_slug: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) end_date_iso: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) neg_risk: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) neg_risk_market_id: Text<'a>,
}

/// `GET /markets/{condition}`, the fields that describe the resolution.
#[derive(Debug, Deserialize)]
pub(crate) struct Ending<'a> {
    #[serde(borrow, default)]
    pub(crate) closed: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) is_50_50_outcome: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) tokens: Text<'a>,
}

/// A token of an [`Ending`].
#[derive(Debug, Deserialize)]
pub(crate) struct EndingToken<'a> {
    #[serde(borrow, default)]
    pub(crate) token_id: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) winner: Text<'a>,
}

/// `GET /clob-markets/{condition}` (PROTOCOL 7.4).
#[derive(Debug, Deserialize)]
pub(crate) struct ClobMarket<'a> {
    #[serde(borrow, default)]
    pub(crate) c: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) t: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) mts: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) mos: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) nr: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) fd: Text<'a>,
}

/// An outcome of a market.
#[derive(Debug, Deserialize)]
pub(crate) struct ClobToken<'a> {
    #[serde(borrow, default)]
    pub(crate) t: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) o: Text<'a>,
}

/// The taker fee.
#[derive(Debug, Deserialize)]
pub(crate) struct ClobFee<'a> {
    #[serde(borrow, default)]
    pub(crate) r: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) e: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) to: Text<'a>,
}
