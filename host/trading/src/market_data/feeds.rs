//! The market channel: frames become inputs. Tokens are spread over connections, and each part of them comes over several that
//! bring the same, so that one may fail or lag.

use crate::market_data::asks::{ALL, Asks};
use crate::market_data::shard::Shard;
use crate::spacing::Spacing;
use anyhow::ensure;
use control::clock;
use control::inbox::Inbox;
use model::event::MarketEventKind;
use model::input::Channel;
use model::{Body, Market, MarketEvent, MarketIx, Time, TokenId, TokenIx};
use parking_lot::{Mutex, MutexGuard, RwLock, RwLockReadGuard};
use polymarket::feed::{ASSETS_MAX, Brought, Verdict};
use polymarket::parse::{Element, Odd, TooManyTokens, parse_elements};
use polymarket::{Client, Feed, FeedConfig, FeedEvent, LeftOut, LeftOutOf, TokenMap};
use readmodel::Picture;
use readmodel::views::{ConnectionView, LeftOutView};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// How often the figures of the connections are shown.
const SHOW_EVERY: Duration = Duration::from_secs(1);
/// What the channel is called where something of it is left out.
const CHANNEL: &str = "market channel";

/// The connections of the market channel; each carries at most [`ASSETS_MAX`] tokens. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct MarketFeeds {
    shared: Arc<Shared>,
}

/// How to listen.
#[derive(Debug, Clone)]
pub(crate) struct Listen {
    /// Where.
    pub(crate) feed: FeedConfig,
    /// How many connections bring the same.
    pub(crate) connections: usize,
}

/// What the tasks of all connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    listen: Listen,
    pub(crate) inbox: Inbox,
    runtime: Handle,
    map: RwLock<TokenMap>,
    shards: Mutex<Shards>,
    /// When a token was last heard of, in microseconds.
    pub(crate) heard: Mutex<BTreeMap<TokenIx, u64>>,
    asks: Mutex<Asks>,
    left_out: LeftOut,
}

/// The parts of the tokens, and which carries what.
#[derive(Debug, Default)]
pub(crate) struct Shards {
    parts: Vec<Arc<Shard>>,
    pub(crate) tokens: BTreeMap<TokenIx, (TokenId, usize)>,
    /// Whether the engine was told that the channel is up.
    pub(crate) told_up: Option<bool>,
}

/// A connection's frames, and where they belong.
struct Line {
    shard: Arc<Shard>,
    number: usize,
    received: mpsc::Receiver<FeedEvent>,
}

