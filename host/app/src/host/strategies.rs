//! Which strategies trade, and what they may see: what the supervisor reports becomes the engine's inputs.

use super::clock;
use super::granting::grant;
use super::inbox::Inbox;
use super::listing::Listing;
use super::rows::Rows;
use crate::db::Db;
use crate::hex::hex;
use crate::http::types::StrategyView;
use crate::picture::Picture;
use model::event::{REASON_MAX, Reason};
use model::input::StrategyChange;
use model::{Body, MarketIx, StrategyId, Time};
use sandbox::{LogLevel, LogLine, Module, Report};
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// Failures within a minute after which a strategy stays down until its file changes.
const FAULTS_MAX: usize = 3;
/// New markets that come within so long of each other are granted at once.
const TOGETHER: Duration = Duration::from_millis(250);
const MINUTE_MICROS: u64 = 60_000_000;
/// Reports that wait.
pub(crate) const REPORTS_MAX: usize = 4_096;

/// What an instance is started with, kept from the moment it is announced to the engine until the engine took it.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) module: Module,
}

/// Instances that the engine has been told of and has not taken yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Starts {
    waiting: Arc<Mutex<BTreeMap<(StrategyId, u32), Start>>>,
}

impl Starts {
    fn put(&self, strategy: StrategyId, instance: u32, start: Start) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert((strategy, instance), start);
    }

    pub(crate) fn take(&self, strategy: StrategyId, instance: u32) -> Option<Start> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&(strategy, instance))
    }
}

/// A strategy by its name.
struct Known {
    id: StrategyId,
    instance: u32,
    markets: Vec<MarketIx>,
    /// By which numbers it names them.
    places: Vec<u32>,
    module: Option<Module>,
    /// When this module was first loaded.
    since: Time,
    faults: VecDeque<Time>,
}

impl Known {
    /// Says whether it has a module and has not failed for good.
    fn is_up(&self) -> bool {
        self.module.is_some() && self.faults.len() < FAULTS_MAX
    }
}

/// Looks after all strategies.
pub(crate) struct Strategies {
    data_dir: PathBuf,
    db: Db,
    inbox: Inbox,
    picture: Picture,
    starts: Starts,
    listing: Listing,
    /// The market that the next new strategy's grant begins with, so that strategies spread over the markets.
    next: u32,
    known: BTreeMap<String, Known>,
}

impl Strategies {
    pub(crate) fn new(
        data_dir: PathBuf,
        db: Db,
        inbox: Inbox,
        picture: Picture,
        starts: Starts,
        listing: Listing,
    ) -> Self {
        Self { data_dir, db, inbox, picture, starts, listing, next: 0, known: BTreeMap::new() }
    }

    /// Works until the supervisor is gone.
    pub(crate) async fn run(mut self, mut reports: mpsc::Receiver<Report>) {
        let mut changes = self.listing.changes();
        loop {
            tokio::select! {
                report = reports.recv() => match report {
                    Some(report) => self.take(report).await,
                    None => return,
                },
                Ok(()) = changes.changed() => {
                    // What comes together is told together.
                    tokio::time::sleep(TOGETHER).await;
                    changes.mark_unchanged();
                    self.grant_anew().await;
                }
            }
        }
    }

    /// Starts every strategy anew, from its own state, that can have a market in place of one that has ended, or one more.
    async fn grant_anew(&mut self) {
        let open = self.listing.open_markets();
        let names: Vec<String> = self.known.keys().cloned().collect();
        for name in names {
            let Some(known) = self.known.get(&name).filter(|known| known.is_up()) else { continue };
            let Some(manifest) = known.module.as_ref().map(Module::manifest) else { continue };
            let granted = grant(&open, &known.markets, &manifest.selection, manifest.markets_max, self.next);
            if granted.iter().all(|market| known.markets.contains(market)) {
                continue;
            }
            let Some(places) = self.places(&name, known.id, &granted).await else { continue };
            tracing::info!(name, markets = granted.len(), "a strategy's markets have changed");
            self.next = self.next.saturating_add(1);
            let count = u32::try_from(granted.len()).unwrap_or(u32::MAX);
            if let Some(known) = self.known.get_mut(&name) {
                known.markets = granted;
                known.places = places;
                self.picture.edit_strategy(known.id, true, |view| view.markets = count);
            }
            self.announce(&name);
        }
    }

