//! Random secrets, and their stored form.

use super::AuthError;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// The longest secret that is accepted.
const SECRET_MAX: usize = 256;

/// The stored form of a secret.
pub(super) type Hash = [u8; 32];

/// Returns 256 random bits as 43 characters that need no escaping in URLs, headers and cookies.
pub(super) fn secret() -> Result<String, AuthError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| AuthError::Random(error.to_string()))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Returns the stored form of a secret; `None` if the text is too long to be one.
pub(super) fn hash(secret: &str) -> Option<Hash> {
    (secret.len() <= SECRET_MAX).then(|| Sha256::digest(secret.as_bytes()).into())
}

/// Compares in constant time.
pub(super) fn same(a: &Hash, b: &Hash) -> bool {
    std::hint::black_box(a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b))) == 0
}
