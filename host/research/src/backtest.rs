//! Backtests: the events of tapes through the engine, the paper venue and WebAssembly strategies at full speed. Time is
//! that of the events. Start reading in [`Job`] and [`Runner`], then in `run`.

mod events;
mod fees;
#[cfg(test)]
#[path = "../../sandbox/tests/it/guest.rs"]
#[allow(dead_code, clippy::arithmetic_side_effects, reason = "the sandbox's own tests use the rest, and count freely")]
mod guest;
mod job;
mod lookahead;
mod own_orders;
mod profile;
pub(crate) mod recorder;
pub mod rewards;
mod run;
mod runner;
mod tape;
#[cfg(test)]
mod tests;
mod timeline;
pub mod times;
pub mod trial;
pub(crate) mod world;

pub use fees::{FeeRule, Fees};
pub use job::{Delay, Job, JobStrategy, JobTape, Latency, ModuleRef};
pub use lookahead::{Cut, Lookahead, Open, WarmUp, lookahead};
pub use own_orders::{Request, RequestKind, fill_again};
pub use profile::Times;
pub use runner::{Details, Options, Runner, Watch};
pub use trial::{Tape, Trial, trial};

use crate::events::MemoryEvents;
use crate::measure::percentiles;
use crate::run::{FillModel, RunEnd, RunKind, Totals};
use anyhow::{Context, bail};
use events::Generated;
use model::{Budget, Limits, Usd, hex};
use sandbox::{Module, Sandbox};
use serde::Serialize;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Rounds of a measurement; the median is reported.
const ROUNDS: usize = 5;
/// The measured strategy: it receives all events and trades a little.
pub const TEMPLATE: &str = "template.wasm";
/// Time limit of a dry run; `strategy check` does two, within a minute in total.
const REHEARSED_WITHIN: Duration = Duration::from_secs(25);
/// Most calls of a dry run: this many for each event, because a strategy may answer each event and be notified of each
/// consequence separately, and a fixed number more.
const CALLS_EACH_EVENT: u64 = 16;
const CALLS_MORE: u64 = 1_000;
/// Cash of runs on generated events.
const CASH: Usd = Usd::dollars(10_000);

/// Results of a benchmark.
#[derive(Debug, Serialize)]
pub struct Figures {
    /// Events per round.
    pub events: u64,
    /// Number of rounds.
    pub rounds: usize,
    /// Events per second in the median round.
    pub events_per_second: u64,
    /// Nanoseconds per event in the median round.
    pub ns_per_event: f64,
    /// Intents of the strategy.
    pub intents: u64,
    /// Approved orders.
    pub orders: u64,
    /// Fills.
    pub fills: u64,
    /// Number of times that the engine was rewound, because it had passed an event at which the strategy acted.
    pub set_back: u64,
    /// File name of the strategy.
    pub strategy: &'static str,
    /// Times of the parts of one more round, if they were measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<Times>,
}

/// Returns the job of one strategy on one market of generated events.
fn one_market(runner: &Runner, module: &Module, parameters: &str) -> Job {
    runner.add(module.clone());
    let strategy = JobStrategy {
        name: "backtest".to_owned(),
        module: ModuleRef { path: PathBuf::new(), hash: hex::encode(&module.hash()) },
        parameters: parameters.to_owned(),
        budget: Budget::NONE,
        markets: Vec::new(),
        from: None,
    };
    Job {
        kind: RunKind::Backtest,
        strategies: vec![strategy],
        tapes: Vec::new(),
        limits: Limits::DEFAULT,
        cash: CASH,
        seed: 1,
        fill: FillModel::Pessimistic,
        latency: Latency { feed: Delay::Fixed(0), ..Latency::default() },
        fees: Fees::Recorded,
        from: None,
        to: None,
        holdout: None,
        implied: false,
        merge: false,
        request_tier: model::RequestTier::Standard,
    }
}

