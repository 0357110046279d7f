//! One strategy's thread: it takes what waits, shows it, and reports the answers.

use super::queue::{Item, OWN_MAX, Queue, Taken};
use super::{Report, Sink};
use crate::fault::Fault;
use crate::instance::{Batch, Instance, Usage};
use crate::module::{Module, Sandbox};
use crate::session::Session;
use model::StrategyId;
use model::event::{REASON_MAX, Reason};
use model::input::StrategyAnswer;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// The most events of one batch.
const BATCH_MAX: usize = 256;

/// What a thread begins with.
pub(super) struct Job {
    pub(super) sandbox: Sandbox,
    pub(super) module: Module,
    pub(super) session: Session,
    pub(super) strategy: StrategyId,
    pub(super) instance: u32,
    pub(super) sink: Sink,
}

/// What the instance used after its last call.
type Meter = Arc<Mutex<Usage>>;

/// A strategy's thread and its queue.
#[derive(Debug)]
pub(super) struct Runner {
    queue: Arc<Queue>,
    usage: Meter,
    /// Ends with the state that the instance saved.
    thread: JoinHandle<Option<Vec<u8>>>,
}

impl Runner {
    /// Starts a thread. It waits for the one `before` to end, and hands on its state.
    pub(super) fn start(mut job: Job, before: Option<Self>) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::default());
        let heard = Arc::clone(&queue);
        let usage = Meter::default();
        let meter = Arc::clone(&usage);
        let name = format!("strategy-{}", job.strategy.0);
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            if let Some(before) = before {
                before.end();
                // A thread that panicked has no state; the new instance starts from nothing then.
                job.session.restored = before.thread.join().unwrap_or_default();
            }
            run(job, &heard, &meter)
        })?;
        Ok(Self { queue, usage, thread })
    }

    pub(super) fn queue(&self) -> &Queue {
        &self.queue
    }

    pub(super) fn usage(&self) -> Usage {
        *self.usage.lock().unwrap_or_else(PoisonError::into_inner)
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

fn run(job: Job, queue: &Queue, meter: &Meter) -> Option<Vec<u8>> {
    let Job { sandbox, module, session, strategy, instance: number, sink } = job;
    let faulted = |fault: &dyn std::fmt::Display, strike: bool| {
        sink(Report::Faulted { strategy, instance: number, error: fault.to_string(), strike });
    };
    let mut running = match Instance::start(&sandbox, &module, session) {
        Ok(instance) => Running { instance, strategy, number, heard: 0, lost: Vec::new(), sink: Arc::clone(&sink) },
        Err(fault) => {
            faulted(&fault, fault.is_strike());
            return None;
        }
    };
    running.measure(meter);
    sink(Report::Started { strategy, instance: number });
    let mut items = Vec::with_capacity(BATCH_MAX);
    let mut batch = Batch::default();
    loop {
        match queue.take(BATCH_MAX, &mut items, &mut running.lost) {
            Taken::Items => {}
            Taken::End => return running.save(),
            Taken::Overflow => {
                faulted(&format!("more than {OWN_MAX} of its own events wait: it is too slow"), true);
                return None;
            }
        }
        if let Err(fault) = running.show(&mut items, &mut batch, meter) {
            faulted(&fault, fault.is_strike());
            return None;
        }
    }
}

struct Running {
    instance: Instance,
    strategy: StrategyId,
    number: u32,
    /// Events heard since the start.
    heard: u64,
    /// Numbers of what it was told and never shown, since the last answer.
    lost: Vec<u64>,
    sink: Sink,
}

impl Running {
    /// Shows the items, and leaves those that were not heard for the next time: after an intent the strategy wants to hear
    /// of what came of it before it goes on.
    fn show(&mut self, items: &mut Vec<Item>, batch: &mut Batch, meter: &Meter) -> Result<(), Fault> {
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
        let first = self.heard.saturating_add(1);
        let said = self.instance.on_events(first, batch);
        self.measure(meter);
        let count = u32::try_from(items.len()).unwrap_or(u32::MAX);
        let blank = StrategyAnswer {
            strategy: self.strategy,
            instance: self.number,
            first,
            count,
            consumed: 0,
            fuel: 0,
            fault: None,
            intents: Vec::new(),
            lost: std::mem::take(&mut self.lost),
        };
        self.tell_log();
        match said {
            Ok(reaction) => {
                let consumed = usize::try_from(reaction.consumed).unwrap_or(usize::MAX).min(items.len());
                items.drain(..consumed);
                self.heard = self.heard.saturating_add(u64::from(reaction.consumed));
                let (consumed, fuel, intents) = (reaction.consumed, reaction.fuel, reaction.intents);
                (self.sink)(Report::Answer(StrategyAnswer { consumed, fuel, intents, ..blank }));
                Ok(())
            }
            Err(fault) => {
                let mut reason: Reason = fault.to_string();
                reason.truncate(reason.floor_char_boundary(REASON_MAX));
                (self.sink)(Report::Answer(StrategyAnswer { fault: Some(reason), ..blank }));
                Err(fault)
            }
        }
    }

    fn measure(&self, meter: &Meter) {
        *meter.lock().unwrap_or_else(PoisonError::into_inner) = self.instance.usage();
    }

    fn tell_log(&mut self) {
        let (lines, lost) = self.instance.take_log();
        if !lines.is_empty() || lost > 0 {
            (self.sink)(Report::Log { strategy: self.strategy, lines, lost });
        }
    }

    fn save(&mut self) -> Option<Vec<u8>> {
        let state = self.instance.save();
        self.tell_log();
        match state {
            Ok(state) => Some(state),
            Err(fault) => {
                tracing::warn!(strategy = self.strategy.0, %fault, "a strategy did not save its state");
                None
            }
        }
    }
}
