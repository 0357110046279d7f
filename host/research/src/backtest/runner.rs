//! Runs jobs: loads their modules once, and turns a run into its data.

use super::job::{Delay, Job, ModuleRef};
use super::profile::Times;
use super::recorder::payout;
use super::run::{Parts, Run, SPAN_MAX, Slot, Stopped};
use super::timeline::Timeline;
use super::world::World;
use crate::events::EventSource;
use crate::run::{FillModel, RunData, RunDescription, RunEnd, StrategyDescription, TapeDescription, Totals};
use anyhow::{Context, ensure};
use files::Links;
use model::{Intent, StrategyId, Time, Usd, hex};
use sandbox::{Compiler, LogLine, Module, Sandbox, Settings};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Version of the description of a run.
const SCHEMA: u32 = 1;
/// The largest module that is read.
const MODULE_MAX: u64 = 64 * 1024 * 1024;
/// Deadline of a call. It is generous, because the fuel decides: a slow machine must not change a result.
const DEADLINE_MS: u64 = 60_000;
/// The seed of the feed latencies differs from that of the order latencies.
const FEED_SEED: u64 = 0x6665_6564;

/// Stops a run, and shows how far it is.
#[derive(Debug, Default)]
pub struct Watch {
    /// Set it to end the run; its rows up to then are complete.
    pub stop: AtomicBool,
    /// Events processed.
    pub events: AtomicU64,
    /// The time of the run in microseconds since 1970.
    pub at: AtomicU64,
}

/// Runs jobs, on any number of threads at once. Modules are compiled once.
#[derive(Debug)]
pub struct Runner {
    sandbox: Sandbox,
    modules: Mutex<BTreeMap<[u8; 32], Module>>,
    span_max: usize,
}

/// Details of a run that are no part of its data.
#[derive(Debug, Clone, Default)]
pub struct Details {
    /// Times of the parts of the run, if they were measured.
    pub times: Option<Times>,
    /// Number of times that the engine was rewound.
    pub set_back: u64,
    /// All intents with their times and the number of their strategy, if they were noted.
    pub intents: Vec<(usize, Time, Intent)>,
    /// The saved state of each strategy at the end, if states were requested; `None` for one that did not run.
    pub states: Vec<Option<Vec<u8>>>,
    /// Maximum fuel of one call.
    pub fuel_max: u64,
    /// Time in nanoseconds and fuel of each call, if they were noted.
    pub calls: Vec<(u64, u64)>,
    /// Memory of the strategies at the end, in bytes; it never shrinks.
    pub memory: usize,
    /// The last log lines of the strategies.
    pub log: Vec<LogLine>,
}

/// Details to record beyond the data of a run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Measure where the time goes.
    pub profile: bool,
    /// Note all intents.
    pub intents: bool,
    /// Note the time and fuel of each call.
    pub calls: bool,
    /// End the run as failed after this time.
    pub within: Option<Duration>,
    /// End the run as failed after this many calls of strategies.
    pub calls_max: Option<u64>,
    /// Let the strategies save their state at the end.
    pub states: bool,
}

