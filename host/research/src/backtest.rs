//! Backtests: market events through the engine, the paper venue and a strategy in WebAssembly, as fast as they
//! go. Time is the events' own. Start reading in `run`.

mod events;
#[cfg(test)]
#[path = "../../sandbox/tests/it/guest.rs"]
#[allow(dead_code, clippy::arithmetic_side_effects, reason = "the sandbox's own tests use the rest, and count freely")]
mod guest;
mod run;
mod tape;
#[cfg(test)]
mod tests;
pub mod trial;
mod world;

pub use trial::{Tape, Trial, trial};

use crate::measure::percentiles;
use anyhow::Context;
use model::{MarketIx, StrategyId};
use run::{Budget, Run};
use sandbox::{Compiler, Instance, Module, Sandbox, Settings};
use serde::Serialize;
use std::time::{Duration, Instant};
use world::World;

/// Rounds of a measurement; the median counts.
const ROUNDS: usize = 5;
/// What is measured: it hears everything and trades a little.
pub const TEMPLATE: &str = "template.wasm";
/// How long a rehearsal may take; those of `strategy check` are two, and a minute is enough for both.
const REHEARSED_WITHIN: Duration = Duration::from_secs(25);
/// The one strategy.
const STRATEGY: StrategyId = StrategyId(1);

/// The figures of a measurement.
#[derive(Debug, Serialize)]
pub struct Figures {
    /// Events of one round.
    pub events: u64,
    /// Rounds of the measurement.
    pub rounds: usize,
    /// Of the median round.
    pub events_per_second: u64,
    /// Of the median round.
    pub ns_per_event: f64,
    /// Intents of the strategy.
    pub intents: u64,
    /// Orders that were approved.
    pub orders: u64,
    /// Fills.
    pub fills: u64,
    /// How often the engine had gone past an event at which the strategy acted, and was set back.
    pub set_back: u64,
    /// The file of the strategy.
    pub strategy: &'static str,
}

/// Measures how fast generated events run through the engine, the paper venue and a strategy.
///
/// # Errors
/// If the module cannot be loaded, or the strategy fails.
pub fn measure(template: &[u8], seed: u64, events: u64) -> anyhow::Result<Figures> {
    let sandbox = Sandbox::new(Settings::default(), Compiler::Inline)?;
    let module = sandbox.load(template)?;
    let tape = events::tape(seed, usize::try_from(events)?);
    let mut rounds = Vec::with_capacity(ROUNDS);
    let mut last = None;
    for _ in 0..ROUNDS {
        let mut run = begin(&sandbox, &module, run::SPAN_MAX)?;
        let started = Instant::now();
        run.all(&tape)?;
        rounds.push(u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX));
        last = Some(run);
    }
    let (took, _) = percentiles(rounds);
    let run = last.context("no round was run")?;
    Ok(figures(events, took, &run))
}

/// What a strategy did with made-up events.
#[derive(Debug, PartialEq, Eq)]
pub struct Rehearsal {
    /// Intents of the strategy.
    pub intents: u64,
    /// Orders that were approved.
    pub orders: u64,
    /// Fills.
    pub fills: u64,
    /// Intents that were refused.
    pub refusals: u64,
    /// The most fuel that a call took.
    pub fuel_max: u64,
    /// What `save` returned at the end.
    pub state: Vec<u8>,
    /// A digest of all that was decided.
    trail: u64,
}

/// Runs a strategy through so many made-up events, and starts it anew from what it saved.
///
/// # Errors
/// If it fails, or takes too many calls or too long.
pub fn rehearse(sandbox: &Sandbox, module: &Module, seed: u64, events: usize) -> anyhow::Result<Rehearsal> {
    let mut run = begin(sandbox, module, run::SPAN_MAX)?;
    run.within(&events::tape(seed, events), Budget { time: Some(REHEARSED_WITHIN) })?;
    let state = run.save()?;
    let mut session =
        lifecycle::session_of(&run.world.engine, run.world.at, STRATEGY, (&[MarketIx(0)], &[]), "{}".to_owned());
    session.restored = Some(state.clone());
    Instance::start(sandbox, module, session).context("starting it from its own state")?;
    let (counts, trail) = (run.world.counts, run.world.trail);
    let world::Counts { orders, fills, refusals } = counts;
    Ok(Rehearsal { intents: run.intents, orders, fills, refusals, fuel_max: run.fuel_max, state, trail })
}

/// Sets up a world with one market and a strategy on it.
fn begin(sandbox: &Sandbox, module: &Module, span_max: usize) -> anyhow::Result<Run> {
    let world = World::new(events::market(), events::START, module.manifest().wants)?;
    let session = lifecycle::session_of(&world.engine, world.at, STRATEGY, (&[MarketIx(0)], &[]), "{}".to_owned());
    let instance = Instance::start(sandbox, module, session)?;
    Ok(Run::new(world, instance, span_max))
}

fn figures(events: u64, took: u64, run: &Run) -> Figures {
    let per_second = u128::from(events).saturating_mul(1_000_000_000).checked_div(u128::from(took)).unwrap_or(0);
    let tenths = took.saturating_mul(10).checked_div(events).unwrap_or(0);
    let counts = &run.world.counts;
    Figures {
        events,
        rounds: ROUNDS,
        events_per_second: u64::try_from(per_second).unwrap_or(u64::MAX),
        ns_per_event: format!("{}.{}", tenths / 10, tenths % 10).parse().unwrap_or(f64::NAN),
        intents: run.intents,
        orders: counts.orders,
        fills: counts.fills,
        set_back: run.set_back,
        strategy: TEMPLATE,
    }
}
