//! How markets ended, asked of the venue: the market channel does not always tell (PROTOCOL 13.2), and says nothing of a draw.

use super::clock;
use super::inbox::Inbox;
use model::event::{MarketEvent, MarketEventKind};
use model::{Body, Market, MarketIx, Usd};
use polymarket::Client;
use std::time::Duration;

/// A market is asked for at most so often.
const LAP: Duration = Duration::from_secs(60);
/// Questions follow each other at least so far apart, however many markets there are.
const APART: Duration = Duration::from_secs(1);

/// Asks for one market after the other until all have ended.
pub(super) async fn watch(client: Client, inbox: Inbox, markets: Vec<Market>) {
    let mut open: Vec<(MarketIx, Market)> = (0u32..).map(MarketIx).zip(markets).collect();
    while !open.is_empty() {
        let apart = LAP.checked_div(u32::try_from(open.len()).unwrap_or(u32::MAX)).unwrap_or(APART).max(APART);
        let mut still = Vec::with_capacity(open.len());
        for (ix, market) in open {
            tokio::time::sleep(apart).await;
            match client.resolution(&market).await {
                Ok(Some(pays)) => tell(&inbox, ix, &market, pays),
                Ok(None) => still.push((ix, market)),
                Err(error) => {
                    tracing::debug!(%error, market = market.slug, "the venue did not tell whether a market has ended");
                    still.push((ix, market));
                }
            }
        }
        open = still;
    }
}

fn tell(inbox: &Inbox, ix: MarketIx, market: &Market, pays: [Usd; 2]) {
    let [yes, no] = pays;
    tracing::info!(market = market.slug, %yes, %no, "a market has ended");
    let now = clock::now();
    let events = [(0, yes), (1, no)].map(|(outcome, pays)| {
        let kind = MarketEventKind::Resolved { pays };
        Body::Event(MarketEvent { token: ix.token(outcome), venue_time: now, kind })
    });
    inbox.market(now, events.into_iter());
}
