//! The engine and its one door: [`Engine::step`].

use crate::account::{DayStart, Mismatch};
use crate::breakers::{Breakers, Trip};
use crate::effect::{BotState, Effect, Effects, Record, Restriction};
use crate::guards::Guards;
use crate::ledger::Ledger;
use crate::markets::Markets;
use crate::orders::{By, Orders};
use crate::risk::{Habits, Rate};
use crate::scores::Scores;
use crate::strategies::Strategies;
use crate::targets::Targets;
use crate::told::Told;
use alloc::string::ToString;
use model::event::Reason;
use model::input::{Breaker, Command, Mode, SessionStart, VenueState};
use model::{Body, Input, Limits, MarketIx, OrderId, Seq, SessionId, Time, Usd};

/// How often cancels are asked for again while an emergency stop or a stop is not complete.
pub(crate) const CANCEL_RETRY_MICROS: u64 = 2_000_000;
/// How long an emergency stop goes on cancelling everything, at the least.
const KILL_MICROS: u64 = 15_000_000;

/// How often the engine checks its own books.
const AUDIT_MICROS: u64 = 1_000_000;

/// What an engine is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Purpose {
    /// To trade: its approvals can be signed.
    Trade,
    /// To look: backtests, replays and self-tests make approvals that no signer takes.
    Rehearse,
}

/// The account as the page shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// The bot's state.
    pub state: BotState,
    /// The tightest restriction of the session.
    pub restriction: Restriction,
    /// All cash.
    pub cash: Usd,
    /// Cash that open orders hold back.
    pub reserved: Usd,
    /// Worth of all positions.
    pub positions: Usd,
    /// Cash and positions.
    pub portfolio: Usd,
    /// Profit realised, fees apart.
    pub realised: Usd,
    /// Worth of the positions less their cost.
    pub unrealised: Usd,
    /// Fees paid.
    pub fees: Usd,
    /// Gain since 00:00 UTC.
    pub today: Usd,
    /// The UTC day and the valuation that today's gain counts from; to be kept across restarts.
    pub day_start: (u64, Usd),
    /// Orders that are not over.
    pub open_orders: usize,
}

/// An emergency stop under way.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
struct Kill {
    since: Time,
    next: Time,
}

/// A deterministic state machine: inputs in, effects out. It can be written down and read again by the same build (a snapshot); what
/// comes after is the same then.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Engine {
    pub(crate) purpose: Purpose,
    pub(crate) session: SessionId,
    pub(crate) now: Time,
    pub(crate) cause: Seq,
    pub(crate) state: BotState,
    pub(crate) halted: bool,
    /// Whether the venue's account was seen to be the one in our books. Until then nothing is placed.
    pub(crate) reconciled: bool,
    pub(crate) limits: Limits,
    pub(crate) salt_seed: u64,
    pub(crate) markets: Markets,
    pub(crate) orders: Orders,
    pub(crate) ledger: Ledger,
    pub(crate) targets: Targets,
    pub(crate) strategies: Strategies,
    pub(crate) guards: Guards,
    pub(crate) breakers: Breakers,
    pub(crate) rate: Rate,
    pub(crate) habits: Habits,
    pub(crate) scores: Scores,
    /// What the venue takes.
    pub(crate) venue: VenueState,
    pub(crate) day: DayStart,
    pub(crate) mismatch: Mismatch,
    /// What the venue's records tell.
    pub(crate) told: Told,
    kill: Option<Kill>,
    mode: Mode,
    audited: Time,
}

impl Engine {
    /// Returns an engine without a session: it refuses everything until a `Body::Session` input comes.
    pub fn new(purpose: Purpose) -> Self {
        Self {
            purpose,
            session: SessionId::default(),
            now: Time::default(),
            cause: Seq::default(),
            state: BotState::Stopped,
            halted: false,
            reconciled: false,
            limits: Limits::DEFAULT,
            salt_seed: 0,
            markets: Markets::default(),
            orders: Orders::default(),
            ledger: Ledger::default(),
            targets: Targets::default(),
            strategies: Strategies::default(),
            guards: Guards::default(),
            breakers: Breakers::default(),
            rate: Rate::default(),
            habits: Habits::default(),
            scores: Scores::default(),
            venue: VenueState::Open,
            day: DayStart::default(),
            mismatch: Mismatch::default(),
            told: Told::default(),
            kill: None,
            mode: Mode::Demo,
            audited: Time::default(),
        }
    }

