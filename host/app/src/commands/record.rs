//! `polytrader record`: records the market channel without trading.

use crate::cli::RecordArgs;
use crate::commands::run::Venue;
use crate::console::{eprintln, println};
use anyhow::{Context, ensure};
use config::Config;
use control::clock;
use model::{Market, Time, TokenId};
use polymarket::client::{Catalog, Timeouts};
use polymarket::feed::{ASSETS_MAX, Timings};
use polymarket::{Client, Feed, FeedConfig, FeedEvent};
use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;
use tape::record::{Cause, Origin};
use tape::recorder::{Limits, RecorderState};
use tape::{Manifest, Record, Recorder, Stamp};
use tokio::sync::mpsc;

/// Interval at which the state of the recorder is checked.
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// Maximum events of all connections that wait for the recorder's queue.
const WAITING_MAX: usize = 4_096;

/// Runs `polytrader record` until Ctrl-C, SIGTERM, the end of `--for`, or a full disk.
///
/// # Errors
/// If the venue does not answer, has no market that matches, or the tape cannot be written.
pub(crate) fn run(args: &RecordArgs) -> anyhow::Result<ExitCode> {
    crate::logging::start();
    let config = args.common.load_config().context("reading the configuration")?;
    let venue = Venue::at(&config, args.exchange.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")?;
    let state = runtime.block_on(record(args, &config, &venue))?;
    if args.common.json {
        let line = serde_json::json!({
            "tape": state.path.display().to_string(),
            "records": state.records,
            "dropped": state.dropped,
            "stopped": state.stopped,
        });
        println(&line.to_string());
    } else {
        println(&format!("{}: {} records, {} dropped", state.path.display(), state.records, state.dropped));
    }
    match state.stopped {
        None => Ok(ExitCode::SUCCESS),
        Some(reason) => {
            eprintln(&format!("polytrader: {reason}"));
            Ok(ExitCode::FAILURE)
        }
    }
}

async fn record(args: &RecordArgs, config: &Config, venue: &Venue) -> anyhow::Result<RecorderState> {
    let client =
        Client::new(&venue.rest, Timeouts::default()).with_context(|| format!("the venue at {}", venue.rest))?;
    let catalog = Catalog::new(&venue.catalog, Timeouts::default())
        .with_context(|| format!("the catalog at {}", venue.catalog))?;
    let mut recording = Recording::new(args, config, venue, client, catalog)?;
    let found = recording.find().await.context("reading the markets of the catalog")?;
    ensure!(found > 0, "no tradable market matches the rules markets.*: {:?}", config.market_rules);
    eprintln(&format!("recording {found} markets to {}; Ctrl-C ends it", recording.recorder.state().path.display()));
    let mut interrupts = crate::platform::Interrupts::listen()?;
    let end = tokio::time::sleep(args.common.run_for.unwrap_or(Duration::from_secs(u64::from(u32::MAX))));
    tokio::pin!(end);
    let mut check = tokio::time::interval(CHECK_EVERY);
    let mut look = tokio::time::interval(config.look_every);
    look.reset();
    loop {
        tokio::select! {
            biased;
            () = interrupts.next() => break,
            () = &mut end => break,
            _ = check.tick() => if recording.recorder.state().stopped.is_some() { break },
            _ = look.tick() => {
                if let Err(error) = recording.find().await {
                    tracing::warn!(%error, "reading the catalog failed; retrying later");
                }
            }
            Some((connection, event)) = recording.events.recv() => recording.on_event(connection, event),
        }
    }
    Ok(recording.close())
}

/// A connection of the market channel, with its markets.
struct Connection {
    feed: Feed,
    markets: Vec<Market>,
    /// Time of the last frame before the connection was lost; `None` while it is up.
    down_since_us: Option<u64>,
    last_us: u64,
}

struct Recording {
    recorder: Recorder,
    thread: Option<tape::RecorderThread>,
    client: Client,
    catalog: Catalog,
    rules: polymarket::client::Rules,
    most: usize,
    feed: FeedConfig,
    known: BTreeSet<[u8; 32]>,
    connections: Vec<Connection>,
    sender: mpsc::Sender<(usize, FeedEvent)>,
    events: mpsc::Receiver<(usize, FeedEvent)>,
    started: std::time::Instant,
}

impl Recording {
    fn new(
        args: &RecordArgs,
        config: &Config,
        venue: &Venue,
        client: Client,
        catalog: Catalog,
    ) -> anyhow::Result<Self> {
        let folder = args.out.clone().unwrap_or_else(|| config.data_dir.join("tapes"));
        let mut manifest = Manifest::new(&store::build_id::build_name(), "recorded");
        manifest.selection = format!("{:?}, at most {}", config.market_rules, config.markets_max);
        manifest.selected_us = Some(clock::wall().0);
        let limits = Limits {
            total_bytes: args.max_gb.saturating_mul(1_000_000_000),
            keep_days: args.keep_days,
            free_min: args.disk_free_min_mb.saturating_mul(1_000_000),
            free: store::free_space,
            now: || clock::now().0,
        };
        let (recorder, thread) = Recorder::start(&folder, "recording", manifest, limits)?;
        let (sender, events) = mpsc::channel(WAITING_MAX);
        Ok(Self {
            recorder,
            thread: Some(thread),
            client,
            catalog,
            rules: config.market_rules.clone(),
            most: usize::try_from(config.markets_max).unwrap_or(usize::MAX),
            feed: FeedConfig { address: venue.channels.clone(), timings: Timings::default(), now: clock::now },
            known: BTreeSet::new(),
            connections: Vec::new(),
            sender,
            events,
            started: std::time::Instant::now(),
        })
    }

    /// Subscribes to markets that are new in the catalog; returns their number.
    async fn find(&mut self) -> anyhow::Result<usize> {
        let is_first = self.known.is_empty();
        let known = |condition: &model::ConditionId| self.known.contains(&condition.0);
        let found = self.catalog.find(&self.client, &self.rules, clock::now(), self.most, known).await?;
        let listed_us = (!is_first).then(|| clock::now().0);
        let addition = trading::market_terms::described(&self.catalog, &found, listed_us).await;
        ensure!(found.is_empty() || self.recorder.describe(addition), "the recorder's queue is full");
        let count = found.len();
        for market in found {
            self.known.insert(market.condition.0);
            self.subscribe(market)?;
        }
        Ok(count)
    }

    fn subscribe(&mut self, market: Market) -> anyhow::Result<()> {
        let tokens: Vec<TokenId> = market.tokens.to_vec();
        let room = |connection: &&mut Connection| connection.markets.len().saturating_mul(2) < ASSETS_MAX;
        if let Some(connection) = self.connections.iter_mut().find(room)
            && connection.feed.subscribe(tokens.clone())
        {
            connection.markets.push(market);
            return Ok(());
        }
        let number = self.connections.len();
        let (feed, mut received) = Feed::market(self.feed.clone(), tokens)?;
        let sender = self.sender.clone();
        tokio::spawn(async move {
            while let Some(event) = received.recv().await {
                if sender.send((number, event)).await.is_err() {
                    return;
                }
            }
        });
        self.connections.push(Connection { feed, markets: vec![market], down_since_us: None, last_us: 0 });
        Ok(())
    }

    fn on_event(&mut self, number: usize, event: FeedEvent) {
        let Some(connection) = self.connections.get_mut(number) else { return };
        match event {
            FeedEvent::Frame { at, text } => {
                connection.last_us = at.0;
                let stamp = Stamp { at_us: at.0, received: true, steady_us: Some(steady_us(self.started)) };
                let number = u16::try_from(number).unwrap_or(u16::MAX);
                let bytes = text.as_bytes().to_vec();
                self.recorder.record(Record::Frame { stamp, connection: number, origin: Origin::Feed, bytes });
            }
            FeedEvent::Down { reason } => {
                tracing::warn!(connection = number, reason, "market channel connection lost");
                connection.down_since_us.get_or_insert(connection.last_us);
                // Marked at once: nothing is known of these markets from now on.
                let gap = connection.gap(clock::now());
                self.recorder.record(gap);
            }
            FeedEvent::Up => connection.down_since_us = None,
            FeedEvent::Alive { .. } => {}
        }
    }

    /// Marks the end and closes the tape.
    fn close(mut self) -> RecorderState {
        let stamp = Stamp { at_us: clock::now().0, received: true, steady_us: Some(steady_us(self.started)) };
        let since_us = self.connections.iter().map(|connection| connection.last_us).max().unwrap_or(0);
        self.recorder.record(Record::Gap { stamp, cause: Cause::Stopped, since_us, markets: Vec::new() });
        if let Some(thread) = self.thread.take() {
            thread.close();
        }
        self.recorder.state()
    }
}

impl Connection {
    fn gap(&self, now: Time) -> Record {
        let markets = self.markets.iter().map(|market| market.condition).collect();
        let since_us = self.down_since_us.unwrap_or(self.last_us);
        Record::Gap { stamp: Stamp::received(now.0), cause: Cause::Disconnected, since_us, markets }
    }
}

fn steady_us(started: std::time::Instant) -> u64 {
    u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX)
}
