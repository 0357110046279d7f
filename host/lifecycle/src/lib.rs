//! Lifecycle of strategies: decides which versions trade and which markets they see, and turns the supervisor's reports
//! into engine inputs. Start reading in [`Strategies`]; `deployment` handles changes in the folder, `instances` handles
//! events of instances.

mod budgets;
mod commands;
mod deployment;
mod folder_permissions;
mod grants;
mod instance_session;
mod instances;
mod log_day;
mod parameter_updates;
mod platform;
mod promotion;
mod pruning;
pub mod report_routing;
mod rollback;
mod settings;
pub mod settings_file;
mod strategy_record;

use alerts::{Alerts, StrategyIncident};
use config::{Config, Mode};
use control::clock;
use control::inbox::Inbox;
use control::market_registry::MarketRegistry;
use control::{Latest, PendingCommand, StrategyNames};
pub use grants::grant;
pub use instance_session::session_of;
use log_day::LogDay;
use model::input::StrategyChange;
use model::{InputKind, MarketIx, StrategyId};
use parking_lot::Mutex;
pub use promotion::Promotion;
use readmodel::ReadModel;
use readmodel::views::StrategyView;
pub use report_routing::supervise;
use sandbox::{Module, Report, Sandbox};
pub use settings::of_names;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use store::db::{AccountScope, Db};
pub(crate) use store::strategy_state::SavedStates;
use strategy_record::{ManagedStrategy, Version};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Time to wait for further new markets, so that they are granted together.
const TOGETHER: Duration = Duration::from_millis(250);
/// The capacity of the report queue.
pub const REPORTS_MAX: usize = 4_096;

/// Start parameters of an instance, kept from its announcement to the engine until the engine has processed it.
#[derive(Debug)]
pub struct Start {
    /// Its module.
    pub module: Module,
}

/// Instances that are announced to the engine but not yet processed by it.
#[derive(Debug, Clone, Default)]
pub struct Starts {
    waiting: Arc<Mutex<BTreeMap<(StrategyId, u32), Start>>>,
}

impl Starts {
    fn insert(&self, strategy: StrategyId, instance: u32, start: Start) {
        self.waiting.lock().insert((strategy, instance), start);
    }

    /// Removes and returns the start parameters of an instance, once the engine has processed its announcement.
    pub fn take(&self, strategy: StrategyId, instance: u32) -> Option<Start> {
        self.waiting.lock().remove(&(strategy, instance))
    }
}

/// Dependencies of [`Strategies`].
#[derive(Debug)]
pub struct LifecycleParts {
    /// The data folder.
    pub data_dir: PathBuf,
    /// The strategies folder.
    pub strategies_dir: PathBuf,
    /// The database.
    pub db: Db,
    /// The mode and the account that decisions belong to.
    pub scope: AccountScope,
    /// The engine's inbox.
    pub inbox: Inbox,
    /// The read model for operators.
    pub picture: ReadModel,
    /// The alert queue.
    pub alerts: Alerts,
    /// The engine's newest view.
    pub latest: Latest,
    /// Start parameters of announced instances.
    pub starts: Starts,
    /// The markets of the session.
    pub listing: MarketRegistry,
    /// Names of strategies by number, filled as strategies become known.
    pub names: StrategyNames,
    /// Saved states of strategies.
    pub states: SavedStates,
    /// The sandbox that loads modules.
    pub sandbox: Sandbox,
    /// The rule for which versions trade.
    pub arming: Arming,
    /// The rule for arming from a backtest.
    pub promotion: Promotion,
    /// The number of versions kept per strategy for rollbacks.
    pub keep_versions: u32,
    /// The maximum number of bytes that all strategies together may log per UTC day.
    pub log_per_day: u64,
    /// The session number.
    pub session: u64,
    /// Strategies that held shares when the last session ended.
    pub holders: BTreeSet<StrategyId>,
}

/// Rule for which versions of a strategy trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arming {
    /// Every version in the folder: demo and paper mode.
    Dropped,
    /// Only the version that an operator armed by its hash.
    Armed,
    /// Every version of a strategy that was armed once.
    ArmedOnce,
}

impl Arming {
    /// Returns the rule for a configuration.
    pub fn of(config: &Config) -> Self {
        match (config.mode, config.reload_armed) {
            (Mode::Demo | Mode::Paper, _) => Self::Dropped,
            (Mode::Live, true) => Self::Armed,
            (Mode::Live, false) => Self::ArmedOnce,
        }
    }
}

/// Manages all strategies.
#[derive(Debug)]
pub struct Strategies {
    tools: LifecycleParts,
    /// Index of the market with which the next new strategy's grant begins, so that strategies spread over the markets.
    next: u32,
    known: BTreeMap<String, ManagedStrategy>,
    /// Contents of the settings files by name; the folder watcher limits their number and size.
    texts: BTreeMap<String, String>,
    /// Unusable settings files by name, with the reason.
    unusable: BTreeMap<String, String>,
    /// The error while the strategies folder is unreadable.
    folder_lost: Option<String>,
    /// Modules that are recorded as run by this session.
    noted: BTreeSet<[u8; 32]>,
    /// The time of the next pruning of old versions.
    prune_at: Option<Instant>,
    /// The log volume of the current day.
    log_day: LogDay,
    /// The time up to which the running time of versions is counted.
    counted: Instant,
}

