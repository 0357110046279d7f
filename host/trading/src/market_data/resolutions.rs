//! Polls the venue for market resolutions: the market channel does not always report them (PROTOCOL 13.2), and never
//! reports a draw.

use control::clock;
use control::inbox::Inbox;
use control::market_registry::MarketRegistry;
use model::event::{MarketEvent, MarketEventKind};
use model::{InputKind, Market, MarketIx, Usd};
use polymarket::Client;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// The shortest interval between two queries of the same market.
const LAP: Duration = Duration::from_secs(60);
/// The shortest interval between any two queries, however many markets there are.
const APART: Duration = Duration::from_secs(1);

/// Queries one market after the other, forever; new markets join the cycle.
pub(crate) async fn watch(client: Client, inbox: Inbox, listing: MarketRegistry) {
    let mut asked = Instant::now();
    let mut joined = 0;
    // The first queries are spread out; each later one follows a full interval after the last query of the same market.
    let mut due: VecDeque<(Instant, MarketIx)> = VecDeque::new();
    loop {
        let now = Instant::now();
        for (place, ix) in (0u32..).zip(joined..listing.count()) {
            due.push_back((after(now, APART.saturating_mul(place)), MarketIx(ix)));
            joined = ix.saturating_add(1);
        }
        let next = due.pop_front();
        // After slow answers, overdue queries are not sent in a burst.
        let at = next.map_or(after(now, APART), |(at, _)| at).max(after(asked, APART));
        tokio::time::sleep_until(at).await;
        let Some((_, ix)) = next.filter(|(_, ix)| listing.is_open(*ix)) else { continue };
        let Some(market) = listing.market(ix) else { continue };
        asked = Instant::now();
        match client.resolution(&market).await {
            Ok(Some(pays)) => report_resolution(&inbox, ix, &market, pays),
            Ok(None) => {}
            Err(error) => {
                tracing::debug!(%error, market = market.slug, "querying a market's resolution failed");
            }
        }
        // Queried again even if resolved: the event may not fit into the engine's queue, and the registry knows when it
        // was processed.
        due.push_back((after(asked, LAP), ix));
    }
}

fn after(at: Instant, time: Duration) -> Instant {
    at.checked_add(time).unwrap_or(at)
}

fn report_resolution(inbox: &Inbox, ix: MarketIx, market: &Market, pays: [Usd; 2]) {
    let [yes, no] = pays;
    tracing::info!(market = market.slug, %yes, %no, "market resolved");
    let now = clock::now();
    let events = [(0, yes), (1, no)].map(|(outcome, pays)| {
        let kind = MarketEventKind::Resolved { pays };
        InputKind::Event(MarketEvent { token: ix.token(outcome), venue_time: now, kind })
    });
    inbox.market(now, events.into_iter());
}
