//! Keys and signatures: ECDSA over secp256k1, deterministic (RFC 6979), low s.

use crate::address::Address;
use crate::eip712::keccak;
use core::fmt;
use k256::ecdsa::{self, RecoveryId, VerifyingKey};
use model::hex;
use zeroize::{Zeroize, Zeroizing};

/// Recovery ids are sent as 27 and 28.
const V_BASE: u8 = 27;

/// Reasons why bytes are not a private key. Never contains the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text is not 64 hexadecimal digits, with or without `0x`.
    #[error("invalid private key: expected 64 hexadecimal digits")]
    NotHex,
    /// The number is zero or not below the order of the curve.
    #[error("private key is outside the valid range")]
    OutOfRange,
}

/// A signature in the venue's format: r, s and v, 65 bytes, v being 27 or 28.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature65(pub [u8; 65]);

impl Signature65 {
    /// Parses `0x` and 130 hexadecimal digits. Does not verify that they are a signature: see [`recover`].
    pub fn parse(text: &str) -> Option<Self> {
        hex::decode_array(text.strip_prefix("0x")?).map(Self)
    }
}

impl fmt::Display for Signature65 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        hex::write(f, &self.0)
    }
}

impl fmt::Debug for Signature65 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A private key. Exists only in the signer process; wiped when dropped; cannot be printed, copied or compared.
pub struct SigningKey {
    // Wiped when dropped (`ecdsa::SigningKey` is `ZeroizeOnDrop`).
    key: ecdsa::SigningKey,
    address: Address,
}

