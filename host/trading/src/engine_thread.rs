//! The engine's thread: takes what arrives, journals it, steps the engine, and carries out the effects. It never waits for
//! a disk, a socket or a strategy.

use super::effects::Duties;
use super::unrecordable::Cause;
use super::watchdog::Beat;
use control::View;
use control::clock;
use control::inbox::{Arrival, Inbox, Reply, Taken};
use engine::{Effect, Effects, Engine, Purpose, Record, digest};
use model::input::{Channel, HostFault};
use model::{Body, Input, OrderState, Seq, StrategyId, Time};
use readmodel::EventWait;
use std::time::Duration;

/// How often the engine is told that time passes.
const TICK_MICROS: u64 = 100_000;
/// How often the page hears of the account.
const PNL_MICROS: u64 = 1_000_000;
/// Market inputs taken at once, so that an account input never waits behind more.
const MARKET_BATCH: usize = 256;
/// How long to sleep when nothing arrives.
const PATIENCE: Duration = Duration::from_millis(20);

/// What the session came to; the last line of `run --json` is made of it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    /// Market events heard.
    pub(crate) events: u64,
    /// Intents of all strategies.
    pub(crate) intents: u64,
    /// Orders approved.
    pub orders: u64,
    /// Fills booked.
    pub fills: u64,
    /// Intents refused.
    pub refusals: u64,
}

/// The engine with all it needs to act.
pub(crate) struct Core {
    engine: Engine,
    effects: Effects,
    seq: u64,
    at: Time,
    next_tick: Time,
    next_pnl: Time,
    counts: Counts,
    waits: Waits,
    duties: Duties,
    #[cfg(debug_assertions)]
    fault: Option<super::engine_fault::EngineFault>,
}

/// How long market events waited since it was last shown.
#[derive(Debug, Default)]
struct Waits {
    count: u64,
    sum: u64,
    worst: u64,
}

impl Waits {
    fn add(&mut self, micros: u64) {
        bump(&mut self.count);
        self.sum = self.sum.saturating_add(micros);
        self.worst = self.worst.max(micros);
    }

    fn take(&mut self) -> EventWait {
        let Self { count, sum, worst } = std::mem::take(self);
        EventWait { mean_micros: sum.checked_div(count).unwrap_or(0), worst_micros: worst }
    }
}

/// What is left when the thread ends.
pub(crate) struct Ended {
    /// The engine, for a last look at its ledger.
    pub(crate) engine: Engine,
    /// What it did.
    pub(crate) counts: Counts,
}

impl Core {
    /// Returns a core that has heard nothing yet.
    pub(crate) fn new(duties: Duties) -> Self {
        Self {
            engine: Engine::new(Purpose::Trade),
            effects: Effects::with_capacity(64),
            seq: 0,
            at: Time(0),
            next_tick: Time(0),
            next_pnl: Time(0),
            counts: Counts::default(),
            waits: Waits::default(),
            duties,
            #[cfg(debug_assertions)]
            fault: None,
        }
    }

    /// Has the engine's thread fail as the data folder asks; see `engine_fault`.
    #[cfg(debug_assertions)]
    pub(crate) fn with_fault(self, data_dir: &std::path::Path) -> Self {
        Self { fault: super::engine_fault::EngineFault::asked(data_dir), ..self }
    }