impl MarketFeeds {
    /// Connects, and keeps connected. Call it inside a runtime.
    ///
    /// # Errors
    /// If the address is none, or there are too many tokens.
    pub(crate) fn start(
        listen: Listen,
        markets: &[Market],
        inbox: &Inbox,
        client: Client,
        picture: Picture,
    ) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared {
            listen,
            inbox: inbox.clone(),
            runtime: Handle::current(),
            map: RwLock::default(),
            shards: Mutex::default(),
            heard: Mutex::default(),
            asks: Mutex::default(),
            left_out: client.left_out().clone(),
        });
        let feeds = Self { shared };
        for (ix, market) in (0u32..).zip(markets) {
            feeds.shared.map.write().name_market(market.condition, MarketIx(ix));
        }
        let named: Vec<_> = (0u32..).zip(markets).flat_map(|(ix, market)| named(MarketIx(ix), market)).collect();
        let mut lines = Vec::new();
        for chunk in named.chunks(ASSETS_MAX) {
            lines.extend(feeds.connect(chunk)?);
        }
        // The channel is up when all its parts are, so all must be there before the first one tells.
        feeds.hear(lines);
        feeds.shared.runtime.spawn(crate::market_data::book_check::watch(
            Arc::clone(&feeds.shared),
            client,
            picture.clone(),
        ));
        feeds.shared.runtime.spawn(show(Arc::clone(&feeds.shared), picture));
        Ok(feeds)
    }

    /// Listens to a market that was not there at the start.
    ///
    /// # Errors
    /// If there are too many tokens, or the connection is too busy to be told.
    pub(crate) fn watch(&self, ix: MarketIx, market: &Market) -> anyhow::Result<()> {
        let named = named(ix, market);
        self.shared.map.write().name_market(market.condition, ix);
        let mut shards = self.shared.shards();
        let Some((place, shard)) = shards.with_room(named.len()) else {
            drop(shards);
            self.hear(self.connect(&named)?);
            return Ok(());
        };
        self.shared.name(&named)?;
        let ids = named.map(|(_, id)| id).to_vec();
        let told = shard.lines.iter().filter(|line| line.subscribe(ids.clone())).count();
        ensure!(told > 0, "the market channel is too busy to take in {ix}");
        shards.load(place, &named);
        Ok(())
    }

    /// Listens to a market no longer: it has ended.
    pub(crate) fn leave(&self, ix: MarketIx) {
        let mut shards = self.shared.shards();
        let left = [0, 1].map(|outcome| shards.tokens.remove(&ix.token(outcome)));
        for (id, place) in left.into_iter().flatten() {
            // A request that finds no room costs only frames that nobody needs.
            if let Some(shard) = shards.parts.get(place) {
                shard.leave(ix);
                shard.lines.iter().for_each(|line| {
                    line.unsubscribe(vec![id]);
                });
            }
        }
    }

    /// Makes the connections for these tokens; nobody hears them yet.
    fn connect(&self, named: &[(TokenIx, TokenId)]) -> anyhow::Result<Vec<Line>> {
        self.shared.name(named)?;
        let _runtime = self.shared.runtime.enter();
        let ids: Vec<TokenId> = named.iter().map(|(_, id)| *id).collect();
        let count = self.shared.listen.connections.max(1);
        let made: Result<Vec<_>, _> =
            (0..count).map(|_| Feed::market(self.shared.listen.feed.clone(), ids.clone())).collect();
        let (lines, received): (Vec<_>, Vec<_>) = made?.into_iter().unzip();
        let shard = Arc::new(Shard::new(lines));
        let mut shards = self.shared.shards();
        let place = shards.parts.len();
        shards.parts.push(Arc::clone(&shard));
        shards.load(place, named);
        let numbered = received.into_iter().enumerate();
        Ok(numbered.map(|(number, received)| Line { shard: Arc::clone(&shard), number, received }).collect())
    }

    fn hear(&self, lines: Vec<Line>) {
        for line in lines {
            self.shared.runtime.spawn(listen(Arc::clone(&self.shared), line));
        }
    }

    /// Asks for a token's book anew, soon.
    pub(crate) fn resnapshot(&self, token: TokenIx) {
        if self.shared.asks.lock().ask(token, Instant::now()) {
            self.shared.resnapshot(token);
        }
    }

    /// Makes all connections anew, which brings every book.
    pub(crate) fn reconnect(&self) {
        let mut shards = self.shared.shards();
        // The engine has forgotten all books; it hears when the first connection of each part is back.
        shards.told_up = Some(false);
        shards.parts.iter().for_each(|shard| shard.reconnect());
    }
}

fn named(ix: MarketIx, market: &Market) -> [(TokenIx, TokenId); 2] {
    let [yes, no] = market.tokens;
    [(ix.token(0), yes), (ix.token(1), no)]
}

impl Shards {
    /// Returns the first part that can carry so many tokens more.
    fn with_room(&self, more: usize) -> Option<(usize, Arc<Shard>)> {
        let load = |place: usize| self.tokens.values().filter(|(_, carried)| *carried == place).count();
        let mut parts = self.parts.iter().enumerate();
        let found = parts.find(|(place, _)| load(*place).saturating_add(more) <= ASSETS_MAX);
        found.map(|(place, shard)| (place, Arc::clone(shard)))
    }

    fn load(&mut self, place: usize, named: &[(TokenIx, TokenId)]) {
        self.tokens.extend(named.iter().map(|(token, id)| (*token, (*id, place))));
    }

