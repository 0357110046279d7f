//! Exact batching: the engine runs ahead of a strategy, and where the strategy acts on an event that the engine has
//! passed, the engine is rewound to just after that event. A batch ends after any event for a strategy alone, and where
//! the events of a second strategy begin. So batches of any size produce the same run as single events (checked by a
//! test).

mod delivery;
mod listing;
mod strategies;

use super::fees::Fees;
use super::job::Job;
use super::profile::{Part, Profile, Times};
use super::recorder::Recorder;
use super::runner::Watch;
use super::timeline::{Moment, Phase, Timeline};
use super::world::{Checkpoint, Item, Output, Row, World};
use crate::events::Hindsight;
use anyhow::Context;
use model::{ConditionId, Intent, MarketIx, Time};
use sandbox::supervisor::BATCH_MAX;
use sandbox::{Batch, Sandbox};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
pub(super) use strategies::Slot;

/// Maximum number of moments per batch.
pub(super) const SPAN_MAX: usize = 1_024;
/// Twice the cost of a batch (a checkpoint and a call), in moments that are repeated. A batch of `s` moments
/// costs a share of that per moment, and an action in it repeats `s / 2` moments, so that the cheapest batch has the
/// root of this number times the moments between two actions. Measured with an action each thousand moments: 30 and 45
/// take 0.96 of the time of 12.
const BATCH_COST: usize = 36;
/// Moments between two actions below which a batch has one moment: only moments that are shown cost a call then, and no
/// checkpoint makes the first change of a table copy it. Measured with a quoter on a day of 292 markets and on one market.
const SINGLE_BELOW: usize = 50;
/// Maximum number of consecutive calls caused by the strategies' own answers, without a moment in between. After this
/// many refusals the host ends an instance.
const STANDING_MAX: u64 = 1_000;
/// The longest time that a session goes on after the end of its tape, for payouts.
const AFTER_END_MICROS: u64 = 48 * 3_600_000_000;

/// The end of a run before the end of its tape.
#[derive(Debug)]
pub(super) enum Stopped {
    Interrupted,
    Failed(String),
}

/// A run in progress.
pub(super) struct Run<'a> {
    pub(super) world: World,
    pub(super) recorder: Recorder,
    pub(super) slots: Vec<Slot>,
    profile: Profile,
    pub(super) set_back: u64,
    /// Intents with their times, if they are noted; see `lookahead`.
    pub(super) noted: Option<Vec<(usize, Time, Intent)>>,
    /// Time in nanoseconds and fuel of each call, if they are noted.
    pub(super) calls: Option<Vec<(u64, u64)>>,
    /// The longest time that the run may take, and its start.
    pub(super) within: Option<(Duration, Instant)>,
    /// The most calls of strategies, and those that were made.
    pub(super) calls_max: Option<u64>,
    called: u64,
    pub(super) first_at: Time,
    timeline: Timeline<'a>,
    sandbox: &'a Sandbox,
    watch: &'a Watch,
    fees: Fees,
    from: Option<Time>,
    hindsight: BTreeMap<ConditionId, Hindsight>,
    batch: Batch,
    /// Rows of moments that may still be rewound, each with the number of moments processed.
    rows: Vec<(usize, Row)>,
    output: Output,
    started: bool,
    /// Later starts of single strategies, the next one last.
    starts: Vec<Time>,
    after_end: bool,
    /// Markets with prices but without order books, which are granted to no strategy.
    bookless: BTreeMap<MarketIx, String>,
    /// Index from which the next strategy is granted markets.
    next_market: u32,
    span_max: usize,
    /// Moments since the last action.
    quiet: usize,
    /// A running mean of the moments between two actions.
    apart: usize,
    standing: u64,
}

/// The parts of a new run.
pub(super) struct Parts<'a> {
    pub(super) job: &'a Job,
    pub(super) sandbox: &'a Sandbox,
    pub(super) watch: &'a Watch,
    pub(super) timeline: Timeline<'a>,
    pub(super) hindsight: Vec<Hindsight>,
    pub(super) slots: Vec<Slot>,
    pub(super) span_max: usize,
}

impl<'a> Run<'a> {
    /// Returns a run before its first event.
    ///
    /// # Errors
    /// If the source cannot be read or is empty.
    pub(super) fn new(mut parts: Parts<'a>) -> anyhow::Result<Self> {
        let first = parts.timeline.get(0)?.context("the tape has no events in this time")?;
        let world = World::new(parts.job, first.at)?;
        let mut starts: Vec<Time> = parts.slots.iter().filter_map(|slot| slot.from).collect();
        starts.sort_unstable_by(|one, other| other.cmp(one));
        let known = parts.hindsight.into_iter().filter(|known| !known.implied || parts.job.implied);
        Ok(Self {
            world,
            recorder: Recorder::default(),
            slots: parts.slots,
            profile: Profile::default(),
            set_back: 0,
            noted: None,
            calls: None,
            within: None,
            calls_max: None,
            called: 0,
            first_at: first.at,
            timeline: parts.timeline,
            sandbox: parts.sandbox,
            watch: parts.watch,
            fees: parts.job.fees.clone(),
            from: parts.job.from,
            hindsight: known.map(|known| (known.condition, known)).collect(),
            batch: Batch::default(),
            rows: Vec::new(),
            output: Output::default(),
            started: false,
            starts,
            after_end: false,
            bookless: BTreeMap::new(),
            next_market: 0,
            span_max: parts.span_max,
            quiet: 0,
            apart: 0,
            standing: 0,
        })
    }

