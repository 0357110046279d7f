//! Bytes to typed events: total functions that never panic. Unknown fields are tolerated, unknown events are counted.
//! Start with [`parse_market`] (fast, hand-written) and [`parse_user`] (rare, serde).

mod catalog;
mod market;
#[cfg(test)]
mod mutations;
mod records;
mod relayer;
mod rest;
mod scan;
#[cfg(test)]
pub(crate) mod shared;
mod tokens;
mod user;

pub use catalog::Found;
#[cfg(test)]
pub(crate) use catalog::Row as CatalogRow;
pub(crate) use catalog::catalog_page;
pub use market::{Element, MarketCounts, parse_elements, parse_market};
pub use records::{Deed, Holding, NAMES_MAX, RecordCounts, Recorded};
pub(crate) use records::{deeds, holdings};
pub use relayer::{RelayState, Relayed};
pub(crate) use relayer::{relayed, relayer_nonce};
pub use rest::{BalanceAllowance, BookSnapshot, VenueOrder};
pub(crate) use rest::{
    Items, Tradable, balance, book, books, clob_market, market_page, open_order, open_order_page, resolution,
    trade_page,
};
pub use tokens::{TOKENS_MAX, TokenMap, TooManyTokens};
pub use user::{OrderAction, OrderEvent, Owner, PARTS_MAX, Part, TradeEvent, UserCounts, UserEvent, parse_user};

pub(crate) use user::{cut, cut_to, slug};

use crate::wire::Text;
use model::{Price, Side, Size, TokenId};

/// The most bytes of a bad value that an error repeats.
const SHOWN_MAX: usize = 80;

/// Why bytes of the venue were not understood.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// They are not JSON, as far as we read them.
    #[error("not the expected JSON at byte {at}")]
    Syntax {
        /// Where.
        at: usize,
    },
    /// They are not the expected JSON.
    #[error("not the expected JSON")]
    Json(#[from] serde_json::Error),
    /// A field that must be there is not.
    #[error("field {field} is missing")]
    Missing {
        /// Which.
        field: &'static str,
    },
    /// A field has a value that makes no sense.
    #[error("field {field} is {text:?}")]
    Invalid {
        /// Which.
        field: &'static str,
        /// The value, cut to a few dozen bytes.
        text: String,
    },
    /// There are more entries than we keep.
    #[error("more than {limit} entries in {field}")]
    TooMany {
        /// Of what.
        field: &'static str,
        /// The limit.
        limit: usize,
    },
}

impl ParseError {
    fn invalid(field: &'static str, text: &[u8]) -> Self {
        let shown = text.get(..SHOWN_MAX).unwrap_or(text);
        Self::Invalid { field, text: String::from_utf8_lossy(shown).into_owned() }
    }
}

/// Returns what `parse` makes of a field, or an error that names it.
fn field<T>(name: &'static str, text: &Text<'_>, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, ParseError> {
    parse(text.as_str()).ok_or_else(|| ParseError::invalid(name, text.as_str().as_bytes()))
}

fn side(text: &str) -> Option<Side> {
    match text {
        "BUY" => Some(Side::Buy),
        "SELL" => Some(Side::Sell),
        _ => None,
    }
}

fn token(text: &Text<'_>) -> Result<TokenId, ParseError> {
    field("asset_id", text, TokenId::parse)
}

fn price(text: &Text<'_>) -> Result<Price, ParseError> {
    field("price", text, Price::parse)
}

/// Reads a size; an absent or empty one is nothing (the venue's killed orders have `"size_matched":""`).
fn size_or_none(name: &'static str, text: &Text<'_>) -> Result<Size, ParseError> {
    if text.is_empty() { Ok(Size::ZERO) } else { field(name, text, Size::parse) }
}
