//! The market channel: frames become inputs. Quiet books are held against REST, the witness.

use super::clock;
use super::inbox::Inbox;
use crate::picture::Picture;
use anyhow::ensure;
use model::input::Channel;
use model::{Body, Market, MarketEvent, MarketIx, TokenId, TokenIx};
use polymarket::feed::ASSETS_MAX;
use polymarket::parse::{BookSnapshot, TooManyTokens};
use polymarket::{Client, Feed, FeedConfig, FeedEvent, TokenMap, parse_market};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// A book without a frame for so long is held against the witness.
const QUIET_MICROS: u64 = 20_000_000;
/// How often quiet books are looked for.
const WITNESS_EVERY: Duration = Duration::from_secs(10);

/// The connections of the market channel; each carries at most [`ASSETS_MAX`] tokens. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct MarketFeeds {
    shared: Arc<Shared>,
}

/// What the tasks of all connections share.
#[derive(Debug)]
struct Shared {
    config: FeedConfig,
    inbox: Inbox,
    runtime: Handle,
    map: RwLock<TokenMap>,
    shards: Mutex<Shards>,
    up: AtomicUsize,
    /// When a token was last heard of, in microseconds.
    heard: Mutex<BTreeMap<TokenIx, u64>>,
    bad_frames: AtomicU64,
}

/// The connections, and which carries what.
#[derive(Debug, Default)]
struct Shards {
    feeds: Vec<Feed>,
    tokens: BTreeMap<TokenIx, (TokenId, usize)>,
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
        let shared = Arc::new(Shared {
            config: config.clone(),
            inbox: inbox.clone(),
            runtime: Handle::current(),
            map: RwLock::default(),
            shards: Mutex::default(),
            up: AtomicUsize::new(0),
            heard: Mutex::default(),
            bad_frames: AtomicU64::new(0),
        });
        let feeds = Self { shared };
        let named: Vec<_> = (0u32..).zip(markets).flat_map(|(ix, market)| named(MarketIx(ix), market)).collect();
        for chunk in named.chunks(ASSETS_MAX) {
            feeds.connect(chunk)?;
        }
        feeds.shared.runtime.spawn(witness(Arc::clone(&feeds.shared), client, picture));
        Ok(feeds)
    }

    /// Listens to a market that was not there at the start.
    ///
    /// # Errors
    /// If there are too many tokens, or the connection is too busy to be told.
    pub(crate) fn watch(&self, ix: MarketIx, market: &Market) -> anyhow::Result<()> {
        let named = named(ix, market);
        let mut shards = self.shared.shards();
        let Some((shard, feed)) = shards.with_room(named.len()) else {
            drop(shards);
            return self.connect(&named);
        };
        self.shared.name(&named)?;
        ensure!(feed.subscribe(named.map(|(_, id)| id).to_vec()), "the market channel is too busy to take in {ix}");
        shards.load(shard, &named);
        Ok(())
    }

    /// Listens to a market no longer: it has ended.
    pub(crate) fn leave(&self, ix: MarketIx) {
        let mut shards = self.shared.shards();
        let left = [0, 1].map(|outcome| shards.tokens.remove(&ix.token(outcome)));
        for (id, shard) in left.into_iter().flatten() {
            // A request that finds no room costs only frames that nobody needs.
            if let Some(feed) = shards.feeds.get(shard) {
                feed.unsubscribe(vec![id]);
            }
        }
    }

    /// Makes a connection with these tokens.
    fn connect(&self, named: &[(TokenIx, TokenId)]) -> anyhow::Result<()> {
        self.shared.name(named)?;
        let _runtime = self.shared.runtime.enter();
        let (feed, received) = Feed::market(self.shared.config.clone(), named.iter().map(|(_, id)| *id).collect())?;
        let mut shards = self.shared.shards();
        let shard = shards.feeds.len();
        shards.feeds.push(feed);
        shards.load(shard, named);
        drop(shards);
        self.shared.runtime.spawn(listen(Arc::clone(&self.shared), shard, received));
        Ok(())
    }

    /// Asks for a token's book anew.
    pub(crate) fn resnapshot(&self, token: TokenIx) {
        self.shared.shards().resnapshot(token);
    }

    /// Makes all connections anew, which brings every book.
    pub(crate) fn reconnect(&self) {
        self.shared.shards().feeds.iter().for_each(Feed::reconnect);
    }
}

