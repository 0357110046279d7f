//! The markets of the session by index. The engine thread adds a market after the engine has processed it, so that an
//! index means the same market in both.

use model::{ConditionId, Market, MarketIx, TokenId, TokenIx};
use parking_lot::{RwLock, RwLockReadGuard};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::watch;

/// A cheap handle to the markets.
#[derive(Debug, Clone)]
pub struct MarketRegistry {
    table: Arc<RwLock<Table>>,
    /// Number of markets added or ended so far.
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

impl MarketRegistry {
    /// Returns a registry with the initial markets of a session.
    pub fn new(markets: &[Market]) -> Self {
        let listing = Self { table: Arc::default(), changes: Arc::new(watch::channel(0).0) };
        markets.iter().for_each(|market| {
            listing.add(market);
        });
        listing
    }

    /// Adds a market with the next index.
    pub fn add(&self, market: &Market) -> Option<MarketIx> {
        let mut table = self.table.write();
        let ix = u32::try_from(table.entries.len()).ok().map(MarketIx)?;
        for (token, outcome) in market.tokens.into_iter().zip(0u32..) {
            table.tokens.insert(token, ix.token(outcome));
        }
        table.conditions.insert(market.condition, ix);
        table.entries.push(Entry { market: market.clone(), ended: false });
        drop(table);
        self.notify();
        Some(ix)
    }

    /// Marks a market as ended; returns true the first time.
    pub fn end(&self, ix: MarketIx) -> bool {
        let mut table = self.table.write();
        let first = table.entries.get_mut(ix.index()).is_some_and(|entry| !std::mem::replace(&mut entry.ended, true));
        drop(table);
        if first {
            self.notify();
        }
        first
    }

    fn notify(&self) {
        self.changes.send_modify(|changes| *changes = changes.wrapping_add(1));
    }

    /// Returns a receiver that is notified whenever a market is added or ends.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Returns the number of markets, including ended ones.
    pub fn count(&self) -> u32 {
        u32::try_from(self.read().entries.len()).unwrap_or(u32::MAX)
    }

    /// Returns the indexes of the markets that have not ended.
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

    /// Returns true if the market exists and has not ended.
    pub fn is_open(&self, ix: MarketIx) -> bool {
        self.read().entries.get(ix.index()).is_some_and(|entry| !entry.ended)
    }

    /// Returns true if a market with this condition exists.
    pub fn has(&self, condition: &ConditionId) -> bool {
        self.read().conditions.contains_key(condition)
    }

    /// Returns the index of the market with this condition.
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

    /// Returns the index of a token.
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
    fn indexes_are_stable_and_an_end_is_notified_once() {
        let listing = MarketRegistry::new(&[market(1), market(2)]);
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
