//! API keys and their proofs (PROTOCOL 2): L1 signatures that create a key, and L2 HMACs that use it.

mod others;

pub(crate) use others::Others;

use crate::error::ApiError;
use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use hmac::{Hmac, KeyInit, Mac};
use model::{Time, TradeId, hex};
use order::{Address, Domains, Signature65, recover};
use sha2::Sha256;
use sim::AccountId;
use std::collections::BTreeMap;

/// Maximum number of API keys.
const KEYS_MAX: usize = 10_000;
/// Maximum clock difference of a request, in seconds. The venue's own tolerance is not documented (PROTOCOL 20).
const CLOCK_TOLERANCE_S: u64 = 60;

/// Credentials that a client receives once and then uses for every request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiKey {
    /// The key's id, which owns orders.
    pub(crate) id: String,
    /// Base64 of the HMAC's key.
    pub(crate) secret: String,
    /// The passphrase.
    pub(crate) passphrase: String,
}

/// The owner of a key.
#[derive(Debug, Clone)]
pub(crate) struct Holder {
    pub(crate) key: ApiKey,
    pub(crate) address: Address,
    pub(crate) account: AccountId,
}

/// All keys, derived from the root, the address and the nonce, like the venue's.
#[derive(Debug)]
pub(crate) struct Keys {
    root: [u8; 32],
    by_id: BTreeMap<String, Holder>,
    others: BTreeMap<AccountId, Others>,
}

impl Keys {
    pub(crate) fn new(root: [u8; 32]) -> Self {
        Self { root, by_id: BTreeMap::new(), others: BTreeMap::new() }
    }

    /// Returns the key of an address and a nonce, whether or not it was created.
    pub(crate) fn derive(&self, address: Address, nonce: u64) -> ApiKey {
        let part = |label: &[u8]| {
            let mut bytes = [0; 32];
            if let Ok(mut hmac) = Hmac::<Sha256>::new_from_slice(&self.root) {
                for piece in [label, &address.0, &nonce.to_be_bytes()] {
                    hmac.update(piece);
                }
                bytes = hmac.finalize().into_bytes().into();
            }
            bytes
        };
        ApiKey {
            id: uuid(&part(b"id")),
            secret: URL_SAFE.encode(part(b"secret")),
            passphrase: hex::encode(&part(b"passphrase")),
        }
    }

    /// Returns the holder of a key.
    pub(crate) fn holder(&self, id: &str) -> Option<&Holder> {
        self.by_id.get(id)
    }

    /// Deletes a key.
    pub(crate) fn remove(&mut self, id: &str) {
        self.by_id.remove(id);
    }

    /// Returns the other keys of an account.
    pub(crate) fn others(&mut self, holder: &Holder) -> &mut Others {
        let root = self.root;
        self.others.entry(holder.account).or_insert_with(|| Others::new(root, holder.address))
    }

    /// Returns true if a request to the relayer has a relayer key with its owner's address, or is signed with a
    /// builder's key. `path` is the relayer's own path, without the prefix used here.
    pub(crate) fn may_relay(&self, now: Time, request: &Request<'_>) -> bool {
        let read = |name| request.headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(id) = read("relayer_api_key") {
            let address = read("relayer_api_key_address").and_then(Address::parse);
            let owned =
                |others: &Others| others.relayer().iter().any(|(key, _)| is_equal(key.as_bytes(), id.as_bytes()));
            return self.others.values().any(|others| Some(others.address()) == address && owned(others));
        }
        let mut builders = self.others.values().flat_map(Others::builders);
        let standing =
            builders.find(|(key, _, ended)| Some(key.id.as_str()) == read("poly_builder_api_key") && ended.is_none());
        let Some((key, ..)) = standing else { return false };
        let timestamp = read("poly_builder_timestamp").unwrap_or_default();
        // Clients of builders send milliseconds, others seconds.
        let seconds =
            timestamp.parse::<u64>().ok().map(|stamp| if stamp > 100_000_000_000 { stamp / 1_000 } else { stamp });
        let signature = read("poly_builder_signature").and_then(|text| URL_SAFE.decode(text).ok()).unwrap_or_default();
        let passphrase = read("poly_builder_passphrase").unwrap_or_default();
        seconds.is_some_and(|seconds| is_near(now, seconds))
            && is_equal(passphrase.as_bytes(), key.passphrase.as_bytes())
            && key.proves(timestamp, request, &signature)
    }

