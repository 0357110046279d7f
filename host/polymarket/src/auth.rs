//! Authentication (PROTOCOL 2): L2 HMAC headers from an API key, and L1 headers around a signature made by the signer
//! process.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use order::{Address, Signature65};
use sha2::Sha256;
use std::fmt;

/// Maximum bytes of one part of an API key; real ones have under 70.
const PART_MAX: usize = 256;

/// Padding is always written, as the venue requires, and optional when a secret is decoded.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A header's name and value.
pub(crate) type Header = (&'static str, String);

/// Reasons to reject three texts as an API key. Never contains the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// A part is empty, too long, or cannot be used in a header.
    #[error("the {part} of the API key must have 1 to {PART_MAX} visible ASCII characters")]
    Text {
        /// Name of the part.
        part: &'static str,
    },
    /// The secret is not base64.
    #[error("the secret of the API key is not base64")]
    Secret,
}

/// An API key of the venue. It can place signed orders, cancel and read, but not sign.
#[derive(Clone)]
pub struct Credentials {
    api_key: String,
    passphrase: String,
    secret: String,
    hmac: Hmac<Sha256>,
}

impl Credentials {
    /// Builds credentials from the three texts exactly as the venue issued them.
    ///
    /// # Errors
    /// If a part cannot be used in a header or the secret is not base64.
    pub fn new(api_key: &str, secret: &str, passphrase: &str) -> Result<Self, CredentialsError> {
        for (part, text) in [("key", api_key), ("secret", secret), ("passphrase", passphrase)] {
            let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
            if text.is_empty() || text.len() > PART_MAX || !visible {
                return Err(CredentialsError::Text { part });
            }
        }
        // Some clients store the secret in the standard base64 alphabet.
        let url_safe = secret.replace('+', "-").replace('/', "_");
        let key = BASE64.decode(url_safe).ok().ok_or(CredentialsError::Secret)?;
        let hmac = Hmac::new_from_slice(&key).ok().ok_or(CredentialsError::Secret)?;
        Ok(Self { api_key: api_key.to_owned(), passphrase: passphrase.to_owned(), secret: secret.to_owned(), hmac })
    }

    /// Returns the key's id, which owns orders and is not secret.
    pub fn api_key(&self) -> &str {
        &self.api_key
    }

    /// Returns the secret as text; the user channel sends it unchanged.
    pub(crate) fn secret(&self) -> &str {
        &self.secret
    }

    pub(crate) fn passphrase(&self) -> &str {
        &self.passphrase
    }

    /// Returns the signature of a request. `path` excludes host and query; `body` is the exact bytes that are sent.
    fn sign(&self, timestamp_s: u64, method: &str, path: &str, body: &str) -> String {
        let mut hmac = self.hmac.clone();
        for part in [&timestamp_s.to_string(), method, path, body] {
            hmac.update(part.as_bytes());
        }
        BASE64.encode(hmac.finalize().into_bytes())
    }

    /// Returns the L2 headers of a request made with the API key of `signer` (PROTOCOL 2.2).
    pub(crate) fn headers(
        &self,
        signer: Address,
        timestamp_s: u64,
        method: &str,
        path: &str,
        body: &str,
    ) -> [Header; 5] {
        [
            ("poly_address", signer.checksummed()),
            ("poly_signature", self.sign(timestamp_s, method, path, body)),
            ("poly_timestamp", timestamp_s.to_string()),
            ("poly_api_key", self.api_key.clone()),
            ("poly_passphrase", self.passphrase.clone()),
        ]
    }

    /// Returns the headers of a builder's request to the relayer (PROTOCOL 17.5).
    pub(crate) fn builder_headers(&self, timestamp_s: u64, method: &str, path: &str, body: &str) -> [Header; 4] {
        [
            ("poly_builder_api_key", self.api_key.clone()),
            ("poly_builder_passphrase", self.passphrase.clone()),
            ("poly_builder_signature", self.sign(timestamp_s, method, path, body)),
            ("poly_builder_timestamp", timestamp_s.to_string()),
        ]
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("api_key", &self.api_key).finish_non_exhaustive()
    }
}

/// The L1 proof of address ownership, which creates or derives an API key. The signature comes from the signer process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct L1Headers {
    /// The address of the key that signed.
    pub address: Address,
    /// Its signature of the `ClobAuth` message.
    pub signature: Signature65,
    /// The time in the message, in seconds since the epoch.
    pub timestamp_s: u64,
    /// The nonce in the message; each nonce has its own API key.
    pub nonce: u64,
}

impl L1Headers {
    pub(crate) fn headers(&self) -> [Header; 4] {
        [
            ("poly_address", self.address.checksummed()),
            ("poly_signature", self.signature.to_string()),
            ("poly_timestamp", self.timestamp_s.to_string()),
            ("poly_nonce", self.nonce.to_string()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "JlRop3WMZQcHio_qVj6Qn22k4zzDhtktkIJG-pgXw6g=";

    #[test]
    fn the_signature_is_the_venues_to_the_byte() {
        // `get-open-orders` of the venue's vectors; all of them are checked in the integration tests.
        let credentials = Credentials::new("11111111-2222-4333-8444-555555555555", SECRET, "abe9").unwrap();
        let signature = credentials.sign(1_795_424_400, "GET", "/data/orders", "");
        assert_eq!(signature, "D9-vy1yoJmthazssiM7NLwV7soIbrKdXgaTs1BxBfT4=");
        assert_ne!(credentials.sign(1_795_424_400, "GET", "/data/orders", "{}"), signature);
    }

    #[test]
    fn secrets_of_every_spelling_are_one_key() {
        let sign = |secret: &str| Credentials::new("k", secret, "p").map(|key| key.sign(1, "GET", "/", ""));
        let expected = sign(SECRET).unwrap();
        assert_eq!(sign(SECRET.trim_end_matches('=')), Ok(expected.clone()));
        assert_eq!(sign(&SECRET.replace('-', "+").replace('_', "/")), Ok(expected));
    }

    #[test]
    fn an_invalid_key_is_refused_and_a_key_is_not_printed() {
        let error = |key: &str, secret: &str, pass: &str| Credentials::new(key, secret, pass).unwrap_err();
        assert_eq!(error("", SECRET, "p"), CredentialsError::Text { part: "key" });
        assert_eq!(error("k\r\nx", SECRET, "p"), CredentialsError::Text { part: "key" });
        assert_eq!(error("k", SECRET, &"p".repeat(257)), CredentialsError::Text { part: "passphrase" });
        assert_eq!(error("k", "not base64!", "p"), CredentialsError::Text { part: "secret" });
        assert_eq!(error("k", "?", "p"), CredentialsError::Secret);
        let shown = format!("{:?}", Credentials::new("k", SECRET, "words").unwrap());
        assert_eq!(shown, r#"Credentials { api_key: "k", .. }"#);
    }
}
