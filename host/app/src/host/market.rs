//! The market channel: frames become inputs. Quiet books are held against REST, the witness.

use super::clock;
use super::inbox::Inbox;
use crate::picture::Picture;
use model::input::Channel;
use model::{Body, Market, MarketEvent, MarketIx, TokenId, TokenIx};
use polymarket::feed::ASSETS_MAX;
use polymarket::parse::BookSnapshot;
use polymarket::{Client, Feed, FeedConfig, FeedEvent, TokenMap, parse_market};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// A book without a frame for so long is held against the witness.
const QUIET_MICROS: u64 = 20_000_000;
/// How often quiet books are looked for.
const WITNESS_EVERY: Duration = Duration::from_secs(10);

/// The connections of the market channel; each carries at most [`ASSETS_MAX`] tokens.
#[derive(Debug, Clone)]
pub(crate) struct MarketFeeds {
    shards: Arc<Vec<Feed>>,
    tokens: Arc<BTreeMap<TokenIx, (TokenId, usize)>>,
}

/// What the tasks of all connections share.
struct Shared {
    inbox: Inbox,
    map: TokenMap,
    up: AtomicUsize,
    shards: usize,
    /// When a token was last heard of, in microseconds.
    heard: Mutex<BTreeMap<TokenIx, u64>>,
    bad_frames: AtomicU64,
}

impl MarketFeeds {
    /// Connects, and keeps connected. Call it inside a runtime.
    ///
    /// # Errors
    /// If the address is none, or there are too many tokens.
    pub(crate) fn start(
        config: &FeedConfig,
        markets: &[Market],
        inbox: &Inbox,
        client: Client,
        picture: Picture,
    ) -> anyhow::Result<Self> {
        let named: Vec<(TokenIx, TokenId)> = (0u32..)
            .zip(markets)
            .flat_map(|(ix, market)| {
                [0, 1].map(|outcome| (MarketIx(ix).token(outcome), outcome)).map(|(token, outcome)| {
                    let [yes, no] = market.tokens;
                    (token, if outcome == 0 { yes } else { no })
                })
            })
            .collect();
        let mut map = TokenMap::default();
        let mut tokens = BTreeMap::new();
        let mut started = Vec::new();
        for (shard, chunk) in named.chunks(ASSETS_MAX).enumerate() {
            for (ix, id) in chunk {
                map.insert(id, *ix)?;
                tokens.insert(*ix, (*id, shard));
            }
            started.push(Feed::market(config.clone(), chunk.iter().map(|(_, id)| *id).collect())?);
        }
        let heard = Mutex::default();
        let (up, bad_frames) = (AtomicUsize::new(0), AtomicU64::new(0));
        let shared = Shared { inbox: inbox.clone(), map, up, shards: started.len(), heard, bad_frames };
        let shared = Arc::new(shared);
        let mut shards = Vec::new();
        let mut events = Vec::new();
        for (feed, received) in started {
            shards.push(feed);
            events.push(received);
        }
        let feeds = Self { shards: Arc::new(shards), tokens: Arc::new(tokens) };
        for (shard, received) in events.into_iter().enumerate() {
            tokio::spawn(listen(Arc::clone(&shared), feeds.clone(), shard, received));
        }
        tokio::spawn(witness(shared, feeds.clone(), client, picture));
        Ok(feeds)
    }

    /// Asks for a token's book anew.
    pub(crate) fn resnapshot(&self, token: TokenIx) {
        if let Some((id, shard)) = self.tokens.get(&token)
            && let Some(feed) = self.shards.get(*shard)
        {
            feed.resnapshot(*id);
        }
    }

    /// Makes all connections anew, which brings every book.
    pub(crate) fn reconnect(&self) {
        self.shards.iter().for_each(Feed::reconnect);
    }
}

async fn listen(shared: Arc<Shared>, feeds: MarketFeeds, shard: usize, mut received: mpsc::Receiver<FeedEvent>) {
    let mut events: Vec<MarketEvent> = Vec::new();
    while let Some(event) = received.recv().await {
        match event {
            FeedEvent::Up => {
                if shared.up.fetch_add(1, Ordering::AcqRel).saturating_add(1) == shared.shards {
                    shared.inbox.account(clock::now(), Body::Feed { channel: Channel::Market, up: true });
                }
            }
            FeedEvent::Down { reason } => {
                tracing::warn!(shard, reason, "the market channel is lost");
                shared.up.fetch_update(Ordering::AcqRel, Ordering::Acquire, |up| up.checked_sub(1)).ok();
                shared.inbox.account(clock::now(), Body::Feed { channel: Channel::Market, up: false });
            }
            FeedEvent::Frame { at, text } => {
                if let Err(error) = parse_market(text.as_bytes(), &shared.map, &mut events) {
                    let bad = shared.bad_frames.fetch_add(1, Ordering::Relaxed);
                    tracing::warn!(%error, bad, "a market frame makes no sense; its books are fetched anew");
                    if let Some(feed) = feeds.shards.get(shard) {
                        feed.reconnect();
                    }
                }
                let mut heard = shared.heard.lock().unwrap_or_else(PoisonError::into_inner);
                heard.extend(events.iter().map(|event| (event.token, at.0)));
                drop(heard);
                shared.inbox.market(at, events.drain(..).map(Body::Event));
            }
            // A PONG proves that the socket lives, not that books are fresh (PROTOCOL 12).
            FeedEvent::Alive { .. } => {}
        }
    }
}

/// Holds quiet books against REST: the same top is a proof of life, another one means that something was missed.
async fn witness(shared: Arc<Shared>, feeds: MarketFeeds, client: Client, picture: Picture) {
    let mut ticks = tokio::time::interval(WITNESS_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now = clock::now();
        let quiet = shared.quiet(&feeds, now.0);
        if quiet.is_empty() || shared.up.load(Ordering::Acquire) < shared.shards {
            continue;
        }
        let ids: Vec<TokenId> = quiet.iter().map(|(_, id)| *id).collect();
        let books = match client.books(&ids).await {
            Ok(books) => books,
            Err(error) => {
                tracing::warn!(%error, "the witness gave no books");
                continue;
            }
        };
        for (token, id) in quiet {
            let Some(book) = books.iter().find(|book| book.token == id) else { continue };
            if picture.best(token) == Some(best(book)) {
                shared.heard.lock().unwrap_or_else(PoisonError::into_inner).insert(token, now.0);
                shared.inbox.account(clock::now(), Body::Alive { token });
            } else {
                feeds.resnapshot(token);
            }
        }
    }
}

impl Shared {
    fn quiet(&self, feeds: &MarketFeeds, now: u64) -> Vec<(TokenIx, TokenId)> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let quiet = |token: &TokenIx| now.saturating_sub(heard.get(token).copied().unwrap_or(0)) > QUIET_MICROS;
        feeds.tokens.iter().filter(|(token, _)| quiet(token)).map(|(token, (id, _))| (*token, *id)).collect()
    }
}

/// Returns the best bid and ask in micro-dollars.
fn best(book: &BookSnapshot) -> (Option<u32>, Option<u32>) {
    let there = |levels: &[model::Level]| -> Vec<u32> {
        levels.iter().filter(|level| !level.size.is_zero()).map(|level| level.price.micros()).collect()
    };
    (there(&book.bids).into_iter().max(), there(&book.asks).into_iter().min())
}
