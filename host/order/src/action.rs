//! Allowed wallet actions: the claims of [`crate::calls`], and the approvals that trading needs (PROTOCOL 3). An action
//! encodes to its call, and a call is decoded by encoding again: a call that differs by one byte is not an action. A
//! signer that signs only actions therefore never signs a transfer, an approval of an unknown address, or a call of
//! another contract.

use crate::address::Address;
use crate::calls::{ADAPTER, COLLATERAL, Call, Claim, NEG_RISK_ADAPTER, selector};
use crate::contracts::{Chain, Exchange};
use crate::eip712::word;
use hex_literal::hex;
use model::{ConditionId, Size};

/// Conditional Tokens, the contract of the shares of CLOB V2's markets.
const CONDITIONAL_TOKENS: Address = Address(hex!("4D97DCd97eC945f40cF65F87097ACe5EA0476045"));

/// The contract of the shares of Protocol V2.
const POSITION_MANAGER: Address = Address(hex!("006F54F7f9A22e0000CC2AB60031000000ae9fEF"));

/// Contracts of the venue that may be allowed to move a wallet's holdings; they do so only for the owner's orders and
/// claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// An exchange, which settles orders.
    Exchange(Exchange),
    /// The adapter that splits, merges and redeems; the one of negative-risk markets if true.
    Adapter(bool),
}

impl Operator {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Exchange(Exchange::Standard),
        Self::Exchange(Exchange::NegRisk),
        Self::Exchange(Exchange::V3),
        Self::Adapter(false),
        Self::Adapter(true),
    ];

    /// Returns its contract.
    pub const fn contract(self, chain: Chain) -> Address {
        match self {
            Self::Exchange(exchange) => exchange.contract(chain),
            Self::Adapter(false) => ADAPTER,
            Self::Adapter(true) => NEG_RISK_ADAPTER,
        }
    }
}

/// A kind of holding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holding {
    /// Dollars.
    Dollars,
    /// Shares, of the kind that the operator trades.
    Shares,
}

/// The effect of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Converts shares to dollars or dollars to shares; the proceeds go to the wallet, because the contracts pay their
    /// caller.
    Claim {
        /// The conversion.
        claim: Claim,
        /// The market's condition.
        condition: ConditionId,
        /// True for a negative-risk market.
        neg_risk: bool,
    },
    /// Allows a contract of the venue to move all of a holding, or revokes that.
    Allow {
        /// The holding.
        holding: Holding,
        /// The contract.
        operator: Operator,
        /// True to allow, false to revoke.
        allowed: bool,
    },
}

impl Action {
    /// Returns its call, or `None` on chains where the contracts are not known.
    pub fn call(&self, chain: Chain) -> Option<Call> {
        if chain != Chain::Polygon {
            return None;
        }
        match *self {
            Self::Claim { claim, condition, neg_risk } => Call::new(chain, claim, &condition, neg_risk),
            Self::Allow { holding, operator, allowed } => Some(allow(chain, holding, operator, allowed)),
        }
    }

    /// Returns the action that encodes to exactly this call.
    pub fn read(chain: Chain, call: &Call) -> Option<Self> {
        claims(call).chain(allowances()).find(|action| action.call(chain).as_ref() == Some(call))
    }

    /// Returns the dollars that it converts to shares, or the shares that it converts to dollars, in millionths.
    pub const fn worth(&self) -> u64 {
        match self {
            Self::Claim { claim: Claim::Merge(size) | Claim::Split(size), .. } => size.0,
            Self::Claim { claim: Claim::Redeem, .. } | Self::Allow { .. } => 0,
        }
    }
}

fn allow(chain: Chain, holding: Holding, operator: Operator, allowed: bool) -> Call {
    let contract = operator.contract(chain);
    let (to, signature, value) = match holding {
        Holding::Dollars => (COLLATERAL, "approve(address,uint256)", if allowed { [u8::MAX; 32] } else { [0; 32] }),
        Holding::Shares => (shares_of(operator), "setApprovalForAll(address,bool)", word(u64::from(allowed))),
    };
    let mut data = selector(signature);
    [contract.word(), value].iter().for_each(|part| data.extend(part));
    Call { to, data }
}

const fn shares_of(operator: Operator) -> Address {
    match operator {
        Operator::Exchange(Exchange::V3) => POSITION_MANAGER,
        Operator::Exchange(Exchange::Standard | Exchange::NegRisk) | Operator::Adapter(_) => CONDITIONAL_TOKENS,
    }
}

