//! New markets while the session runs: the catalog is asked again and again for what the rules want, and what it finds becomes
//! an input as if it had been there from the start.

use anyhow::{Context, ensure};
use control::clock;
use control::inbox::Inbox;
use control::market_registry::Listing;
use engine::MARKETS_MAX;
use model::{Body, Market};
use polymarket::Client;
use polymarket::client::{Catalog, Rules};
use std::time::Duration;

/// Where markets come from.
#[derive(Debug, Clone)]
pub(crate) struct Discovery {
    pub(crate) client: Client,
    pub(crate) catalog: Catalog,
    pub(crate) rules: Rules,
    /// The most open markets at once.
    pub(crate) most: usize,
    /// How often to look.
    pub(crate) every: Duration,
}

impl Discovery {
    /// Returns the markets that a session begins with.
    ///
    /// # Errors
    /// If the catalog or the order book does not answer, or nothing fits the rules.
    pub(crate) async fn first(&self) -> anyhow::Result<Vec<Market>> {
        let found = self.catalog.find(&self.client, &self.rules, clock::now(), self.most, |_| false).await;
        let found = found.context("reading the markets of the catalog")?;
        ensure!(
            !found.is_empty(),
            "the catalog has no market that can be traded and that the rules markets.* want: {:?}{}",
            self.rules,
            self.left_out()
        );
        Ok(found)
    }

    /// Returns the end of a sentence that names what was not understood; nothing if all was.
    fn left_out(&self) -> String {
        let lists = self.client.left_out().lists();
        let parts = lists.iter().map(|list| {
            format!("; {} of {} were not understood, such as {}: {}", list.count, list.list, list.name, list.reason)
        });
        parts.collect()
    }

    /// Looks for new markets for ever.
    pub(crate) async fn watch(self, listing: Listing, inbox: Inbox) {
        let mut full = false;
        loop {
            tokio::time::sleep(self.every).await;
            let left = MARKETS_MAX.saturating_sub(usize::try_from(listing.count()).unwrap_or(usize::MAX));
            if left == 0 && !full {
                full = true;
                tracing::error!(
                    MARKETS_MAX,
                    "the session has seen all the markets it has room for; restart it to see new ones"
                );
            }
            let room = self.most.saturating_sub(listing.open().len()).min(left);
            if room > 0 {
                self.look(&listing, &inbox, room).await;
            }
        }
    }

    async fn look(&self, listing: &Listing, inbox: &Inbox, room: usize) {
        let now = clock::now();
        match self.catalog.find(&self.client, &self.rules, now, room, |condition| listing.has(condition)).await {
            Ok(found) => {
                for market in found {
                    tracing::info!(market = market.slug, "a new market");
                    inbox.account(clock::now(), Body::Market(market));
                }
            }
            Err(error) => tracing::warn!(%error, "the catalog could not be read; looking again later"),
        }
    }
}
