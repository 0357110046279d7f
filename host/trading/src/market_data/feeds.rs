//! The market channel: frames become inputs. Tokens are split into groups, and each group is subscribed to on several
//! redundant connections, so that one may fail or lag.

use crate::market_data::book_requests::{ALL, BookRequests};
use crate::market_data::recording::Recording;
use crate::market_data::shard::Shard;
use crate::spacing::Spacing;
use anyhow::ensure;
use control::clock;
use control::inbox::Inbox;
use model::event::MarketEventKind;
use model::input::Channel;
use model::{InputKind, Market, MarketEvent, MarketIx, Time, TokenId, TokenIx};
use parking_lot::{Mutex, MutexGuard, RwLock, RwLockReadGuard};
use polymarket::feed::{ASSETS_MAX, Brought, Verdict};
use polymarket::parse::{Element, Odd, TooManyTokens, parse_elements};
use polymarket::{Client, Feed, FeedConfig, FeedEvent, LeftOut, LeftOutOf, TokenMap};
use readmodel::ReadModel;
use readmodel::paths::Paths;
use readmodel::views::{ConnectionView, LeftOutView};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// The interval of updates to the connections' figures.
const SHOW_EVERY: Duration = Duration::from_secs(1);
/// The name of the channel in reports of messages that could not be parsed.
const CHANNEL: &str = "market channel";

/// The connections of the market channel; each carries at most [`ASSETS_MAX`] tokens. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct MarketFeeds {
    shared: Arc<Shared>,
}

/// The subscription settings.
#[derive(Debug, Clone)]
pub(crate) struct Listen {
    /// The address and timings.
    pub(crate) feed: FeedConfig,
    /// The number of redundant connections per group of tokens.
    pub(crate) connections: usize,
    /// The session's recording, unless it is off.
    pub(crate) recording: Option<Arc<Recording>>,
}

/// The state shared by the tasks of all connections.
#[derive(Debug)]
pub(crate) struct Shared {
    listen: Listen,
    pub(crate) inbox: Inbox,
    runtime: Handle,
    map: RwLock<TokenMap>,
    shards: Mutex<Shards>,
    /// The time of the last frame for each token, in microseconds.
    pub(crate) last_seen: Mutex<BTreeMap<TokenIx, u64>>,
    asks: Mutex<BookRequests>,
    left_out: LeftOut,
    paths: Paths,
}

/// The groups of tokens, and the group of each token.
#[derive(Debug, Default)]
pub(crate) struct Shards {
    parts: Vec<Arc<Shard>>,
    pub(crate) tokens: BTreeMap<TokenIx, (TokenId, usize)>,
    /// The last channel state sent to the engine; `None` before the first.
    pub(crate) reported_up: Option<bool>,
}

/// A connection's frames, and the connection they belong to.
struct Line {
    shard: Arc<Shard>,
    number: usize,
    received: mpsc::Receiver<FeedEvent>,
}

