//! The what-if analysis: the market data of a session's journal again, with another version, other parameters or other limits of a
//! strategy. [`Session::read`] gives what the session did as the data of a run, and [`Session::source`] what it
//! received as a source of events, so that a backtest can be compared with it order by order.

mod journal_events;
mod requests;
mod session_rows;

pub use journal_events::JournalEvents;

use crate::backtest::{Delay, Fees, Job, JobStrategy, Latency, ModuleRef, Request, fill_again};
use crate::events::EventSource;
use crate::run::{FillModel, RunData, RunKind};
use anyhow::{Context, ensure};
use journal::Record;
use model::input::{Command, Mode, StrategyChange};
use model::{Budget, InputKind, Market, MarketIx, StrategyId, Time, hex};
use session_rows::SessionRows;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use store::journal_files::{Step, is_first, walk};

/// A session as it was.
#[derive(Debug)]
pub struct Session {
    files: Vec<PathBuf>,
    /// Its rows.
    pub data: RunData,
    /// The job of the same strategies, parameters, markets, limits and measured order latency.
    pub job: Job,
    /// Its trading mode.
    pub mode: Mode,
    /// True if it began with the positions of an earlier session, which a backtest does not have.
    pub carried: bool,
    /// Its requests to the venue by time, and its markets by number.
    requests: Vec<Request>,
    markets: Vec<Market>,
}

impl Session {
    /// Reads a session from its journal segments in order; the modules are those archived in the data directory.
    ///
    /// # Errors
    /// If the beginning of the journal is missing, a record is damaged, or no strategy was loaded.
    pub fn read(files: &[PathBuf], data_dir: &Path) -> anyhow::Result<Self> {
        ensure!(
            files.first().is_some_and(|file| is_first(file)),
            "the beginning of the session was deleted (journal.keep_days); expected the whole journal"
        );
        let mut rows = SessionRows::new();
        let mut job = empty_job();
        let mut strategies: BTreeMap<StrategyId, JobStrategy> = BTreeMap::new();
        let mut budgets: BTreeMap<StrategyId, Budget> = BTreeMap::new();
        let mut granted: BTreeMap<StrategyId, Vec<MarketIx>> = BTreeMap::new();
        let mut loads: BTreeMap<StrategyId, Time> = BTreeMap::new();
        let (mut mode, mut carried) = (Mode::Paper, false);
        let (mut started, mut stopped): (Option<Time>, Option<Time>) = (None, None);
        walk(files, |step| {
            let Step::Record(Record::Input(input)) = step else { return };
            match &input.kind {
                InputKind::Session(start) => {
                    mode = start.mode;
                    (job.limits, job.cash, job.seed) = (start.limits, start.cash, start.salt_seed);
                }

                InputKind::Limits(limits) => job.limits = *limits,
                InputKind::Strategy(StrategyChange::Budget { strategy, budget }) => {
                    budgets.insert(*strategy, *budget);
                }
                InputKind::Strategy(StrategyChange::Loaded { strategy, name, hash, parameters, markets, .. }) => {
                    let known = granted.entry(*strategy).or_default();
                    let new = markets.iter().filter(|market| !known.contains(market)).copied().collect::<Vec<_>>();
                    known.extend(new);
                    loads.entry(*strategy).or_insert(input.at);
                    let loaded = loaded(name, hash, parameters, data_dir);
                    strategies.insert(*strategy, loaded);
                }
                InputKind::CarryOver(carry) => carried |= !carry.positions.is_empty(),
                InputKind::Command(Command::Start | Command::Resume) => {
                    started.get_or_insert(input.at);
                    stopped = None;
                }
                InputKind::Command(Command::Stop | Command::EmergencyStop { .. }) => stopped = Some(input.at),
                _ => {}
            }
            rows.on_input(&input);
        })?;
        for (strategy, markets) in granted {
            if let Some(strategy) = strategies.get_mut(&strategy) {
                strategy.markets = rows.conditions(&markets);
            }
        }
        // A strategy hears events from its load on, and may place orders from the start of the bot on.
        for (id, strategy) in &mut strategies {
            strategy.from = loads.get(id).copied().max(started);
        }
        job.to = stopped;
        if let Some(micros) = rows.order_latency() {
            job.latency.order = Delay::Fixed(micros);
        }
        for (strategy, budget) in budgets {
            if let Some(strategy) = strategies.get_mut(&strategy) {
                strategy.budget = budget;
            }
        }
        let names: Vec<StrategyId> = strategies.keys().copied().collect();
        job.strategies = strategies.into_values().collect();
        ensure!(!job.strategies.is_empty(), "no strategy was loaded in the session; there is nothing to run again");
        let (requests, markets) = rows.take_requests();
        let data = rows.end(&job, &names).context("the session has no inputs")?;
        Ok(Self { files: files.to_vec(), data, job, mode, carried, requests, markets })
    }

    /// Returns the session's data with the fills that its own orders have on a recording of it, at the times at which
    /// they were placed and cancelled.
    ///
    /// # Errors
    /// If the recording cannot be read.
    pub fn fill_again(&self, source: &mut dyn EventSource, job: &Job) -> anyhow::Result<RunData> {
        fill_again(source, job, &self.data, &self.markets, &self.requests)
    }

    /// Returns the tapes of a data directory that were recorded during the session, oldest first.
    ///
    /// # Errors
    /// If a tape of the folder cannot be read.
    pub fn tapes(&self, data_dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
        let (first, last) = self.data.description.span;
        let Ok(entries) = std::fs::read_dir(data_dir.join("tapes")) else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for entry in entries {
            let path = entry.context("reading the folder of tapes")?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if !name.starts_with("session-") || !name.ends_with(".tape") {
                continue;
            }
            let tape = tape::Tape::open(&path)?;
            if let (Some(begin), Some(end)) = (tape.frames().first(), tape.frames().last())
                && begin.first_us <= last.0
                && end.last_us >= first.0
            {
                found.push((begin.first_us, path));
            }
        }
        found.sort();
        Ok(found.into_iter().map(|(_, path)| path).collect())
    }

    /// Returns the market data that the session received.
    ///
    /// # Errors
    /// If the reader cannot be started.
    pub fn source(&self) -> anyhow::Result<JournalEvents> {
        JournalEvents::open(&self.files)
    }
}

fn loaded(name: &str, hash: &[u8; 32], parameters: &str, data_dir: &Path) -> JobStrategy {
    let hash = hex::encode(hash);
    let path = store::module_archive::folder(data_dir).join(format!("{hash}.wasm"));
    JobStrategy {
        name: name.to_owned(),
        module: ModuleRef { path, hash },
        parameters: parameters.to_owned(),
        budget: Budget::NONE,
        markets: Vec::new(),
        from: None,
    }
}

fn empty_job() -> Job {
    Job {
        kind: RunKind::Backtest,
        strategies: Vec::new(),
        tapes: Vec::new(),
        limits: model::Limits::DEFAULT,
        cash: model::Usd::ZERO,
        seed: 0,
        fill: FillModel::Pessimistic,
        latency: Latency::default(),
        fees: Fees::Recorded,
        from: None,
        to: None,
        holdout: None,
        implied: false,
        merge: false,
        request_tier: model::RequestTier::Standard,
    }
}