    /// Returns what the engine is to be told of the channel, if it was not told so before.
    fn news(&mut self, fell: bool) -> Option<bool> {
        let up = !fell && self.parts.iter().all(|shard| shard.is_up());
        let news = (fell || up) && self.told_up != Some(up);
        news.then(|| {
            self.told_up = Some(up);
            up
        })
    }
}

async fn listen(shared: Arc<Shared>, mut line: Line) {
    let mut frame = Frame { vague: Some(Spacing::new(ALL)), ..Frame::default() };
    while let Some(event) = line.received.recv().await {
        match event {
            FeedEvent::Up => {
                line.shard.rise(line.number);
                shared.tell(false);
            }
            FeedEvent::Down { reason } => shared.lose(&line, &reason),
            FeedEvent::Frame { at, text } => shared.take(&line, at, text.as_bytes(), &mut frame),
            // A PONG proves that the socket lives, not that books are fresh (PROTOCOL 12).
            FeedEvent::Alive { .. } => {}
        }
    }
}

/// What a frame said; the memory is used again.
#[derive(Debug, Default)]
struct Frame {
    events: Vec<MarketEvent>,
    elements: Vec<Element>,
    odd: Vec<Odd>,
    /// How often all books of the connection are asked for, because of what does not say which it is about.
    vague: Option<Spacing>,
}

/// Shows how the connections fare and what was left out, and asks for the books that are owed, for ever.
async fn show(shared: Arc<Shared>, picture: Picture) {
    let mut ticks = tokio::time::interval(SHOW_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let mut views = vec![ConnectionView::default(); shared.listen.connections.max(1)];
        let parts = shared.shards().parts.clone();
        for shard in parts {
            for (view, (up, share)) in views.iter_mut().zip(shard.shares()) {
                view.parts = view.parts.saturating_add(1);
                view.up = view.up.saturating_add(u32::from(up));
                view.first = view.first.saturating_add(share.first);
                view.later = view.later.saturating_add(share.later);
            }
        }
        picture.set_connections(views);
        picture.set_left_out(shared.left_out.lists().into_iter().map(left_out_view).collect());
        let owed = shared.asks.lock().owed(Instant::now());
        owed.into_iter().for_each(|token| shared.resnapshot(token));
    }
}

fn left_out_view(LeftOutOf { list, count, name, reason }: LeftOutOf) -> LeftOutView {
    LeftOutView { list, count, name, reason }
}

