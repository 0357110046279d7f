//! A deposit wallet's batch of calls, as its owner signs it and as the contracts read it (PROTOCOL 17). No code is
//! shared with the client: each side is checked against what the venue's own clients send.

use hex_literal::hex;
use model::{ConditionId, EventId, Size};
use order::eip712::{hash_words, keccak, word};
use order::{Address, Chain, Signature65, recover};

const DOMAIN_TYPE: &[u8] = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
const CALL_TYPE: &[u8] = b"Call(address target,uint256 value,bytes data)";
const BATCH_TYPE: &[u8] = b"Batch(address wallet,uint256 nonce,uint256 deadline,Call[] calls)\
                            Call(address target,uint256 value,bytes data)";

const COLLATERAL: Address = Address(hex!("C011a7E12a19f7B1f670d46F03B03f3342E82DFB"));
const CONDITIONAL_TOKENS: Address = Address(hex!("4D97DCd97eC945f40cF65F87097ACe5EA0476045"));
const ADAPTER: Address = Address(hex!("AdA100Db00Ca00073811820692005400218FcE1f"));
const NEG_RISK_ADAPTER: Address = Address(hex!("adA2005600Dec949baf300f4C6120000bDB6eAab"));

/// A call of a contract; no value is sent with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) target: Address,
    pub(crate) data: Vec<u8>,
}

/// Calls that a wallet's owner signs together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) wallet: Address,
    pub(crate) nonce: u64,
    pub(crate) deadline_s: u64,
    pub(crate) calls: Vec<Call>,
}

impl Batch {
    /// Returns the digest that is signed.
    pub(crate) fn digest(&self, chain: Chain) -> [u8; 32] {
        let domain = hash_words(&[
            keccak(DOMAIN_TYPE),
            keccak(b"DepositWallet"),
            keccak(b"1"),
            word(chain.id()),
            self.wallet.word(),
        ]);
        let call = |call: &Call| hash_words(&[keccak(CALL_TYPE), call.target.word(), word(0), keccak(&call.data)]);
        let calls: Vec<[u8; 32]> = self.calls.iter().map(call).collect();
        let fields =
            [keccak(BATCH_TYPE), self.wallet.word(), word(self.nonce), word(self.deadline_s), hash_words(&calls)];
        keccak(&[&[0x19, 0x01], domain.as_slice(), &hash_words(&fields)].concat())
    }

    /// Returns true if `key` signed it.
    pub(crate) fn is_signed_by(&self, chain: Chain, key: Address, signature: &str) -> bool {
        Signature65::parse(signature).and_then(|signature| recover(&self.digest(chain), &signature)) == Some(key)
    }
}

/// The action that a call requests, before its feasibility is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BatchCall {
    /// An approval; every account has all of them here.
    Approval,
    /// Converts dollars into sets, at the adapter of negative-risk markets or at the standard one.
    Split { condition: ConditionId, size: Size, neg_risk: bool },
    /// Converts sets into dollars.
    Merge { condition: ConditionId, size: Size, neg_risk: bool },
    /// Redeems all shares of a market for their payout.
    Redeem { condition: ConditionId, neg_risk: bool },
    /// Converts NO shares of the markets whose bits are set, by their index in the event.
    Convert { event: EventId, places: Vec<usize>, size: Size },
    /// The contract rejects the arguments.
    Reverts,
}

impl Call {
    /// Reads the requested action; `None` if the contract or its function is not one that the relayer calls.
    pub(crate) fn wanted(&self) -> Option<BatchCall> {
        let (selector, arguments) = self.data.split_at_checked(4)?;
        let selector: &[u8; 4] = selector.try_into().ok()?;
        let is = |contract| self.target == contract;
        let neg_risk = is(NEG_RISK_ADAPTER);
        match selector {
            // approve(address,uint256) and setApprovalForAll(address,bool)
            [0x09, 0x5e, 0xa7, 0xb3] if is(COLLATERAL) => Some(BatchCall::Approval),
            [0xa2, 0x2c, 0xb4, 0x65] if is(CONDITIONAL_TOKENS) => Some(BatchCall::Approval),
            // convertPositions(bytes32,uint256,uint256)
            [0xc6, 0x47, 0x48, 0xc4] if neg_risk => Some(convert(arguments).unwrap_or(BatchCall::Reverts)),
            [0x72, 0xce, 0x42, 0x75] | [0x9e, 0x72, 0x12, 0xad] | [0x01, 0xb7, 0x03, 0x7c]
                if neg_risk || is(ADAPTER) =>
            {
                Some(turn(*selector, arguments, neg_risk).unwrap_or(BatchCall::Reverts))
            }
            _ => None,
        }
    }
}

fn convert(arguments: &[u8]) -> Option<BatchCall> {
    let words = abi_words(arguments);
    let [event, set, amount] = words.as_slice() else { return None };
    let bits = set.iter().rev().enumerate().flat_map(|(byte, value)| {
        (0..8usize)
            .filter(move |bit| (value >> bit) & 1 == 1)
            .map(move |bit| byte.saturating_mul(8).saturating_add(bit))
    });
    Some(BatchCall::Convert { event: EventId(*event), places: bits.collect(), size: Size(number(amount)?) })
}

