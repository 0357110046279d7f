//! The venue's relayer (PROTOCOL 17.5), which sends a deposit wallet's signed batch to the chain and pays its gas. A
//! batch is identified by the wallet nonce in it, which the contract accepts once. A submission whose outcome is
//! unknown is therefore never sent again with another nonce before the old one is used or the batch's deadline is over.

use super::transport::{Call, ClientError, Timeouts, Transport, split};
use super::{Class, Client, RequestError};
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

/// Maximum bytes of a relayer key.
const KEY_MAX: usize = 256;
/// The wallet type, as the relayer names it.
const WALLET: &str = "WALLET";
/// The factory of deposit wallets (PROTOCOL 1.3), through which a wallet's batches go.
const FACTORY: &str = "0x00000000000Fb5C9ADea0298D729A0CB3823Cc07";

/// Credentials for the relayer. They allow sending signed batches, but not signing.
#[derive(Clone)]
pub enum RelayerKey {
    /// A relayer key with the address that it was issued for.
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
    /// Builds the credentials from a relayer key as the venue issued it.
    ///
    /// # Errors
    /// If it cannot be used in a header.
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

/// Reasons why a batch is not known to be submitted.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The relayer refused it: nothing will happen.
    #[error("the relayer refused the batch: {reason}")]
    Refused {
        /// The relayer's error text.
        reason: Reason,
    },
    /// Nothing was sent.
    #[error("the batch was not sent: {reason}")]
    NotSent {
        /// The cause.
        reason: Reason,
    },
    /// It may be submitted: the wallet's nonce resolves it, or the deadline.
    #[error("outcome of the submission unknown: {reason}")]
    OutcomeUnknown {
        /// The cause.
        reason: Reason,
    },
}