impl MarketFeeds {
    /// Connects, and reconnects as needed. Call it inside a runtime.
    ///
    /// # Errors
    /// If the address is invalid, or there are too many tokens.
    pub(crate) fn start(
        listen: Listen,
        markets: &[Market],
        inbox: &Inbox,
        client: Client,
        picture: ReadModel,
    ) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared {
            listen,
            inbox: inbox.clone(),
            runtime: Handle::current(),
            map: RwLock::default(),
            shards: Mutex::default(),
            last_seen: Mutex::default(),
            asks: Mutex::default(),
            left_out: client.left_out().clone(),
            paths: picture.paths().clone(),
        });
        let feeds = Self { shared };
        if let Some(recording) = &feeds.shared.listen.recording {
            recording.list(markets, false);
        }
        for (ix, market) in (0u32..).zip(markets) {
            feeds.shared.map.write().name_market(market.condition, MarketIx(ix));
        }
        let named: Vec<_> = (0u32..).zip(markets).flat_map(|(ix, market)| named(MarketIx(ix), market)).collect();
        let mut lines = Vec::new();
        for chunk in named.chunks(ASSETS_MAX) {
            lines.extend(feeds.connect(chunk)?);
        }
        // The channel is up when all its groups are, so all must exist before the first one reports.
        feeds.run(lines);
        feeds.shared.runtime.spawn(crate::market_data::book_check::watch(
            Arc::clone(&feeds.shared),
            client,
            picture.clone(),
        ));
        feeds.shared.runtime.spawn(show(Arc::clone(&feeds.shared), picture));
        Ok(feeds)
    }

    /// Subscribes to a market that was not there at the start.
    ///
    /// # Errors
    /// If there are too many tokens, or the connections are too busy to take the subscription.
    pub(crate) fn watch(&self, ix: MarketIx, market: &Market) -> anyhow::Result<()> {
        let named = named(ix, market);
        if let Some(recording) = &self.shared.listen.recording {
            recording.list(std::slice::from_ref(market), true);
        }
        self.shared.map.write().name_market(market.condition, ix);
        let mut shards = self.shared.shards();
        let Some((place, shard)) = shards.with_room(named.len()) else {
            drop(shards);
            self.run(self.connect(&named)?);
            return Ok(());
        };
        self.shared.name(&named)?;
        let ids = named.map(|(_, id)| id).to_vec();
        let subscribed = shard.lines.iter().filter(|line| line.subscribe(ids.clone())).count();
        ensure!(subscribed > 0, "the market channel is too busy to subscribe to {ix}");
        shards.load(place, &named);
        Ok(())
    }

    /// Unsubscribes from a market that has been resolved.
    pub(crate) fn leave(&self, ix: MarketIx) {
        let mut shards = self.shared.shards();
        let left = [0, 1].map(|outcome| shards.tokens.remove(&ix.token(outcome)));
        for (id, place) in left.into_iter().flatten() {
            // A request that finds no room only costs some unused frames.
            if let Some(shard) = shards.parts.get(place) {
                shard.leave(ix);
                shard.lines.iter().for_each(|line| {
                    line.unsubscribe(vec![id]);
                });
            }
        }
    }

    /// Opens the connections for these tokens; their frames are not read yet.
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

    fn run(&self, lines: Vec<Line>) {
        for line in lines {
            self.shared.runtime.spawn(listen(Arc::clone(&self.shared), line));
        }
    }

    /// Requests a token's book again, subject to its rate.
    pub(crate) fn resnapshot(&self, token: TokenIx) {
        if self.shared.asks.lock().request(token, Instant::now()) {
            self.shared.resnapshot(token);
        }
    }

    /// Returns the id of a token that is subscribed to.
    pub(crate) fn token(&self, token: TokenIx) -> Option<TokenId> {
        self.shared.shards().tokens.get(&token).map(|(id, _)| *id)
    }

    /// Returns the session's recording, if there is one.
    pub(crate) fn recording(&self) -> Option<&Recording> {
        self.shared.listen.recording.as_deref()
    }

    /// Reconnects all connections, which delivers every book again.
    pub(crate) fn reconnect(&self) {
        let mut shards = self.shared.shards();
        // The engine has discarded all books; it is notified when the first connection of each group is back.
        shards.reported_up = Some(false);
        shards.parts.iter().for_each(|shard| shard.reconnect());
    }
}

fn named(ix: MarketIx, market: &Market) -> [(TokenIx, TokenId); 2] {
    let [yes, no] = market.tokens;
    [(ix.token(0), yes), (ix.token(1), no)]
}

impl Shards {
    /// Returns the first group that can carry this many more tokens.
    fn with_room(&self, more: usize) -> Option<(usize, Arc<Shard>)> {
        let load = |place: usize| self.tokens.values().filter(|(_, carried)| *carried == place).count();
        let mut parts = self.parts.iter().enumerate();
        let found = parts.find(|(place, _)| load(*place).saturating_add(more) <= ASSETS_MAX);
        found.map(|(place, shard)| (place, Arc::clone(shard)))
    }

    fn load(&mut self, place: usize, named: &[(TokenIx, TokenId)]) {
        self.tokens.extend(named.iter().map(|(token, id)| (*token, (*id, place))));
    }

    /// Returns the channel state to send to the engine, if it changed.
    fn news(&mut self, fell: bool) -> Option<bool> {
        let up = !fell && self.parts.iter().all(|shard| shard.is_up());
        let news = (fell || up) && self.reported_up != Some(up);
        news.then(|| {
            self.reported_up = Some(up);
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
                shared.report_channel(false);
            }
            FeedEvent::Down { reason } => shared.lose(&line, &reason),
            FeedEvent::Frame { at, text } => {
                let began = Instant::now();
                shared.on_frame(&line, at, text.as_bytes(), &mut frame);
                shared.paths.frame.add_span(began.elapsed());
            }
            // A PONG proves that the socket is alive, not that books are fresh (PROTOCOL 12).
            FeedEvent::Alive { .. } => {}
        }
    }
}

