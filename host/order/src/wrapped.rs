//! Signatures of deposit wallets: contracts that verify with ERC-1271, wrapped according to ERC-7739 (PROTOCOL 4.3).
//! The signed data is the order inside typed data that names the wallet, so a signature for one wallet is invalid for
//! another; the wire format is that signature with all that the contract needs to rebuild the digest.

use crate::address::Address;
use crate::eip712::{Domain, hash_words, keccak, word};
use crate::order::{ORDER_TYPE, UnsignedOrder};
use crate::signing::{Signature65, recover};
use alloc::vec::Vec;

const TYPED_DATA_TYPE: &str = "TypedDataSign(Order contents,string name,string version,uint256 chainId,\
    address verifyingContract,bytes32 salt)";
/// The name in a deposit wallet's EIP-712 domain.
pub(crate) const WALLET_NAME: &[u8] = b"DepositWallet";
/// The version in that domain.
pub(crate) const WALLET_VERSION: &[u8] = b"1";

/// The length of a wrapped signature: the key's 65 bytes, separator, struct hash, the order's type and its length.
pub(crate) const WRAPPED_LEN: usize = 65 + 32 + 32 + ORDER_TYPE.len() + 2;

/// Returns the digest that a deposit wallet's key signs for an order whose hash is `struct_hash`.
pub(crate) fn digest(domain: &Domain, struct_hash: &[u8; 32], wallet: Address) -> [u8; 32] {
    let words = [
        keccak(&[TYPED_DATA_TYPE.as_bytes(), ORDER_TYPE.as_bytes()].concat()),
        *struct_hash,
        keccak(WALLET_NAME),
        keccak(WALLET_VERSION),
        word(domain.chain().id()),
        wallet.word(),
        [0; 32],
    ];
    domain.digest(&hash_words(&words))
}

/// Returns the signature in wire format.
pub(crate) fn wrap(domain: &Domain, struct_hash: &[u8; 32], inner: &Signature65) -> Vec<u8> {
    let length = u16::try_from(ORDER_TYPE.len()).unwrap_or(u16::MAX);
    [&inner.0[..], &domain.separator(), struct_hash, ORDER_TYPE.as_bytes(), &length.to_be_bytes()].concat()
}

/// Returns the address whose key signed an order, or `None` if the bytes do not wrap a signature of this order in this
/// domain.
pub(crate) fn signer(order: &UnsignedOrder, domain: &Domain, bytes: &[u8]) -> Option<Address> {
    let inner = Signature65(*bytes.first_chunk()?);
    let hash = order.struct_hash();
    if wrap(domain, &hash, &inner) != bytes {
        return None;
    }
    recover(&digest(domain, &hash, order.signer), &inner)
}