    /// Returns another engine that stands where this one stands, for a run that may have to go back; none of an engine that
    /// trades: there is one of those.
    pub fn fork(&self) -> Option<Self> {
        if self.purpose == Purpose::Trade {
            return None;
        }
        Some(Self {
            markets: self.markets.clone(),
            orders: self.orders.clone(),
            ledger: self.ledger.clone(),
            targets: self.targets.clone(),
            strategies: self.strategies.clone(),
            guards: self.guards.clone(),
            breakers: self.breakers.clone(),
            rate: self.rate.clone(),
            habits: self.habits.clone(),
            scores: self.scores.clone(),
            told: self.told.clone(),
            ..*self
        })
    }

    /// Takes one input and leaves what is to be done in `effects`, whose old content is forgotten and whose memory is
    /// reused. The same inputs always lead to the same effects.
    pub fn step(&mut self, input: &Input, effects: &mut Effects) {
        effects.clear();
        // A clock that was set back must not make old things young.
        self.now = self.now.max(input.at);
        self.cause = input.seq;
        match &input.body {
            Body::Event(event) => self.on_event(event, effects),
            Body::Intents(answer) => self.on_answer(answer, effects),
            Body::Tick => self.on_tick(effects),
            Body::Trade(trade) => self.on_trade(trade, effects),
            Body::OrderUpdate { order, status, matched } => self.on_order_update(*order, *status, *matched, effects),
            Body::Placed { order, outcome } => self.on_placed(*order, outcome, effects),
            Body::CancelAnswer { order, outcome } => self.on_cancel_answer(*order, outcome, effects),
            Body::Looked { order, denied, asked } => self.on_looked(*order, *denied, *asked, effects),
            Body::Alive { token } => self.markets.alive(*token, self.now),
            Body::Feed { channel, up } => self.on_feed(*channel, *up, effects),
            Body::Requests { ok, failed } => self.on_requests(*ok, *failed, effects),
            Body::Transfer(transfer) => self.transfer_by_hand(transfer, effects),
            Body::Activity(activity) => self.on_activity(activity, effects),
            Body::KnownActivities(keys) => self.told.know(keys),
            Body::Assign(assignment) => self.on_assign(assignment, effects),
            Body::Skew { micros } => self.on_skew(*micros, effects),
            Body::Venue { state } => self.venue = *state,
            Body::Heartbeat { alive } => self.on_heartbeat(*alive, effects),
            Body::Adopt(order) => self.on_adopt(order, effects),
            Body::Account(view) => self.reconcile(view, effects),
            Body::Command(command) => self.on_command(command, effects),
            Body::Strategy(change) => self.on_strategy(change, effects),
            // Told twice it is still one market.
            Body::Market(market) if self.markets.has(&market.condition) => {}
            Body::Market(market) => {
                if self.markets.add(market.clone()).is_none() {
                    self.trip(Trip::session(Breaker::InvariantBroken, "more markets than the table holds"), effects);
                }
            }
            Body::TakeOver(carry) => self.take_over(carry, effects),
            Body::RealisedBefore(sums) => self.ledger.begin_after(sums),
            Body::Limits(limits) => {
                self.limits = *limits;
                effects.push(Effect::Answered { refused: None });
            }
            Body::Session(start) => self.begin(start, effects),
            Body::HostFault { fault } => self.on_host_fault(*fault, effects),
        }
        self.tell_sessions(&input.body, effects);
    }

    /// Returns the account: cash and positions.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Returns how the session trades.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Returns the best levels of a token's book and the last price traded at.
    pub fn top(&self, token: model::TokenIx) -> (Option<model::Level>, Option<model::Level>, Option<model::Price>) {
        self.markets
            .token(token)
            .map_or((None, None, None), |state| (state.book.best_bid(), state.book.best_ask(), state.last_trade))
    }

    /// Returns the state of a token's market as strategies see it.
    pub fn market_state(&self, token: model::TokenIx) -> model::MarketState {
        self.markets.state(token, self.now, self.limits.stale_after_micros)
    }