impl Runner {
    /// Returns a runner that compiles in this process, for trusted modules and for tests.
    ///
    /// # Errors
    /// If this machine cannot run the sandbox.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self::with(Sandbox::new(Self::settings(), Compiler::Inline)?))
    }

    /// Returns a runner that compiles in limited child processes of this program, and keeps native code in the data
    /// folder, if one is given.
    ///
    /// # Errors
    /// If this machine cannot run the sandbox.
    pub fn of_own_program(data_dir: Option<&Path>) -> anyhow::Result<Self> {
        Ok(Self::with(Sandbox::of_own_program(Self::settings(), data_dir)?))
    }

    /// Returns the sandbox's default limits, with the deadline of backtests.
    fn settings() -> Settings {
        Settings { deadline_ms: DEADLINE_MS, ..Settings::default() }
    }

    /// Returns a runner with a given sandbox.
    pub fn with(sandbox: Sandbox) -> Self {
        Self { sandbox, modules: Mutex::default(), span_max: SPAN_MAX }
    }

    /// Limits batches to `moments`; every limit gives the same run. With one, an event acts at the venue and is heard in
    /// two moments even without feed latency: this run is the plainest.
    #[must_use]
    pub const fn with_batches(mut self, moments: usize) -> Self {
        self.span_max = if moments == 0 { 1 } else { moments };
        self
    }

    /// Returns a module, and loads it first if necessary.
    ///
    /// # Errors
    /// If the file cannot be read, is not a strategy, or is not the one of the hash.
    pub fn module(&self, module: &ModuleRef) -> anyhow::Result<Module> {
        let path = module.path.display();
        if let Some(hash) = hex::decode_array::<32>(&module.hash) {
            let known = self.modules.lock().unwrap_or_else(PoisonError::into_inner).get(&hash).cloned();
            if let Some(known) = known {
                return Ok(known);
            }
        }
        let bytes = files::read(&module.path, Links::Follow, MODULE_MAX);
        let bytes = bytes.with_context(|| format!("reading the strategy {path}"))?;
        let loaded = self.sandbox.load(&bytes).with_context(|| format!("{path} is not a valid strategy"))?;
        let hash = hex::encode(&loaded.hash());
        let expected = &module.hash;
        ensure!(
            expected.is_empty() || *expected == hash,
            "the strategy {path} has the hash {hash}; expected {expected}"
        );
        self.add(loaded.clone());
        Ok(loaded)
    }

    /// Loads a module from its bytes.
    ///
    /// # Errors
    /// If it is not a strategy.
    pub fn load(&self, bytes: &[u8]) -> anyhow::Result<Module> {
        let module = self.sandbox.load(bytes)?;
        self.add(module.clone());
        Ok(module)
    }

    /// Adds a loaded module, so that jobs can name it by its hash alone.
    pub fn add(&self, module: Module) {
        self.modules.lock().unwrap_or_else(PoisonError::into_inner).insert(module.hash(), module);
    }

    /// Runs a job.
    ///
    /// # Errors
    /// If the job, a module or the tape is refused. A strategy that fails is not an error: the run ends there, and says so.
    pub fn run(&self, source: &mut dyn EventSource, job: &Job, watch: &Watch) -> anyhow::Result<RunData> {
        Ok(self.run_with(source, job, watch, Options::default())?.0)
    }

    /// Runs a job, and returns details beside its data.
    ///
    /// # Errors
    /// See [`Runner::run`].
    pub fn run_with(
        &self,
        source: &mut dyn EventSource,
        job: &Job,
        watch: &Watch,
        options: Options,
    ) -> anyhow::Result<(RunData, Details)> {
        job.check()?;
        let mut slots = Vec::with_capacity(job.strategies.len());
        for (strategy, number) in job.strategies.iter().zip(1u16..) {
            slots.push(Slot::new(StrategyId(number), self.module(&strategy.module)?, strategy));
        }
        let (hindsight, terms) = (source.hindsight().to_vec(), source.terms());
        let mut timeline = Timeline::new(source, &job.latency.feed, job.seed ^ FEED_SEED, job.to);
        let (sandbox, span_max) = (&self.sandbox, self.span_max);
        if span_max == 1 {
            timeline.keep_apart();
        }
        let mut run = Run::new(Parts { job, sandbox, watch, timeline, hindsight, slots, span_max })?;
        run.world.set_terms(terms);
        if options.profile {
            run.measure_times();
        }
        run.noted = options.intents.then(Vec::new);
        run.calls = options.calls.then(Vec::new);
        run.within = options.within.map(|most| (most, Instant::now()));
        run.calls_max = options.calls_max;
        let stopped = run.all()?;
        run.finish();
        if let Some(notice) = run.check_books()? {
            run.recorder.notices.insert(0, notice);
        }
        let mut details = Details {
            times: run.times(),
            set_back: run.set_back,
            intents: run.noted.take().unwrap_or_default(),
            states: Vec::new(),
            fuel_max: run.slots.iter().map(|slot| slot.fuel_max).max().unwrap_or(0),
            calls: run.calls.take().unwrap_or_default(),
            memory: 0,
            log: Vec::new(),
        };
        for instance in run.slots.iter_mut().filter_map(|slot| slot.instance.as_mut()) {
            details.memory = details.memory.saturating_add(instance.usage().memory);
            details.log.extend(instance.take_log().0);
        }
        if options.states && stopped.is_none() {
            details.states = run.save().context("saving the state at the end")?;
        }
        Ok((data(job, run, stopped), details))
    }

    /// Runs a job, and the same with the two other fill models for the bounds, each on a thread of its own.
    ///
    /// # Errors
    /// See [`Runner::run`].
    pub fn run_with_bounds(
        &self,
        open: &(dyn Fn() -> anyhow::Result<Box<dyn EventSource>> + Sync),
        job: &Job,
        watch: &Watch,
    ) -> anyhow::Result<RunData> {
        let others = [FillModel::Pessimistic, FillModel::Queue, FillModel::Optimistic];
        let others: Vec<FillModel> = others.into_iter().filter(|model| *model != job.fill).collect();
        // The bounds end with the run: its stop is theirs.
        let quiet = others.iter().map(|_| Watch::default()).collect::<Vec<_>>();
        std::thread::scope(|scope| {
            let bounds: Vec<_> = others
                .iter()
                .zip(&quiet)
                .map(|(fill, own)| {
                    scope.spawn(move || -> anyhow::Result<(FillModel, Totals)> {
                        let job = Job { fill: *fill, ..job.clone() };
                        let data = self.run(open()?.as_mut(), &job, own)?;
                        Ok((*fill, data.description.totals))
                    })
                })
                .collect();
            let ran = open().and_then(|mut source| self.run(source.as_mut(), job, watch));
            let whole = ran.as_ref().is_ok_and(|data| data.description.end == RunEnd::Complete);
            if !whole {
                quiet.iter().for_each(|own| own.stop.store(true, std::sync::atomic::Ordering::Relaxed));
            }
            let bounds: Vec<_> = bounds.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
            let mut data = ran?;
            if whole {
                for bound in bounds {
                    let bound = bound.map_err(|_panic| anyhow::anyhow!("the run of another fill model ended early"))?;
                    data.description.bounds.push(bound?);
                }
            }
            Ok(data)
        })
    }
}

