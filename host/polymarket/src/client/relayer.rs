//! The venue's relayer (PROTOCOL 17.5): it sends a deposit wallet's signed batch to the chain and pays for it. A batch is known by the
//! wallet's number in it, which the contract takes once, so a submission whose outcome is unknown is never sent again with another
//! number before the old one is used or the batch's deadline is over.

use super::transport::{Call, ClientError, Timeouts, Transport, split};
use super::{Class, RequestError};
use crate::auth::{Credentials, CredentialsError, Header};
use crate::parse::{self, ParseError, Relayed};
use model::event::Reason;
use model::hex;
use order::{Address, Batch, Signature65};
use reqwest::Method;
use serde_json::json;
use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The most bytes of a relayer key.
const KEY_MAX: usize = 256;
/// The kind of wallet, in the relayer's word.
const WALLET: &str = "WALLET";
/// The factory of deposit wallets (PROTOCOL 1.3), through which a wallet's batches go.
const FACTORY: &str = "0x00000000000Fb5C9ADea0298D729A0CB3823Cc07";

/// What opens the relayer's door. It sends what is signed, and signs nothing.
#[derive(Clone)]
pub enum RelayerKey {
    /// A relayer key with the address that it was made for.
    Relayer {
        /// The key.
        key: String,
        /// The address.
        address: Address,
    },
    /// A builder's API key.
    Builder(Credentials),
}

impl RelayerKey {
    /// Takes a relayer key as the venue gave it.
    ///
    /// # Errors
    /// If it cannot stand in a header.
    pub fn relayer(key: &str, address: Address) -> Result<Self, CredentialsError> {
        if key.is_empty() || key.len() > KEY_MAX || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(CredentialsError::Text { part: "key" });
        }
        Ok(Self::Relayer { key: key.to_owned(), address })
    }

    fn headers(&self, method: &str, path: &str, body: &str) -> Vec<Header> {
        match self {
            Self::Relayer { key, address } => {
                vec![("relayer_api_key", key.clone()), ("relayer_api_key_address", address.checksummed())]
            }
            Self::Builder(credentials) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                credentials.builder_headers(now.as_secs(), method, path, body).into()
            }
        }
    }
}

impl fmt::Debug for RelayerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Relayer { address, .. } => {
                f.debug_struct("Relayer").field("address", address).finish_non_exhaustive()
            }
            Self::Builder(credentials) => f.debug_tuple("Builder").field(credentials).finish(),
        }
    }
}

/// Why a batch is not known to be on its way.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The relayer said no: nothing will happen.
    #[error("the relayer refused the batch: {reason}")]
    Refused {
        /// Its words.
        reason: Reason,
    },
    /// Nothing left this machine.
    #[error("the batch was not sent: {reason}")]
    NotSent {
        /// Why.
        reason: Reason,
    },
    /// It may be on its way: the wallet's number tells, or the deadline.
    #[error("it is not known whether the relayer has the batch: {reason}")]
    OutcomeUnknown {
        /// Why.
        reason: Reason,
    },
}

impl SubmitError {
    /// Judges a request that has no good answer. Where in doubt, the outcome is unknown.
    fn judge(error: &RequestError) -> Self {
        let reason = parse::cut(&error.to_string());
        match error {
            RequestError::NotSent(_) | RequestError::NoRoom { .. } => Self::NotSent { reason },
            // A timeout, a conflict with one that is on its way, and a limit say nothing about what the relayer has.
            RequestError::Status { status: 408 | 409 | 425 | 429, .. } => Self::OutcomeUnknown { reason },
            RequestError::Status { status: 400..=499, reason: words, .. } if !words.is_empty() => {
                Self::Refused { reason: words.clone() }
            }
            _ => Self::OutcomeUnknown { reason },
        }
    }
}

/// A client of the relayer. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Relayer {
    transport: Transport,
    /// What stands before every path.
    prefix: String,
    key: Arc<RelayerKey>,
}

impl Relayer {
    /// Returns a client of the relayer at `address`, such as `https://relayer-v2.polymarket.com`; a path in it, as the local exchange
    /// has one, stands before every request's.
    ///
    /// # Errors
    /// If the address is none, or not private.
    pub fn new(address: &str, timeouts: Timeouts, key: RelayerKey) -> Result<Self, ClientError> {
        let (base, prefix) = split(address);
        Ok(Self { transport: Transport::new(base, timeouts)?, prefix: prefix.to_owned(), key: Arc::new(key) })
    }

    /// Returns the next number of the deposit wallet of `owner`'s key.
    ///
    /// # Errors
    /// If there is no good answer.
    pub async fn nonce(&self, owner: Address) -> Result<u64, RequestError> {
        let (path, owner) = ("/v1/account/transactions/params", owner.checksummed());
        let query = [("address", owner.as_str()), ("type", WALLET)];
        self.ask(Method::GET, path, &query, None, parse::relayer_nonce).await
    }

    /// Hands a signed batch over, once. `owner` is the key that signed it. Cancelled half-way its outcome is unknown.
    ///
    /// # Errors
    /// Says which of three things is known: refused, not sent, or outcome unknown.
    pub async fn submit(
        &self,
        owner: Address,
        batch: &Batch,
        signature: &Signature65,
        note: &str,
    ) -> Result<Relayed, SubmitError> {
        let body = body(owner, batch, signature, note);
        let answer = self.ask(Method::POST, "/submit", &[], Some(body), parse::relayed).await;
        answer.map_err(|error| SubmitError::judge(&error))
    }

