//! Which strategies trade, and what they may see: what the supervisor reports becomes the engine's inputs. Start reading in
//! [`Strategies`]; `files` is what follows from the folder, `lives` what follows from the instances.

mod files;
mod folder;
mod known;
mod lives;
mod settings;
mod states;
mod supervise;
mod versions;
mod words;

use super::clock;
use super::inbox::Inbox;
use super::listing::Listing;
use crate::config::{Config, Mode};
use crate::db::Db;
use crate::http::types::StrategyView;
use crate::picture::Picture;
use known::{Known, Version};
use model::input::StrategyChange;
use model::{Body, MarketIx, StrategyId};
use sandbox::{Module, Report, Sandbox};
pub(crate) use states::SavedStates;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
pub(crate) use supervise::supervise;
use tokio::sync::mpsc;
#[cfg(test)]
pub(crate) use words::Asked;
pub(crate) use words::{Word, Words};

/// New markets that come within so long of each other are granted at once.
const TOGETHER: Duration = Duration::from_millis(250);
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

/// What they are looked after with.
pub(crate) struct Tools {
    pub(crate) data_dir: PathBuf,
    pub(crate) strategies_dir: PathBuf,
    pub(crate) db: Db,
    pub(crate) inbox: Inbox,
    pub(crate) picture: Picture,
    pub(crate) starts: Starts,
    pub(crate) listing: Listing,
    pub(crate) states: SavedStates,
    pub(crate) sandbox: Sandbox,
    /// Which new versions trade.
    pub(crate) arming: Arming,
}

/// Which versions of a strategy trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arming {
    /// Whatever is dropped: demo and paper.
    Dropped,
    /// Only what somebody armed by its hash.
    Armed,
    /// Every version of a strategy of which one was armed.
    ArmedOnce,
}

impl Arming {
    /// Returns what the configuration wants.
    pub(crate) fn of(config: &Config) -> Self {
        match (config.mode, config.reload_armed) {
            (Mode::Demo | Mode::Paper, _) => Self::Dropped,
            (Mode::Live, true) => Self::Armed,
            (Mode::Live, false) => Self::ArmedOnce,
        }
    }
}

/// Looks after all strategies.
pub(crate) struct Strategies {
    tools: Tools,
    /// The market that the next new strategy's grant begins with, so that strategies spread over the markets.
    next: u32,
    known: BTreeMap<String, Known>,
    /// The files of settings by name; the folder's watcher bounds them.
    texts: BTreeMap<String, String>,
}

impl Strategies {
    pub(crate) const fn new(tools: Tools) -> Self {
        Self { tools, next: 0, known: BTreeMap::new(), texts: BTreeMap::new() }
    }

    /// Works until the supervisor is gone.
    pub(crate) async fn run(mut self, mut reports: mpsc::Receiver<Report>, mut words: mpsc::Receiver<words::Asked>) {
        let mut changes = self.tools.listing.changes();
        loop {
            tokio::select! {
                report = reports.recv() => match report {
                    Some(report) => self.take(report).await,
                    None => return,
                },
                Some(asked) = words.recv() => self.answer(asked).await,
                Ok(()) = changes.changed() => {
                    // What comes together is told together.
                    tokio::time::sleep(TOGETHER).await;
                    changes.mark_unchanged();
                    self.grant_anew();
                }
            }
        }
    }

    /// Starts every strategy anew, from its own state, that can have a market in place of one that has ended, or one more.
    fn grant_anew(&mut self) {
        let open = self.tools.listing.open();
        let names: Vec<String> = self.known.keys().cloned().collect();
        for name in names {
            let Some(known) = self.known.get(&name).filter(|known| known.is_up()) else { continue };
            let wanted = known.wanted.as_ref().map_or(0, |version| version.module.manifest().markets_max);
            let granted = grant(&open, &known.markets, wanted, self.next);
            if granted.iter().all(|market| known.markets.contains(market)) {
                continue;
            }
            tracing::info!(name, markets = granted.len(), "a strategy's markets have changed");
            self.next = self.next.saturating_add(1);
            let count = u32::try_from(granted.len()).unwrap_or(u32::MAX);
            if let Some(known) = self.known.get_mut(&name) {
                known.markets = granted;
                self.tools.picture.edit_strategy(known.id, true, |view| view.markets = count);
            }
            self.announce(&name);
        }
    }