/// Returns the data of a finished run.
fn data(job: &Job, run: Run<'_>, stopped: Option<Stopped>) -> RunData {
    let at = run.world.at;
    let end = match stopped {
        None => RunEnd::Complete,
        Some(Stopped::Interrupted) => RunEnd::Interrupted(at),
        Some(Stopped::Failed(reason)) => RunEnd::Failed(at, reason),
    };
    let events = run.events();
    let feed_assumed = run.is_feed_assumed();
    let (first_at, world, recorder) = (run.first_at, run.world, run.recorder);
    let totals = totals(&world, recorder.totals(), events, &recorder.markets, job.cash);
    let tape = |tape: &super::JobTape| TapeDescription {
        path: tape.path.display().to_string(),
        hash: tape.hash.clone(),
        span: (first_at, at),
        events,
        invented: recorder.invented > 0,
        quality: Vec::new(),
        selection: String::new(),
    };
    let strategies = job.strategies.iter().zip(&run.slots).map(|(strategy, slot)| StrategyDescription {
        name: strategy.name.clone(),
        module: hex::encode(&slot.module.hash()),
        parameters: strategy.parameters.clone(),
        warm_up: None,
    });
    let description = RunDescription {
        schema: SCHEMA,
        id: String::new(),
        kind: job.kind,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: Time(0),
        end,
        strategies: strategies.collect(),
        tapes: job.tapes.iter().map(tape).collect(),
        fill: job.fill,
        feed_latency_us: job.latency.feed.typical(),
        order_latency_us: job.latency.order.typical(),
        request_tier: job.request_tier,
        seed: job.seed,
        fees: fees_text(&job.fees),
        limits: serde_json::to_value(job.limits).unwrap_or_default(),
        cash: job.cash,
        span: (first_at, at),
        totals,
        bounds: Vec::new(),
        refusals: recorder.refusals.iter().map(|(rule, count)| ((*rule).to_owned(), *count)).collect(),
        transfers: recorder.transfers.clone(),
        stops: recorder.stops.iter().map(|(name, count)| (name.clone(), *count)).collect(),
        warnings: warnings(job, &recorder, feed_assumed),
        digest: world.digest(),
    };
    let super::recorder::Recorder { markets, orders, fills, equity, tops, .. } = recorder;
    RunData { description, markets, orders, fills, equity, tops }
}

fn totals(world: &World, counted: Totals, events: u64, markets: &[crate::run::MarketRow], cash: Usd) -> Totals {
    let ledger = world.engine.ledger();
    let held: Vec<_> = ledger.positions().filter(|(_, position)| !position.size.is_zero()).collect();
    let outcome = held.iter().map(|(token, position)| {
        let pays = markets.get(token.market().index()).and_then(|market| market.pays);
        let pays = pays.map(|pays| if token.outcome() == 0 { pays } else { Usd::dollars(1).saturating_sub(pays) });
        pays.map_or_else(|| world.value(*token, position.size), |pays| payout(position.size, pays))
    });
    let at_outcome = outcome.fold(Usd::ZERO, Usd::saturating_add);
    let gained = ledger.cash().saturating_sub(cash);
    let (rewards, rebates) = world.income();
    Totals {
        events,
        realised: ledger.realised().saturating_sub(ledger.fees()),
        fees: ledger.fees(),
        rewards,
        rebates,
        profit_at_bid: world.profit(),
        profit_at_zero: gained,
        profit_at_outcome: gained.saturating_add(at_outcome),
        ..counted
    }
}

fn warnings(job: &Job, recorder: &super::recorder::Recorder, feed_assumed: bool) -> Vec<String> {
    let mut warnings = Vec::new();
    if recorder.invented > 0 {
        warnings.push(format!("the books of {} markets are invented from prices", recorder.invented));
    }
    if let Delay::Fixed(micros) = &job.latency.feed
        && feed_assumed
    {
        warnings.push(format!("where a tape has no times of receipt, a feed latency of {micros} us is assumed"));
    }
    let assumed = recorder.assumed.iter().map(|(sentence, count)| format!("{sentence} ({count} markets)"));
    warnings.extend(assumed.take(50));
    warnings.extend(recorder.notices.iter().cloned());
    warnings
}

fn fees_text(fees: &super::Fees) -> String {
    match fees {
        super::Fees::Recorded => "recorded".to_owned(),
        super::Fees::Rate(micros) => Usd(i64::from(*micros)).to_string(),
        super::Fees::Schedule(rules) => format!("schedule of {} lines", rules.len()),
    }
}
