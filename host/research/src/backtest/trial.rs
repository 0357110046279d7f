//! A strategy on a tape, one event a call, with everything that it wanted and what each call cost.

use super::events::{self, Heard};
use super::{STRATEGY, tape, world};
use crate::backtest::run::Run;
use model::{Intent, Market, MarketIx, Time};
use sandbox::{Instance, Module, Sandbox};
use std::path::Path;

/// What is run.
#[derive(Debug)]
pub struct Tape {
    market: Market,
    events: Vec<Heard>,
}

impl Tape {
    /// Makes events up.
    pub fn made_up(seed: u64, events: usize) -> Self {
        Self { market: events::market(), events: events::tape(seed, events) }
    }

    /// Reads a recording of real order books.
    ///
    /// # Errors
    /// If it is none.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let (market, events) = tape::read(path)?;
        Ok(Self { market, events })
    }

    /// Returns the number of events.
    pub fn events(&self) -> usize {
        self.events.len()
    }

    /// Returns when it begins.
    pub fn begin(&self) -> Time {
        self.events.first().map_or(events::START, |(at, _)| *at)
    }

    /// Returns the market's outcomes.
    pub fn outcomes(&self) -> &[String; 2] {
        &self.market.outcomes
    }
}

/// What was seen on the way.
#[derive(Debug, Default)]
pub struct Notes {
    /// Nanoseconds and fuel of each call.
    pub calls: Vec<(u64, u64)>,
    /// What was wanted, and when.
    pub intents: Vec<(Time, Intent)>,
}

/// How it went.
#[derive(Debug)]
pub struct Trial {
    /// What was seen on the way.
    pub notes: Notes,
    /// What the engine did.
    pub counts: world::Counts,
    /// Bytes of the strategy's memories at the end; they never shrink.
    pub memory: usize,
    /// What it logged last.
    pub log: Vec<sandbox::LogLine>,
}

/// Runs a strategy on a tape.
///
/// # Errors
/// If it fails.
pub fn trial(sandbox: &Sandbox, module: &Module, tape: &Tape, parameters: &str) -> anyhow::Result<Trial> {
    let world = world::World::new(tape.market.clone(), tape.begin(), module.manifest().wants)?;
    let session =
        lifecycle::session_of(&world.engine, world.at, STRATEGY, (&[MarketIx(0)], &[]), parameters.to_owned());
    let instance = Instance::start(sandbox, module, session)?;
    let mut run = Run::new(world, instance, 1);
    run.notes = Some(Notes::default());
    run.all(&tape.events)?;
    let (memory, log) = run.used();
    Ok(Trial { notes: run.notes.unwrap_or_default(), counts: run.world.counts, memory, log })
}