    /// Returns true if an event had no time of receipt.
    pub(super) const fn is_feed_assumed(&self) -> bool {
        self.timeline.assumed()
    }

    /// Processes all events. Returns the reason if it ended before.
    ///
    /// # Errors
    /// If the tape cannot be read on, or one of its markets is refused.
    pub(super) fn all(&mut self) -> anyhow::Result<Option<Stopped>> {
        loop {
            if self.watch.stop.load(Ordering::Relaxed) {
                return Ok(Some(Stopped::Interrupted));
            }
            if let Some((most, since)) = self.within
                && since.elapsed() > most
            {
                return Ok(Some(Stopped::Failed(format!("more than {} s", most.as_secs()))));
            }
            match self.step()? {
                Step::Done => return Ok(None),
                Step::Failed(reason) => return Ok(Some(Stopped::Failed(reason))),
                Step::On => {}
            }
        }
    }

    /// Processes a batch.
    fn step(&mut self) -> anyhow::Result<Step> {
        if self.output.items.is_empty() {
            match self.timeline.get(0)? {
                None if self.after_end => return Ok(Step::Done),
                None => {
                    self.go_on_after_the_end();
                    return Ok(Step::On);
                }
                Some(moment) if is_barrier(moment, self.next_start()) => return self.change_markets(moment),
                Some(_) => {}
            }
        }
        // Items for a strategy alone, and those of a second strategy, are delivered before any event. Without older
        // items, a batch of one event never needs a rewind.
        let waits = self.is_any_alone(0);
        let span = if waits { 0 } else { self.span()? };
        let may_go_back = span > 1 || (span > 0 && !self.output.items.is_empty());
        let before = if may_go_back { self.world.checkpoint() } else { None };
        let taken = self.go_ahead(span)?;
        self.standing = if taken > 0 { 0 } else { self.standing.saturating_add(1) };
        if self.standing > STANDING_MAX {
            let why =
                format!("endless loop: {STANDING_MAX} consecutive calls were caused by the strategy's own answers");
            return Ok(Step::Failed(why));
        }
        if self.output.items.is_empty() {
            self.quiet = self.quiet.saturating_add(taken);
            self.commit(taken);
            return Ok(Step::On);
        }
        self.deliver(taken, before)
    }

    /// Returns to the state after `upto` moments.
    fn rewind(&mut self, upto: usize, before: Checkpoint) -> anyhow::Result<()> {
        self.world.restore(before)?;
        self.set_back = self.set_back.saturating_add(1);
        self.output.items.retain(|waiting| waiting.place <= upto);
        let known = self.output.items.len();
        self.rows.retain(|(place, _)| *place <= upto);
        for place in 0..upto {
            let moment = self.timeline.get(place)?.context("a moment to repeat is gone")?;
            self.happen(moment);
            // The same items and rows as before, which were kept.
            self.output.items.truncate(known);
            self.output.rows.clear();
        }
        Ok(())
    }

    /// Processes moments until the batch is full, in moments or in items, or an item for a strategy alone or of a second strategy waits.
    fn go_ahead(&mut self, span: usize) -> anyhow::Result<usize> {
        let (mut taken, start) = (0, self.next_start());
        while taken < span {
            let Some(moment) = self.timeline.get(taken)? else { break };
            if is_barrier(moment, start) || (taken > 0 && self.world.hears_venue_before(moment.at)) {
                break;
            }
            let known = self.output.items.len();
            self.output.place = taken.saturating_add(1);
            if !self.happen(moment) {
                self.timeline.split(taken);
            }
            taken = taken.saturating_add(1);
            if !self.output.rows.is_empty() {
                self.rows.extend(self.output.rows.drain(..).map(|row| (taken, row)));
            }
            let count = self.output.items.len();
            if count >= BATCH_MAX || (count > known && self.is_any_alone(known)) {
                break;
            }
        }
        Ok(taken)
    }

    /// Lets a moment happen. Returns false if only its first half happened: an event that acted at the venue and led to
    /// something there, which comes before its receipt.
    fn happen(&mut self, moment: Moment) -> bool {
        let Moment { at, number, phase, ends_frame, .. } = moment;
        let began = self.profile.begin();
        self.world.pass(at, &mut self.output);
        let mut began = self.profile.end(Part::Engine, began);
        if phase == Phase::Idle {
            return true;
        }
        let Some(event) = self.timeline.event(number) else { return true };
        if phase != Phase::Heard {
            self.world.act_at_venue(at, &event.kind, ends_frame, &mut self.output);
            began = self.profile.end(Part::Paper, began);
        }
        if phase == Phase::Both && (self.output.is_any_new() || self.world.hears_venue_before(at)) {
            return false;
        }
        if phase != Phase::Venue {
            self.world.hear(at, &event.kind, &mut self.output);
            self.profile.end(Part::Engine, began);
        }
        true
    }