    /// Returns the limits in force.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Says whether the venue's account was seen to be the one in our books since the session began.
    pub const fn is_reconciled(&self) -> bool {
        self.reconciled
    }

    /// Returns the tightest restriction of the session.
    pub fn restriction_now(&self) -> Restriction {
        self.restriction()
    }

    /// Returns whether an emergency stop is in force.
    pub const fn is_halted(&self) -> bool {
        self.halted
    }

    /// Returns how an order stands, as long as it is remembered.
    pub fn order_state(&self, order: OrderId) -> Option<model::OrderState> {
        self.orders.get(order).map(|entry| entry.state)
    }

    /// Returns the market of an order whose cancel the host itself decided: for such a cancel more than the order may be cancelled.
    pub fn cancelled_by_host(&self, order: OrderId) -> Option<MarketIx> {
        let entry = self.orders.get(order).filter(|entry| entry.by_host && entry.cancel.is_some());
        entry.map(|entry| entry.order.token.market())
    }

    /// Says whether the host closes a position with an order, so that no rate limit of others holds it up.
    pub fn is_exit(&self, order: OrderId) -> bool {
        self.orders.get(order).is_some_and(|entry| entry.exit)
    }

    /// Says whether nothing more can come of an order, so that what is known of it may be forgotten.
    pub fn is_done(&self, order: OrderId) -> bool {
        self.orders.is_done(order)
    }

    /// Returns an order as it was approved, as long as it is remembered.
    pub fn order(&self, order: OrderId) -> Option<model::NewOrder> {
        self.orders.get(order).map(|entry| entry.order)
    }

    /// Returns the moment up to which settled fills may be forgotten; zero as long as all are remembered. The venue's trades up to then
    /// are in the books and must not be told again.
    pub const fn fills_forgotten_until(&self) -> Time {
        self.orders.forgotten()
    }

    /// Returns the orders that may still move money, with the shares that may and the money that their trades moved so far:
    /// those that are not over, and those that are but whose trades are not all told.
    pub fn at_risk(&self) -> impl Iterator<Item = (model::NewOrder, model::Size, model::Usd)> {
        self.orders.at_risk().map(|entry| (entry.order, entry.at_risk(), entry.spent))
    }

    /// Returns the orders that are not over: the order, its state and the shares matched.
    pub fn open_orders(&self) -> impl Iterator<Item = (model::NewOrder, model::OrderState, model::Size)> {
        self.orders.open().map(|entry| (entry.order, entry.state, entry.matched))
    }

    fn begin(&mut self, start: &SessionStart, effects: &mut Effects) {
        self.session = start.session;
        self.mode = start.mode;
        self.limits = start.limits;
        self.salt_seed = start.salt_seed;
        self.ledger = Ledger::with_cash(start.cash);
        self.halted = start.halted;
        // The cash was just read from the venue.
        self.reconciled = true;
        self.day = DayStart::new(start.day_start, self.now.day(), start.cash);
        self.tell_state(Reason::new(), effects);
    }

    fn on_tick(&mut self, effects: &mut Effects) {
        self.watch_books(effects);
        self.fire_timers(effects);
        self.watch_breakers(effects);
        self.tell_states(effects);
        self.watch_orders(effects);
        self.watch_guards(effects);
        self.renew_targets(effects);
        self.watch_kill(effects);
    }

    /// Checks our own books once a second: what contradicts itself must not trade.
    fn watch_books(&mut self, effects: &mut Effects) {
        if self.now.since(self.audited) >= AUDIT_MICROS {
            self.audited = self.now;
            if let Err(reason) = self.audit() {
                self.trip(Trip::session(Breaker::InvariantBroken, reason), effects);
            }
        }
    }

    fn on_command(&mut self, command: &Command, effects: &mut Effects) {
        let answer = match command {
            Command::Start => self.start(BotState::Stopped, effects),
            Command::Resume => self.start(BotState::Paused, effects),
            Command::Stop => self.halt_to(BotState::Stopped, effects),
            Command::Pause if self.state == BotState::Running => self.halt_to(BotState::Paused, effects),
            Command::Pause => Err("the bot is not RUNNING, so there is nothing to pause".into()),
            Command::EmergencyStop { reason } => self.emergency_stop(reason, effects),
            Command::Release { reason } => self.release(reason, effects),
            Command::Cancel { order } => self.cancel_by_operator(*order, effects),
            Command::CancelAll => {
                self.withdraw(|_, _| true, effects);
                Ok(())
            }
            Command::ResetBreaker { breaker } => self.reset(*breaker, effects),
            Command::Close { token } => self.close_position(*token, effects),
            Command::Restrict { scope, restriction } => self.restrict(*scope, *restriction, effects),
        };
        effects.push(Effect::Answered { refused: answer.err() });
    }