fn named(ix: MarketIx, market: &Market) -> [(TokenIx, TokenId); 2] {
    let [yes, no] = market.tokens;
    [(ix.token(0), yes), (ix.token(1), no)]
}

impl Shards {
    /// Returns the first connection that can carry so many tokens more.
    fn with_room(&self, more: usize) -> Option<(usize, &Feed)> {
        let load = |shard: usize| self.tokens.values().filter(|(_, carried)| *carried == shard).count();
        let mut feeds = self.feeds.iter().enumerate();
        feeds.find(|(shard, _)| load(*shard).saturating_add(more) <= ASSETS_MAX)
    }

    fn load(&mut self, shard: usize, named: &[(TokenIx, TokenId)]) {
        self.tokens.extend(named.iter().map(|(token, id)| (*token, (*id, shard))));
    }

    fn resnapshot(&self, token: TokenIx) {
        if let Some((id, shard)) = self.tokens.get(&token)
            && let Some(feed) = self.feeds.get(*shard)
        {
            feed.resnapshot(*id);
        }
    }
}

async fn listen(shared: Arc<Shared>, shard: usize, mut received: mpsc::Receiver<FeedEvent>) {
    let mut events: Vec<MarketEvent> = Vec::new();
    while let Some(event) = received.recv().await {
        match event {
            FeedEvent::Up => {
                if shared.up.fetch_add(1, Ordering::AcqRel).saturating_add(1) == shared.count() {
                    shared.inbox.account(clock::now(), Body::Feed { channel: Channel::Market, up: true });
                }
            }
            FeedEvent::Down { reason } => {
                tracing::warn!(shard, reason, "the market channel is lost");
                shared.up.fetch_update(Ordering::AcqRel, Ordering::Acquire, |up| up.checked_sub(1)).ok();
                shared.inbox.account(clock::now(), Body::Feed { channel: Channel::Market, up: false });
            }
            FeedEvent::Frame { at, text } => {
                let parsed = parse_market(text.as_bytes(), &shared.names(), &mut events);
                if let Err(error) = parsed {
                    let bad = shared.bad_frames.fetch_add(1, Ordering::Relaxed);
                    tracing::warn!(%error, bad, "a market frame makes no sense; its books are fetched anew");
                    if let Some(feed) = shared.shards().feeds.get(shard) {
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
async fn witness(shared: Arc<Shared>, client: Client, picture: Picture) {
    let mut ticks = tokio::time::interval(WITNESS_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now = clock::now();
        let quiet = shared.quiet(now.0);
        if quiet.is_empty() || shared.up.load(Ordering::Acquire) < shared.count() {
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
                shared.shards().resnapshot(token);
            }
        }
    }
}

impl Shared {
    fn shards(&self) -> MutexGuard<'_, Shards> {
        self.shards.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self) -> usize {
        self.shards().feeds.len()
    }

    fn names(&self) -> RwLockReadGuard<'_, TokenMap> {
        self.map.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes frames about these tokens understood.
    fn name(&self, named: &[(TokenIx, TokenId)]) -> Result<(), TooManyTokens> {
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        named.iter().try_for_each(|(ix, id)| map.insert(id, *ix))
    }

    fn quiet(&self, now: u64) -> Vec<(TokenIx, TokenId)> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let quiet = |token: &TokenIx| now.saturating_sub(heard.get(token).copied().unwrap_or(0)) > QUIET_MICROS;
        let shards = self.shards();
        shards.tokens.iter().filter(|(token, _)| quiet(token)).map(|(token, (id, _))| (*token, *id)).collect()
    }
}

/// Returns the best bid and ask in micro-dollars.
fn best(book: &BookSnapshot) -> (Option<u32>, Option<u32>) {
    let there = |levels: &[model::Level]| -> Vec<u32> {
        levels.iter().filter(|level| !level.size.is_zero()).map(|level| level.price.micros()).collect()
    };
    (there(&book.bids).into_iter().max(), there(&book.asks).into_iter().min())
}