    /// Works until the inbox is closed and empty.
    pub(crate) fn run(mut self, inbox: &Inbox, beat: Beat) -> Ended {
        // No time passes before all of it is known: cash without the positions that are carried over would look like a loss.
        for Arrival { at, body, reply, .. } in inbox.take_opening() {
            self.feed(at, body, reply);
        }
        let mut taken = Taken::default();
        loop {
            inbox.take(&mut taken, MARKET_BATCH, PATIENCE);
            if taken.account_lost {
                self.feed(clock::now(), Body::HostFault { fault: HostFault::AccountOverflow }, None);
            }
            if taken.market_lost {
                // Books with a hole are no books: forget them all and ask the venue again.
                self.feed(clock::now(), Body::Feed { channel: Channel::Market, up: false }, None);
                self.duties.resync();
            }
            for Arrival { at, body, reply, unjudged } in taken.arrivals.drain(..) {
                if matches!(body, Body::Event(_)) {
                    let micros = clock::now().since(at);
                    self.waits.add(micros);
                    self.duties.handles.picture.event_waits().add(micros);
                }
                self.feed(at, body, reply);
                // Its strategy has been sent all that came of its answer, and may be called again.
                drop(unjudged);
                // Time passes inside a long round as well.
                self.keep_time();
            }
            self.keep_time();
            beat.round();
            if taken.closed {
                self.show_account();
                self.show_view();
                beat.close();
                return Ended { engine: self.engine, counts: self.counts };
            }
        }
    }

    fn keep_time(&mut self) {
        let now = clock::now();
        if now >= self.next_tick {
            self.next_tick = now.plus_micros(TICK_MICROS);
            self.feed(now, Body::Tick, None);
            self.show_view();
            if self.duties.journal_failed() {
                self.feed(now, Body::HostFault { fault: HostFault::Journal }, None);
            }
        }
        if now >= self.next_pnl {
            self.next_pnl = now.plus_micros(PNL_MICROS);
            self.show_account();
        }
    }

    /// Gives one input its number, journals it, and lets the engine act on it.
    fn feed(&mut self, at: Time, body: Body, reply: Option<Reply>) {
        let seq = self.seq.saturating_add(1);
        self.at = self.at.max(at);
        let input = Input { seq: Seq(seq), at: self.at, body };
        if let Err(error) = self.duties.journal(&input) {
            return self.refuse(&input.body, &error, reply);
        }
        self.seq = seq;
        self.engine.step(&input, &mut self.effects);
        if let Some((count, digest)) = digest(&self.effects) {
            self.duties.handles.journal.effects(count, digest);
        }
        #[cfg(debug_assertions)]
        if let Some(fault) = self.fault {
            fault.strike(&input.body, &self.duties.handles.picture);
        }
        self.count(&input.body);
        self.duties.watch(&self.engine, &input);
        let mut reply = reply;
        let mut effects = std::mem::take(&mut self.effects);
        let decides = outlives_a_restart(&input.body, &effects);
        for effect in effects.drain(..) {
            self.act(effect, &mut reply);
        }
        self.effects = effects;
        // After the effects: nothing stands between a decision to cancel and the cancel.
        if let Body::Command(command) = &input.body {
            tracing::info!(?command, "operator command");
        }
        if decides {
            self.duties.handles.journal.mark();
        }
    }

    /// Keeps an input from the engine that cannot be recorded. What it is given in its place always can.
    fn refuse(&mut self, body: &Body, error: &journal::DecodeError, reply: Option<Reply>) {
        let cause = Cause::of(body);
        if let Some(instead) = cause.instead(body) {
            self.feed(self.at, instead, reply);
        } else if let Some(reply) = reply
            && reply.send(Err(format!("refused: {error}"))).is_err()
        {
            tracing::debug!("an operator did not wait for the answer");
        }
        self.duties.blame(&cause, error);
    }