/// splitPosition and mergePositions(address,bytes32,bytes32,uint256[],uint256), redeemPositions(address,bytes32,bytes32,uint256[])
fn turn(selector: [u8; 4], arguments: &[u8], neg_risk: bool) -> Option<BatchCall> {
    let words = abi_words(arguments);
    let [collateral, parent, condition, rest @ ..] = words.as_slice() else { return None };
    if COLLATERAL.word() != *collateral || *parent != [0; 32] {
        return None;
    }
    let condition = ConditionId(*condition);
    if selector == [0x01, 0xb7, 0x03, 0x7c] {
        // The adapter redeems all shares of its caller, whichever outcomes are named.
        let [distance, count, outcomes @ ..] = rest else { return None };
        let whole = number(distance)? == 128 && number(count)? == u64::try_from(outcomes.len()).ok()?;
        return whole.then_some(BatchCall::Redeem { condition, neg_risk });
    }
    let [distance, amount, count, first, second] = rest else { return None };
    let numbers = [distance, count, first, second].map(number);
    if numbers != [Some(160), Some(2), Some(1), Some(2)] {
        return None;
    }
    let size = Size(number(amount)?);
    Some(match selector {
        [0x72, ..] => BatchCall::Split { condition, size, neg_risk },
        _ => BatchCall::Merge { condition, size, neg_risk },
    })
}

fn abi_words(bytes: &[u8]) -> Vec<[u8; 32]> {
    let (words, rest) = bytes.as_chunks::<32>();
    if rest.is_empty() { words.to_vec() } else { Vec::new() }
}

/// Returns a word as a number, if it fits into 64 bits.
fn number(word: &[u8; 32]) -> Option<u64> {
    let (high, low) = word.split_last_chunk::<8>()?;
    high.iter().all(|byte| *byte == 0).then(|| u64::from_be_bytes(*low))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::hex;

    #[test]
    fn the_type_hashes_are_those_of_the_wallet_on_the_chain() {
        assert_eq!(
            hex::encode(&keccak(BATCH_TYPE)),
            "712ef66e8362c387e862cabf0923c209db0fa24cfc97d25eccba7c86f3ee1dd3"
        );
        assert_eq!(hex::encode(&keccak(CALL_TYPE)), "84fa2cf05cd88e992eae77e851af68a4ee278dcff6ef504e487a55b3baadfbe5");
    }

    #[test]
    fn the_selectors_are_those_of_the_signatures() {
        let of = |signature: &[u8]| hex::encode(keccak(signature).first_chunk::<4>().unwrap());
        assert_eq!(of(b"approve(address,uint256)"), "095ea7b3");
        assert_eq!(of(b"setApprovalForAll(address,bool)"), "a22cb465");
        assert_eq!(of(b"convertPositions(bytes32,uint256,uint256)"), "c64748c4");
        assert_eq!(of(b"splitPosition(address,bytes32,bytes32,uint256[],uint256)"), "72ce4275");
        assert_eq!(of(b"mergePositions(address,bytes32,bytes32,uint256[],uint256)"), "9e7212ad");
        assert_eq!(of(b"redeemPositions(address,bytes32,bytes32,uint256[])"), "01b7037c");
    }

    #[test]
    fn what_the_signers_crate_prepares_is_read_back() {
        let condition = ConditionId([0xab; 32]);
        for neg_risk in [false, true] {
            let read = |claim| {
                let call = order::Call::new(Chain::Polygon, claim, &condition, neg_risk).unwrap();
                Call { target: call.to, data: call.data }.wanted().unwrap()
            };
            let size = Size(7_654_321);
            assert_eq!(read(order::Claim::Split(size)), BatchCall::Split { condition, size, neg_risk });
            assert_eq!(read(order::Claim::Merge(size)), BatchCall::Merge { condition, size, neg_risk });
            assert_eq!(read(order::Claim::Redeem), BatchCall::Redeem { condition, neg_risk });
        }
    }

    #[test]
    fn damaged_calls_revert_or_are_not_called_at_all() {
        let condition = ConditionId([0xab; 32]);
        let call = order::Call::new(Chain::Polygon, order::Claim::Split(Size(5)), &condition, false).unwrap();
        let good = Call { target: call.to, data: call.data };
        for place in 0..good.data.len() {
            let mut bad = good.clone();
            bad.data[place] ^= 0x80;
            let wanted = bad.wanted();
            let is_right = match place {
                0..4 => wanted.is_none(),
                // Changes to the condition and the low bytes of the amount give a different valid call.
                68..100 | 156..164 => matches!(wanted, Some(BatchCall::Split { .. })),
                _ => wanted == Some(BatchCall::Reverts),
            };
            assert!(is_right, "{place}: {wanted:?}");
        }
        for length in 0..good.data.len() {
            let cut = Call { data: good.data[..length].to_vec(), ..good.clone() };
            assert!(matches!(cut.wanted(), None | Some(BatchCall::Reverts)), "{length}");
        }
        assert_eq!(Call { target: Address([1; 20]), ..good }.wanted(), None);
    }

    #[test]
    fn a_set_of_bits_names_places() {
        let mut data = vec![0xc6, 0x47, 0x48, 0xc4];
        let mut set = word(0b1001);
        set[30] = 1;
        [[7; 32], set, word(2_000_000)].iter().for_each(|word| data.extend(word));
        let call = Call { target: NEG_RISK_ADAPTER, data };
        let (event, places, size) = (EventId([7; 32]), vec![0, 3, 8], Size::shares(2));
        assert_eq!(call.wanted(), Some(BatchCall::Convert { event, places, size }));
        assert_eq!(Call { target: ADAPTER, ..call }.wanted(), None);
    }
}
