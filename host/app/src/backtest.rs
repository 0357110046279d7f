//! `polytrader backtest`: market events through the engine, the paper venue and a strategy in WebAssembly, as fast as they
//! go. Time is the events' own. Start reading in `run`.

mod events;
mod run;
mod tape;
#[cfg(test)]
mod tests;
mod trial;
mod world;

pub(crate) use trial::{Tape, Trial, trial};

use crate::bench;
use crate::cli::{BacktestArgs, complain, say};
use anyhow::Context;
use model::{MarketIx, StrategyId};
use run::Run;
use sandbox::{Instance, Module, Sandbox, Settings};
use serde::Serialize;
use std::process::ExitCode;
use std::time::Instant;
use world::World;

/// Rounds of a measurement; the median counts.
const ROUNDS: usize = 5;
/// What is measured: it hears everything and trades a little.
const TEMPLATE: &str = "template.wasm";
/// The one strategy.
const STRATEGY: StrategyId = StrategyId(1);

/// What a measurement prints.
#[derive(Debug, Serialize)]
struct Figures {
    /// Events of one round.
    events: u64,
    rounds: usize,
    /// Of the median round.
    events_per_second: u64,
    ns_per_event: f64,
    intents: u64,
    orders: u64,
    fills: u64,
    /// Times that the engine had gone past an event at which the strategy acted, and was set back.
    set_back: u64,
    strategy: &'static str,
}

/// Runs `polytrader backtest --bench`.
///
/// # Errors
/// If there is no strategy to run, or it fails.
pub(crate) fn backtest(args: &BacktestArgs) -> anyhow::Result<ExitCode> {
    if cfg!(debug_assertions) {
        complain("this is a development build: for real figures run `cargo run --release -p app -- backtest --bench`");
    }
    let folder = bench::strategies(args.strategies.as_deref())?;
    let sandbox = Sandbox::new(Settings::default())?;
    let module = sandbox.load(&bench::module(&folder, TEMPLATE)?)?;
    let tape = events::tape(args.seed, usize::try_from(args.events)?);
    let mut rounds = Vec::with_capacity(ROUNDS);
    let mut last = None;
    for _ in 0..ROUNDS {
        let mut run = begin(&sandbox, &module, run::SPAN_MAX)?;
        let started = Instant::now();
        run.all(&tape)?;
        rounds.push(u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX));
        last = Some(run);
    }
    let (took, _) = bench::percentiles(rounds);
    let run = last.context("no round was run")?;
    print(args, &figures(args.events, took, &run))?;
    Ok(ExitCode::SUCCESS)
}

/// What a strategy did with made-up events.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rehearsal {
    pub(crate) intents: u64,
    pub(crate) orders: u64,
    pub(crate) fills: u64,
    pub(crate) refusals: u64,
    /// The most fuel that a call took.
    pub(crate) fuel_max: u64,
    /// What `save` returned at the end.
    pub(crate) state: Vec<u8>,
    /// A digest of all that was decided.
    trail: u64,
}

/// Runs a strategy through so many made-up events, and starts it anew from what it saved.
///
/// # Errors
/// If it fails.
pub(crate) fn rehearse(sandbox: &Sandbox, module: &Module, seed: u64, events: usize) -> anyhow::Result<Rehearsal> {
    let mut run = begin(sandbox, module, run::SPAN_MAX)?;
    run.all(&events::tape(seed, events))?;
    let state = run.save()?;
    let mut session =
        crate::host::session_of(&run.world.engine, run.world.at, STRATEGY, (&[MarketIx(0)], &[]), "{}".to_owned());
    session.restored = Some(state.clone());
    Instance::start(sandbox, module, session).context("starting it from its own state")?;
    let (counts, trail) = (run.world.counts, run.world.trail);
    let world::Counts { orders, fills, refusals } = counts;
    Ok(Rehearsal { intents: run.intents, orders, fills, refusals, fuel_max: run.fuel_max, state, trail })
}

/// Sets up a world with one market and a strategy on it.
fn begin(sandbox: &Sandbox, module: &Module, span_max: usize) -> anyhow::Result<Run> {
    let world = World::new(events::market(), events::START, module.manifest().wants)?;
    let session = crate::host::session_of(&world.engine, world.at, STRATEGY, (&[MarketIx(0)], &[]), "{}".to_owned());
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

fn print(args: &BacktestArgs, figures: &Figures) -> anyhow::Result<()> {
    if args.json {
        say(&serde_json::to_string(figures)?);
        return Ok(());
    }
    let Figures { events, rounds, events_per_second, ns_per_event, intents, orders, fills, set_back, strategy } =
        figures;
    say(&format!("{events} events through {strategy}, the median of {rounds} rounds"));
    say(&format!("{events_per_second} events a second, {ns_per_event} ns an event"));
    say(&format!("{intents} intents, {orders} orders, {fills} fills; the engine was set back {set_back} times"));
    Ok(())
}