impl Shared {
    pub(crate) fn shards(&self) -> MutexGuard<'_, Shards> {
        self.shards.lock()
    }

    fn names(&self) -> RwLockReadGuard<'_, TokenMap> {
        self.map.read()
    }

    /// Tells the engine what has become of the channel, if that is new.
    fn tell(&self, fell: bool) {
        let mut shards = self.shards();
        if let Some(up) = shards.news(fell) {
            // Told with the lock held, so that the engine hears it in this order.
            self.inbox.account(clock::now(), Body::Feed { channel: Channel::Market, up });
        }
    }

    /// A connection is lost: others go on, or the channel is down.
    fn lose(&self, line: &Line, reason: &str) {
        let left = line.shard.fall(line.number, clock::now());
        let alone = !line.shard.is_up();
        tracing::warn!(connection = line.number, reason, alone, "a connection of the market channel is lost");
        if let Some((other, markets)) = left {
            other.resnapshot(self.ids(&markets));
        }
        if alone {
            self.tell(true);
        }
    }

    /// Takes a frame: what is new in it goes to the engine.
    fn take(&self, line: &Line, at: Time, text: &[u8], frame: &mut Frame) {
        frame.events.clear();
        let parsed = parse_elements(text, &self.names(), &mut frame.events, &mut frame.elements, &mut frame.odd);
        if let Err(error) = parsed {
            self.left_out.note(CHANNEL, "a torn frame", &error.explained(), "the connection is made anew");
            if let Some(feed) = line.shard.lines.get(line.number) {
                feed.reconnect();
            }
        }
        self.name_odd(line, frame);
        let differ = line.shard.merge(line.number, |take| {
            let differ = keep_news(at, frame, take);
            let mut heard = self.heard.lock();
            heard.extend(frame.events.iter().map(|event| (event.token, at.0)));
            drop(heard);
            // Sent before another connection looks, so that the engine hears it in this order.
            if !frame.events.is_empty() {
                self.inbox.market(at, frame.events.drain(..).map(Body::Event));
            }
            differ
        });
        if !differ.is_empty()
            && let Some(feed) = line.shard.lines.get(line.number)
        {
            feed.resnapshot(self.ids(&Vec::from_iter(differ)));
        }
    }

    /// Names what of a frame was not understood. Its tokens are blind until their books come; where it does not say which it is about, all
    /// books of the connection are asked for.
    fn name_odd(&self, line: &Line, frame: &mut Frame) {
        let mut vague = false;
        for Odd { name, error, is_vague } in frame.odd.drain(..) {
            let consequence =
                if is_vague { "all books are asked for" } else { "its book is not trusted until it comes anew" };
            self.left_out.note(CHANNEL, &name, &error.explained(), consequence);
            vague |= is_vague;
        }
        let spacing = frame.vague.as_mut();
        let now = Instant::now();
        let all = spacing.is_some_and(|spacing| if vague { spacing.ask(now) } else { spacing.take_owed(now) });
        if all && let Some(feed) = line.shard.lines.get(line.number) {
            let shards = self.shards();
            let place = shards.parts.iter().position(|part| Arc::ptr_eq(part, &line.shard));
            let tokens = shards.tokens.values().filter(|(_, carried)| Some(*carried) == place);
            feed.resnapshot(tokens.map(|(id, _)| *id).collect());
        }
    }

    /// Asks for a token's book on a connection whose answer is taken.
    pub(crate) fn resnapshot(&self, token: TokenIx) {
        let found = {
            let shards = self.shards();
            shards.tokens.get(&token).and_then(|(id, place)| Some((*id, Arc::clone(shards.parts.get(*place)?))))
        };
        if let Some((id, shard)) = found
            && let Some(feed) = shard.want(token)
        {
            feed.resnapshot(vec![id]);
        }
    }

    /// Returns the tokens of these markets.
    fn ids(&self, markets: &[MarketIx]) -> Vec<TokenId> {
        let shards = self.shards();
        let tokens = markets.iter().flat_map(|market| [0, 1].map(|outcome| market.token(outcome)));
        tokens.filter_map(|token| shards.tokens.get(&token)).map(|(id, _)| *id).collect()
    }

    /// Makes frames about these tokens understood.
    fn name(&self, named: &[(TokenIx, TokenId)]) -> Result<(), TooManyTokens> {
        let mut map = self.map.write();
        named.iter().try_for_each(|(ix, id)| map.insert(id, *ix))
    }
}

/// Leaves only what is new among the events. Returns the markets of which the connections say different things.
fn keep_news(at: Time, frame: &mut Frame, take: &mut dyn FnMut(Brought) -> Verdict) -> BTreeSet<MarketIx> {
    let mut differ = BTreeSet::new();
    let mut elements = frame.elements.iter();
    let (mut place, mut until, mut new) = (0usize, 0usize, false);
    frame.events.retain(|event| {
        if place >= until
            && let Some(element) = elements.next()
        {
            until = element.end;
            let snapshot = matches!(event.kind, MarketEventKind::Book { .. });
            let verdict = take(Brought { at, token: event.token, digest: element.digest, snapshot });
            new = verdict == Verdict::New;
            if verdict == Verdict::Differs {
                differ.insert(event.token.market());
            }
        }
        place = place.saturating_add(1);
        // These say how things are now, whoever says it and however often.
        new || matches!(event.kind, MarketEventKind::TickSize { .. } | MarketEventKind::Resolved { .. })
    });
    differ
}
