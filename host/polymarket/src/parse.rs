//! Bytes to typed events: total functions that never panic. Unknown fields are tolerated, unknown events are counted.
//! Start with [`parse_market`] (fast, hand-written) and [`parse_user`] (rare, serde).

mod catalog;
mod data_api;
mod list;
mod market;
#[cfg(test)]
mod mutations;
mod relayer;
mod rest;
mod scan;
#[cfg(test)]
pub(crate) mod shared;
mod terms;
mod tokens;
mod user;

pub use catalog::Found;
#[cfg(test)]
pub(crate) use catalog::Row as CatalogRow;
pub(crate) use catalog::catalog_page;
pub use data_api::{ActivityRow, Holding, NAMES_MAX, RecordCounts, Recorded};
pub(crate) use data_api::{deeds, holdings};
pub use list::Refused;
pub(crate) use list::{Items, document, list, object};
pub use market::{Element, MarketCounts, Odd, parse_elements, parse_market};
pub use relayer::{RelayState, Relayed};
pub(crate) use relayer::{relayed, relayer_nonce};
pub use rest::{BalanceAllowance, BookSnapshot, VenueOrder};
pub(crate) use rest::{
    Tradable, balance, book, books, clob_market, market_page, open_order, open_order_page, resolution, trade_page,
};
pub use terms::{EventMembers, MarketTerms, Rewards};
pub(crate) use terms::{event_members, market_terms};
pub use tokens::{TOKENS_MAX, TokenMap, TooManyTokens};
pub use user::{
    OrderAction, OrderEvent, Owner, PARTS_MAX, Part, TradeEvent, UserCounts, UserEvent, parse_user, parse_user_parts,
};

pub(crate) use user::{cut, cut_to};

use crate::wire::Text;
use model::input::VenueStatus;
use model::{Price, Side, Size, Time, TokenId};

/// Maximum bytes of an invalid value that an error repeats.
const SHOWN_MAX: usize = 80;

/// Reasons why bytes from the venue failed to parse.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// They are not JSON, as far as we read them.
    #[error("not the expected JSON at byte {at}")]
    Syntax {
        /// Byte offset.
        at: usize,
    },
    /// They are not the expected JSON.
    #[error("not the expected JSON")]
    Json(#[from] serde_json::Error),
    /// A required field is missing.
    #[error("field {field} is missing")]
    Missing {
        /// Name of the field.
        field: &'static str,
    },
    /// A field has an invalid value.
    #[error("field {field} is {text:?}")]
    Invalid {
        /// Name of the field.
        field: &'static str,
        /// The value, cut to a few dozen bytes.
        text: String,
    },
    /// A text is longer than the limit, and truncating it could make it equal to another one.
    #[error("field {field} has {bytes} bytes, more than {limit}")]
    TooLong {
        /// Name of the field.
        field: &'static str,
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// There are more entries than the limit.
    #[error("more than {limit} entries in {field}")]
    TooMany {
        /// Name of the field.
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

    /// Returns the message with its cause.
    pub fn explained(&self) -> String {
        match self {
            Self::Json(cause) => format!("{self}: {cause}"),
            _ => self.to_string(),
        }
    }
}

/// Parses a time as the venue writes them: ISO in UTC, or a Unix time in seconds to nanoseconds, 2001 or later.
pub fn moment(text: &str) -> Option<Time> {
    crate::wire::text::parse_moment(text)
}

/// Returns the result of `parse` on a field, or an error that names the field.
pub(crate) fn field<T>(
    name: &'static str,
    text: &Text<'_>,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, ParseError> {
    text.scalar().and_then(parse).ok_or_else(|| ParseError::invalid(name, text.as_str().as_bytes()))
}

/// Returns the result of `parse` on a field; `None` only if the field is empty. A value that is present but invalid is
/// an error, because no default may replace it.
pub(crate) fn maybe<T>(
    name: &'static str,
    text: &Text<'_>,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, ParseError> {
    if text.is_empty() { Ok(None) } else { field(name, text, parse).map(Some) }
}

/// Returns the text of a field for display, or a keyword; empty if the field is empty.
pub(crate) fn text_field<'t>(name: &'static str, text: &'t Text<'_>) -> Result<&'t str, ParseError> {
    text.scalar().ok_or_else(|| ParseError::invalid(name, text.as_str().as_bytes()))
}

/// Reads a boolean in any spelling; `None` if the field is absent.
pub(crate) fn flag(name: &'static str, text: &Text<'_>) -> Result<Option<bool>, ParseError> {
    if text.is_absent() {
        return Ok(None);
    }
    text.flag().map(Some).ok_or_else(|| ParseError::invalid(name, text.as_str().as_bytes()))
}

/// Reads a required boolean.
pub(crate) fn required_flag(name: &'static str, text: &Text<'_>) -> Result<bool, ParseError> {
    flag(name, text)?.ok_or(ParseError::Missing { field: name })
}

/// Returns true if a condition is of the other protocol generation, whose ids have 31 bytes and whose positions we do
/// not sign for.
fn is_of_other_generation(condition: &str) -> bool {
    let digits = condition.strip_prefix("0x").unwrap_or(condition);
    digits.len() == 62 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Returns a word that can name a kind of event, known or not; a number or a boolean cannot.
fn kind(text: &str) -> Option<&str> {
    let begins = text.bytes().next().is_some_and(|first| first.is_ascii_alphabetic());
    (begins && !matches!(text, "true" | "false")).then_some(text)
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

/// Reads the matched amount of an order. The venue's killed orders have `"size_matched":""`; for any other status an
/// empty text is an error.
fn matched(status: VenueStatus, text: &Text<'_>) -> Result<Size, ParseError> {
    let is_over = matches!(status, VenueStatus::Cancelled | VenueStatus::Invalid);
    if is_over && text.is_empty() && !text.is_absent() {
        return Ok(Size::ZERO);
    }
    field("size_matched", text, Size::parse)
}
