//! Which strategies trade, and what they may see: what the supervisor reports becomes the engine's inputs. Start reading in
//! [`Strategies`]; `files` is what follows from the folder, `lives` what follows from the instances.

mod budgets;
mod commands;
mod deployment;
mod folder_permissions;
mod grants;
mod instance_session;
mod instances;
mod log_day;
mod parameter_updates;
mod pruning;
pub mod report_routing;
mod rollback;
mod settings;
pub mod settings_file;
mod strategy_record;

use crate::grants::grant;
use alerts::{Alerts, Trouble};
use config::{Config, Mode};
use control::clock;
use control::inbox::Inbox;
use control::market_registry::Listing;
use control::{Asked, Latest, StrategyNames};
pub use instance_session::session_of;
use log_day::LogDay;
use model::input::StrategyChange;
use model::{Body, MarketIx, StrategyId};
use parking_lot::Mutex;
use readmodel::Picture;
use readmodel::views::StrategyView;
pub use report_routing::supervise;
use sandbox::{Module, Report, Sandbox};
use settings::of_names;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use store::db::{AccountScope, Db};
pub(crate) use store::strategy_state::SavedStates;
use strategy_record::{Known, Version};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// New markets that come within so long of each other are granted at once.
const TOGETHER: Duration = Duration::from_millis(250);
/// Reports that wait.
pub const REPORTS_MAX: usize = 4_096;

/// What an instance is started with, kept from the moment it is announced to the engine until the engine took it.
#[derive(Debug)]
pub struct Start {
    /// Its module.
    pub module: Module,
}

/// Instances that the engine has been told of and has not taken yet.
#[derive(Debug, Clone, Default)]
pub struct Starts {
    waiting: Arc<Mutex<BTreeMap<(StrategyId, u32), Start>>>,
}

impl Starts {
    fn put(&self, strategy: StrategyId, instance: u32, start: Start) {
        self.waiting.lock().insert((strategy, instance), start);
    }

    /// Takes what an instance starts with, once the engine has taken its announcement.
    pub fn take(&self, strategy: StrategyId, instance: u32) -> Option<Start> {
        self.waiting.lock().remove(&(strategy, instance))
    }
}

/// What they are looked after with.
#[derive(Debug)]
pub struct Tools {
    /// The data folder.
    pub data_dir: PathBuf,
    /// The strategies folder.
    pub strategies_dir: PathBuf,
    /// The database.
    pub db: Db,
    /// The mode and the account that decisions belong to.
    pub scope: AccountScope,
    /// Where inputs go.
    pub inbox: Inbox,
    /// What operators see.
    pub picture: Picture,
    /// Where alerts go.
    pub alerts: Alerts,
    /// The engine's newest view.
    pub latest: Latest,
    /// What announced instances start with.
    pub starts: Starts,
    /// The markets of the session.
    pub listing: Listing,
    /// The names of strategies, set as they become known.
    pub names: StrategyNames,
    /// What strategies saved.
    pub states: SavedStates,
    /// What loads modules.
    pub sandbox: Sandbox,
    /// Which new versions trade.
    pub arming: Arming,
    /// How many versions of each are kept to go back to.
    pub keep_versions: u32,
    /// The most bytes that all of them together may log in a UTC day.
    pub log_per_day: u64,
    /// The session's number.
    pub session: u64,
    /// Who held something when the last session ended.
    pub holders: BTreeSet<StrategyId>,
}

/// Which versions of a strategy trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arming {
    /// Whatever is dropped: demo and paper.
    Dropped,
    /// Only what somebody armed by its hash.
    Armed,
    /// Every version of a strategy of which one was armed.
    ArmedOnce,
}

impl Arming {
    /// Returns what the configuration wants.
    pub fn of(config: &Config) -> Self {
        match (config.mode, config.reload_armed) {
            (Mode::Demo | Mode::Paper, _) => Self::Dropped,
            (Mode::Live, true) => Self::Armed,
            (Mode::Live, false) => Self::ArmedOnce,
        }
    }
}