impl Strategies {
    /// Creates a manager without strategies.
    pub fn new(tools: LifecycleParts) -> Self {
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
            counted: Instant::now(),
        }
    }

    /// Runs until the supervisor is dropped.
    pub async fn run(mut self, mut reports: mpsc::Receiver<Report>, mut words: mpsc::Receiver<PendingCommand>) {
        self.show_orphans().await;
        self.prune().await;
        let mut changes = self.tools.listing.changes();
        loop {
            tokio::select! {
                report = reports.recv() => match report {
                    Some(report) => self.on_report(report).await,
                    None => return,
                },
                Some(asked) = words.recv() => self.on_command(asked).await,
                () = pruning::due(self.prune_at) => self.prune().await,
                () = promotion::due(self.counted) => self.count_time().await,
                Ok(()) = changes.changed() => {
                    // Changes that arrive together are applied together.
                    tokio::time::sleep(TOGETHER).await;
                    changes.mark_unchanged();
                    self.grant_anew().await;
                }
            }
        }
    }

    /// Restarts, from its saved state, every strategy that can get a replacement for an ended market, or an additional
    /// one.
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
            tracing::info!(name, markets = granted.len(), "markets of a strategy changed");
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

    async fn on_report(&mut self, report: Report) {
        match report {
            Report::Ready { name, module } => {
                self.tools.picture.paths().reload_begins(&name);
                self.ready(name, module).await;
            }
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
            // These go directly to the engine.
            Report::Answer(..) | Report::Saved { .. } => {}
        }
    }

    /// Returns the record of a strategy by name, and creates it with its number from the database.
    async fn known(&mut self, name: &str) -> Option<&mut ManagedStrategy> {
        if !self.known.contains_key(name) {
            let id = match self.tools.db.strategy_id(name).await {
                Ok(id) => id,
                Err(error) => {
                    tracing::error!(%error, name, "strategy number not read; strategy not started");
                    return None;
                }
            };
            let decision = match self.tools.db.decision(&self.tools.scope, name).await {
                Ok(decision) => decision,
                Err(error) => {
                    tracing::error!(%error, name, "decision about a strategy not read; strategy not started");
                    return None;
                }
            };
            self.tools.names.set(id, name);
            self.restore(id, name);
            self.known.insert(name.to_owned(), ManagedStrategy::new(id, decision));
        }
        self.known.get_mut(name)
    }

    /// Restores the state that a strategy saved in an earlier session.
    fn restore(&self, strategy: StrategyId, name: &str) {
        if let Some(state) = self.tools.states.get(name) {
            tracing::info!(name, bytes = state.0.len(), "strategy state restored");
            self.send_change(StrategyChange::Saved { strategy, instance: 0, state: Some(state) });
        }
    }

    /// Starts a version in place of the running one, with the markets that it can be granted.
    async fn start(&mut self, name: &str, version: Version) {
        let Some(known) = self.known.get(name) else { return };
        let (id, first, manifest) = (known.id, known.markets.is_empty(), version.module.manifest());
        let whole = manifest.selection.whole_events;
        let (open, missing) = of_names(self.tools.listing.open_markets(), &version.named, whole);
        if !missing.is_empty() {
            tracing::warn!(name, ?missing, "markets named in a strategy's file not granted");
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

    /// Returns the strategy's own numbers of markets. With other numbers its saved state could refer to other markets.
    async fn places(&self, name: &str, id: StrategyId, markets: &[MarketIx]) -> Option<Vec<u32>> {
        let listing = &self.tools.listing;
        let conditions: Vec<_> =
            markets.iter().filter_map(|ix| listing.market(*ix)).map(|market| market.condition).collect();
        match self.tools.db.market_places(id, &conditions).await {
            Ok(places) => Some(places),
            Err(error) => {
                tracing::error!(%error, name, "market numbers of a strategy not read; strategy not started");
                None
            }
        }
    }

    /// Announces a new instance to the engine; the engine thread starts it after processing the announcement.
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
            self.send_change(StrategyChange::Fuel { strategy, most: fuel });
        }
        self.record_run(name, hash);
        self.tools.starts.insert(strategy, instance, Start { module: version.module });
        self.send_change(StrategyChange::Loaded {
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

    fn send_change(&self, change: StrategyChange) {
        self.tools.inbox.account(clock::now(), InputKind::Strategy(change));
    }

    /// Raises an alert about a strategy.
    fn trouble(&self, trouble: &StrategyIncident, name: &str, runs: bool, why: &str) {
        self.tools.alerts.raise(trouble.alert(clock::now(), name, runs, why));
    }

    fn name(&self, strategy: StrategyId) -> String {
        self.tools.picture.strategy_name(strategy)
    }

    fn edit(&self, strategy: StrategyId, edit: impl FnOnce(&mut StrategyView)) {
        self.tools.picture.edit_strategy(strategy, true, edit);
    }
}
