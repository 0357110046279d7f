//! Conversions between shares and dollars at the venue's contracts: split, merge and redeem, as calls to be sent by
//! another party (a wallet, or the venue's relayer; PROTOCOL 17). Nothing is signed here.

use crate::address::Address;
use crate::contracts::Chain;
use crate::eip712::{keccak, word};
use alloc::vec::Vec;
use hex_literal::hex;
use model::{ConditionId, Size};

/// pUSD, the collateral of all markets (PROTOCOL 1.3).
pub(crate) const COLLATERAL: Address = Address(hex!("C011a7E12a19f7B1f670d46F03B03f3342E82DFB"));

/// Splits, merges and redeems CTF tokens in pUSD.
pub(crate) const ADAPTER: Address = Address(hex!("AdA100Db00Ca00073811820692005400218FcE1f"));

/// The adapter of negative-risk markets.
pub(crate) const NEG_RISK_ADAPTER: Address = Address(hex!("adA2005600Dec949baf300f4C6120000bDB6eAab"));

/// The requested conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// Redeems all shares of a resolved market for their payout.
    Redeem,
    /// Converts pairs of both outcomes to a dollar each.
    Merge(Size),
    /// Converts dollars to a pair of both outcomes each.
    Split(Size),
}

/// A call of a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The contract.
    pub to: Address,
    /// The function and its arguments in Solidity's encoding. No value is sent.
    pub data: Vec<u8>,
}

impl Call {
    /// Returns the call for a market's condition, or `None` on chains where no adapter is known.
    pub fn new(chain: Chain, claim: Claim, condition: &ConditionId, neg_risk: bool) -> Option<Self> {
        if chain != Chain::Polygon {
            return None;
        }
        let (signature, amount): (&str, _) = match claim {
            Claim::Redeem => ("redeemPositions(address,bytes32,bytes32,uint256[])", None),
            Claim::Merge(size) => ("mergePositions(address,bytes32,bytes32,uint256[],uint256)", Some(size)),
            Claim::Split(size) => ("splitPosition(address,bytes32,bytes32,uint256[],uint256)", Some(size)),
        };
        let mut data = selector(signature);
        // The fixed arguments, with the offset of the list; then the list: both outcomes, by their bits.
        let distance = if amount.is_some() { 5 * 32 } else { 4 * 32 };
        let fixed = [COLLATERAL.word(), [0; 32], condition.0, word(distance)];
        let amount = amount.map(|size| word(size.0));
        let list = [word(2), word(1), word(2)];
        fixed.iter().chain(&amount).chain(&list).for_each(|part| data.extend(part));
        Some(Self { to: if neg_risk { NEG_RISK_ADAPTER } else { ADAPTER }, data })
    }
}

/// Returns the first four bytes of a call of this function.
pub(crate) fn selector(signature: &str) -> Vec<u8> {
    keccak(signature.as_bytes()).into_iter().take(4).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use model::hex;

    const CONDITION: ConditionId = ConditionId([0xab; 32]);

    fn call(claim: Claim) -> Call {
        Call::new(Chain::Polygon, claim, &CONDITION, false).unwrap()
    }

    #[test]
    fn negative_risk_markets_have_a_separate_adapter() {
        assert_eq!(call(Claim::Redeem).to, ADAPTER);
        let exclusive = Call::new(Chain::Polygon, Claim::Redeem, &CONDITION, true).unwrap();
        assert_eq!(exclusive.to, NEG_RISK_ADAPTER);
        assert_eq!(exclusive.data, call(Claim::Redeem).data);
        assert_eq!(Call::new(Chain::Amoy, Claim::Redeem, &CONDITION, false), None);
    }

    #[test]
    fn a_merge_is_encoded_as_the_contract_reads_it() {
        // Selectors as deployed in the Conditional Tokens contract.
        let data = hex::encode(&call(Claim::Merge(Size::shares(7))).data);
        let (selector, arguments) = data.split_at(8);
        assert_eq!(selector, "9e7212ad");
        let words: Vec<&str> = (0..arguments.len() / 64).map(|at| &arguments[at * 64..(at + 1) * 64]).collect();
        let number = |value: u64| format!("{value:064x}");
        let collateral = format!("{:0>64}", "c011a7e12a19f7b1f670d46f03b03f3342e82dfb");
        let condition = "ab".repeat(32);
        let expected =
            [collateral, number(0), condition, number(160), number(7_000_000), number(2), number(1), number(2)];
        assert_eq!(words, expected);
        let split = hex::encode(&call(Claim::Split(Size::shares(7))).data);
        assert_eq!(split.split_at(8), ("72ce4275", arguments));
    }

    #[test]
    fn a_redemption_names_both_outcomes_and_no_amount() {
        let data = hex::encode(&call(Claim::Redeem).data);
        let (selector, arguments) = data.split_at(8);
        assert_eq!((selector, arguments.len()), ("01b7037c", 7 * 64));
        assert_eq!(arguments[3 * 64..], [128, 2, 1, 2].map(|value| format!("{value:064x}")).concat());
    }
}