impl SubmitError {
    /// Classifies a request without a valid response. If in doubt, the outcome is unknown.
    fn judge(error: &RequestError) -> Self {
        let reason = parse::cut(&error.to_string());
        match error {
            RequestError::NotSent(_) | RequestError::NoRoom { .. } => Self::NotSent { reason },
            // A timeout, a conflict with a pending batch, and a rate limit do not prove that the relayer has no batch.
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
    /// Path prefix of every request.
    prefix: String,
    key: Arc<RelayerKey>,
}

impl Relayer {
    /// Returns a client of the relayer at `address`, such as `https://relayer-v2.polymarket.com`. A path in it is
    /// prefixed to every request; the local exchange has one.
    ///
    /// # Errors
    /// If the address is invalid or not private.
    pub fn new(address: &str, timeouts: Timeouts, key: RelayerKey) -> Result<Self, ClientError> {
        let (base, prefix) = split(address);
        Ok(Self { transport: Transport::new(base, timeouts)?, prefix: prefix.to_owned(), key: Arc::new(key) })
    }

    /// Shares the record of parse failures with `client`.
    #[must_use]
    pub fn noting_with(mut self, client: &Client) -> Self {
        self.transport.left_out = client.left_out().clone();
        self
    }

    /// Returns the next nonce of the deposit wallet that belongs to `owner`'s key.
    ///
    /// # Errors
    /// If there is no valid response.
    pub async fn nonce(&self, owner: Address) -> Result<u64, RequestError> {
        let (path, owner) = ("/v1/account/transactions/params", owner.checksummed());
        let query = [("address", owner.as_str()), ("type", WALLET)];
        self.request(Method::GET, path, &query, None, parse::relayer_nonce).await
    }

    /// Submits a signed batch, once. `owner` is the key that signed it. If the future is cancelled, the outcome is
    /// unknown.
    ///
    /// # Errors
    /// Distinguishes three cases: refused, not sent, or outcome unknown.
    pub async fn submit(
        &self,
        owner: Address,
        batch: &Batch,
        signature: &Signature65,
        note: &str,
    ) -> Result<Relayed, SubmitError> {
        let body = body(owner, batch, signature, note);
        let path = "/submit";
        let only = |bytes: &[u8]| {
            let mut rows = self.transport.noted(path, parse::relayed(bytes)?).items.into_iter();
            let first = rows.next().ok_or(ParseError::Missing { field: "transaction" })?;
            // Of several transactions, none is certainly this batch.
            if rows.next().is_some() { Err(ParseError::TooMany { field: "transactions", limit: 1 }) } else { Ok(first) }
        };
        let answer = self.request(Method::POST, path, &[], Some(body), only).await;
        answer.map_err(|error| SubmitError::judge(&error))
    }

    /// Returns the state of a submitted batch.
    ///
    /// # Errors
    /// If there is no valid response, or it is about other batches only.
    pub async fn transaction(&self, id: &str) -> Result<Relayed, RequestError> {
        let list = "/v1/account/transactions";
        let wanted = |bytes: &[u8]| {
            let mut rows = self.transport.noted(list, parse::relayed(bytes)?).items.into_iter();
            rows.find(|row| row.id == id).ok_or(ParseError::Missing { field: "transaction" })
        };
        self.request(Method::GET, &format!("{list}/{id}"), &[], None, wanted).await
    }

    async fn request<T>(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<String>,
        read: impl FnOnce(&[u8]) -> Result<T, ParseError>,
    ) -> Result<T, RequestError> {
        // The prefix is a part of the relayer's address and is not signed.
        let headers = self.key.headers(method.as_str(), path, body.as_deref().unwrap_or_default());
        let path = format!("{}{path}", self.prefix);
        let (class, timeout) = (Class::Read, self.transport.timeouts.place);
        let departure = None;
        let call = Call { method, path: &path, query, headers: &headers, body, timeout, class, departure };
        self.transport.call(call, read).await
    }
}

/// Returns the body of `POST /submit`, in the format of the venue's clients.
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
        let params = &body["depositWalletParams"];
        assert_eq!((&params["deadline"], &params["calls"][0]["value"]), (&json!("1795425000"), &json!("0")));
        assert_eq!(params["calls"][0]["target"], "0xAdA100Db00Ca00073811820692005400218FcE1f");
        assert!(params["calls"][0]["data"].as_str().unwrap().starts_with("0x01b7037c"));
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

    /// Responses to `/v1/account/transactions/ID`: the id decides which.
    fn answer(line: &str) -> (u16, String) {
        let good = r#"{"transactionID":"t1","state":"STATE_MINED"}"#;
        let rows = match line {
            line if line.contains("/t1 ") => format!(r#"[null,{{"transactionID":"t0","state":[]}},{good}]"#),
            line if line.contains("/t2 ") => format!("[{good}]"),
            line if line.contains("/submit") => format!("[{good},5]"),
            _ => "[5]".to_owned(),
        };
        (200, rows)
    }

    #[tokio::test]
    async fn an_odd_row_costs_no_other_and_is_named() {
        let (address, _) = crate::client::fake::server(answer).await;
        let key = RelayerKey::relayer("k", Address([3; 20])).unwrap();
        let client = Client::new(&address, Timeouts::default()).unwrap();
        let relayer = Relayer::new(&address, Timeouts::default(), key).unwrap().noting_with(&client);
        let found = relayer.transaction("t1").await.unwrap();
        assert_eq!((&*found.id, found.state), ("t1", parse::RelayState::Mined));
        let [list] = &client.left_out().lists()[..] else { panic!("{:?}", client.left_out()) };
        assert_eq!((&*list.list, list.count, &*list.name), ("/v1/account/transactions", 2, "t0"));
        for other in ["t2", "t3"] {
            let missing = relayer.transaction(other).await;
            assert!(matches!(missing, Err(RequestError::Malformed { .. })), "{missing:?}");
        }
        assert_eq!(client.left_out().lists()[0].count, 5, "a row, and two responses: one list");
        let batch = Batch { wallet: Address([1; 20]), nonce: 7, deadline: 1_795_425_000, calls: vec![] };
        let key = SigningKey::parse("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80").unwrap();
        let signature = batch.sign(Chain::Polygon, &key);
        let sent = relayer.submit(Address([2; 20]), &batch, &signature, "redeem").await.unwrap();
        assert_eq!(sent.id, "t1");
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
