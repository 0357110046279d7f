//! Replay of a strategy from a journal: the same events in the same batches must give the same answers.

use crate::instance::{Batch, Instance};
use crate::module::{Module, Sandbox};
use crate::session::Session;
use crate::supervisor::{INTENTS_OVER, Item, LOG_OVER, Refusals, fold, only_cancels, unsaved};
use model::event::REASON_MAX;
use model::input::StrategyAnswer;
use model::{MarketNote, NoteKind, OwnEvent, Time};
use std::collections::{BTreeSet, VecDeque};

/// A replayed instance.
pub struct StrategyReplay {
    sandbox: Sandbox,
    module: Module,
    /// The session, until the instance has started.
    session: Option<Session>,
    instance: Option<Instance>,
    /// Queued items that were not yet passed to it, with their numbers.
    pending: VecDeque<(u64, Item)>,
    /// Numbers of conflated and dropped items.
    lost: BTreeSet<u64>,
    next: u64,
    /// Items that were passed to it but not yet consumed.
    items: Vec<Item>,
    batch: Batch,
    consumed_total: u64,
    refusals: Refusals,
    /// True if only the cancels of its last answer were carried out, because it exceeded its intent rate.
    cut: bool,
}

impl std::fmt::Debug for StrategyReplay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rerun")
            .field("module", &self.module)
            .field("heard", &self.consumed_total)
            .finish_non_exhaustive()
    }
}

impl StrategyReplay {
    /// Returns an instance that has not started yet.
    pub fn new(sandbox: Sandbox, module: Module, session: Session) -> Self {
        let refusals = Refusals::of(&session.grants, &sandbox.settings.rates);
        Self {
            sandbox,
            module,
            session: Some(session),
            instance: None,
            pending: VecDeque::new(),
            lost: BTreeSet::new(),
            next: 0,
            items: Vec::new(),
            batch: Batch::default(),
            consumed_total: 0,
            refusals,
            cut: false,
        }
    }

    /// Returns whether it has started.
    pub const fn is_started(&self) -> bool {
        self.session.is_none()
    }

    /// Starts the instance with the state saved by its predecessor.
    pub fn start(&mut self, restored: Option<Vec<u8>>) {
        if let Some(session) = self.session.take() {
            let session = Session { restored, ..session };
            // An instance that did not start has no answers to compare.
            self.instance = Instance::start(&self.sandbox, &self.module, session).ok();
        }
    }

    /// Records that the instance did not start, so that its predecessor continues in its place with this one's items.
    pub fn retain(&mut self, before: Self) {
        self.session = None;
        self.instance = before.instance;
        self.consumed_total = before.consumed_total;
    }

    /// Queues a market event.
    pub fn market(&mut self, note: MarketNote) {
        self.push(Item::Market(note));
    }

    /// Queues an own event.
    pub fn own(&mut self, at: Time, event: OwnEvent) {
        if matches!(event, OwnEvent::Refused { .. }) {
            self.refusals.count(at);
        }
        self.push(Item::Own(at, event));
    }

    fn push(&mut self, item: Item) {
        self.next = self.next.saturating_add(1);
        self.pending.push_back((self.next, item));
    }

    /// Passes it the batch of a recorded answer, and compares the answers. A recorded answer to no event means that
    /// saving its state failed, or that it exceeded its rate of refusals, intents or log lines. The last two depend on
    /// a clock, so they are taken from the record.
    ///
    /// # Errors
    /// The difference between the recorded answer and the new one.
    pub fn verify_answer(&mut self, then: &StrategyAnswer) -> Result<(), String> {
        if then.count == 0 {
            return self.fail(then);
        }
        if std::mem::take(&mut self.cut) {
            return Err("the instance continued in the record although its intent rate was exceeded".to_owned());
        }
        self.gather(then);
        let Some(instance) = &mut self.instance else {
            return Err("the instance did not start or had already failed".to_owned());
        };
        let first = self.consumed_total.saturating_add(1);
        if (first, u32::try_from(self.batch.len())) != (then.first, Ok(then.count)) {
            let (now, count) = (self.batch.len(), then.count);
            return Err(format!(
                "recorded {count} events from number {}, replayed {now} from number {first}",
                then.first
            ));
        }
        match (instance.on_events(first, &mut self.batch), &then.fault) {
            (Ok(mut now), None) => {
                if now.intents != then.intents {
                    fold(&mut now.intents);
                }
                let consumed = usize::try_from(now.consumed).unwrap_or(usize::MAX).min(self.items.len());
                self.items.drain(..consumed);
                self.consumed_total = self.consumed_total.saturating_add(u64::from(now.consumed));
                if now.intents != then.intents && only_cancels(&now.intents) == then.intents {
                    self.cut = true;
                    now.intents.clone_from(&then.intents);
                }
                let same = (now.consumed, now.fuel, &now.intents) == (then.consumed, then.fuel, &then.intents);
                if same { Ok(()) } else { Err(difference(then, &now)) }
            }
            (Err(now), Some(then)) => {
                self.instance = None;
                let mut now = now.to_string();
                now.truncate(now.floor_char_boundary(REASON_MAX));
                if now == *then { Ok(()) } else { Err(format!("recorded the fault `{then}`, replayed `{now}`")) }
            }
            (Ok(_), Some(then)) => Err(format!("recorded the fault `{then}`, but the replay does not fail")),
            (Err(now), None) => {
                self.instance = None;
                Err(format!("the replay fails: {now}"))
            }
        }
    }