    fn start(&mut self, from: BotState, effects: &mut Effects) -> Result<(), Reason> {
        if self.halted {
            return Err("an emergency stop is in force; release it first".into());
        }
        if self.session == SessionId::default() {
            return Err("no session has begun yet".into());
        }
        if from == BotState::Paused && self.state != BotState::Paused {
            return Err("the bot is not PAUSED, so there is nothing to resume".into());
        }
        self.set_state(BotState::Running, Reason::new(), effects);
        Ok(())
    }

    /// Leaves RUNNING: no targets, no orders.
    fn halt_to(&mut self, state: BotState, effects: &mut Effects) -> Result<(), Reason> {
        self.set_state(state, Reason::new(), effects);
        self.withdraw(|_, _| true, effects);
        Ok(())
    }

    fn set_state(&mut self, state: BotState, reason: Reason, effects: &mut Effects) {
        self.state = state;
        self.tell_state(reason, effects);
    }

    fn emergency_stop(&mut self, reason: &Reason, effects: &mut Effects) -> Result<(), Reason> {
        self.halted = true;
        self.kill = Some(Kill { since: self.now, next: self.now.plus_micros(CANCEL_RETRY_MICROS) });
        // Cancels first: nothing may come before them.
        effects.push(Effect::CancelAll);
        effects.push(Effect::LockSigner);
        let text = if reason.is_empty() { "emergency stop".to_string() } else { reason.clone() };
        self.set_state(BotState::Stopped, text, effects);
        self.clear_targets(|_, _| true, effects);
        self.mark_all_for_cancel();
        Ok(())
    }

    fn release(&mut self, reason: &Reason, effects: &mut Effects) -> Result<(), Reason> {
        if !self.halted {
            return Err("no emergency stop is in force".into());
        }
        if reason.trim().is_empty() {
            return Err("a release needs a reason".into());
        }
        let open = self.orders.open_count();
        if open > 0 {
            return Err(alloc::format!("{open} orders are not proven to be over yet"));
        }
        self.halted = false;
        self.kill = None;
        effects.push(Effect::UnlockSigner);
        self.tell_state(reason.clone(), effects);
        Ok(())
    }

    /// Cancels everything again and again until nothing of ours is open and the venue had time to answer twice.
    fn watch_kill(&mut self, effects: &mut Effects) {
        let Some(kill) = self.kill.filter(|kill| self.now >= kill.next) else {
            return;
        };
        effects.push(Effect::CancelAll);
        let done = self.orders.open_count() == 0 && self.now.since(kill.since) >= KILL_MICROS;
        self.kill = (!done).then(|| Kill { next: self.now.plus_micros(CANCEL_RETRY_MICROS), ..kill });
    }

    fn cancel_by_operator(&mut self, order: OrderId, effects: &mut Effects) -> Result<(), Reason> {
        match self.orders.get(order) {
            None => Err(alloc::format!("there is no order {order}")),
            Some(entry) if !entry.is_open() => Err(alloc::format!("order {order} is already {}", entry.state)),
            Some(entry) => {
                let (strategy, token) = (entry.order.strategy, entry.order.token);
                // A standing quote would put the order back.
                if entry.target {
                    self.clear_targets_by(By::Wish, |who, what| who == strategy && what == token, effects);
                }
                self.cancel(order, By::Wish, effects);
                Ok(())
            }
        }
    }

    /// Records state and restriction.
    pub(crate) fn tell_state(&self, reason: Reason, effects: &mut Effects) {
        let (state, restriction) = (self.state, self.restriction());
        effects.push(Effect::Record(Record::State { state, restriction, reason }));
    }

    /// Returns the market of that place, for tests and pages.
    pub fn market(&self, market: MarketIx) -> Option<&model::Market> {
        self.markets.get(market).map(|entry| &entry.market)
    }
}
