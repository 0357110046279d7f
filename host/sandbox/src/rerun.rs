//! Running a strategy again from a journal: the same events in the same batches, so the same answers must come out.

use crate::instance::{Batch, Instance};
use crate::module::{Module, Sandbox};
use crate::session::Session;
use crate::supervisor::{INTENTS_OVER, Item, LOG_OVER, Refusals, fold, only_cancels, unsaved};
use model::event::REASON_MAX;
use model::input::StrategyAnswer;
use model::{MarketNote, NoteKind, OwnEvent, Time};
use std::collections::{BTreeSet, VecDeque};

/// One instance that is run again.
pub struct Rerun {
    sandbox: Sandbox,
    module: Module,
    /// What it starts with, until it has started.
    session: Option<Session>,
    instance: Option<Instance>,
    /// What it was told, with the number of each, and has not been shown.
    told: VecDeque<(u64, Item)>,
    /// Numbers of what was conflated or dropped.
    lost: BTreeSet<u64>,
    next: u64,
    /// What was shown and not heard yet.
    items: Vec<Item>,
    batch: Batch,
    heard: u64,
    refusals: Refusals,
    /// Of its last answer only the cancels went on, as its intents came too often.
    cut: bool,
}

impl std::fmt::Debug for Rerun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rerun").field("module", &self.module).field("heard", &self.heard).finish_non_exhaustive()
    }
}

impl Rerun {
    /// Returns an instance that is about to start.
    pub fn new(sandbox: Sandbox, module: Module, session: Session) -> Self {
        let refusals = Refusals::of(&session.grants, &sandbox.settings.rates);
        Self {
            sandbox,
            module,
            session: Some(session),
            instance: None,
            told: VecDeque::new(),
            lost: BTreeSet::new(),
            next: 0,
            items: Vec::new(),
            batch: Batch::default(),
            heard: 0,
            refusals,
            cut: false,
        }
    }

    /// Says whether it has started.
    pub const fn is_started(&self) -> bool {
        self.session.is_none()
    }

    /// Starts it, with what the instance before it saved.
    pub fn start(&mut self, restored: Option<Vec<u8>>) {
        if let Some(session) = self.session.take() {
            let session = Session { restored, ..session };
            // One that did not start did not answer either.
            self.instance = Instance::start(&self.sandbox, &self.module, session).ok();
        }
    }

    /// It did not start, and the one before it went on in its place: with what this one was told.
    pub fn keep(&mut self, before: Self) {
        self.session = None;
        self.instance = before.instance;
        self.heard = before.heard;
    }

    /// It was told something about a market.
    pub fn market(&mut self, note: MarketNote) {
        self.tell(Item::Market(note));
    }

    /// It was told something of its own.
    pub fn own(&mut self, at: Time, event: OwnEvent) {
        if matches!(event, OwnEvent::Refused { .. }) {
            self.refusals.count(at);
        }
        self.tell(Item::Own(at, event));
    }

    fn tell(&mut self, item: Item) {
        self.next = self.next.saturating_add(1);
        self.told.push_back((self.next, item));
    }

    /// Shows it the batch that it answered then, and compares the answers. An answer to no event says that it could not give its state, that
    /// it was refused too often, or that it wanted or logged too much a second: by a clock, so that part is believed.
    ///
    /// # Errors
    /// What is different now, as a sentence.
    pub fn answer(&mut self, then: &StrategyAnswer) -> Result<(), String> {
        if then.count == 0 {
            return self.fail(then);
        }
        if std::mem::take(&mut self.cut) {
            return Err("it went on, and then it did not: its intents had come too often".to_owned());
        }
        self.gather(then);
        let Some(instance) = &mut self.instance else { return Err("it did not start, or failed before".to_owned()) };
        let first = self.heard.saturating_add(1);
        if (first, u32::try_from(self.batch.len())) != (then.first, Ok(then.count)) {
            let (now, count) = (self.batch.len(), then.count);
            return Err(format!("it heard {count} events from {} on, and now {now} from {first} on", then.first));
        }
        match (instance.on_events(first, &mut self.batch), &then.fault) {
            (Ok(mut now), None) => {
                if now.intents != then.intents {
                    fold(&mut now.intents);
                }
                let consumed = usize::try_from(now.consumed).unwrap_or(usize::MAX).min(self.items.len());
                self.items.drain(..consumed);
                self.heard = self.heard.saturating_add(u64::from(now.consumed));
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
                if now == *then { Ok(()) } else { Err(format!("it failed with `{then}`, and now with `{now}`")) }
            }
            (Ok(_), Some(then)) => Err(format!("it failed with `{then}`, and now it does not")),
            (Err(now), None) => {
                self.instance = None;
                Err(format!("now it fails: {now}"))
            }
        }
    }

    /// Ends it as it ended then: it was refused too often, wanted or logged too much, or was asked for the state that it could not give.
    fn fail(&mut self, then: &StrategyAnswer) -> Result<(), String> {
        let first = self.heard.saturating_add(1);
        let Some(mut instance) = self.instance.take() else {
            return Err("it did not start, or failed before".to_owned());
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
            (Some(then), Err(now)) => return Err(format!("it failed with `{then}`, and now with `{now}`")),
            (Some(then), Ok(_)) => return Err(format!("it failed with `{then}`, and now it does not")),
            (None, _) => return Err("an answer to no event, and without a fault".to_owned()),
        }
        if first == then.first { Ok(()) } else { Err(format!("it had heard {first} events, and then {}", then.first)) }
    }

    /// Gathers the batch as the thread did: what was left over, what was lost since, and what comes next.
    fn gather(&mut self, then: &StrategyAnswer) {
        let lost: BTreeSet<u64> = then.lost.iter().copied().collect();
        let trades = self.told.iter().filter(|(number, _)| lost.contains(number)).filter_map(|(_, item)| match item {
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
        self.items.iter().for_each(|item| item.put(instance.grants(), &mut self.batch));
        while u32::try_from(self.batch.len()).is_ok_and(|count| count < then.count) {
            let Some((number, item)) = self.told.pop_front() else { return };
            if self.lost.remove(&number) {
                continue;
            }
            let before = self.batch.len();
            item.put(instance.grants(), &mut self.batch);
            // What it was not granted is no event.
            if self.batch.len() > before {
                self.items.push(item);
            }
        }
    }

    /// Returns what it saves when it is replaced.
    pub fn save(&mut self) -> Option<Vec<u8>> {
        self.instance.as_mut()?.save().ok()
    }
}

fn difference(then: &StrategyAnswer, now: &crate::instance::Reaction) -> String {
    if then.intents != now.intents {
        return format!("it wanted {:?}, and now {:?}", then.intents, now.intents);
    }
    format!("it heard {} with {} of fuel, and now {} with {}", then.consumed, then.fuel, now.consumed, now.fuel)
}