    async fn take(&mut self, report: Report) {
        match report {
            Report::Ready { name, module } => self.ready(name, module).await,
            Report::Rejected { name, error } => self.rejected(name, error).await,
            Report::Removed { name } => self.removed(&name),
            Report::Started { strategy, instance } => {
                tracing::info!(strategy = self.name(strategy), instance, "a strategy runs");
                self.edit(strategy, |view| "running".clone_into(&mut view.state));
            }
            Report::Faulted { strategy, instance, error, strike } => self.faulted(strategy, instance, error, strike),
            Report::Log { strategy, lines, lost } => self.log(strategy, &lines, lost),
            // Answers go to the engine without a detour.
            Report::Answer(answer) => self.inbox.account(clock::now(), Body::Intents(answer)),
        }
    }

    /// Returns what is known under a name, with its number, which the database keeps.
    async fn known(&mut self, name: &str) -> Option<&mut Known> {
        if !self.known.contains_key(name) {
            let id = match self.db.strategy_id(name).await {
                Ok(id) => id,
                Err(error) => {
                    tracing::error!(%error, name, "a strategy has no number and is not started");
                    return None;
                }
            };
            let known = Known {
                id,
                instance: 0,
                markets: Vec::new(),
                places: Vec::new(),
                module: None,
                since: Time(0),
                faults: VecDeque::new(),
            };
            self.known.insert(name.to_owned(), known);
        }
        self.known.get_mut(name)
    }

    async fn ready(&mut self, name: String, module: Module) {
        let Some(id) = self.known(&name).await.map(|known| known.id) else { return };
        if let Err(error) = crate::modules::keep(&self.data_dir, &module.hash(), module.bytes()) {
            tracing::error!(%error, name, "the module's file is not kept: it cannot be run again from the journal");
        }
        let since = self.first_seen(&name, &hex(&module.hash())).await;
        let had = self.known.get(&name).map(|known| known.markets.clone()).unwrap_or_default();
        let manifest = module.manifest();
        let open = self.listing.open_markets();
        let granted = grant(&open, &had, &manifest.selection, manifest.markets_max, self.next);
        let Some(places) = self.places(&name, id, &granted).await else { return };
        if had.is_empty() {
            self.next = self.next.saturating_add(u32::try_from(granted.len()).unwrap_or(0));
        }
        let Some(known) = self.known.get_mut(&name) else { return };
        known.module = Some(module.clone());
        known.faults.clear();
        known.markets = granted;
        known.places = places;
        known.since = since;
        let (manifest, hash) = (module.manifest(), hex(&module.hash()));
        let view = StrategyView {
            name: name.clone(),
            state: "starting".to_owned(),
            hash: hash.clone(),
            version: manifest.version.clone(),
            description: manifest.description.clone(),
            instance: known.instance.saturating_add(1),
            markets: u32::try_from(known.markets.len()).unwrap_or(u32::MAX),
            loaded_at_ms: clock::now().millis(),
            ..StrategyView::default()
        };
        self.picture.strategy(known.id, view);
        Rows::strategy(&self.db.writer(), &name, hash, &manifest.version);
        self.announce(&name);
    }

    /// Returns by which numbers a strategy names markets. Without them its saved state could mean others.
    async fn places(&self, name: &str, id: StrategyId, markets: &[MarketIx]) -> Option<Vec<u32>> {
        let conditions: Vec<_> =
            markets.iter().filter_map(|ix| self.listing.market(*ix)).map(|market| market.condition).collect();
        match self.db.market_places(id, &conditions).await {
            Ok(places) => Some(places),
            Err(error) => {
                tracing::error!(%error, name, "a strategy's markets have no numbers, and it is not started with them");
                None
            }
        }
    }

    /// Returns when a module was first loaded; now if that cannot be known, which is the careful side.
    async fn first_seen(&self, name: &str, hash: &str) -> Time {
        let now = clock::now();
        match self.db.first_seen(name, hash).await {
            Ok(seen) => seen.map_or(now, |millis| Time(millis.saturating_mul(1_000))),
            Err(error) => {
                tracing::warn!(%error, name, "nobody knows since when a module is here");
                now
            }
        }
    }

