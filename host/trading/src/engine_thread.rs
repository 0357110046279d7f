//! The engine thread: receives inputs, journals them, steps the engine, and executes the effects. It never waits for a
//! disk, a socket or a strategy.

use super::effects::EffectExecutor;
use super::unrecordable::Cause;
use super::watchdog::Beat;
use control::View;
use control::clock;
use control::inbox::{Arrival, Inbox, Reply, Taken};
use engine::{Effect, Effects, Engine, EngineEvent, Purpose, digest};
use model::input::{Channel, Command, HostFault};
use model::{Input, InputKind, OrderState, Seq, StrategyId, Time};
use readmodel::EventWait;
use std::time::{Duration, Instant};

/// The interval of clock events for the engine.
const TICK_MICROS: u64 = 100_000;
/// The interval of account updates for the page.
const PNL_MICROS: u64 = 1_000_000;
/// The most market inputs taken at once, so that an account input never waits behind more.
const MARKET_BATCH: usize = 256;
/// Time to sleep when no input arrives.
const PATIENCE: Duration = Duration::from_millis(20);

/// The counts of the session, for the last line of `run --json`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    /// Market events received.
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

/// The engine with everything it needs to act.
pub(crate) struct EngineThread {
    engine: Engine,
    effects: Effects,
    seq: u64,
    at: Time,
    next_tick: Time,
    next_pnl: Time,
    counts: Counts,
    waits: Waits,
    duties: EffectExecutor,
    #[cfg(debug_assertions)]
    fault: Option<super::engine_fault::EngineFault>,
}

/// Queueing time of market events since it was last shown.
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

/// The state left when the thread ends.
pub(crate) struct Ended {
    /// The engine, for a last read of its ledger.
    pub(crate) engine: Engine,
    /// The counts of the session.
    pub(crate) counts: Counts,
}

