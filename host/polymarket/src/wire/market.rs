//! Books and markets on REST.

use super::Text;
use serde::Deserialize;

/// `GET /book` (PROTOCOL 7.3).
#[derive(Debug, Deserialize)]
pub(crate) struct Book<'a> {
    #[serde(borrow)]
    pub(crate) asset_id: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) timestamp: Text<'a>,
    #[serde(borrow)]
    pub(crate) bids: Vec<Level<'a>>,
    #[serde(borrow)]
    pub(crate) asks: Vec<Level<'a>>,
    #[serde(borrow, default)]
    pub(crate) tick_size: Text<'a>,
}

/// One level of a book.
#[derive(Debug, Deserialize)]
pub(crate) struct Level<'a> {
    #[serde(borrow)]
    pub(crate) price: Text<'a>,
    #[serde(borrow)]
    pub(crate) size: Text<'a>,
}

/// A page of a list (PROTOCOL 1.6).
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub(crate) struct Page<'a, T> {
    #[serde(borrow, default)]
    pub(crate) next_cursor: Text<'a>,
    pub(crate) data: Vec<T>,
}

/// An entry of `GET /markets`.
#[derive(Debug, Deserialize)]
pub(crate) struct Market<'a> {
    #[serde(default)]
    pub(crate) enable_order_book: bool,
    #[serde(default)]
    pub(crate) active: bool,
    #[serde(default)]
    pub(crate) closed: bool,
    #[serde(default)]
    pub(crate) archived: bool,
    #[serde(default)]
    pub(crate) accepting_orders: bool,
    #[serde(borrow)]
    pub(crate) condition_id: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) question: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) market_slug: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) end_date_iso: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) neg_risk_market_id: Text<'a>,
}

/// `GET /markets/{condition}`, as far as it tells how a market ended.
#[derive(Debug, Deserialize)]
pub(crate) struct Ending<'a> {
    #[serde(default)]
    pub(crate) closed: bool,
    #[serde(default)]
    pub(crate) is_50_50_outcome: bool,
    #[serde(borrow)]
    pub(crate) tokens: Vec<EndingToken<'a>>,
}

/// A token of an [`Ending`].
#[derive(Debug, Deserialize)]
pub(crate) struct EndingToken<'a> {
    #[serde(borrow)]
    pub(crate) token_id: Text<'a>,
    #[serde(default)]
    pub(crate) winner: bool,
}

impl Market<'_> {
    /// Says whether orders can be placed now (PROTOCOL 15.1).
    pub(crate) const fn is_tradable(&self) -> bool {
        self.enable_order_book && self.active && !self.closed && !self.archived && self.accepting_orders
    }
}

/// `GET /clob-markets/{condition}` (PROTOCOL 7.4).
#[derive(Debug, Deserialize)]
pub(crate) struct ClobMarket<'a> {
    #[serde(borrow, default)]
    pub(crate) c: Text<'a>,
    #[serde(borrow)]
    pub(crate) t: Vec<ClobToken<'a>>,
    #[serde(borrow)]
    pub(crate) mts: Text<'a>,
    #[serde(borrow)]
    pub(crate) mos: Text<'a>,
    #[serde(default)]
    pub(crate) nr: bool,
    #[serde(borrow, default)]
    pub(crate) fd: Option<ClobFee<'a>>,
}

/// An outcome of a market.
#[derive(Debug, Deserialize)]
pub(crate) struct ClobToken<'a> {
    #[serde(borrow)]
    pub(crate) t: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) o: Text<'a>,
}

/// What takers pay.
#[derive(Debug, Deserialize)]
pub(crate) struct ClobFee<'a> {
    #[serde(borrow)]
    pub(crate) r: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) e: Text<'a>,
    #[serde(default = "taker_only")]
    pub(crate) to: bool,
}

const fn taker_only() -> bool {
    true
}
