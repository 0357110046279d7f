//! One strategy's thread: it takes what waits, shows it, and reports the answers.

use super::intents::IntentLimit;
use super::log_limit::LogLimit;
use super::queue::{Item, OWN_MAX, Queue, Taken, deadline};
use super::states::States;
use super::turns::Turns;
use super::unjudged::Unjudged;
use super::{Report, Sink, Who};
use crate::fault::{Fault, cut};
use crate::instance::{Batch, Instance, Usage};
use crate::module::{Module, Sandbox};
use crate::session::Session;
use crate::state::LogLine;
use model::Time;
use model::event::REASON_MAX;
use model::input::StrategyAnswer;
use parking_lot::Mutex;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The most events of one batch.
const BATCH_MAX: usize = 256;

/// What a thread begins with.
pub(super) struct Job {
    pub(super) sandbox: Sandbox,
    pub(super) module: Module,
    pub(super) session: Session,
    pub(super) who: Who,
    pub(super) sink: Sink,
    pub(super) states: States,
    pub(super) turns: Turns,
}

/// How an instance failed.
struct Failed {
    error: String,
    /// Whether that is its own fault.
    strike: bool,
    /// Whether it was asked for its state.
    saving: bool,
}

/// Says how a call for the state ended, as an answer to no event has it.
pub(crate) fn unsaved(fault: &Fault) -> String {
    cut(&format!("asked for its state: {fault}"), REASON_MAX)
}

/// What the instance used after its last call.
type Meter = Arc<Mutex<Usage>>;

/// A strategy's thread and its queue.
#[derive(Debug)]
pub(super) struct Runner {
    queue: Arc<Queue>,
    usage: Meter,
    /// Ends with the instance if it can go on.
    thread: JoinHandle<Option<Running>>,
}

impl Runner {
    /// Starts a thread. It lets the one `before` hear what it was told, and goes on from its state.
    pub(super) fn start(job: Job, before: Option<Self>) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::of(&job.session.grants, &job.sandbox.settings.rates));
        let heard = Arc::clone(&queue);
        let usage = Meter::default();
        let meter = Arc::clone(&usage);
        let name = format!("strategy-{}", job.who.strategy.0);
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            let left = before.and_then(|before| {
                before.queue.end_heard();
                before.thread.join().unwrap_or_default()
            });
            begin(job, left, meter)?.run(&heard)
        })?;
        Ok(Self { queue, usage, thread })
    }

    pub(super) fn queue(&self) -> &Queue {
        &self.queue
    }

    pub(super) fn usage(&self) -> Usage {
        *self.usage.lock()
    }

    /// Lets the thread end after the call that is under way.
    pub(super) fn end(&self) {
        self.queue.end();
    }

    /// Waits until it has ended.
    pub(super) fn join(self) {
        if self.thread.join().is_err() {
            tracing::error!("a strategy's thread panicked");
        }
    }
}

/// Starts the instance; the one that is `left` goes on if it does not start.
fn begin(job: Job, left: Option<Running>, meter: Meter) -> Option<Running> {
    let Job { sandbox, module, mut session, who, sink, states, turns } = job;
    session.restored = states.get(who.strategy).map(|state| state.to_vec());
    let every = Duration::from_millis(sandbox.settings.save_every_ms);
    let Who { strategy, instance: number, .. } = who;
    let started = {
        let _turn = turns.take();
        Instance::start(&sandbox, &module, session)
    };
    match started {
        Ok(instance) => {
            sink(Report::Started { strategy, instance: number });
            let (heard, saved, lost) = (0, 0, Vec::new());
            let rates = &sandbox.settings.rates;
            let limits = Limits {
                intents: IntentLimit::of(instance.grants(), rates),
                log: LogLimit::of(rates),
                since: Instant::now(),
            };
            let running = Running { instance, who, heard, saved, every, lost, limits, sink, states, turns, meter };
            running.measure();
            Some(running)
        }
        Err(fault) => {
            let error = fault.to_string();
            let Some(left) = left else {
                sink(Report::Faulted { strategy, instance: number, error, strike: fault.is_strike(), saving: false });
                return None;
            };
            sink(Report::Kept { strategy, instance: number, error });
            Some(Running { who, meter, ..left })
        }
    }
}

/// What the instance may do a second.
struct Limits {
    intents: IntentLimit,
    log: LogLimit,
    /// When it started, from which they count.
    since: Instant,
}

impl Limits {
    /// Returns the microseconds since the start.
    fn now(&self) -> Time {
        Time(u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX))
    }
}

/// An instance in its thread.
struct Running {
    instance: Instance,
    who: Who,
    /// Events heard since the start.
    heard: u64,
    /// How many it had heard when it was asked for its state.
    saved: u64,
    /// How often it is asked.
    every: Duration,
    /// Numbers of what it was told and never shown, since the last answer.
    lost: Vec<u64>,
    limits: Limits,
    sink: Sink,
    states: States,
    turns: Turns,
    meter: Meter,
}

impl Running {
    /// Shows what comes until the end, and returns the instance if it may go on then.
    fn run(mut self, queue: &Arc<Queue>) -> Option<Self> {
        match self.hear(queue) {
            Ok(true) => Some(self),
            Ok(false) => None,
            Err(Failed { error, strike, saving }) => {
                self.tell_log();
                let lost = self.limits.log.last_lost();
                self.report_log(Vec::new(), lost);
                let Who { strategy, instance, .. } = self.who;
                (self.sink)(Report::Faulted { strategy, instance, error, strike, saving });
                None
            }
        }
    }

