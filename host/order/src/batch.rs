//! Batches of a deposit wallet: calls that the wallet executes in order, all or none, once its key has signed them
//! (PROTOCOL 17.5). The venue's relayer sends them and pays the gas. The signature is the key's 65 bytes over the plain
//! EIP-712 digest: the wallet verifies it against its owner directly, without the wrapping of orders (ERC-7739).

use crate::address::Address;
use crate::calls::Call;
use crate::contracts::Chain;
use crate::eip712::{Domain, hash_words, keccak, word};
use crate::signing::{Signature65, SigningKey};
use crate::wrapped::{WALLET_NAME, WALLET_VERSION};
use alloc::vec::Vec;

/// Maximum calls per batch; a redemption of more markets takes several.
pub const CALLS_MAX: usize = 16;
/// Maximum bytes of one call: the longest that we make (a split) has 260.
pub const DATA_MAX: usize = 288;

/// The call's type in EIP-712 notation.
const CALL_TYPE: &str = "Call(address target,uint256 value,bytes data)";
/// The batch's type; the types that it references follow it.
const BATCH_TYPE: &str = "Batch(address wallet,uint256 nonce,uint256 deadline,Call[] calls)";

/// Calls to be executed by a deposit wallet. No call transfers the chain's native coin: each `value` is zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The wallet.
    pub wallet: Address,
    /// The wallet's next nonce, as the relayer reports it; the contract accepts each once.
    pub nonce: u64,
    /// The contract refuses the batch after this, in seconds since the epoch.
    pub deadline: u64,
    /// The calls, at most [`CALLS_MAX`] of at most [`DATA_MAX`] bytes.
    pub calls: Vec<Call>,
}

impl Batch {
    /// Returns true if it has calls, and neither too many nor too long ones.
    pub fn is_within_bounds(&self) -> bool {
        (1..=CALLS_MAX).contains(&self.calls.len()) && self.calls.iter().all(|call| call.data.len() <= DATA_MAX)
    }

    /// Returns the digest that the wallet's key signs.
    pub fn digest(&self, chain: Chain) -> [u8; 32] {
        let calls: Vec<[u8; 32]> = self.calls.iter().map(call_hash).collect();
        let words = [
            keccak(&[BATCH_TYPE.as_bytes(), CALL_TYPE.as_bytes()].concat()),
            self.wallet.word(),
            word(self.nonce),
            word(self.deadline),
            hash_words(&calls),
        ];
        Domain::contract(WALLET_NAME, WALLET_VERSION, chain, self.wallet).digest(&hash_words(&words))
    }

    /// Signs it with the wallet's key.
    pub fn sign(&self, chain: Chain, key: &SigningKey) -> Signature65 {
        key.sign_digest(&self.digest(chain))
    }
}

fn call_hash(call: &Call) -> [u8; 32] {
    hash_words(&[keccak(CALL_TYPE.as_bytes()), call.to.word(), word(0), keccak(&call.data)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;
    use alloc::vec;
    use model::hex;

    fn call(to: &str, selector: &str, words: [&str; 2]) -> Call {
        let data = format!("{selector}{:0>64}{:0>64}", words[0], words[1]);
        Call { to: Address::parse(to).unwrap(), data: hex::decode(&data).unwrap() }
    }

    #[test]
    fn the_types_hash_as_the_wallets_contract_has_them() {
        assert_eq!(
            hex::encode(&keccak(CALL_TYPE.as_bytes())),
            "84fa2cf05cd88e992eae77e851af68a4ee278dcff6ef504e487a55b3baadfbe5"
        );
        assert_eq!(
            hex::encode(&keccak(&[BATCH_TYPE, CALL_TYPE].concat().into_bytes())),
            "712ef66e8362c387e862cabf0923c209db0fa24cfc97d25eccba7c86f3ee1dd3"
        );
    }

    /// Signed by the venue's Python client (py-builder-relayer-client 0.0.2) with a well-known development key.
    #[test]
    fn a_batch_is_signed_to_the_byte_as_the_official_client_signs_it() {
        let key = SigningKey::parse("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80").unwrap();
        let all = "f".repeat(64);
        let batch = Batch {
            wallet: Address::parse("0xBc0fF067b7740Eff76C1ca93c875Ba6B890d6B50").unwrap(),
            nonce: 0,
            deadline: 1_234_567_890,
            calls: vec![call("0x0000000000000000000000000000000000000001", "095ea7b3", ["2", &all])],
        };
        let digest = batch.digest(Chain::Polygon);
        assert_eq!(hex::encode(&digest), "78766dd507106379818ad3fea96d1099cbf6f42c7a763d6a0eb2d4832ecf9735");
        assert_eq!(
            batch.sign(Chain::Polygon, &key).to_string(),
            "0x67fe391bcfef7723e17f7e2b4627a5c3b2cec4ac53a73fd568197d5d5d55cd280126e07488501b898bcc47519edc50d8b30c00ce\
             4117935a4df1089d14fb87cf1b"
        );
        assert_ne!(batch.digest(Chain::Amoy), digest);
    }

    /// Hashed by the venue's TypeScript client (builder-relayer-client 0.0.9) with viem.
    #[test]
    fn several_calls_are_hashed_as_the_official_client_hashes_them() {
        let (all, old) = ("f".repeat(64), "4bfb41d5b3570defd03c39a9a4d8de6bd8b8982e");
        let batch = Batch {
            wallet: Address::parse("0x77FB7bd6CC8E4147C9449BF0C194A87128eD6E7F").unwrap(),
            nonce: 42,
            deadline: 1_760_000_000,
            calls: vec![
                call("0x2791Bca1f2de4661ED88A30C99A7a9449Aa84174", "095ea7b3", [old, &all]),
                call("0x4D97DCd97eC945f40cF65F87097ACe5EA0476045", "a22cb465", [old, "1"]),
            ],
        };
        assert_eq!(
            hex::encode(&batch.digest(Chain::Polygon)),
            "1914c1a6c4a12d53fc90aed2dee262ad4ee08324a311caecbc273071d09cf6de"
        );
        let mut swapped = batch.clone();
        swapped.calls.reverse();
        assert_ne!(swapped.digest(Chain::Polygon), batch.digest(Chain::Polygon));
    }

    #[test]
    fn empty_and_oversized_batches_are_out_of_bounds() {
        let one = call("0x0000000000000000000000000000000000000001", "095ea7b3", ["2", "1"]);
        let with = |calls| Batch { wallet: Address([1; 20]), nonce: 0, deadline: 0, calls }.is_within_bounds();
        assert!(with(vec![one.clone(); CALLS_MAX]));
        assert!(!with(vec![one.clone(); CALLS_MAX + 1]) && !with(Vec::new()));
        assert!(with(vec![Call { data: vec![0; DATA_MAX], ..one.clone() }]));
        assert!(!with(vec![one.clone(), Call { data: vec![0; DATA_MAX + 1], ..one }]));
    }
}
