//! The markets that a strategy may see and trade, and the handles of their tokens.

use model::{Market, MarketIx, TokenIx};
use std::collections::BTreeMap;

/// A granted market and its place: the strategy's own permanent number for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The engine's index of the market.
    pub ix: MarketIx,
    /// The market.
    pub market: Market,
    /// The place.
    pub place: u32,
}

impl Grant {
    /// Returns the handle of the market's token of outcome 0 (YES) or 1.
    pub const fn handle(&self, outcome: u32) -> u32 {
        self.place.saturating_mul(2).saturating_add(outcome)
    }
}

/// The markets granted to one instance. A token's handle is twice its market's place, plus one for the complement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    markets: Vec<Grant>,
    handles: BTreeMap<TokenIx, u32>,
    tokens: BTreeMap<u32, TokenIx>,
}

impl Grants {
    /// Grants these markets, each at the place of its index in the list.
    pub fn new(markets: Vec<(MarketIx, Market)>) -> Self {
        Self::at(markets.into_iter().zip(0u32..).map(|((ix, market), place)| Grant { ix, market, place }).collect())
    }

    /// Grants markets at their places.
    pub fn at(markets: Vec<Grant>) -> Self {
        let pairs =
            markets.iter().flat_map(|grant| [0, 1].map(|outcome| (grant.ix.token(outcome), grant.handle(outcome))));
        let handles: BTreeMap<TokenIx, u32> = pairs.collect();
        let tokens = handles.iter().map(|(token, handle)| (*handle, *token)).collect();
        Self { markets, handles, tokens }
    }

    /// Returns the granted markets.
    pub fn markets(&self) -> &[Grant] {
        &self.markets
    }

    /// Returns the handle of a token, if it is granted.
    pub fn handle(&self, token: TokenIx) -> Option<u32> {
        self.handles.get(&token).copied()
    }

    /// Returns the token of a handle, if there is one.
    pub fn token(&self, handle: u32) -> Option<TokenIx> {
        self.tokens.get(&handle).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::market;

    #[test]
    fn handles_name_granted_tokens_and_no_others() {
        let grants = Grants::new(vec![(MarketIx(7), market(1)), (MarketIx(2), market(2))]);
        for (market, outcome, handle) in [(7, 0, 0), (7, 1, 1), (2, 0, 2), (2, 1, 3)] {
            let token = MarketIx(market).token(outcome);
            assert_eq!((grants.handle(token), grants.token(handle)), (Some(handle), Some(token)));
        }
        assert_eq!((grants.handle(MarketIx(1).token(0)), grants.token(4), grants.token(u32::MAX)), (None, None, None));
        let place = |ix, place| Grant { ix: MarketIx(ix), market: market(ix), place };
        let grants = Grants::at(vec![place(7, 5), place(2, 1)]);
        for (market, outcome, handle) in [(7, 0, 10), (7, 1, 11), (2, 0, 2), (2, 1, 3)] {
            let token = MarketIx(market).token(outcome);
            assert_eq!((grants.handle(token), grants.token(handle)), (Some(handle), Some(token)));
        }
        assert_eq!((grants.token(0), grants.token(1)), (None, None), "the market of these handles is not granted");
    }
}