    async fn take(&mut self, report: Report) {
        match report {
            Report::Ready { name, module } => self.ready(name, module).await,
            Report::Rejected { name, error } => self.rejected(name, error).await,
            Report::Settings { name, text } => self.settings(name, text),
            Report::Same { name } => self.same(&name),
            Report::Removed { name } => self.removed(&name),
            Report::Started { strategy, instance } => self.started(strategy, instance),
            Report::Kept { strategy, instance, error } => self.kept(strategy, instance, &error),
            Report::Faulted { strategy, instance, error } => self.faulted(strategy, instance, error),
            Report::Log { strategy, lines, lost } => self.log(strategy, &lines, lost),
            // They go to the engine without a detour.
            Report::Answer(_) | Report::Saved { .. } => {}
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
            let decision = match self.tools.db.decision(name).await {
                Ok(decision) => decision,
                Err(error) => {
                    tracing::error!(%error, name, "nobody knows what was decided about a strategy; it is not started");
                    return None;
                }
            };
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
    fn start(&mut self, name: &str, version: Version) {
        let Some(known) = self.known.get(name) else { return };
        let wanted = version.module.manifest().markets_max;
        let granted = grant(&self.tools.listing.open(), &known.markets, wanted, self.next);
        if known.markets.is_empty() {
            self.next = self.next.saturating_add(u32::try_from(granted.len()).unwrap_or(0));
        }
        let Some(known) = self.known.get_mut(name) else { return };
        known.wanted = Some(version);
        known.faults.clear();
        known.markets = granted;
        self.announce(name);
    }

    /// Tells the engine of a new instance; the engine's thread starts it when it has taken that in.
    fn announce(&mut self, name: &str) {
        let Some(known) = self.known.get_mut(name) else { return };
        let Some(version) = known.wanted.clone() else { return };
        let instance = known.announce(&version);
        let (strategy, markets, hash) = (known.id, known.markets.clone(), version.module.hash());
        let (since, parameters) = (version.since, version.parameters);
        self.tools.starts.put(strategy, instance, Start { module: version.module });
        self.tell(StrategyChange::Loaded {
            strategy,
            name: name.to_owned(),
            hash,
            instance,
            markets,
            since,
            parameters,
        });
    }

    fn tell(&self, change: StrategyChange) {
        self.tools.inbox.account(clock::now(), Body::Strategy(change));
    }

    fn name(&self, strategy: StrategyId) -> String {
        self.tools.picture.strategy_name(strategy)
    }

    fn edit(&self, strategy: StrategyId, edit: impl FnOnce(&mut StrategyView)) {
        self.tools.picture.edit_strategy(strategy, true, edit);
    }
}

/// Returns the markets of a strategy that wants at most so many, 0 for all: those of the open ones that it had, then the next
/// in the row.
fn grant(open: &[MarketIx], had: &[MarketIx], wanted: u32, next: u32) -> Vec<MarketIx> {
    let count = if wanted == 0 { open.len() } else { usize::try_from(wanted).unwrap_or(usize::MAX).min(open.len()) };
    let mut granted: Vec<MarketIx> = had.iter().filter(|market| open.contains(market)).take(count).copied().collect();
    let first = usize::try_from(next).unwrap_or(0).checked_rem(open.len()).unwrap_or(0);
    let row = open.iter().cycle().skip(first).take(open.len());
    for market in row {
        if granted.len() >= count {
            break;
        }
        if !granted.contains(market) {
            granted.push(*market);
        }
    }
    granted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strategy_keeps_its_open_markets_and_gets_others_for_those_that_ended() {
        let markets = |numbers: &[u32]| numbers.iter().copied().map(MarketIx).collect::<Vec<_>>();
        let open = markets(&[1, 2, 4, 5]);
        let got = |had: &[u32], wanted, next| grant(&open, &markets(had), wanted, next);
        assert_eq!(got(&[], 2, 0), markets(&[1, 2]));
        assert_eq!(got(&[], 2, 3), markets(&[5, 1]), "the row goes round");
        assert_eq!(got(&[0, 2], 2, 0), markets(&[2, 1]), "0 has ended");
        assert_eq!(got(&[5, 4], 2, 0), markets(&[5, 4]));
        assert_eq!(got(&[4], 0, 0), markets(&[4, 1, 2, 5]), "0 is all");
        assert_eq!(got(&[1], 9, 2), markets(&[1, 4, 5, 2]));
        assert!(grant(&[], &markets(&[1]), 3, 7).is_empty());
    }
}