impl SigningKey {
    /// Parses 64 hexadecimal digits, with or without `0x`.
    ///
    /// # Errors
    /// If the text has another format or the number is out of range. The caller wipes the text.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let mut bytes = [0; 32];
        let parsed = hex::decode_into(text.strip_prefix("0x").unwrap_or(text), &mut bytes);
        let key = parsed.ok_or(KeyError::NotHex).and_then(|()| Self::from_bytes(&bytes));
        bytes.zeroize();
        key
    }

    /// Builds a key from 32 bytes, big-endian, such as fresh random ones.
    ///
    /// # Errors
    /// If the number is zero or not below the order of the curve, which practically never happens with random bytes.
    /// The caller wipes the bytes.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        // The cause has no details, only "signature error".
        let key = ecdsa::SigningKey::from_slice(bytes).ok().ok_or(KeyError::OutOfRange)?;
        let address = address_of(key.verifying_key());
        Ok(Self { key, address })
    }

    /// Returns the address of the account that this key controls.
    pub const fn address(&self) -> Address {
        self.address
    }

    /// Returns a secret that only the holder of this key can compute, different for each purpose: the hash of a
    /// signature that is never disclosed. The signed digest is not one of EIP-712 or of a transaction.
    pub fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let digest = keccak(&[b"secret derived from a key: ", purpose.as_bytes()].concat());
        let mut signature = self.sign_digest(&digest);
        let secret = Zeroizing::new(keccak(&signature.0));
        signature.0.zeroize();
        secret
    }

    /// Signs a digest. The same digest always gives the same signature.
    pub fn sign_digest(&self, digest: &[u8; 32]) -> Signature65 {
        let (signature, recovery) = self.key.sign_prehash_recoverable(digest);
        // k256 already returns the low s, with the recovery id that belongs to it.
        let mut bytes = [0; 65];
        let v = V_BASE.saturating_add(recovery.to_byte());
        for (to, from) in bytes.iter_mut().zip(signature.to_bytes().into_iter().chain([v])) {
            *to = from;
        }
        Signature65(bytes)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Returns the address whose key signed `digest`, or `None` if the bytes are not a signature that the exchange
/// contracts accept: v other than 27 or 28, r or s out of range, or s in the upper half.
pub fn recover(digest: &[u8; 32], signature: &Signature65) -> Option<Address> {
    let (v, rs) = signature.0.split_last()?;
    let recovery = v.checked_sub(V_BASE).filter(|id| *id < 2).and_then(RecoveryId::from_byte)?;
    let signature = ecdsa::Signature::from_slice(rs).ok()?;
    if signature.normalize_s() != signature {
        return None;
    }
    let key = VerifyingKey::recover_from_prehash(digest, &signature, recovery).ok()?;
    Some(address_of(&key))
}

fn address_of(key: &VerifyingKey) -> Address {
    let point = key.to_sec1_point(false);
    // An uncompressed point is a tag and both coordinates; the address is the end of their hash.
    Address::at_end_of(&keccak(point.as_bytes().get(1..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::format;
    use std::string::ToString;

    /// A well-known throw-away development key; never fund it.
    const KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
    const ADDRESS: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
    /// The order of the curve.
    const ORDER: &str = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";

    #[test]
    fn a_key_has_its_known_address_and_is_never_printed() {
        let key = SigningKey::parse(KEY).unwrap();
        assert_eq!(key.address().checksummed(), ADDRESS);
        assert_eq!(SigningKey::parse(&KEY[2..]).unwrap().address(), key.address());
        let shown = format!("{key:?}");
        assert!(shown.contains(&ADDRESS.to_lowercase()), "{shown}");
        assert!(!shown.contains("ac0974"), "{shown}");
    }

    #[test]
    fn each_key_and_purpose_has_a_different_secret() {
        let [one, two] = [1, 2].map(|byte| SigningKey::from_bytes(&[byte; 32]).unwrap());
        assert_eq!(one.derive("x"), one.derive("x"));
        assert_ne!(one.derive("x"), one.derive("y"));
        assert_ne!(one.derive("x"), two.derive("x"));
    }

    #[test]
    fn an_invalid_key_is_refused() {
        assert_eq!(SigningKey::parse("").unwrap_err(), KeyError::NotHex);
        assert_eq!(SigningKey::parse(&KEY[..65]).unwrap_err(), KeyError::NotHex);
        assert_eq!(SigningKey::parse(&"0".repeat(64)).unwrap_err(), KeyError::OutOfRange);
        assert_eq!(SigningKey::parse(ORDER).unwrap_err(), KeyError::OutOfRange);
    }

    #[test]
    fn a_signature_with_a_high_s_or_another_v_does_not_recover() {
        let key = SigningKey::parse(KEY).unwrap();
        let digest = keccak(b"x");
        let good = key.sign_digest(&digest);
        assert_eq!(recover(&digest, &good), Some(key.address()));
        assert_eq!(Signature65::parse(&good.to_string()), Some(good));
        for v in [0, 1, 26, 29, 30, 255] {
            let mut bad = good;
            bad.0[64] = v;
            assert_eq!(recover(&digest, &bad), None, "{v}");
        }
        // (r, -s) with the other v recovers the same point: mathematically valid, refused by the contracts.
        let s = ecdsa::Signature::from_slice(&good.0[..64]).unwrap();
        let high = ecdsa::Signature::from_scalars(s.r().to_bytes(), (-*s.s()).to_bytes()).unwrap();
        let mut bad = good;
        bad.0[..64].copy_from_slice(&high.to_bytes());
        bad.0[64] = 27 + 28 - good.0[64];
        assert_eq!(recover(&digest, &bad), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn a_signature_recovers_to_its_signer_and_to_no_other(secret in 1u64.., digest in any::<[u8; 32]>()) {
            let key = SigningKey::from_bytes(&crate::eip712::word(secret)).unwrap();
            let signature = key.sign_digest(&digest);
            prop_assert_eq!(signature, key.sign_digest(&digest));
            prop_assert_eq!(recover(&digest, &signature), Some(key.address()));
            prop_assert_ne!(recover(&keccak(&digest), &signature), Some(key.address()));
        }

        #[test]
        fn any_bytes_are_judged_without_a_panic(head in any::<[u8; 64]>(), v in 26u8..30, digest in any::<[u8; 32]>()) {
            let mut bytes = [0; 65];
            bytes[..64].copy_from_slice(&head);
            bytes[64] = v;
            let _ = recover(&digest, &Signature65(bytes));
        }
    }
}
