//! Thread of one strategy: it takes queued events, passes them to the instance, and reports the answers.

use super::call_permits::CallPermits;
use super::intents::IntentLimit;
use super::log_limit::LogLimit;
use super::queue::{Item, OWN_MAX, Queue, Taken, deadline};
use super::states::States;
use super::unjudged::Unjudged;
use super::{InstanceId, Report, Sink};
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

/// The maximum number of events in a batch.
pub const BATCH_MAX: usize = 256;

/// Start parameters of a strategy's thread.
pub(super) struct RunnerJob {
    pub(super) sandbox: Sandbox,
    pub(super) module: Module,
    pub(super) session: Session,
    pub(super) who: InstanceId,
    pub(super) sink: Sink,
    pub(super) states: States,
    pub(super) turns: CallPermits,
}

/// The failure of an instance.
struct Failed {
    error: String,
    /// True if it counts against the strategy.
    strike: bool,
    /// True if saving its state failed.
    saving: bool,
}

/// Returns the fault text of a failed save, as recorded in an answer to no event.
pub(crate) fn unsaved(fault: &Fault) -> String {
    cut(&format!("asked for its state: {fault}"), REASON_MAX)
}

/// The resource usage after the last call, shared with the supervisor.
type Meter = Arc<Mutex<Usage>>;

/// A strategy's thread and its queue.
#[derive(Debug)]
pub(super) struct Runner {
    queue: Arc<Queue>,
    usage: Meter,
    /// Returns the instance at its end if it can continue.
    thread: JoinHandle<Option<Running>>,
}

impl Runner {
    /// Starts a thread. It first lets the instance `before` consume its queued events, and then starts from its state.
    pub(super) fn start(job: RunnerJob, before: Option<Self>) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::of(&job.session.grants, &job.sandbox.settings.rates));
        let own_queue = Arc::clone(&queue);
        let usage = Meter::default();
        let meter = Arc::clone(&usage);
        let name = format!("strategy-{}", job.who.strategy.0);
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            crate::platform::yield_to_trading();
            let left = before.and_then(|before| {
                before.queue.end_when_drained();
                before.thread.join().unwrap_or_default()
            });
            begin(job, left, meter)?.run(&own_queue)
        })?;
        Ok(Self { queue, usage, thread })
    }

    pub(super) fn queue(&self) -> &Queue {
        &self.queue
    }

    pub(super) fn usage(&self) -> Usage {
        *self.usage.lock()
    }

    /// Ends the thread after its current call.
    pub(super) fn end(&self) {
        self.queue.end();
    }

    /// Waits for the thread to end.
    pub(super) fn join(self) {
        if self.thread.join().is_err() {
            tracing::error!("a strategy's thread panicked");
        }
    }
}

