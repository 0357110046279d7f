//! Market discovery while the session runs: the catalog is polled for markets that match the rules, and each new market
//! becomes an input as if it had been there from the start.

use anyhow::{Context, ensure};
use control::clock;
use control::inbox::Inbox;
use control::market_registry::MarketRegistry;
use engine::MARKETS_MAX;
use model::{InputKind, Market};
use polymarket::Client;
use polymarket::client::{Catalog, Rules};
use std::time::Duration;

/// The source of markets.
#[derive(Debug, Clone)]
pub(crate) struct Discovery {
    pub(crate) client: Client,
    pub(crate) catalog: Catalog,
    pub(crate) rules: Rules,
    /// The most open markets at once.
    pub(crate) most: usize,
    /// The polling interval.
    pub(crate) every: Duration,
}

impl Discovery {
    /// Returns the markets that a session begins with.
    ///
    /// # Errors
    /// If the catalog or the order book does not answer, or no market matches the rules.
    pub(crate) async fn first(&self) -> anyhow::Result<Vec<Market>> {
        let found = self.catalog.find(&self.client, &self.rules, clock::now(), self.most, |_| false).await;
        let found = found.context("reading the markets of the catalog")?;
        ensure!(
            !found.is_empty(),
            "no tradable market in the catalog matches the rules markets.*: {:?}{}",
            self.rules,
            self.left_out()
        );
        Ok(found)
    }

    /// Returns a suffix that names the list entries that could not be used; empty if there are none.
    fn left_out(&self) -> String {
        let lists = self.client.left_out().lists();
        let parts = lists.iter().map(|list| {
            format!("; {} of {} could not be used, for example {}: {}", list.count, list.list, list.name, list.reason)
        });
        parts.collect()
    }

    /// Polls for new markets forever.
    pub(crate) async fn watch(self, listing: MarketRegistry, inbox: Inbox) {
        let mut full = false;
        loop {
            tokio::time::sleep(self.every).await;
            let left = MARKETS_MAX.saturating_sub(usize::try_from(listing.count()).unwrap_or(usize::MAX));
            if left == 0 && !full {
                full = true;
                tracing::error!(MARKETS_MAX, "market limit of the session reached; restart to trade new markets");
            }
            let room = self.most.saturating_sub(listing.open().len()).min(left);
            if room > 0 {
                self.refresh(&listing, &inbox, room).await;
            }
        }
    }

    async fn refresh(&self, listing: &MarketRegistry, inbox: &Inbox, room: usize) {
        let now = clock::now();
        match self.catalog.find(&self.client, &self.rules, now, room, |condition| listing.has(condition)).await {
            Ok(found) => {
                for market in found {
                    tracing::info!(market = market.slug, "new market");
                    inbox.account(clock::now(), InputKind::Market(market));
                }
            }
            Err(error) => tracing::warn!(%error, "reading the catalog failed; retrying later"),
        }
    }
}
