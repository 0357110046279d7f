//! What a strategy may see and trade: its markets, and the handles by which it names their tokens.

use model::{Market, MarketIx, TokenIx};
use std::collections::BTreeMap;

/// The markets granted to one instance. A token's handle is twice its market's place here, plus one for the complement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    markets: Vec<(MarketIx, Market)>,
    handles: BTreeMap<TokenIx, u32>,
}

impl Grants {
    /// Grants these markets, in this order.
    pub fn new(markets: Vec<(MarketIx, Market)>) -> Self {
        let mut handles = BTreeMap::new();
        for ((market, _), place) in markets.iter().zip(0u32..) {
            for outcome in 0..2 {
                handles.insert(market.token(outcome), place.saturating_mul(2).saturating_add(outcome));
            }
        }
        Self { markets, handles }
    }

    /// Returns the markets in the order of their handles.
    pub fn markets(&self) -> &[(MarketIx, Market)] {
        &self.markets
    }

    /// Returns the handle of a token, if it was granted.
    pub fn handle(&self, token: TokenIx) -> Option<u32> {
        self.handles.get(&token).copied()
    }

    /// Returns the token of a handle, if there is one.
    pub fn token(&self, handle: u32) -> Option<TokenIx> {
        let place = usize::try_from(handle >> 1).ok()?;
        self.markets.get(place).map(|(market, _)| market.token(handle & 1))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use model::{ConditionId, FeeRate, Size, TickSize, TokenId};

    pub(crate) fn market() -> Market {
        Market {
            condition: ConditionId([1; 32]),
            tokens: [TokenId([2; 32]), TokenId([3; 32])],
            outcomes: ["Yes".into(), "No".into()],
            slug: "m".into(),
            question: "m?".into(),
            tick: TickSize::CENT,
            min_size: Size::shares(5),
            neg_risk: false,
            event: None,
            fee: FeeRate::default(),
            end: None,
        }
    }

    #[test]
    fn handles_name_granted_tokens_and_no_others() {
        let grants = Grants::new(vec![(MarketIx(7), market()), (MarketIx(2), market())]);
        for (market, outcome, handle) in [(7, 0, 0), (7, 1, 1), (2, 0, 2), (2, 1, 3)] {
            let token = MarketIx(market).token(outcome);
            assert_eq!((grants.handle(token), grants.token(handle)), (Some(handle), Some(token)));
        }
        assert_eq!((grants.handle(MarketIx(1).token(0)), grants.token(4), grants.token(u32::MAX)), (None, None, None));
    }
}