    /// Hears what comes until the end, and says whether the instance may go on then; or how it failed.
    fn hear(&mut self, queue: &Arc<Queue>) -> Result<bool, Failed> {
        let mut items = Vec::with_capacity(BATCH_MAX);
        let mut batch = Batch::default();
        // Numbers are counted by the queue, and this is a new one.
        self.lost.clear();
        let mut save_at = deadline(self.every);
        loop {
            let taken = queue.take(BATCH_MAX, save_at, &mut items, &mut self.lost);
            match taken {
                Taken::Items => self.show(queue, &mut items, &mut batch)?,
                Taken::Nothing => {}
                Taken::End { unheard, replaced } => {
                    if unheard > 0 {
                        tracing::debug!(strategy = self.who.name, unheard, "a strategy ended before it had heard all");
                    }
                    return Ok(self.save_last() && replaced);
                }
                Taken::Overflow => {
                    let error = format!("more than {OWN_MAX} of its own events wait: it is too slow");
                    return Err(Failed { error, strike: true, saving: false });
                }
                Taken::Refused(error) => return Err(self.exceeded(queue, error)),
            }
            if Instant::now() >= save_at {
                save_at = deadline(self.every);
                if self.heard != self.saved {
                    self.save().map_err(|fault| self.failed_to_save(queue, &fault))?;
                }
            }
        }
    }

    /// Shows the items, and leaves those that were not heard for the next time: after an intent the strategy wants to hear
    /// of what came of it before it goes on.
    fn show(&mut self, queue: &Arc<Queue>, items: &mut Vec<Item>, batch: &mut Batch) -> Result<(), Failed> {
        batch.clear();
        items.retain(|item| {
            let before = batch.len();
            item.put(self.instance.grants(), batch);
            // What it was not granted is no event.
            batch.len() > before
        });
        if items.is_empty() {
            return Ok(());
        }
        let said = {
            let _turn = self.turns.take();
            self.instance.on_events(self.heard.saturating_add(1), batch)
        };
        self.measure();
        let count = u32::try_from(items.len()).unwrap_or(u32::MAX);
        let blank = StrategyAnswer { count, lost: std::mem::take(&mut self.lost), ..self.silence() };
        self.tell_log();
        match said {
            Ok(reaction) => {
                let consumed = usize::try_from(reaction.consumed).unwrap_or(usize::MAX).min(items.len());
                items.drain(..consumed);
                self.heard = self.heard.saturating_add(u64::from(reaction.consumed));
                let (consumed, fuel, mut intents) = (reaction.consumed, reaction.fuel, reaction.intents);
                let now = self.limits.now();
                let over = self.limits.intents.hold(now, &mut intents).or_else(|| self.limits.log.fault());
                self.answer(queue, StrategyAnswer { consumed, fuel, intents, ..blank });
                over.map_or(Ok(()), |error| Err(self.exceeded(queue, error)))
            }
            Err(fault) => {
                let reason = cut(&fault.to_string(), REASON_MAX);
                self.answer(queue, StrategyAnswer { fault: Some(reason), ..blank });
                Err(Failed { error: fault.to_string(), strike: fault.is_strike(), saving: false })
            }
        }
    }

    /// Returns an answer to nothing: what comes next is the first event that was not heard yet.
    fn silence(&self) -> StrategyAnswer {
        StrategyAnswer {
            strategy: self.who.strategy,
            instance: self.who.instance,
            first: self.heard.saturating_add(1),
            count: 0,
            consumed: 0,
            fuel: 0,
            fault: None,
            intents: Vec::new(),
            lost: Vec::new(),
        }
    }

    /// It runs and could not give its state: that is a fault as any other, told as an answer to no event.
    fn failed_to_save(&self, queue: &Arc<Queue>, fault: &Fault) -> Failed {
        let error = unsaved(fault);
        self.answer(queue, StrategyAnswer { fault: Some(error.clone()), ..self.silence() });
        Failed { error, strike: fault.is_strike(), saving: true }
    }

    /// Returns the failure of an instance that goes beyond what it may do a second, reported as an answer to no event. The cancels of all
    /// its answers before went to the engine.
    fn exceeded(&self, queue: &Arc<Queue>, error: String) -> Failed {
        self.answer(queue, StrategyAnswer { fault: Some(error.clone()), ..self.silence() });
        Failed { error, strike: true, saving: false }
    }

    /// Reports an answer; nothing more is shown before it is judged.
    fn answer(&self, queue: &Arc<Queue>, answer: StrategyAnswer) {
        (self.sink)(Report::Answer(answer, Unjudged::of(queue)));
    }

    fn measure(&self) {
        *self.meter.lock() = self.instance.usage();
    }

    fn tell_log(&mut self) {
        let (lines, lost) = self.instance.take_log();
        let now = self.limits.now();
        let (lines, lost) = self.limits.log.hold(now, lines, lost);
        self.report_log(lines, lost);
    }

    fn report_log(&self, lines: Vec<LogLine>, lost: u64) {
        if !lines.is_empty() || lost > 0 {
            (self.sink)(Report::Log { strategy: self.who.strategy, lines, lost });
        }
    }

    /// Asks for the state at the end, where a failure harms nobody: the state before holds.
    fn save_last(&mut self) -> bool {
        let saved = self.save();
        if let Err(fault) = &saved {
            tracing::warn!(strategy = self.who.name, %fault, "a strategy did not save its state");
        }
        saved.is_ok()
    }

    /// Asks for the state and keeps it.
    fn save(&mut self) -> Result<(), Fault> {
        let state = {
            let _turn = self.turns.take();
            self.instance.save()?
        };
        self.tell_log();
        self.saved = self.heard;
        let Who { strategy, name, instance } = self.who.clone();
        let state = self.states.keep(strategy, &state);
        (self.sink)(Report::Saved { strategy, name, instance, state });
        Ok(())
    }
}
