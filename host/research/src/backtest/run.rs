//! Events in batches, exactly: the engine goes ahead of the strategy, and where the strategy acts on an event that the engine
//! has passed, the engine is set back to just after it. Batches end after anything that concerns the strategy alone. So
//! batches of any size give the run that single events give (a test).

use super::STRATEGY;
use super::events::Heard;
use super::trial::Notes;
use super::world::{Item, World};
use anyhow::{Context, anyhow, ensure};
use model::Intent;
use model::input::StrategyAnswer;
use sandbox::{Batch, Instance, LogLine, Reaction};
use std::time::{Duration, Instant};

/// The most events of a batch.
pub(super) const SPAN_MAX: usize = 4_096;
/// After the strategy acted, batches begin with so many events again.
const SPAN_MIN: usize = 64;

/// Calls in a row for what an answer led to, without a market event between them. After so many refusals the host has ended an instance.
const STANDING_MAX: u64 = 1_000;
/// Calls of a whole run for each event: it may answer each, and be told what came of it one by one.
const CALLS_EACH_EVENT: u64 = 16;

/// What a run may take.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Budget {
    pub(super) time: Option<Duration>,
}

/// What a run has taken.
#[derive(Debug)]
struct Spent {
    since: Instant,
    calls: u64,
    /// Calls since the tape went on.
    standing: u64,
}

impl Spent {
    /// Counts a call, and says whether that was one too many, or too late.
    fn call(&mut self, went_on: bool, events: usize, budget: Budget) -> anyhow::Result<()> {
        self.calls = self.calls.saturating_add(1);
        self.standing = if went_on { 0 } else { self.standing.saturating_add(1) };
        ensure!(
            self.standing <= STANDING_MAX,
            "it does not end: {STANDING_MAX} calls in a row were answers to what its answers led to"
        );
        let events = u64::try_from(events).unwrap_or(u64::MAX);
        let most = CALLS_EACH_EVENT.saturating_mul(events).saturating_add(STANDING_MAX);
        ensure!(self.calls <= most, "it took more than {most} calls for {events} events");
        if let Some(time) = budget.time {
            ensure!(self.since.elapsed() <= time, "it took more than {} s for {events} events", time.as_secs());
        }
        Ok(())
    }
}

/// A run under way.
pub(super) struct Run {
    pub(super) world: World,
    pub(super) intents: u64,
    pub(super) set_back: u64,
    /// The most fuel that a call took.
    pub(super) fuel_max: u64,
    /// What each call cost and wanted, if somebody wants to know.
    pub(super) notes: Option<Notes>,
    instance: Instance,
    batch: Batch,
    /// What the strategy has not heard yet, each with the number of events that were taken when it was told.
    items: Vec<(usize, Item)>,
    told: Vec<Item>,
    /// The number of the next item since the strategy's start.
    first: u64,
    span: usize,
    span_max: usize,
}

impl Run {
    /// Returns a run that begins: the bot starts, and the strategy has heard nothing.
    pub(super) fn new(mut world: World, instance: Instance, span_max: usize) -> Self {
        let mut told = Vec::new();
        world.start(&mut told);
        let items = told.drain(..).map(|item| (0, item)).collect();
        let (batch, first, span) = (Batch::default(), 1, span_max.min(SPAN_MIN));
        let (intents, set_back, fuel_max, notes) = (0, 0, 0, None);
        Self { world, intents, set_back, fuel_max, notes, instance, batch, items, told, first, span, span_max }
    }

    /// Takes all events.
    ///
    /// # Errors
    /// If the strategy fails, or its answers lead to calls without an end.
    pub(super) fn all(&mut self, tape: &[Heard]) -> anyhow::Result<()> {
        self.within(tape, Budget::default())
    }

    /// Takes all events, within a budget.
    ///
    /// # Errors
    /// If the strategy fails, or takes more.
    pub(super) fn within(&mut self, tape: &[Heard], budget: Budget) -> anyhow::Result<()> {
        let (mut taken, mut spent) = (0, Spent { since: Instant::now(), calls: 0, standing: 0 });
        while taken < tape.len() || !self.items.is_empty() {
            let before = taken;
            taken = self.batch(tape, taken)?;
            spent.call(taken > before, tape.len(), budget)?;
        }
        Ok(())
    }