    fn act(&mut self, effect: Effect, reply: &mut Option<Reply>) {
        match effect {
            Effect::Place(approved) => self.duties.place(&self.engine, approved),
            Effect::Cancel { order } => self.duties.cancel(&self.engine, order, self.at),
            Effect::CancelAll => self.duties.cancel_everything(),
            Effect::Adopted { order, venue } => self.duties.adopted(order, venue),
            Effect::LockSigner => self.duties.lock(true),
            Effect::UnlockSigner => self.duties.lock(false),
            Effect::NotifyMarket { strategy, note } => self.duties.notify_market(strategy, note),
            Effect::NotifyOwn { strategy, event } => self.duties.notify_own(strategy, self.at, event),
            Effect::Look { order } => self.duties.look(order),
            Effect::Resnapshot { token } => self.duties.resnapshot(token),
            Effect::Answered { refused } => {
                // Nobody may be waiting any more; the command acted all the same.
                if let Some(reply) = reply.take()
                    && reply.send(refused.map_or(Ok(()), Err)).is_err()
                {
                    tracing::debug!("an operator did not wait for the answer");
                }
            }
            Effect::Record(record) => {
                match &record {
                    Record::Order { state: OrderState::Pending, .. } => bump(&mut self.counts.orders),
                    Record::Fill { settlement, .. } if self.duties.is_first(&record) => {
                        tracing::debug!(?settlement, "fill");
                        bump(&mut self.counts.fills);
                    }
                    Record::Refused { .. } => bump(&mut self.counts.refusals),
                    _ => {}
                }
                self.duties.record(Seq(self.seq), self.at, record);
            }
        }
    }

    fn count(&mut self, body: &Body) {
        match body {
            Body::Event(_) => bump(&mut self.counts.events),
            Body::Intents(answer) => {
                let intents = u64::try_from(answer.intents.len()).unwrap_or(u64::MAX);
                self.counts.intents = self.counts.intents.saturating_add(intents);
            }
            _ => {}
        }
    }

    fn show_view(&self) {
        let positions = self.engine.ledger().positions().filter(|(_, position)| !position.size.is_zero());
        let view = View {
            at: clock::now(),
            summary: self.engine.summary(),
            limits: *self.engine.limits(),
            positions: positions.map(|(token, position)| (token, position.size)).collect(),
            differs: self.engine.differs(),
            waiting: u64::try_from(self.engine.told().count()).unwrap_or(u64::MAX),
            told: self.engine.told().flat_map(|activity| activity.kind.tokens()).flatten().collect(),
            open: self.engine.open_orders().map(|(order, ..)| order).collect(),
            fills_forgotten_until: self.engine.fills_forgotten_until(),
            ours: self.engine.open_orders().filter(|(order, ..)| order.strategy != StrategyId::BY_HAND).count(),
        };
        self.duties.handles.latest.set(view);
    }

    fn show_account(&mut self) {
        self.duties.handles.picture.set_event_wait(self.waits.take());
        self.duties.show_account(self.at, &self.engine, self.counts.events);
    }
}

/// Returns whether an input brought a decision that a restart must find: what an operator decided, or a breaker that changed. The journal
/// is synced then; what restricts brings no placement that would have it synced.
fn outlives_a_restart(body: &Body, effects: &Effects) -> bool {
    let breaker = |effect: &Effect| matches!(effect, Effect::Record(Record::Breaker { .. }));
    matches!(body, Body::Command(_) | Body::Limits(_)) || effects.iter().any(breaker)
}

fn bump(count: &mut u64) {
    *count = count.saturating_add(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_journal_is_synced_for_what_a_restart_must_find() {
        use model::input::{Breaker, Command, Scope};
        let (scope, reason) = (Scope::Session, String::new());
        let tripped = Effect::Record(Record::Breaker { breaker: Breaker::Drawdown, scope, tripped: true, reason });
        let quiet = Body::Alive { token: model::TokenIx(0) };
        assert!(!outlives_a_restart(&quiet, &Effects::new()));
        assert!(outlives_a_restart(&quiet, &vec![Effect::CancelAll, tripped]));
        assert!(outlives_a_restart(&Body::Command(Command::Stop), &Effects::new()));
        assert!(outlives_a_restart(&Body::Limits(model::Limits::DEFAULT), &Effects::new()));
    }

    #[test]
    fn waits_are_shown_once() {
        let mut waits = Waits::default();
        [10, 30, 5].into_iter().for_each(|micros| waits.add(micros));
        assert_eq!(waits.take(), EventWait { mean_micros: 15, worst_micros: 30 });
        assert_eq!(waits.take(), EventWait::default(), "a quiet second");
    }
}