/// Starts the instance. If that fails, the previous instance `left` continues.
fn begin(job: RunnerJob, left: Option<Running>, meter: Meter) -> Option<Running> {
    let RunnerJob { sandbox, module, mut session, who, sink, states, turns } = job;
    session.restored = states.get(who.strategy).map(|state| state.to_vec());
    let every = Duration::from_millis(sandbox.settings.save_every_ms);
    let InstanceId { strategy, instance: number, .. } = who;
    let started = {
        let _turn = turns.acquire();
        Instance::start(&sandbox, &module, session)
    };
    match started {
        Ok(instance) => {
            sink(Report::Started { strategy, instance: number });
            let (consumed_total, saved, lost) = (0, 0, Vec::new());
            let rates = &sandbox.settings.rates;
            let limits = Limits {
                intents: IntentLimit::of(instance.grants(), rates),
                log: LogLimit::of(rates),
                since: Instant::now(),
            };
            let running =
                Running { instance, who, consumed_total, saved, every, lost, limits, sink, states, turns, meter };
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

/// The per-second limits of the instance.
struct Limits {
    intents: IntentLimit,
    log: LogLimit,
    /// The start time, from which their clock counts.
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
    who: InstanceId,
    /// Events consumed since the start.
    consumed_total: u64,
    /// The number of events consumed at the last save.
    saved: u64,
    /// The save interval.
    every: Duration,
    /// Numbers of events that were lost since the last answer.
    lost: Vec<u64>,
    limits: Limits,
    sink: Sink,
    states: States,
    turns: CallPermits,
    meter: Meter,
}

impl Running {
    /// Processes events until the end, and returns the instance if it may continue.
    fn run(mut self, queue: &Arc<Queue>) -> Option<Self> {
        match self.consume(queue) {
            Ok(true) => Some(self),
            Ok(false) => None,
            Err(Failed { error, strike, saving }) => {
                self.forward_log();
                let lost = self.limits.log.last_lost();
                self.report_log(Vec::new(), lost);
                let InstanceId { strategy, instance, .. } = self.who;
                (self.sink)(Report::Faulted { strategy, instance, error, strike, saving });
                None
            }
        }
    }

    /// Processes events until the end, and returns whether the instance may continue; or its failure.
    fn consume(&mut self, queue: &Arc<Queue>) -> Result<bool, Failed> {
        let mut items = Vec::with_capacity(BATCH_MAX);
        let mut batch = Batch::default();
        // Event numbers belong to a queue, and this one is new.
        self.lost.clear();
        let mut save_at = deadline(self.every);
        loop {
            let taken = queue.next_batch(BATCH_MAX, save_at, &mut items, &mut self.lost);
            match taken {
                Taken::Items => self.show(queue, &mut items, &mut batch)?,
                Taken::Nothing => {}
                Taken::End { undelivered, replaced } => {
                    if undelivered > 0 {
                        tracing::debug!(strategy = self.who.name, undelivered, "strategy ended with unconsumed events");
                    }
                    return Ok(self.save_last() && replaced);
                }
                Taken::Overflow => {
                    let error = format!("more than {OWN_MAX} own events are queued: the strategy is too slow");
                    return Err(Failed { error, strike: true, saving: false });
                }
                Taken::Refused(error) => return Err(self.exceeded(queue, error)),
            }
            if Instant::now() >= save_at {
                save_at = deadline(self.every);
                if self.consumed_total != self.saved {
                    self.save().map_err(|fault| self.failed_to_save(queue, &fault))?;
                }
            }
        }
    }

    /// Passes the events to the instance, and keeps those that it did not consume for the next batch: after an intent,
    /// the strategy gets its effects before further events.
    fn show(&mut self, queue: &Arc<Queue>, items: &mut Vec<Item>, batch: &mut Batch) -> Result<(), Failed> {
        batch.clear();
        items.retain(|item| {
            let before = batch.len();
            item.append_to(self.instance.grants(), batch);
            // An event of a token that was not granted adds nothing.
            batch.len() > before
        });
        if items.is_empty() {
            return Ok(());
        }
        let outcome = {
            let _turn = self.turns.acquire();
            self.instance.on_events(self.consumed_total.saturating_add(1), batch)
        };
        self.measure();
        let count = u32::try_from(items.len()).unwrap_or(u32::MAX);
        let blank = StrategyAnswer { count, lost: std::mem::take(&mut self.lost), ..self.silence() };
        self.forward_log();
        match outcome {
            Ok(reaction) => {
                let consumed = usize::try_from(reaction.consumed).unwrap_or(usize::MAX).min(items.len());
                items.drain(..consumed);
                self.consumed_total = self.consumed_total.saturating_add(u64::from(reaction.consumed));
                let (consumed, fuel, mut intents) = (reaction.consumed, reaction.fuel, reaction.intents);
                let now = self.limits.now();
                let over = self.limits.intents.hold(now, &mut intents).or_else(|| self.limits.log.fault());
                self.report_answer(queue, StrategyAnswer { consumed, fuel, intents, ..blank });
                over.map_or(Ok(()), |error| Err(self.exceeded(queue, error)))
            }
            Err(fault) => {
                let reason = cut(&fault.to_string(), REASON_MAX);
                self.report_answer(queue, StrategyAnswer { fault: Some(reason), ..blank });
                Err(Failed { error: fault.to_string(), strike: fault.is_strike(), saving: false })
            }
        }
    }

    /// Returns an answer to no event, which points to the first event that was not consumed.
    fn silence(&self) -> StrategyAnswer {
        StrategyAnswer {
            strategy: self.who.strategy,
            instance: self.who.instance,
            first: self.consumed_total.saturating_add(1),
            count: 0,
            consumed: 0,
            fuel: 0,
            fault: None,
            intents: Vec::new(),
            lost: Vec::new(),
        }
    }

    /// Returns the failure of a periodic save, which is a fault like any other, and reports it as an answer to no
    /// event.
    fn failed_to_save(&self, queue: &Arc<Queue>, fault: &Fault) -> Failed {
        let error = unsaved(fault);
        self.report_answer(queue, StrategyAnswer { fault: Some(error.clone()), ..self.silence() });
        Failed { error, strike: fault.is_strike(), saving: true }
    }

    /// Returns the failure of an instance that exceeded a per-second limit, and reports it as an answer to no event.
    /// The cancels of all its previous answers have been sent to the engine.
    fn exceeded(&self, queue: &Arc<Queue>, error: String) -> Failed {
        self.report_answer(queue, StrategyAnswer { fault: Some(error.clone()), ..self.silence() });
        Failed { error, strike: true, saving: false }
    }

    /// Reports an answer. No further events are passed to the instance before the engine has processed it.
    fn report_answer(&self, queue: &Arc<Queue>, answer: StrategyAnswer) {
        (self.sink)(Report::Answer(answer, Unjudged::of(queue)));
    }

    fn measure(&self) {
        *self.meter.lock() = self.instance.usage();
    }

    fn forward_log(&mut self) {
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

    /// Saves the state at the end. A failure is harmless: the previous state remains.
    fn save_last(&mut self) -> bool {
        let saved = self.save();
        if let Err(fault) = &saved {
            tracing::warn!(strategy = self.who.name, %fault, "saving strategy state failed; keeping the previous one");
        }
        saved.is_ok()
    }

    /// Saves the state and reports it.
    fn save(&mut self) -> Result<(), Fault> {
        let state = {
            let _turn = self.turns.acquire();
            self.instance.save()?
        };
        self.forward_log();
        self.saved = self.consumed_total;
        let InstanceId { strategy, name, instance } = self.who.clone();
        let state = self.states.store(strategy, &state);
        (self.sink)(Report::Saved { strategy, name, instance, state });
        Ok(())
    }
}
