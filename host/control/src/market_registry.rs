//! The markets of the session, in the order of their numbers. The engine's thread adds them when the engine has taken them, so
//! that a number means the same market here and there.

use model::{ConditionId, Market, MarketIx, TokenId, TokenIx};
use parking_lot::{RwLock, RwLockReadGuard};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::watch;

/// A cheap handle on the markets.
#[derive(Debug, Clone)]
pub struct Listing {
    table: Arc<RwLock<Table>>,
    /// How many markets were added or have ended so far.
    changes: Arc<watch::Sender<u64>>,
}

#[derive(Debug, Default)]
struct Table {
    entries: Vec<Entry>,
    tokens: BTreeMap<TokenId, TokenIx>,
    conditions: BTreeMap<ConditionId, MarketIx>,
}

#[derive(Debug)]
struct Entry {
    market: Market,
    ended: bool,
}

impl Listing {
    /// Returns the markets that a session begins with.
    pub fn new(markets: &[Market]) -> Self {
        let listing = Self { table: Arc::default(), changes: Arc::new(watch::channel(0).0) };
        markets.iter().for_each(|market| {
            listing.add(market);
        });
        listing
    }

    /// Adds a market under the next number.
    pub fn add(&self, market: &Market) -> Option<MarketIx> {
        let mut table = self.table.write();
        let ix = u32::try_from(table.entries.len()).ok().map(MarketIx)?;
        for (token, outcome) in market.tokens.into_iter().zip(0u32..) {
            table.tokens.insert(token, ix.token(outcome));
        }
        table.conditions.insert(market.condition, ix);
        table.entries.push(Entry { market: market.clone(), ended: false });
        drop(table);
        self.tell();
        Some(ix)
    }

    /// Notes that a market has ended; says whether it is the first time.
    pub fn end(&self, ix: MarketIx) -> bool {
        let mut table = self.table.write();
        let first = table.entries.get_mut(ix.index()).is_some_and(|entry| !std::mem::replace(&mut entry.ended, true));
        drop(table);
        if first {
            self.tell();
        }
        first
    }

    fn tell(&self) {
        self.changes.send_modify(|changes| *changes = changes.wrapping_add(1));
    }

    /// Returns what wakes up whenever a market was added or has ended.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Returns how many markets there are, ended ones too.
    pub fn count(&self) -> u32 {
        u32::try_from(self.read().entries.len()).unwrap_or(u32::MAX)
    }

    /// Returns the numbers of the markets that have not ended.
    pub fn open(&self) -> Vec<MarketIx> {
        let table = self.read();
        let numbered = (0u32..).map(MarketIx).zip(&table.entries);
        numbered.filter(|(_, entry)| !entry.ended).map(|(ix, _)| ix).collect()
    }

    /// Returns the markets that have not ended.
    pub fn open_markets(&self) -> Vec<(MarketIx, Market)> {
        let table = self.read();
        let numbered = (0u32..).map(MarketIx).zip(&table.entries);
        numbered.filter(|(_, entry)| !entry.ended).map(|(ix, entry)| (ix, entry.market.clone())).collect()
    }

    /// Says whether a market is there and has not ended.
    pub fn is_open(&self, ix: MarketIx) -> bool {
        self.read().entries.get(ix.index()).is_some_and(|entry| !entry.ended)
    }

    /// Says whether a market is there.
    pub fn has(&self, condition: &ConditionId) -> bool {
        self.read().conditions.contains_key(condition)
    }

    /// Returns the number of the market of that condition.
    pub fn market_of(&self, condition: &ConditionId) -> Option<MarketIx> {
        self.read().conditions.get(condition).copied()
    }

    /// Returns a market.
    pub fn market(&self, ix: MarketIx) -> Option<Market> {
        self.read().entries.get(ix.index()).map(|entry| entry.market.clone())
    }

    /// Returns the slug of a market.
    pub fn slug(&self, ix: MarketIx) -> String {
        self.read().entries.get(ix.index()).map(|entry| entry.market.slug.clone()).unwrap_or_default()
    }

    /// Returns our number of a token.
    pub fn token(&self, id: &TokenId) -> Option<TokenIx> {
        self.read().tokens.get(id).copied()
    }

    /// Returns the venue's id of a token.
    pub fn token_id(&self, token: TokenIx) -> Option<TokenId> {
        let place = usize::try_from(token.outcome()).ok()?;
        self.read().entries.get(token.market().index())?.market.tokens.get(place).copied()
    }

    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::market;

    #[test]
    fn numbers_last_and_an_end_is_told_once() {
        let listing = Listing::new(&[market(1), market(2)]);
        let mut changes = listing.changes();
        assert!(!changes.has_changed().unwrap());
        assert_eq!(listing.add(&market(3)), Some(MarketIx(2)));
        assert!(changes.has_changed().unwrap());
        changes.mark_unchanged();
        assert!(listing.end(MarketIx(0)) && !listing.end(MarketIx(0)) && !listing.end(MarketIx(9)));
        assert!(changes.has_changed().unwrap());
        assert_eq!((listing.count(), listing.open()), (3, vec![MarketIx(1), MarketIx(2)]));
        let token = MarketIx(2).token(1);
        let id = market(3).tokens[1];
        assert_eq!(listing.token(&id), Some(token));
        assert_eq!((listing.token_id(token), listing.token_id(MarketIx(3).token(0))), (Some(id), None));
        assert!(listing.has(&market(2).condition) && !listing.has(&market(4).condition));
        assert_eq!((listing.slug(MarketIx(1)), listing.slug(MarketIx(7))), (market(2).slug, String::new()));
    }
}