/// Returns the claims that a call could be, from the words at the positions of condition and amount.
fn claims(call: &Call) -> impl Iterator<Item = Action> {
    let words = call.data.get(4..).unwrap_or_default().as_chunks::<32>().0;
    let condition = ConditionId(words.get(2).copied().unwrap_or_default());
    // We never encode an amount of more than eight bytes, so a larger one does not compare equal.
    let amount = words.get(4).and_then(|word| word.last_chunk()).copied().unwrap_or_default();
    let size = Size(u64::from_be_bytes(amount));
    let claims = [Claim::Redeem, Claim::Merge(size), Claim::Split(size)];
    claims.into_iter().flat_map(move |claim| {
        [false, true].into_iter().map(move |neg_risk| Action::Claim { claim, condition, neg_risk })
    })
}

fn allowances() -> impl Iterator<Item = Action> {
    Operator::ALL.into_iter().flat_map(|operator| {
        [Holding::Dollars, Holding::Shares].into_iter().flat_map(move |holding| {
            [false, true].into_iter().map(move |allowed| Action::Allow { holding, operator, allowed })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::vec::Vec;
    use model::hex;

    const CONDITION: ConditionId = ConditionId([0xab; 32]);

    fn actions() -> Vec<Action> {
        let claims = [Claim::Redeem, Claim::Merge(Size(7)), Claim::Split(Size(u64::MAX))];
        let claims = claims
            .into_iter()
            .flat_map(|claim| [false, true].map(|neg_risk| Action::Claim { claim, condition: CONDITION, neg_risk }));
        claims.chain(allowances()).collect()
    }

    #[test]
    fn every_action_is_read_back_from_its_call() {
        for action in actions() {
            let call = action.call(Chain::Polygon).unwrap();
            assert_eq!(Action::read(Chain::Polygon, &call), Some(action));
            assert_eq!(Action::read(Chain::Amoy, &call), None);
            assert!(call.data.len() <= crate::batch::DATA_MAX);
        }
    }

    #[test]
    fn a_call_with_one_byte_changed_is_not_an_action_or_another_one_of_the_same_kind() {
        for action in actions() {
            let call = action.call(Chain::Polygon).unwrap();
            for place in 0..call.data.len() {
                let mut other = call.clone();
                other.data[place] ^= 1;
                // Only the condition, the amount, and the approval flag may change.
                let read = Action::read(Chain::Polygon, &other);
                let (free, boolean) = match action {
                    Action::Claim { claim: Claim::Redeem, .. } => ((68..100).contains(&place), false),
                    Action::Claim { .. } => ((68..100).contains(&place) || (156..164).contains(&place), false),
                    Action::Allow { holding, .. } => (false, holding == Holding::Shares && place == 67),
                };
                assert_eq!(read.is_some(), free || boolean, "{action:?} at {place}");
                assert_ne!(read, Some(action));
            }
            let mut longer = call.clone();
            longer.data.push(0);
            assert_eq!(Action::read(Chain::Polygon, &longer), None);
            let elsewhere = Call { to: Address([9; 20]), ..call };
            assert_eq!(Action::read(Chain::Polygon, &elsewhere), None);
        }
    }

    #[test]
    fn approvals_are_encoded_as_the_tokens_read_them() {
        let allow = |holding, operator| {
            let call = Action::Allow { holding, operator, allowed: true }.call(Chain::Polygon).unwrap();
            (call.to, hex::encode(&call.data))
        };
        let (to, data) = allow(Holding::Dollars, Operator::Exchange(Exchange::Standard));
        assert_eq!(to, COLLATERAL);
        let exchange = "000000000000000000000000e111180000d2663c0091e4f400237545b87b996b";
        assert_eq!(data, format!("095ea7b3{exchange}{}", "f".repeat(64)));
        let (to, data) = allow(Holding::Shares, Operator::Exchange(Exchange::Standard));
        assert_eq!(to, CONDITIONAL_TOKENS);
        assert_eq!(data, format!("a22cb465{exchange}{:064x}", 1));
        let (to, _) = allow(Holding::Shares, Operator::Exchange(Exchange::V3));
        assert_eq!(to, POSITION_MANAGER);
    }

    #[test]
    fn transfers_and_approvals_of_unknown_addresses_are_not_actions() {
        let stranger = Address([9; 20]);
        for signature in ["approve(address,uint256)", "transfer(address,uint256)"] {
            let mut data = selector(signature);
            [stranger.word(), word(1)].iter().for_each(|part| data.extend(part));
            assert_eq!(Action::read(Chain::Polygon, &Call { to: COLLATERAL, data }), None);
        }
        // Short and empty calls too.
        for length in 0..8 {
            let data = selector("approve(address,uint256)").into_iter().cycle().take(length).collect();
            assert_eq!(Action::read(Chain::Polygon, &Call { to: COLLATERAL, data }), None);
        }
    }
}
