//! The relayer's responses (PROTOCOL 17.5). Field names have two spellings, and states occur with and without a prefix.

use super::list::Items;
use super::{ParseError, cut, text_field};
use crate::wire::Text;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Maximum characters of a transaction's id at the relayer.
const ID_MAX: usize = 128;

/// A submitted batch, as the relayer reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relayed {
    /// The relayer's id for it: letters, digits, `-` and `_`.
    pub id: String,
    /// Its state.
    pub state: RelayState,
    /// The transaction's hash; empty until there is one.
    pub hash: String,
    /// The relayer's error text if it failed.
    pub error: String,
}

/// The state of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayState {
    /// The relayer has received it.
    New,
    /// It was sent to the chain.
    Executed,
    /// It is in a block.
    Mined,
    /// It is final.
    Confirmed,
    /// The chain reverted it.
    Failed,
    /// The relayer did not send it.
    Invalid,
    /// An unknown state.
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

    /// Returns true if the state cannot change any more.
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

/// Reads one transaction, or a list of them; each row of a list separately.
pub(crate) fn relayed(bytes: &[u8]) -> Result<Items<Relayed>, ParseError> {
    let raw: &RawValue = serde_json::from_slice(bytes)?;
    let rows: Vec<&RawValue> = if raw.get().starts_with('[') { serde_json::from_slice(bytes)? } else { vec![raw] };
    Ok(Items::read(&rows, None, |row: Row<'_>| transaction(&row).map(Some)))
}

fn transaction(row: &Row<'_>) -> Result<Relayed, ParseError> {
    let text = |field: &'static str, spellings: &[&str]| {
        let mut present = spellings.iter().filter_map(|name| row.get(*name)).filter(|text| !text.is_empty());
        present.next().map_or(Ok(""), |text| text_field(field, text))
    };
    let id = text("transaction_id", &["transactionID", "transactionId", "transaction_id", "id"])?;
    let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if id.is_empty() || id.len() > ID_MAX || !plain {
        return Err(ParseError::invalid("transaction_id", id.as_bytes()));
    }
    let state = RelayState::parse(text("state", &["state"])?);
    let hash = cut(text("transaction_hash", &["transactionHash", "transaction_hash", "hash"])?);
    let error = ["error_msg", "errorMsg", "error"].iter().filter_map(|name| row.get(*name));
    let error = error.map(Text::as_str).find(|text| !text.is_empty()).map(cut).unwrap_or_default();
    Ok(Relayed { id: id.to_owned(), state, hash, error })
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
        let read = |text: &str| {
            let page = relayed(text.as_bytes()).unwrap();
            assert_eq!(page.refused, [], "{text}");
            page.items.into_iter().next().unwrap()
        };
        let sent = read(r#"{"transactionID":"0190-ab_1","state":"STATE_NEW","transactionHash":null,"more":{}}"#);
        let (hash, error) = (String::new(), String::new());
        assert_eq!(sent, Relayed { id: "0190-ab_1".into(), state: RelayState::New, hash, error });
        assert_eq!(read(r#"{"id":"a","state":"STATE_FAILED","error_msg":"reverted"}"#).error, "reverted");
        assert_eq!(read(r#"{"id":"a","state":"FAILED","error":{"code":3}}"#).error, r#"{"code":3}"#);
        let done = read(r#" [{"transaction_id":"a","state":"CONFIRMED","transaction_hash":"0x12"}]"#);
        assert_eq!((done.state.is_final(), &*done.hash), (true, "0x12"));
        assert_eq!(read(r#"{"id":"a","state":"STATE_DREAMT"}"#).state, RelayState::Other);
        for bad in ["{}", r#"{"id":"../x"}"#, r#"{"id":""}"#, r#"{"id":["a"]}"#, "null", "[[]]"] {
            let page = relayed(bad.as_bytes()).unwrap();
            assert_eq!((page.items.len(), page.refused.len()), (0, 1), "{bad}");
        }
        assert!(relayed(b"").is_err() && relayed(b"[{]").is_err());
        let none = relayed(b"[]").unwrap();
        assert_eq!((none.items, none.refused), (vec![], vec![]));
    }

    #[test]
    fn an_odd_transaction_costs_no_other_and_is_named() {
        let good = r#"{"id":"b","state":"STATE_MINED"}"#;
        for (odd, name) in [
            ("null", "#0"),
            ("[]", "#0"),
            ("7", "#0"),
            (r#"{"transactionID":"x","state":{}}"#, "x"),
            (r#"{"transaction_id":"x","hash":[]}"#, "x"),
            (r#"{"id":"a b"}"#, "a b"),
        ] {
            let page = relayed(format!("[{odd},{good}]").as_bytes()).unwrap();
            let ids: Vec<&str> = page.items.iter().map(|row| row.id.as_str()).collect();
            let names: Vec<&str> = page.refused.iter().map(|row| row.name.as_str()).collect();
            assert_eq!((ids, names), (vec!["b"], vec![name]), "{odd}");
        }
    }
}