    /// Returns true if the maximum number of keys is reached.
    pub(crate) fn is_full(&self) -> bool {
        self.by_id.len() >= KEYS_MAX
    }

    pub(crate) fn insert(&mut self, holder: Holder) {
        self.by_id.insert(holder.key.id.clone(), holder);
    }

    /// Checks a request's L2 headers: `path` without query, `body` the exact bytes received.
    pub(crate) fn caller(&self, now: Time, request: &Request<'_>) -> Result<Holder, ApiError> {
        let read = |name| request.headers.get(name).and_then(|value| value.to_str().ok());
        let holder = read("poly_api_key").and_then(|id| self.holder(id)).ok_or(ApiError::UNAUTHORIZED)?;
        let address = read("poly_address").and_then(Address::parse);
        let timestamp = read("poly_timestamp").ok_or(ApiError::UNAUTHORIZED)?;
        let fresh = timestamp.parse().is_ok_and(|seconds| is_near(now, seconds));
        let passphrase = read("poly_passphrase").unwrap_or_default();
        let signature = read("poly_signature").and_then(|text| URL_SAFE.decode(text).ok()).unwrap_or_default();
        let good = holder.key.proves(timestamp, request, &signature);
        let same = is_equal(passphrase.as_bytes(), holder.key.passphrase.as_bytes());
        if good && same && fresh && address == Some(holder.address) {
            return Ok(holder.clone());
        }
        Err(ApiError::UNAUTHORIZED)
    }

    /// Returns the holder of the credentials that open the user channel.
    pub(crate) fn authenticate(&self, key: &ApiKey) -> Option<&Holder> {
        let holder = self.holder(&key.id)?;
        let same = is_equal(key.secret.as_bytes(), holder.key.secret.as_bytes())
            & is_equal(key.passphrase.as_bytes(), holder.key.passphrase.as_bytes());
        same.then_some(holder)
    }
}

/// The parts of a request that the HMAC covers.
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
}

impl ApiKey {
    fn proves(&self, timestamp: &str, request: &Request<'_>, signature: &[u8]) -> bool {
        let secret = URL_SAFE.decode(&self.secret).unwrap_or_default();
        let Ok(mut hmac) = Hmac::<Sha256>::new_from_slice(&secret) else { return false };
        for piece in [timestamp.as_bytes(), request.method.as_bytes(), request.path.as_bytes(), request.body] {
            hmac.update(piece);
        }
        hmac.verify_slice(signature).is_ok()
    }
}

/// Checks the L1 headers, and returns the proven address and its nonce.
pub(crate) fn login(domains: &Domains, now: Time, headers: &HeaderMap) -> Result<(Address, u64), ApiError> {
    let read = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let proof = || {
        let address = Address::parse(read("poly_address")?)?;
        let signature = Signature65::parse(read("poly_signature")?)?;
        let timestamp: u64 = read("poly_timestamp")?.parse().ok()?;
        let nonce: u64 = read("poly_nonce").unwrap_or("0").parse().ok()?;
        let signer = recover(&domains.auth_digest(address, timestamp, nonce), &signature)?;
        (signer == address && is_near(now, timestamp)).then_some((address, nonce))
    };
    proof().ok_or(ApiError::L1)
}

fn is_near(now: Time, seconds: u64) -> bool {
    now.seconds().abs_diff(seconds) <= CLOCK_TOLERANCE_S
}

/// Compares in constant time.
fn is_equal(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

/// Returns 16 of the bytes as a version 4 UUID.
pub(crate) fn uuid(bytes: &[u8; 32]) -> String {
    let mut id = [0; 16];
    for (to, from) in id.iter_mut().zip(bytes) {
        *to = *from;
    }
    let [_, _, _, _, _, _, version, _, variant, ..] = &mut id;
    *version = (*version & 0x0f) | 0x40;
    *variant = (*variant & 0x3f) | 0x80;
    TradeId(id).to_string()
}
