//! EIP-712: typed data hashed for signing.

use crate::address::Address;
use crate::contracts::{Chain, Exchange};
use alloc::string::ToString;
use sha3::{Digest, Keccak256};

const DOMAIN_TYPE: &[u8] = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
const AUTH_DOMAIN_TYPE: &[u8] = b"EIP712Domain(string name,string version,uint256 chainId)";
const AUTH_TYPE: &[u8] = b"ClobAuth(address address,string timestamp,uint256 nonce,string message)";
const AUTH_MESSAGE: &[u8] = b"This message attests that I control the given wallet";
const EXCHANGE_NAME: &[u8] = b"Polymarket CTF Exchange";

/// Returns the Keccak-256 hash of `bytes`.
pub fn keccak(bytes: &[u8]) -> [u8; 32] {
    Keccak256::digest(bytes).into()
}

/// Returns the hash of concatenated words, which is how EIP-712 hashes a struct; the first is its type hash.
pub fn hash_words(words: &[[u8; 32]]) -> [u8; 32] {
    keccak(words.as_flattened())
}

/// Returns a number as a 32-byte word, big-endian.
pub fn word(value: u64) -> [u8; 32] {
    let mut word = [0; 32];
    for (to, from) in word.iter_mut().rev().zip(value.to_le_bytes()) {
        *to = from;
    }
    word
}

/// The verifier of a signature, as a domain separator: an exchange contract or the venue's login. Computing one costs
/// several hashes, so it is computed once and kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Domain {
    separator: [u8; 32],
    chain: Chain,
}

impl Domain {
    /// Returns the domain of an exchange contract. `version` is the order version of PROTOCOL 1.4, `2` for CLOB V2.
    pub fn exchange(version: &str, chain: Chain, contract: Address) -> Self {
        Self::contract(EXCHANGE_NAME, version.as_bytes(), chain, contract)
    }

    /// Returns the domain of any contract that has a name and a version.
    pub(crate) fn contract(name: &[u8], version: &[u8], chain: Chain, contract: Address) -> Self {
        let words = [keccak(DOMAIN_TYPE), keccak(name), keccak(version), word(chain.id()), contract.word()];
        Self { separator: hash_words(&words), chain }
    }

    /// Returns the domain of the venue's login (L1), which has no contract.
    pub fn auth(chain: Chain) -> Self {
        let words = [keccak(AUTH_DOMAIN_TYPE), keccak(b"ClobAuthDomain"), keccak(b"1"), word(chain.id())];
        Self { separator: hash_words(&words), chain }
    }

    /// Returns its chain.
    pub const fn chain(&self) -> Chain {
        self.chain
    }

    /// Returns the domain separator.
    pub const fn separator(&self) -> [u8; 32] {
        self.separator
    }

    /// Returns the digest to be signed, for a struct's hash in this domain.
    pub fn digest(&self, struct_hash: &[u8; 32]) -> [u8; 32] {
        let mut hasher = Keccak256::new();
        hasher.update([0x19, 0x01]);
        hasher.update(self.separator);
        hasher.update(struct_hash);
        hasher.finalize().into()
    }
}

/// The domains of one chain in which the host signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Domains {
    standard: Domain,
    neg_risk: Domain,
    v3: Domain,
    auth: Domain,
}

impl Domains {
    /// Computes the domains of a chain, for reuse.
    pub fn new(chain: Chain) -> Self {
        let exchange = |exchange: Exchange| Domain::exchange(exchange.order_version(), chain, exchange.contract(chain));
        Self {
            standard: exchange(Exchange::Standard),
            neg_risk: exchange(Exchange::NegRisk),
            v3: exchange(Exchange::V3),
            auth: Domain::auth(chain),
        }
    }

    /// Returns the domain of an exchange contract.
    pub const fn of(&self, exchange: Exchange) -> &Domain {
        match exchange {
            Exchange::Standard => &self.standard,
            Exchange::NegRisk => &self.neg_risk,
            Exchange::V3 => &self.v3,
        }
    }

    /// Returns the digest that proves to the venue's login (L1) that we hold the key of `address` at `timestamp_s`
    /// (seconds since the epoch). The venue's API keys are a function of address and `nonce`.
    pub fn auth_digest(&self, address: Address, timestamp_s: u64, nonce: u64) -> [u8; 32] {
        let timestamp = timestamp_s.to_string();
        let words =
            [keccak(AUTH_TYPE), address.word(), keccak(timestamp.as_bytes()), word(nonce), keccak(AUTH_MESSAGE)];
        self.auth.digest(&hash_words(&words))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_keccak_and_not_sha3() {
        let empty = keccak(b"");
        assert_eq!(empty[..4], [0xc5, 0xd2, 0x46, 0x01]);
    }

    #[test]
    fn a_word_is_big_endian() {
        let mut expected = [0; 32];
        expected[30..].copy_from_slice(&[1, 2]);
        assert_eq!(word(258), expected);
        assert_eq!(word(u64::MAX)[24..], [255; 8]);
    }

    #[test]
    fn every_domain_is_another() {
        let polygon = Domains::new(Chain::Polygon);
        let amoy = Domains::new(Chain::Amoy);
        let of = |domains: Domains| [domains.standard, domains.neg_risk, domains.v3, domains.auth];
        let all = [of(polygon), of(amoy)].concat();
        for (place, domain) in all.iter().enumerate() {
            assert!(!all[..place].contains(domain), "{place}");
        }
    }
}