/// Benchmarks the engine, the paper venue and a strategy with generated events. With `profile`, one more round
/// measures where the time goes.
///
/// # Errors
/// If the module cannot be loaded, or if the strategy fails.
pub fn measure(template: &[u8], seed: u64, events: u64, profile: bool) -> anyhow::Result<Figures> {
    let runner = Runner::new()?;
    let module = runner.load(template)?;
    let job = one_market(&runner, &module, "{}");
    let tape = Generated::new(seed, usize::try_from(events)?).collect();
    let mut rounds = Vec::with_capacity(ROUNDS);
    let mut last = None;
    let options = Options { profile, ..Options::default() };
    for round in 0..=ROUNDS {
        if round == ROUNDS && !profile {
            break;
        }
        let options = if round == ROUNDS { options } else { Options::default() };
        let mut source = MemoryEvents::new(tape.iter().cloned(), Vec::new());
        let started = Instant::now();
        let (data, details) = runner.run_with(&mut source, &job, &Watch::default(), options)?;
        if round < ROUNDS {
            rounds.push(u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX));
        }
        if let RunEnd::Failed(_, reason) = data.description.end {
            bail!(reason);
        }
        last = Some((data.description.totals, details));
    }
    let (took, _) = percentiles(rounds);
    let (totals, details) = last.context("no round was run")?;
    Ok(figures(events, took, &totals, &details))
}

/// Runs the strategy on generated events once without keeping them, so that a caller can measure the memory of the
/// process: it does not depend on their number.
///
/// # Errors
/// If the module cannot be loaded, or if the strategy fails.
pub fn stream(template: &[u8], seed: u64, events: u64) -> anyhow::Result<Totals> {
    let runner = Runner::new()?;
    let module = runner.load(template)?;
    let job = one_market(&runner, &module, "{}");
    let mut source = Generated::new(seed, usize::try_from(events)?);
    let data = runner.run(&mut source, &job, &Watch::default())?;
    if let RunEnd::Failed(_, reason) = data.description.end {
        bail!(reason);
    }
    Ok(data.description.totals)
}

/// Result of a dry run on generated events.
#[derive(Debug, PartialEq, Eq)]
pub struct DryRun {
    /// Intents of the strategy.
    pub intents: u64,
    /// Approved orders.
    pub orders: u64,
    /// Fills.
    pub fills: u64,
    /// Refused intents.
    pub refusals: u64,
    /// Maximum fuel of one call.
    pub fuel_max: u64,
    /// The state returned by `save` at the end.
    pub state: Vec<u8>,
    /// Digest of all decisions.
    digest: String,
}

/// Runs a strategy on generated events, and starts a second instance from its saved state.
///
/// # Errors
/// If it fails, or exceeds the number of calls or the time limit.
pub fn rehearse(sandbox: &Sandbox, module: &Module, seed: u64, events: usize) -> anyhow::Result<DryRun> {
    rehearse_within(sandbox, module, (seed, events), REHEARSED_WITHIN)
}

fn rehearse_within(
    sandbox: &Sandbox,
    module: &Module,
    (seed, events): (u64, usize),
    within: Duration,
) -> anyhow::Result<DryRun> {
    let runner = Runner::with(sandbox.clone());
    let job = one_market(&runner, module, "{}");
    let calls = u64::try_from(events)?.saturating_mul(CALLS_EACH_EVENT).saturating_add(CALLS_MORE);
    let options = Options { states: true, within: Some(within), calls_max: Some(calls), ..Options::default() };
    let mut source = Generated::new(seed, events);
    let (data, mut details) = runner.run_with(&mut source, &job, &Watch::default(), options)?;
    if let RunEnd::Failed(_, reason) = data.description.end {
        bail!(reason);
    }
    let Totals { intents, orders, fills, refusals, .. } = data.description.totals;
    let state = details.states.pop().flatten().unwrap_or_default();
    Ok(DryRun { intents, orders, fills, refusals, fuel_max: details.fuel_max, state, digest: data.description.digest })
}

fn figures(events: u64, took: u64, totals: &Totals, details: &Details) -> Figures {
    let per_second = u128::from(events).saturating_mul(1_000_000_000).checked_div(u128::from(took)).unwrap_or(0);
    let tenths = took.saturating_mul(10).checked_div(events).unwrap_or(0);
    Figures {
        events,
        rounds: ROUNDS,
        events_per_second: u64::try_from(per_second).unwrap_or(u64::MAX),
        ns_per_event: format!("{}.{}", tenths / 10, tenths % 10).parse().unwrap_or(f64::NAN),
        intents: totals.intents,
        orders: totals.orders,
        fills: totals.fills,
        set_back: details.set_back,
        strategy: TEMPLATE,
        profile: details.times,
    }
}
