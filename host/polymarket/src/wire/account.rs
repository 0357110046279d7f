//! API keys, balances, service information, and errors.

use super::Text;
use serde::Deserialize;

/// An API key (PROTOCOL 2.3).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ApiKey<'a> {
    #[serde(borrow)]
    pub(crate) api_key: Text<'a>,
    #[serde(borrow)]
    pub(crate) secret: Text<'a>,
    #[serde(borrow)]
    pub(crate) passphrase: Text<'a>,
}

/// `GET /balance-allowance` (PROTOCOL 7.6), in base units.
#[derive(Debug, Deserialize)]
pub(crate) struct Balance<'a> {
    #[serde(borrow)]
    pub(crate) balance: Text<'a>,
    /// A map from spender to amount.
    #[serde(borrow, default)]
    pub(crate) allowances: Text<'a>,
}

/// `GET /version`.
#[derive(Debug, Deserialize)]
pub(crate) struct Version<'a> {
    #[serde(borrow, default)]
    pub(crate) version: Text<'a>,
}

/// The body of an error (PROTOCOL 9).
#[derive(Debug, Deserialize)]
pub(crate) struct Failure<'a> {
    #[serde(borrow, default)]
    pub(crate) error: Text<'a>,
    /// The heartbeat's own field for it.
    #[serde(borrow, default)]
    pub(crate) error_msg: Text<'a>,
    /// The heartbeat id that was expected.
    #[serde(borrow, default)]
    pub(crate) heartbeat_id: Text<'a>,
}

/// The response of `/api/geoblock` (PROTOCOL 1.1).
#[derive(Debug, Deserialize)]
pub(crate) struct Geoblock<'a> {
    #[serde(borrow, default)]
    pub(crate) blocked: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) country: Text<'a>,
}

/// The response to a heartbeat (PROTOCOL 11).
#[derive(Debug, Deserialize)]
pub(crate) struct Heartbeat<'a> {
    #[serde(borrow)]
    pub(crate) heartbeat_id: Text<'a>,
}
