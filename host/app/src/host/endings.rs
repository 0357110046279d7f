//! How markets ended, asked of the venue: the market channel does not always tell (PROTOCOL 13.2), and says nothing of a draw.

use super::clock;
use super::inbox::Inbox;
use model::event::{MarketEvent, MarketEventKind};
use model::{Body, Market, MarketIx, Usd};
use polymarket::Client;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// A market is asked for at most so often.
const LAP: Duration = Duration::from_secs(60);
/// Questions follow each other at least so far apart, however many markets there are.
const APART: Duration = Duration::from_secs(1);

/// Asks for one market after the other until all have ended.
pub(super) async fn watch(client: Client, inbox: Inbox, markets: Vec<Market>) {
    let start = Instant::now();
    let listed = (0u32..).map(MarketIx).zip(markets);
    // The first questions are apart; each later one is a lap after the one before about the same market.
    let mut due: VecDeque<_> =
        listed.map(|(ix, market)| (after(start, APART.saturating_mul(ix.0)), ix, market)).collect();
    let mut asked = start;
    while let Some((at, ix, market)) = due.pop_front() {
        // After slow answers the late questions do not come in a heap.
        tokio::time::sleep_until(at.max(after(asked, APART))).await;
        asked = Instant::now();
        match client.resolution(&market).await {
            Ok(Some(pays)) => {
                tell(&inbox, ix, &market, pays);
                continue;
            }
            Ok(None) => {}
            Err(error) => {
                tracing::debug!(%error, market = market.slug, "the venue did not tell whether a market has ended");
            }
        }
        due.push_back((after(asked, LAP), ix, market));
    }
}

fn after(at: Instant, time: Duration) -> Instant {
    at.checked_add(time).unwrap_or(at)
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
