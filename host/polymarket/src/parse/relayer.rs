//! The relayer's answers (PROTOCOL 17.5). Names are written in two ways, and states with and without a prefix.

use super::{ParseError, cut};
use crate::wire::Text;
use std::collections::BTreeMap;

/// The most characters of a transaction's id at the relayer.
const ID_MAX: usize = 128;

/// A batch that was handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relayed {
    /// The relayer's id of it: letters, digits, `-` and `_`.
    pub id: String,
    /// How far it is.
    pub state: RelayState,
    /// The transaction's hash, as soon as there is one; empty before.
    pub hash: String,
    /// The relayer's words where it failed.
    pub error: String,
}

/// How far a batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayState {
    /// The relayer has it.
    New,
    /// It is sent to the chain.
    Executed,
    /// It is in a block.
    Mined,
    /// It is final.
    Confirmed,
    /// The chain took it and undid it.
    Failed,
    /// The relayer did not send it.
    Invalid,
    /// A word that nobody here knows.
    Other,
}

impl RelayState {
    fn parse(text: &str) -> Self {
        match text.strip_prefix("STATE_").unwrap_or(text) {
            "NEW" => Self::New,
            "EXECUTED" => Self::Executed,
            "MINED" => Self::Mined,
            "CONFIRMED" => Self::Confirmed,
            "FAILED" => Self::Failed,
            "INVALID" => Self::Invalid,
            _ => Self::Other,
        }
    }

    /// Says whether nothing will change any more.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Confirmed | Self::Failed | Self::Invalid)
    }
}

type Row<'a> = BTreeMap<String, Text<'a>>;

pub(crate) fn relayer_nonce(bytes: &[u8]) -> Result<u64, ParseError> {
    let row: Row<'_> = serde_json::from_slice(bytes)?;
    let nonce = row.get("nonce").ok_or(ParseError::Missing { field: "nonce" })?;
    super::field("nonce", nonce, |text| text.parse().ok())
}

pub(crate) fn relayed(bytes: &[u8]) -> Result<Relayed, ParseError> {
    let bare = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    let row: Row<'_> = if bare {
        let rows: Vec<Row<'_>> = serde_json::from_slice(bytes)?;
        rows.into_iter().next().ok_or(ParseError::Missing { field: "transaction" })?
    } else {
        serde_json::from_slice(bytes)?
    };
    let text = |names: &[&str]| {
        let mut texts = names.iter().filter_map(|name| row.get(*name)).map(Text::as_str);
        texts.find(|text| !text.is_empty()).unwrap_or_default()
    };
    let id = text(&["transactionID", "transactionId", "transaction_id", "id"]);
    let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if id.is_empty() || id.len() > ID_MAX || !plain {
        return Err(ParseError::invalid("transaction_id", id.as_bytes()));
    }
    let hash = cut(text(&["transactionHash", "transaction_hash", "hash"]));
    let error = cut(text(&["error_msg", "errorMsg", "error"]));
    Ok(Relayed { id: id.to_owned(), state: RelayState::parse(text(&["state"])), hash, error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_both_spellings_are_read() {
        assert_eq!(relayer_nonce(br#"{"address":"0x01","nonce":"31"}"#).unwrap(), 31);
        assert_eq!(relayer_nonce(br#"{"nonce":0}"#).unwrap(), 0);
        for bad in [&br#"{"nonce":""}"#[..], br#"{"nonce":"-1"}"#, br#"{"address":"x"}"#, b"[]", b""] {
            assert!(relayer_nonce(bad).is_err());
        }
        let read = |text: &str| relayed(text.as_bytes()).unwrap();
        let sent = read(r#"{"transactionID":"0190-ab_1","state":"STATE_NEW","transactionHash":null,"more":{}}"#);
        let (hash, error) = (String::new(), String::new());
        assert_eq!(sent, Relayed { id: "0190-ab_1".into(), state: RelayState::New, hash, error });
        assert_eq!(read(r#"{"id":"a","state":"STATE_FAILED","error_msg":"reverted"}"#).error, "reverted");
        let done = read(r#"[{"transaction_id":"a","state":"CONFIRMED","transaction_hash":"0x12"}]"#);
        assert_eq!((done.state.is_final(), &*done.hash), (true, "0x12"));
        assert_eq!(read(r#"{"id":"a","state":"STATE_DREAMT"}"#).state, RelayState::Other);
        for bad in ["{}", "[]", r#"{"id":"../x"}"#, r#"{"id":""}"#, "null"] {
            assert!(relayed(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