    /// Tells the engine of a new instance; the engine's thread starts it when it has taken that in.
    fn announce(&mut self, name: &str) {
        let Some(known) = self.known.get_mut(name) else { return };
        let Some(module) = known.module.clone() else { return };
        known.instance = known.instance.saturating_add(1);
        let (strategy, instance, markets, hash) = (known.id, known.instance, known.markets.clone(), module.hash());
        let (since, parameters) = (known.since, "{}".to_owned());
        let (name, places, wants) = (name.to_owned(), known.places.clone(), module.manifest().wants);
        let start = Start { module };
        self.starts.put(strategy, instance, start);
        let change =
            StrategyChange::Loaded { strategy, name, hash, instance, markets, places, wants, since, parameters };
        self.inbox.account(clock::now(), Body::Strategy(change));
        self.edit(strategy, |view| view.instance = instance);
    }

    async fn rejected(&mut self, name: String, error: String) {
        tracing::warn!(name, error, "a strategy's file cannot be loaded");
        let Some(known) = self.known(&name).await else { return };
        let (id, runs) = (known.id, known.module.is_some());
        if runs {
            // What ran goes on; the page says that its file is not what runs.
            self.edit(id, |view| view.error = format!("the new file cannot be loaded: {error}"));
        } else {
            self.picture.strategy(id, failed(&name, error));
        }
    }

    fn removed(&mut self, name: &str) {
        let Some(known) = self.known.get_mut(name) else { return };
        known.module = None;
        let strategy = known.id;
        tracing::info!(name, "a strategy's file was removed");
        self.retire(strategy, "its file was removed".to_owned());
        self.edit(strategy, |view| "removed".clone_into(&mut view.state));
    }

    fn retire(&self, strategy: StrategyId, mut reason: Reason) {
        reason.truncate(reason.floor_char_boundary(REASON_MAX));
        self.inbox.account(clock::now(), Body::Strategy(StrategyChange::Removed { strategy, reason }));
    }

    fn faulted(&mut self, strategy: StrategyId, instance: u32, error: String, strike: bool) {
        let now = clock::now();
        let found = self.known.iter_mut().find(|(_, known)| known.id == strategy);
        // An older instance's failure means nothing any more.
        let Some((name, known)) = found.filter(|(_, known)| known.instance == instance) else { return };
        known.faults.retain(|fault| now.since(*fault) < MINUTE_MICROS);
        known.faults.extend(strike.then_some(now));
        let (name, down) = (name.clone(), known.faults.len() >= FAULTS_MAX);
        tracing::error!(name, error, down, "a strategy failed");
        self.edit(strategy, |view| {
            let state = if down { "failed" } else { "restarting" };
            state.clone_into(&mut view.state);
            view.error.clone_from(&error);
        });
        if down {
            self.retire(strategy, format!("failed {FAULTS_MAX} times within a minute: {error}"));
        } else {
            self.announce(&name);
        }
    }

    fn log(&self, strategy: StrategyId, lines: &[LogLine], lost: u64) {
        let name = self.name(strategy);
        for LogLine { level, text } in lines {
            match level {
                LogLevel::Debug => tracing::debug!(strategy = name, "{text}"),
                LogLevel::Info => tracing::info!(strategy = name, "{text}"),
                LogLevel::Warn | LogLevel::Error => tracing::warn!(strategy = name, "{text}"),
            }
        }
        if lost > 0 {
            tracing::warn!(strategy = name, lost, "a strategy logs more than is kept");
        }
        if let Some(last) = lines.last() {
            self.edit(strategy, |view| view.log.clone_from(&last.text));
        }
    }

    fn name(&self, strategy: StrategyId) -> String {
        self.picture.strategy_name(strategy)
    }

    fn edit(&self, strategy: StrategyId, edit: impl FnOnce(&mut StrategyView)) {
        self.picture.edit_strategy(strategy, true, edit);
    }
}

/// A file that is no strategy, as the page shows it.
fn failed(name: &str, error: String) -> StrategyView {
    StrategyView {
        name: name.to_owned(),
        state: "failed".to_owned(),
        error,
        loaded_at_ms: clock::now().millis(),
        ..StrategyView::default()
    }
}