    /// Returns how far a batch is that was handed over.
    ///
    /// # Errors
    /// If there is no good answer.
    pub async fn transaction(&self, id: &str) -> Result<Relayed, RequestError> {
        self.ask(Method::GET, &format!("/v1/account/transactions/{id}"), &[], None, parse::relayed).await
    }

    async fn ask<T>(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<String>,
        read: fn(&[u8]) -> Result<T, ParseError>,
    ) -> Result<T, RequestError> {
        // What stands before the path belongs to where the relayer is, not to what is asked of it.
        let headers = self.key.headers(method.as_str(), path, body.as_deref().unwrap_or_default());
        let path = format!("{}{path}", self.prefix);
        let (class, timeout) = (Class::Read, self.transport.timeouts.place);
        let departure = None;
        let call = Call { method, path: &path, query, headers: &headers, body, timeout, class, departure };
        self.transport.call(call, read).await
    }
}

/// Returns the body of `POST /submit`, as the venue's clients write it.
fn body(owner: Address, batch: &Batch, signature: &Signature65, note: &str) -> String {
    let calls: Vec<_> = batch
        .calls
        .iter()
        .map(|call| json!({ "target": call.to.checksummed(), "value": "0", "data": hex::encode_prefixed(&call.data) }))
        .collect();
    json!({
        "type": WALLET,
        "from": owner.checksummed(),
        "to": FACTORY,
        "nonce": batch.nonce.to_string(),
        "signature": signature.to_string(),
        "metadata": note,
        "depositWalletParams": {
            "depositWallet": batch.wallet.checksummed(),
            "deadline": batch.deadline.to_string(),
            "calls": calls,
        },
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use order::{Chain, Claim, SigningKey};
    use serde_json::Value;

    #[test]
    fn a_batch_is_written_as_the_venues_clients_write_it() {
        let condition = model::ConditionId([0xab; 32]);
        let call = order::Call::new(Chain::Polygon, Claim::Redeem, &condition, false).unwrap();
        let batch = Batch { wallet: Address([1; 20]), nonce: 7, deadline: 1_795_425_000, calls: vec![call] };
        let key = SigningKey::parse("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80").unwrap();
        let signature = batch.sign(Chain::Polygon, &key);
        let body: Value = serde_json::from_str(&body(Address([2; 20]), &batch, &signature, "redeem")).unwrap();
        assert_eq!((&body["type"], &body["nonce"]), (&json!("WALLET"), &json!("7")));
        assert_eq!(body["to"], "0x00000000000Fb5C9ADea0298D729A0CB3823Cc07");
        assert_eq!(body["signature"], signature.to_string());
        let told = &body["depositWalletParams"];
        assert_eq!((&told["deadline"], &told["calls"][0]["value"]), (&json!("1795425000"), &json!("0")));
        assert_eq!(told["calls"][0]["target"], "0xAdA100Db00Ca00073811820692005400218FcE1f");
        assert!(told["calls"][0]["data"].as_str().unwrap().starts_with("0x01b7037c"));
    }

    #[test]
    fn only_a_clear_no_is_a_refusal() {
        let judged = |status, words: &str| {
            let (reason, limited, retry_after, expected) = (words.to_owned(), false, None, String::new());
            SubmitError::judge(&RequestError::Status { status, reason, limited, retry_after, expected })
        };
        assert!(matches!(judged(400, "invalid nonce"), SubmitError::Refused { reason } if reason == "invalid nonce"));
        assert!(matches!(judged(401, "invalid authorization"), SubmitError::Refused { .. }));
        for (status, words) in [(400, ""), (408, "x"), (409, "x"), (429, "quota"), (500, "x"), (503, "x"), (302, "")] {
            assert!(matches!(judged(status, words), SubmitError::OutcomeUnknown { .. }), "{status} {words}");
        }
        let late = SubmitError::judge(&RequestError::Timeout { after: std::time::Duration::from_secs(1) });
        assert!(matches!(late, SubmitError::OutcomeUnknown { .. }));
    }

    #[test]
    fn a_key_stands_in_headers_and_is_not_printed() {
        let key = RelayerKey::relayer("019f-secret", Address([3; 20])).unwrap();
        let headers = key.headers("GET", "/x", "");
        assert_eq!(headers[0], ("relayer_api_key", "019f-secret".to_owned()));
        assert_eq!(headers[1], ("relayer_api_key_address", Address([3; 20]).checksummed()));
        assert!(!format!("{key:?}").contains("secret"));
        assert!(RelayerKey::relayer("a\nb", Address([3; 20])).is_err());
        let secret = "JlRop3WMZQcHio_qVj6Qn22k4zzDhtktkIJG-pgXw6g=";
        let builder = RelayerKey::Builder(Credentials::new("key", secret, "words").unwrap());
        let names: Vec<&str> = builder.headers("GET", "/x", "").iter().map(|(name, _)| *name).collect();
        let expected =
            ["poly_builder_api_key", "poly_builder_passphrase", "poly_builder_signature", "poly_builder_timestamp"];
        assert_eq!(names, expected);
        assert!(!format!("{builder:?}").contains("words"));
    }
}
