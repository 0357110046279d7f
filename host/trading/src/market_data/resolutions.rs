//! How markets ended, asked of the venue: the market channel does not always tell (PROTOCOL 13.2), and says nothing of a draw.

use control::clock;
use control::inbox::Inbox;
use control::market_registry::Listing;
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

/// Asks for one market after the other, for ever: new ones join the lap.
pub(crate) async fn watch(client: Client, inbox: Inbox, listing: Listing) {
    let mut asked = Instant::now();
    let mut joined = 0;
    // The first questions are apart; each later one is a lap after the one before about the same market.
    let mut due: VecDeque<(Instant, MarketIx)> = VecDeque::new();
    loop {
        let now = Instant::now();
        for (place, ix) in (0u32..).zip(joined..listing.count()) {
            due.push_back((after(now, APART.saturating_mul(place)), MarketIx(ix)));
            joined = ix.saturating_add(1);
        }
        let next = due.pop_front();
        // After slow answers the late questions do not come in a heap.
        let at = next.map_or(after(now, APART), |(at, _)| at).max(after(asked, APART));
        tokio::time::sleep_until(at).await;
        let Some((_, ix)) = next.filter(|(_, ix)| listing.is_open(*ix)) else { continue };
        let Some(market) = listing.market(ix) else { continue };
        asked = Instant::now();
        match client.resolution(&market).await {
            Ok(Some(pays)) => tell(&inbox, ix, &market, pays),
            Ok(None) => {}
            Err(error) => {
                tracing::debug!(%error, market = market.slug, "the venue did not tell whether a market has ended");
            }
        }
        // Asked again even if it has ended: the word may not fit into the engine's queue, and the listing knows when it did.
        due.push_back((after(asked, LAP), ix));
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