impl EngineThread {
    /// Returns an engine thread that has received no input yet.
    pub(crate) fn new(duties: EffectExecutor) -> Self {
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

    /// Makes the engine thread fail as requested in the data folder; see `engine_fault`.
    #[cfg(debug_assertions)]
    pub(crate) fn with_fault(self, data_dir: &std::path::Path) -> Self {
        Self { fault: super::engine_fault::EngineFault::requested(data_dir), ..self }
    }

    /// Runs until the inbox is closed and empty.
    pub(crate) fn run(mut self, inbox: &Inbox, beat: Beat) -> Ended {
        // No time passes before the opening is complete: cash without the carried-over positions would look like a
        // loss.
        for Arrival { at, body, reply, .. } in inbox.take_opening() {
            self.feed(at, body, reply);
        }
        let mut taken = Taken::default();
        loop {
            inbox.next_round(&mut taken, MARKET_BATCH, PATIENCE);
            if taken.account_lost {
                self.feed(clock::now(), InputKind::HostFault { fault: HostFault::AccountOverflow }, None);
            }
            if taken.market_lost {
                // Books with missing events are useless: discard them all and request new ones.
                self.feed(clock::now(), InputKind::Feed { channel: Channel::Market, up: false }, None);
                self.duties.resync();
            }
            for Arrival { at, body, reply, unjudged } in taken.arrivals.drain(..) {
                if matches!(body, InputKind::Event(_)) {
                    let micros = clock::now().since(at);
                    self.waits.add(micros);
                    self.duties.handles.picture.event_waits().add(micros);
                }
                self.feed(at, body, reply);
                // The strategy has been sent everything that followed from its answer, and may be called again.
                drop(unjudged);
                // Time passes during a long round as well.
                self.on_tick();
            }
            self.on_tick();
            beat.round();
            if taken.closed {
                self.show_account();
                self.show_view();
                beat.close();
                return Ended { engine: self.engine, counts: self.counts };
            }
        }
    }

    fn on_tick(&mut self) {
        let now = clock::now();
        if now >= self.next_tick {
            self.next_tick = now.plus_micros(TICK_MICROS);
            self.feed(now, InputKind::Clock, None);
            self.show_view();
            if self.duties.journal_failed() {
                self.feed(now, InputKind::HostFault { fault: HostFault::Journal }, None);
            }
        }
        if now >= self.next_pnl {
            self.next_pnl = now.plus_micros(PNL_MICROS);
            self.show_account();
        }
    }

    /// Numbers an input, journals it, steps the engine and executes the effects.
    fn feed(&mut self, at: Time, body: InputKind, reply: Option<Reply>) {
        let seq = self.seq.saturating_add(1);
        self.at = self.at.max(at);
        let input = Input { seq: Seq(seq), at: self.at, kind: body };
        if let Err(error) = self.duties.journal(&input) {
            return self.refuse(&input.kind, &error, reply);
        }
        self.seq = seq;
        let began = self.is_measured(&input.kind).then(Instant::now);
        self.engine.step(&input, &mut self.effects);
        if let Some(began) = began {
            self.measured(&input.kind, began.elapsed());
        }
        if let Some((count, digest)) = digest(&self.effects) {
            self.duties.handles.journal.effects(count, digest);
        }
        #[cfg(debug_assertions)]
        if let Some(fault) = self.fault {
            fault.strike(&input.kind, &self.duties.handles.picture);
        }
        self.count(&input.kind);
        self.duties.watch(&self.engine, &input);
        let mut reply = reply;
        let mut effects = std::mem::take(&mut self.effects);
        let decides = outlives_a_restart(&input.kind, &effects);
        for effect in effects.drain(..) {
            self.act(effect, &mut reply);
        }
        self.effects = effects;
        // After the effects: nothing stands between a decision to cancel and the cancel.
        if let InputKind::Command(command) = &input.kind {
            if let (Command::EmergencyStop { .. }, Some(began)) = (command, began) {
                self.duties.handles.picture.paths().emergency_stop.add_span(began.elapsed());
            }
            tracing::info!(?command, "operator command");
        }
        if decides {
            self.duties.handles.journal.mark();
        }
    }

    /// Returns true if the step of an input is measured: one in sixteen of market events, because reading the clock
    /// costs as much as the step.
    const fn is_measured(&self, body: &InputKind) -> bool {
        match body {
            InputKind::Event(_) => self.seq.is_multiple_of(16),
            InputKind::Intents(answer) => !answer.intents.is_empty(),
            InputKind::Command(_) => true,
            _ => false,
        }
    }

    fn measured(&self, body: &InputKind, span: Duration) {
        let paths = self.duties.handles.picture.paths();
        match body {
            InputKind::Event(_) => paths.step.add_span(span),
            InputKind::Intents(_) => paths.gate.add_span(span),
            _ => {}
        }
    }

    /// Keeps an input that cannot be recorded from the engine. Its replacement can always be recorded.
    fn refuse(&mut self, body: &InputKind, error: &journal::DecodeError, reply: Option<Reply>) {
        let cause = Cause::of(body);
        if let Some(instead) = cause.instead(body) {
            self.feed(self.at, instead, reply);
        } else if let Some(reply) = reply
            && reply.send(Err(format!("refused: {error}"))).is_err()
        {
            tracing::debug!("operator did not wait for the answer");
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
            Effect::QueryOrder { order } => self.duties.query_order(order),
            Effect::Resnapshot { token } => self.duties.resnapshot(token),
            Effect::Answered { refused } => {
                // The operator may no longer be waiting; the command has taken effect anyway.
                if let Some(reply) = reply.take()
                    && reply.send(refused.map_or(Ok(()), Err)).is_err()
                {
                    tracing::debug!("operator did not wait for the answer");
                }
            }
            Effect::Event(record) => {
                match &record {
                    EngineEvent::Order { state: OrderState::Pending, .. } => bump(&mut self.counts.orders),
                    EngineEvent::Fill { settlement, .. } if self.duties.is_first(&record) => {
                        tracing::debug!(?settlement, "fill");
                        bump(&mut self.counts.fills);
                    }
                    EngineEvent::Refused { .. } => bump(&mut self.counts.refusals),
                    _ => {}
                }
                self.duties.record(Seq(self.seq), self.at, record);
            }
        }
    }

    fn count(&mut self, body: &InputKind) {
        match body {
            InputKind::Event(_) => bump(&mut self.counts.events),
            InputKind::Intents(answer) => {
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
            waiting: u64::try_from(self.engine.pending_activities().count()).unwrap_or(u64::MAX),
            reported: self.engine.pending_activities().flat_map(|activity| activity.kind.tokens()).flatten().collect(),
            open: self.engine.open_orders().map(|(order, ..)| order).collect(),
            fills_forgotten_until: self.engine.fills_forgotten_until(),
            ours: self.engine.open_orders().filter(|(order, ..)| order.strategy != StrategyId::EXTERNAL).count(),
        };
        self.duties.handles.latest.set(view);
    }

    fn show_account(&mut self) {
        self.duties.handles.picture.set_event_wait(self.waits.take());
        self.duties.show_account(self.at, &self.engine, self.counts.events);
    }
}

/// Returns true if an input brought a decision that a restart must find: an operator's, or a breaker that changed. The
/// journal is then synced; a restriction brings no placement that would sync it.
fn outlives_a_restart(body: &InputKind, effects: &Effects) -> bool {
    let breaker = |effect: &Effect| matches!(effect, Effect::Event(EngineEvent::Breaker { .. }));
    matches!(body, InputKind::Command(_) | InputKind::Limits(_)) || effects.iter().any(breaker)
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
        let tripped = Effect::Event(EngineEvent::Breaker { breaker: Breaker::Drawdown, scope, tripped: true, reason });
        let quiet = InputKind::BookConfirmed { token: model::TokenIx(0) };
        assert!(!outlives_a_restart(&quiet, &Effects::new()));
        assert!(outlives_a_restart(&quiet, &vec![Effect::CancelAll, tripped]));
        assert!(outlives_a_restart(&InputKind::Command(Command::Stop), &Effects::new()));
        assert!(outlives_a_restart(&InputKind::Limits(model::Limits::DEFAULT), &Effects::new()));
    }

    #[test]
    fn waits_are_shown_once() {
        let mut waits = Waits::default();
        [10, 30, 5].into_iter().for_each(|micros| waits.add(micros));
        assert_eq!(waits.take(), EventWait { mean_micros: 15, worst_micros: 30 });
        assert_eq!(waits.take(), EventWait::default(), "no events");
    }
}