    /// Takes a batch from event `begin` on and returns how many events are taken then.
    fn batch(&mut self, tape: &[Heard], begin: usize) -> anyhow::Result<usize> {
        // What concerns the strategy alone is shown before any event. Without something older, one event can't be too many.
        let own = self.items.iter().any(|(_, item)| matches!(item, Item::Own(..)));
        let may_go_back = !own && (self.span > 1 || !self.items.is_empty());
        let before = if may_go_back { self.world.fork() } else { None };
        let taken = if own { begin } else { self.go_ahead(tape, begin) };
        if self.items.is_empty() {
            return Ok(taken);
        }
        let reaction = self.show()?;
        let consumed = usize::try_from(reaction.consumed)?;
        let all = consumed >= self.items.len();
        if all && reaction.intents.is_empty() {
            self.first = self.first.saturating_add(u64::from(reaction.consumed));
            self.items.clear();
            self.span = self.span.saturating_mul(2).min(self.span_max);
            return Ok(taken);
        }
        let last = consumed.checked_sub(1).and_then(|place| self.items.get(place));
        let upto = last.map(|(upto, _)| *upto).context("an answer to nothing")?.max(begin);
        self.items.drain(..consumed);
        if upto < taken {
            self.world = before.context("there is nothing to go back to")?;
            self.set_back = self.set_back.saturating_add(1);
            self.items.retain(|(told_at, _)| *told_at <= upto);
            for heard in tape.get(begin..upto).unwrap_or_default() {
                self.world.hear(heard, &mut self.told);
            }
            self.told.clear();
        }
        self.span = upto.saturating_sub(begin).max(SPAN_MIN).min(self.span_max);
        self.answer(upto, reaction);
        Ok(upto)
    }

    /// Lets the engine take events until the batch is full or something concerns the strategy alone.
    fn go_ahead(&mut self, tape: &[Heard], begin: usize) -> usize {
        let mut taken = begin;
        let mut own = false;
        while !own && taken.saturating_sub(begin) < self.span {
            let Some(heard) = tape.get(taken) else { break };
            self.world.hear(heard, &mut self.told);
            taken = taken.saturating_add(1);
            own = self.told.iter().any(|item| matches!(item, Item::Own(..)));
            self.items.extend(self.told.drain(..).map(|item| (taken, item)));
        }
        taken
    }

    /// Shows the strategy what it has not heard.
    fn show(&mut self) -> anyhow::Result<Reaction> {
        self.batch.clear();
        for (_, item) in &self.items {
            match item {
                Item::Market(note) => self.batch.market(self.instance.grants(), note),
                Item::Own(at, event) => self.batch.own(self.instance.grants(), *at, event),
            }
        }
        let started = self.notes.is_some().then(Instant::now);
        let shown = self.instance.on_events(self.first, &mut self.batch);
        let reaction = shown.map_err(|fault| anyhow!("the strategy failed at item {}: {fault}", self.first))?;
        self.fuel_max = self.fuel_max.max(reaction.fuel);
        if let (Some(notes), Some(started)) = (&mut self.notes, started) {
            let took = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
            notes.calls.push((took, reaction.fuel));
        }
        Ok(reaction)
    }

    /// Asks the strategy for its state.
    ///
    /// # Errors
    /// If it fails.
    pub(super) fn save(&mut self) -> anyhow::Result<Vec<u8>> {
        self.instance.save().map_err(|fault| anyhow!("`save` failed: {fault}"))
    }

    /// Returns the bytes of memory that the strategy has taken, and the last lines that it logged.
    pub(super) fn used(&mut self) -> (usize, Vec<LogLine>) {
        (self.instance.usage().memory, self.instance.take_log().0)
    }

    fn answer(&mut self, upto: usize, reaction: Reaction) {
        let Reaction { consumed, intents, fuel } = reaction;
        let first = self.first;
        self.first = first.saturating_add(u64::from(consumed));
        if intents.is_empty() {
            return;
        }
        self.intents = self.intents.saturating_add(count(&intents));
        if let Some(notes) = &mut self.notes {
            notes.intents.extend(intents.iter().map(|intent| (self.world.at, intent.clone())));
        }
        let (strategy, instance, fault, lost) = (STRATEGY, 1, None, Vec::new());
        let answer =
            StrategyAnswer { strategy, instance, first, count: consumed, consumed, fuel, fault, intents, lost };
        self.world.answer(answer, &mut self.told);
        self.items.extend(self.told.drain(..).map(|item| (upto, item)));
    }
}

fn count(intents: &[Intent]) -> u64 {
    u64::try_from(intents.len()).unwrap_or(u64::MAX)
}