/// The parsed contents of a frame; the buffers are reused.
#[derive(Debug, Default)]
struct Frame {
    events: Vec<MarketEvent>,
    elements: Vec<Element>,
    odd: Vec<Odd>,
    /// The rate at which all books of the connection are requested after messages that do not name their token.
    vague: Option<Spacing>,
}

/// Shows the state of the connections and what could not be parsed, and requests the books that are due, forever.
async fn show(shared: Arc<Shared>, picture: ReadModel) {
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

    /// Sends the state of the channel to the engine, if it changed.
    fn report_channel(&self, fell: bool) {
        let mut shards = self.shards();
        if let Some(up) = shards.news(fell) {
            // Sent with the lock held, so that the engine receives the states in order.
            self.inbox.account(clock::now(), InputKind::Feed { channel: Channel::Market, up });
        }
    }

    /// Handles the loss of a connection: the others continue, or the channel is down.
    fn lose(&self, line: &Line, reason: &str) {
        let left = line.shard.fall(line.number, clock::now());
        let alone = !line.shard.is_up();
        tracing::warn!(connection = line.number, reason, alone, "market channel connection lost");
        if let Some((other, markets)) = left {
            other.resnapshot(self.ids(&markets));
        }
        if alone {
            if let Some(recording) = &self.listen.recording {
                recording.lost(Vec::new());
            }
            self.report_channel(true);
        }
    }

    /// Processes a frame: its new events are sent to the engine.
    fn on_frame(&self, line: &Line, at: Time, text: &[u8], frame: &mut Frame) {
        frame.events.clear();
        let parsed = parse_elements(text, &self.names(), &mut frame.events, &mut frame.elements, &mut frame.odd);
        if let Err(error) = parsed {
            self.left_out.record(CHANNEL, "an incomplete frame", &error.explained(), "the connection is reopened");
            if let Some(feed) = line.shard.lines.get(line.number) {
                feed.reconnect();
            }
        }
        self.name_odd(line, frame);
        let differ = line.shard.merge(line.number, |take| {
            let differ = retain_new_events(at, frame, take);
            let mut last_seen = self.last_seen.lock();
            last_seen.extend(frame.events.iter().map(|event| (event.token, at.0)));
            drop(last_seen);
            // Sent before another connection is merged, so that the engine receives the events in order.
            if !frame.events.is_empty() {
                if let Some(recording) = &self.listen.recording {
                    recording.frame(at, line.number, text);
                }
                self.inbox.market(at, frame.events.drain(..).map(InputKind::Event));
            }
            differ
        });
        if !differ.is_empty()
            && let Some(feed) = line.shard.lines.get(line.number)
        {
            feed.resnapshot(self.ids(&Vec::from_iter(differ)));
        }
    }

    /// Reports the parts of a frame that could not be parsed. Books of the tokens concerned are not trusted until they
    /// arrive again; if a part does not name its token, all books of the connection are requested.
    fn name_odd(&self, line: &Line, frame: &mut Frame) {
        let mut vague = false;
        for Odd { name, error, is_vague } in frame.odd.drain(..) {
            let consequence =
                if is_vague { "all books are requested" } else { "its book is not trusted until it arrives again" };
            self.left_out.record(CHANNEL, &name, &error.explained(), consequence);
            vague |= is_vague;
        }
        let spacing = frame.vague.as_mut();
        let now = Instant::now();
        let all = spacing.is_some_and(|spacing| if vague { spacing.request(now) } else { spacing.take_owed(now) });
        if all && let Some(feed) = line.shard.lines.get(line.number) {
            let shards = self.shards();
            let place = shards.parts.iter().position(|part| Arc::ptr_eq(part, &line.shard));
            let tokens = shards.tokens.values().filter(|(_, carried)| Some(*carried) == place);
            feed.resnapshot(tokens.map(|(id, _)| *id).collect());
        }
    }

    /// Requests a token's book on a connection whose answer is used.
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

    /// Registers these tokens, so that frames about them can be parsed.
    fn name(&self, named: &[(TokenIx, TokenId)]) -> Result<(), TooManyTokens> {
        let mut map = self.map.write();
        named.iter().try_for_each(|(ix, id)| map.insert(id, *ix))
    }
}

/// Retains only the events that are new. Returns the markets for which the connections disagree.
fn retain_new_events(at: Time, frame: &mut Frame, take: &mut dyn FnMut(Brought) -> Verdict) -> BTreeSet<MarketIx> {
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
        // These describe the current state, so every copy of them is valid.
        new || matches!(event.kind, MarketEventKind::TickSize { .. } | MarketEventKind::Resolved { .. })
    });
    differ
}