    /// Ends the instance as recorded: it exceeded its rate of refusals, intents or log lines, or saving its state
    /// failed.
    fn fail(&mut self, then: &StrategyAnswer) -> Result<(), String> {
        let first = self.consumed_total.saturating_add(1);
        let Some(mut instance) = self.instance.take() else {
            return Err("the instance did not start or had already failed".to_owned());
        };
        let timed = |fault: &&String| fault.starts_with(INTENTS_OVER) || fault.starts_with(LOG_OVER);
        let now = match (self.refusals.fault(), then.fault.as_ref().filter(timed)) {
            (_, Some(timed)) => Err(timed.clone()),
            _ if self.cut => Err(INTENTS_OVER.to_owned()),
            (Some(refused), None) if then.fault.as_ref() == Some(&refused) => Err(refused),
            _ => instance.save().map(drop).map_err(|fault| unsaved(&fault)),
        };
        match (&then.fault, now) {
            (Some(then), Err(now)) if now == *then => {}
            (Some(then), Err(now)) => return Err(format!("recorded the fault `{then}`, replayed `{now}`")),
            (Some(then), Ok(_)) => return Err(format!("recorded the fault `{then}`, but the replay does not fail")),
            (None, _) => return Err("recorded an answer to no event, without a fault".to_owned()),
        }
        if first == then.first {
            Ok(())
        } else {
            Err(format!("recorded the end at event {}, replayed it at {first}", then.first))
        }
    }

    /// Builds the batch as the strategy's thread did: unconsumed items, a count of dropped trades, and the next items.
    fn gather(&mut self, then: &StrategyAnswer) {
        let lost: BTreeSet<u64> = then.lost.iter().copied().collect();
        let trades =
            self.pending.iter().filter(|(number, _)| lost.contains(number)).filter_map(|(_, item)| match item {
                Item::Market(note) if matches!(note.kind, NoteKind::Trade { .. }) => Some(note.host_time),
                _ => None,
            });
        let dropped: Vec<Time> = trades.collect();
        self.lost.extend(lost);
        if let Some(last) = dropped.last() {
            let count = u64::try_from(dropped.len()).unwrap_or(u64::MAX);
            self.items.push(Item::Own(*last, OwnEvent::Dropped { count }));
        }
        let Some(instance) = &self.instance else { return };
        self.batch.clear();
        self.items.iter().for_each(|item| item.append_to(instance.grants(), &mut self.batch));
        while u32::try_from(self.batch.len()).is_ok_and(|count| count < then.count) {
            let Some((number, item)) = self.pending.pop_front() else { return };
            if self.lost.remove(&number) {
                continue;
            }
            let before = self.batch.len();
            item.append_to(instance.grants(), &mut self.batch);
            // An item of a token that was not granted adds no event.
            if self.batch.len() > before {
                self.items.push(item);
            }
        }
    }

    /// Returns the state that it saves when it is replaced.
    pub fn save(&mut self) -> Option<Vec<u8>> {
        self.instance.as_mut()?.save().ok()
    }
}

fn difference(then: &StrategyAnswer, now: &crate::instance::Reaction) -> String {
    if then.intents != now.intents {
        return format!("recorded the intents {:?}, replayed {:?}", then.intents, now.intents);
    }
    format!(
        "recorded {} consumed events and {} fuel, replayed {} and {}",
        then.consumed, then.fuel, now.consumed, now.fuel
    )
}