/// Looks after all strategies.
#[derive(Debug)]
pub struct Strategies {
    tools: Tools,
    /// The market that the next new strategy's grant begins with, so that strategies spread over the markets.
    next: u32,
    known: BTreeMap<String, Known>,
    /// The files of settings by name; the folder's watcher bounds them.
    texts: BTreeMap<String, String>,
    /// The files of settings that are there and cannot be used, with the reason.
    unusable: BTreeMap<String, String>,
    /// Why the strategies folder cannot be read.
    folder_lost: Option<String>,
    /// Modules of which it is noted that this session runs them.
    noted: BTreeSet<[u8; 32]>,
    /// When old versions are thrown away next.
    prune_at: Option<Instant>,
    /// What they logged today.
    log_day: LogDay,
}

impl Strategies {
    /// Returns what looks after strategies; it knows none yet.
    pub const fn new(tools: Tools) -> Self {
        let log_day = LogDay::new(tools.log_per_day);
        Self {
            tools,
            next: 0,
            known: BTreeMap::new(),
            texts: BTreeMap::new(),
            unusable: BTreeMap::new(),
            folder_lost: None,
            noted: BTreeSet::new(),
            prune_at: None,
            log_day,
        }
    }

    /// Works until the supervisor is gone.
    pub async fn run(mut self, mut reports: mpsc::Receiver<Report>, mut words: mpsc::Receiver<Asked>) {
        self.show_orphans().await;
        self.prune().await;
        let mut changes = self.tools.listing.changes();
        loop {
            tokio::select! {
                report = reports.recv() => match report {
                    Some(report) => self.take(report).await,
                    None => return,
                },
                Some(asked) = words.recv() => self.answer(asked).await,
                () = pruning::due(self.prune_at) => self.prune().await,
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
        let open = self.tools.listing.open_markets();
        let names: Vec<String> = self.known.keys().cloned().collect();
        for name in names {
            let Some(known) = self.known.get(&name).filter(|known| known.is_up()) else { continue };
            let Some(version) = &known.wanted else { continue };
            let manifest = version.module.manifest();
            let (open, missing) = of_names(open.clone(), &version.named, manifest.selection.whole_events);
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
                known.missing = missing;
                self.tools.picture.edit_strategy(known.id, true, |view| view.markets = count);
            }
            self.announce(&name);
        }
    }

    async fn take(&mut self, report: Report) {
        match report {
            Report::Ready { name, module } => self.ready(name, module).await,
            Report::Rejected { name, error } => self.rejected(name, error).await,
            Report::Settings { name, text } => self.settings(name, text).await,
            Report::Same { name } => self.same(&name),
            Report::SettingsUnusable { name, error } => self.settings_unusable(name, error),
            Report::Skipped { files } => self.skipped(files),
            Report::FolderLost { error } => self.folder_lost(error),
            Report::FolderBack => self.folder_back(),
            Report::Removed { name } => self.removed(&name),
            Report::Started { strategy, instance } => self.started(strategy, instance),
            Report::Kept { strategy, instance, error } => self.kept(strategy, instance, &error),
            Report::Faulted { strategy, instance, error, strike, saving } => {
                self.faulted(strategy, instance, error, (strike, saving));
            }
            Report::Log { strategy, lines, lost } => self.log(strategy, &lines, lost),
            // They go to the engine without a detour.
            Report::Answer(..) | Report::Saved { .. } => {}
        }
    }

    /// Returns what is known under a name, with its number, which the database keeps.
    async fn known(&mut self, name: &str) -> Option<&mut Known> {
        if !self.known.contains_key(name) {
            let id = match self.tools.db.strategy_id(name).await {
                Ok(id) => id,
                Err(error) => {
                    tracing::error!(%error, name, "a strategy has no number and is not started");
                    return None;
                }
            };
            let decision = match self.tools.db.decision(&self.tools.scope, name).await {
                Ok(decision) => decision,
                Err(error) => {
                    tracing::error!(%error, name, "nobody knows what was decided about a strategy; it is not started");
                    return None;
                }
            };
            self.tools.names.set(id, name);
            self.restore(id, name);
            self.known.insert(name.to_owned(), Known::new(id, decision));
        }
        self.known.get_mut(name)
    }

    /// Has a strategy begin with what it saved in an earlier session.
    fn restore(&self, strategy: StrategyId, name: &str) {
        if let Some(state) = self.tools.states.get(name) {
            tracing::info!(name, bytes = state.0.len(), "a strategy goes on from what it saved");
            self.tell(StrategyChange::Saved { strategy, instance: 0, state: Some(state) });
        }
    }

    /// Has this version run, in place of the one that does, with the markets that it can have.
    async fn start(&mut self, name: &str, version: Version) {
        let Some(known) = self.known.get(name) else { return };
        let (id, first, manifest) = (known.id, known.markets.is_empty(), version.module.manifest());
        let whole = manifest.selection.whole_events;
        let (open, missing) = of_names(self.tools.listing.open_markets(), &version.named, whole);
        if !missing.is_empty() {
            tracing::warn!(name, ?missing, "a strategy's file names markets that it does not get");
        }
        let granted = grant(&open, &known.markets, &manifest.selection, manifest.markets_max, self.next);
        let Some(places) = self.places(name, id, &granted).await else { return };
        if first {
            self.next = self.next.saturating_add(u32::try_from(granted.len()).unwrap_or(0));
        }
        let Some(known) = self.known.get_mut(name) else { return };
        known.wanted = Some(version);
        known.forgive();
        known.markets = granted;
        known.places = places;
        known.missing = missing;
        self.announce(name);
    }

    /// Returns by which numbers a strategy names markets. Without them its saved state could mean others.
    async fn places(&self, name: &str, id: StrategyId, markets: &[MarketIx]) -> Option<Vec<u32>> {
        let listing = &self.tools.listing;
        let conditions: Vec<_> =
            markets.iter().filter_map(|ix| listing.market(*ix)).map(|market| market.condition).collect();
        match self.tools.db.market_places(id, &conditions).await {
            Ok(places) => Some(places),
            Err(error) => {
                tracing::error!(%error, name, "a strategy's markets have no numbers, and it is not started with them");
                None
            }
        }
    }

    /// Tells the engine of a new instance; the engine's thread starts it when it has taken that in.
    fn announce(&mut self, name: &str) {
        let Some(known) = self.known.get_mut(name) else { return };
        let Some(version) = known.wanted.clone() else { return };
        let instance = known.announce(&version);
        let (strategy, hash, wants) = (known.id, version.module.hash(), version.module.manifest().wants);
        let (markets, places) = (known.markets.clone(), known.places.clone());
        let (since, parameters, fuel) = (version.since, version.parameters, version.fuel);
        let refuelled = known.fuel != fuel;
        known.fuel = fuel;
        if refuelled {
            self.tell(StrategyChange::Fuel { strategy, most: fuel });
        }
        self.note_run(name, hash);
        self.tools.starts.put(strategy, instance, Start { module: version.module });
        self.tell(StrategyChange::Loaded {
            strategy,
            name: name.to_owned(),
            hash,
            instance,
            markets,
            places,
            wants,
            since,
            parameters,
        });
    }

    fn tell(&self, change: StrategyChange) {
        self.tools.inbox.account(clock::now(), Body::Strategy(change));
    }

    /// Tells those that do not look of a strategy in trouble.
    fn trouble(&self, trouble: &Trouble, name: &str, runs: bool, why: &str) {
        self.tools.alerts.raise(trouble.alert(clock::now(), name, runs, why));
    }

    fn name(&self, strategy: StrategyId) -> String {
        self.tools.picture.strategy_name(strategy)
    }

    fn edit(&self, strategy: StrategyId, edit: impl FnOnce(&mut StrategyView)) {
        self.tools.picture.edit_strategy(strategy, true, edit);
    }
}