    /// Returns true if an item from place `from` of the queue on is for a strategy alone, or for another strategy than
    /// the first one.
    fn is_any_alone(&self, from: usize) -> bool {
        let Some(first) = self.output.items.front().map(|waiting| waiting.strategy) else { return false };
        let mut new = self.output.items.iter().skip(from);
        new.any(|waiting| matches!(waiting.item, Item::Own(..)) || waiting.strategy != first)
    }

    /// Takes the rows of something that is never rewound.
    fn accept_rows(&mut self) {
        self.rows.extend(self.output.rows.drain(..).map(|row| (0, row)));
    }

    /// Makes the first `taken` moments final.
    fn commit(&mut self, taken: usize) {
        self.timeline.release(taken);
        self.world.forget_checkpoint();
        self.output.place = 0;
        for waiting in &mut self.output.items {
            waiting.place = waiting.place.saturating_sub(taken);
        }
        for (_, row) in self.rows.drain(..) {
            self.recorder.add(row);
        }
        self.watch.events.store(self.timeline.heard(), Ordering::Relaxed);
        self.watch.at.store(self.world.at.0, Ordering::Relaxed);
    }

    /// Returns the most moments of the next batch. A moment at which the venue answers is a batch of its own: its answer
    /// changes tables that a copy shares, and the strategy gets it alone.
    fn span(&mut self) -> anyhow::Result<usize> {
        let next = self.timeline.get(0)?;
        if next.is_some_and(|moment| self.world.hears_venue_before(moment.at)) {
            return Ok(1);
        }
        let apart = self.apart.max(self.quiet);
        if apart < SINGLE_BELOW {
            return Ok(1);
        }
        Ok(apart.saturating_mul(BATCH_COST).isqrt().clamp(1, self.span_max))
    }

    /// Returns the number of events that were heard.
    pub(super) const fn events(&self) -> u64 {
        self.timeline.heard()
    }

    /// Returns the events and the time of the end, and makes all rows final.
    pub(super) fn finish(&mut self) {
        self.commit(0);
        let row = self.world.equity();
        if self.started {
            self.recorder.add(Row::Equity(row));
        }
    }

    /// Switches the measurement of times on.
    pub(super) fn measure_times(&mut self) {
        self.profile = Profile::switched_on();
        self.timeline.decode = Some(Duration::ZERO);
    }

    /// Returns the measured times.
    pub(super) fn times(&self) -> Option<Times> {
        self.timeline.decode.map(|decode| self.profile.times(decode))
    }

    fn go_on_after_the_end(&mut self) {
        self.after_end = true;
        let latest = self.world.at.plus_micros(AFTER_END_MICROS);
        if !self.timeline.has_end()
            && let Some(until) = self.world.last_payout()
        {
            self.timeline.idle_until(until.min(latest));
        }
    }

    /// Returns the next time at which all strategies start, or one of them.
    fn next_start(&self) -> Time {
        let all = if self.started { None } else { Some(self.from.unwrap_or_default()) };
        all.into_iter().chain(self.starts.last().copied()).min().unwrap_or(Time(u64::MAX))
    }

    /// Starts the strategies, lists markets, or grants others for a closed one.
    fn change_markets(&mut self, moment: Moment) -> anyhow::Result<Step> {
        if moment.changes_markets {
            if moment.phase == Phase::Venue {
                self.list(moment)?;
            } else {
                self.happen(moment);
            }
            self.accept_rows();
            self.commit(1);
            // Markets that are listed together are granted together.
            let next = self.timeline.get(0)?;
            if next.is_some_and(|next| next.at == moment.at && next.changes_markets) {
                return Ok(Step::On);
            }
        }
        let begins = self.timeline.get(0)?.is_none_or(|next| self.from.is_none_or(|from| next.at >= from));
        let now = self.timeline.get(0)?.map_or(moment.at, |next| next.at);
        while let Some(at) = self.starts.pop_if(|at| *at <= now) {
            self.world.pass(at, &mut self.output);
            self.world.at = self.world.at.max(at);
        }
        self.slots
            .iter_mut()
            .filter(|slot| slot.from.is_some_and(|from| from <= now))
            .for_each(|slot| slot.from = None);
        if !self.started && begins {
            self.started = true;
            self.world.begin_rows(&mut self.output);
        }
        if self.started
            && let Err(error) = self.grant()
        {
            return Ok(Step::Failed(format!("{error:#}")));
        }
        self.accept_rows();
        Ok(Step::On)
    }
}

/// Returns true if no batch contains this moment; `start` is the next time at which strategies start.
fn is_barrier(moment: Moment, start: Time) -> bool {
    moment.changes_markets || moment.at >= start
}

/// The result of a batch.
#[derive(Debug)]
enum Step {
    On,
    Done,
    Failed(String),
}
