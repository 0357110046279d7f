//! A trial: a strategy on a tape, one event per call, with its intents and the cost of each call.

use super::events::{self, Generated};
use super::{Options, Runner, Watch, one_market, tape};
use crate::events::{MemoryEvents, TapeEvent};
use crate::run::RunEnd;
use anyhow::bail;
use model::{Intent, Market, Time};
use sandbox::{Module, Sandbox};
use std::path::Path;

/// The events of a trial.
#[derive(Debug)]
pub struct Tape {
    market: Market,
    events: Vec<TapeEvent>,
}

impl Tape {
    /// Generates events.
    pub fn made_up(seed: u64, events: usize) -> Self {
        let events = Generated::new(seed, events).collect().into_iter().skip(1).collect();
        Self { market: events::market(), events }
    }

    /// Reads a recording of real order books.
    ///
    /// # Errors
    /// If it is not a recording.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let (market, events) = tape::read(path)?;
        Ok(Self { market, events })
    }

    /// Returns the number of events.
    pub fn events(&self) -> usize {
        self.events.len()
    }

    /// Returns the time of the first event.
    pub fn begin(&self) -> Time {
        self.events.first().map_or(events::START, |event| event.venue_at)
    }

    /// Returns the market's outcomes.
    pub fn outcomes(&self) -> &[String; 2] {
        &self.market.outcomes
    }
}

/// Notes taken during a run.
#[derive(Debug, Default)]
pub struct Notes {
    /// Time in nanoseconds and fuel of each call.
    pub calls: Vec<(u64, u64)>,
    /// Intents, with their times.
    pub intents: Vec<(Time, Intent)>,
}

/// Counts of the engine's decisions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Approved orders.
    pub orders: u64,
    /// Fills.
    pub fills: u64,
    /// Refused intents.
    pub refusals: u64,
}

/// Result of a trial.
#[derive(Debug)]
pub struct Trial {
    /// Notes taken during the run.
    pub notes: Notes,
    /// Counts of the engine's decisions.
    pub counts: Counts,
    /// Memory of the strategy at the end, in bytes; it never shrinks.
    pub memory: usize,
    /// Last log lines of the strategy.
    pub log: Vec<sandbox::LogLine>,
}

/// Runs a strategy on a tape.
///
/// # Errors
/// If it fails.
pub fn trial(sandbox: &Sandbox, module: &Module, tape: &Tape, parameters: &str) -> anyhow::Result<Trial> {
    let runner = Runner::with(sandbox.clone()).with_batches(1);
    let job = one_market(&runner, module, parameters);
    let listing = events::listing(tape.market.clone(), tape.begin());
    let mut source = MemoryEvents::new(std::iter::once(listing).chain(tape.events.iter().cloned()), Vec::new());
    let options = Options { intents: true, calls: true, ..Options::default() };
    let (data, details) = runner.run_with(&mut source, &job, &Watch::default(), options)?;
    if let RunEnd::Failed(_, reason) = data.description.end {
        bail!(reason);
    }
    let totals = data.description.totals;
    Ok(Trial {
        notes: Notes {
            calls: details.calls,
            intents: details.intents.into_iter().map(|(_, at, intent)| (at, intent)).collect(),
        },
        counts: Counts { orders: totals.orders, fills: totals.fills, refusals: totals.refusals },
        memory: details.memory,
        log: details.log,
    })
}
