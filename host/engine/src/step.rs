//! The engine and its entry points: [`Engine::step`], and for changes of levels in backtests [`Engine::step_level`], which
//! goes through the same functions.

use crate::account::{DayStart, Mismatch};
use crate::breakers::{Breakers, Trip};
use crate::effect::{BotState, Effect, Effects, EngineEvent, Restriction};
use crate::guards::Guards;
use crate::ledger::Ledger;
use crate::locks::Locks;
use crate::market_books::BookLost;
use crate::markets::Markets;
use crate::orders::{By, Orders};
use crate::pending_activity::PendingActivities;
use crate::risk::{SlidingWindow, Throttles};
use crate::standing_quotes::StandingQuotes;
use crate::strategies::Strategies;
use crate::strategy_pnl::StrategyPnls;
use alloc::string::ToString;
use model::event::Reason;
use model::input::{Breaker, Command, Mode, SessionStart, VenueState};
use model::{
    Input, InputKind, LevelChange, Limits, MarketIx, MarketNote, OrderId, Seq, SessionId, Shared, StrategyId, Time, Usd,
};

/// The interval at which cancels are repeated while an emergency stop or a stop is not complete.
pub(crate) const CANCEL_RETRY_MICROS: u64 = 2_000_000;
/// The minimum time for which an emergency stop keeps cancelling everything.
const KILL_MICROS: u64 = 15_000_000;

/// The interval at which the engine checks its own books.
const AUDIT_MICROS: u64 = 1_000_000;

/// The purpose of an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Purpose {
    /// Trading: its approvals can be signed.
    Trade,
    /// Simulation: backtests, replays and self-tests create approvals that no signer accepts.
    Simulate,
}

/// The account summary as shown on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// The bot's state.
    pub state: BotState,
    /// The tightest restriction of the session.
    pub restriction: Restriction,
    /// All cash.
    pub cash: Usd,
    /// Cash reserved by open orders.
    pub reserved: Usd,
    /// Value of all positions.
    pub positions: Usd,
    /// Value of cash and positions.
    pub portfolio: Usd,
    /// Realised profit, before fees.
    pub realised: Usd,
    /// Value of the positions less their cost.
    pub unrealised: Usd,
    /// Fees paid.
    pub fees: Usd,
    /// P&L since 00:00 UTC.
    pub today: Usd,
    /// The UTC day and the valuation from which today's P&L is measured; to be kept across restarts.
    pub day_start: (u64, Usd),
    /// Number of open orders.
    pub open_orders: usize,
}

/// An emergency stop in progress.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct Kill {
    since: Time,
    next: Time,
}

/// A deterministic state machine: inputs in, effects out. The same build can write and read its state (a snapshot) and
/// continues identically from it.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Engine {
    pub(crate) purpose: Purpose,
    pub(crate) session: SessionId,
    pub(crate) now: Time,
    pub(crate) cause: Seq,
    pub(crate) state: BotState,
    pub(crate) halted: bool,
    /// True if the venue's account was confirmed to equal the ledger. Until then nothing is placed.
    pub(crate) reconciled: bool,
    pub(crate) limits: Limits,
    pub(crate) salt_seed: u64,
    pub(crate) markets: Markets,
    pub(crate) orders: Orders,
    pub(crate) ledger: Shared<Ledger>,
    pub(crate) targets: Shared<StandingQuotes>,
    pub(crate) strategies: Shared<Strategies>,
    pub(crate) guards: Shared<Guards>,
    pub(crate) breakers: Shared<Breakers>,
    pub(crate) locks: Shared<Locks>,
    pub(crate) rate: Shared<SlidingWindow>,
    pub(crate) habits: Shared<Throttles>,
    pub(crate) scores: Shared<StrategyPnls>,
    /// The set of requests that the venue accepts.
    pub(crate) venue: VenueState,
    pub(crate) day: DayStart,
    pub(crate) mismatch: Mismatch,
    /// Activities from the Data API.
    pub(crate) activities: Shared<PendingActivities>,
    pub(crate) kill: Option<Kill>,
    pub(crate) mode: Mode,
    pub(crate) audited: Time,
}

impl Engine {
    /// Returns an engine without a session: it refuses everything until it receives a `InputKind::Session` input.
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
            ledger: Shared::default(),
            targets: Shared::default(),
            strategies: Shared::default(),
            guards: Shared::default(),
            breakers: Shared::default(),
            locks: Shared::default(),
            rate: Shared::default(),
            habits: Shared::default(),
            scores: Shared::default(),
            venue: VenueState::Open,
            day: DayStart::default(),
            mismatch: Mismatch::default(),
            activities: Shared::default(),
            kill: None,
            mode: Mode::Demo,
            audited: Time::default(),
        }
    }

    /// Processes one input and writes the resulting effects to `effects`, which is cleared first and whose allocation
    /// is reused. The same inputs always lead to the same effects.
    pub fn step(&mut self, input: &Input, effects: &mut Effects) {
        self.begin_step(input.seq, input.at, effects);
        match &input.kind {
            InputKind::Event(event) => self.on_event(event, effects),
            InputKind::Intents(answer) => self.on_answer(answer, effects),
            InputKind::Clock => self.on_tick(effects),
            InputKind::Trade(trade) => self.on_trade(trade, effects),
            InputKind::OrderUpdate { order, status, matched } => {
                self.on_order_update(*order, *status, *matched, effects)
            }
            InputKind::Placed { order, outcome } => self.on_placed(*order, outcome, effects),
            InputKind::CancelAnswer { order, outcome } => self.on_cancel_answer(*order, outcome, effects),
            InputKind::OrderQueried { order, not_found: denied, asked } => {
                self.on_looked(*order, *denied, *asked, effects)
            }
            InputKind::BookConfirmed { token } => self.markets.alive(*token, self.now),
            InputKind::Feed { channel, up } => self.on_feed(*channel, *up, effects),
            InputKind::Requests { ok, failed } => self.on_requests(*ok, *failed, effects),
            InputKind::Transfer(transfer) => self.on_external_transfer(transfer, effects),
            InputKind::Activity(activity) => self.on_activity(activity, effects),
            InputKind::KnownActivities(keys) => self.activities.know(keys),
            InputKind::Reallocate(assignment) => self.on_assign(assignment, effects),
            InputKind::ClockSkew { micros } => self.on_skew(*micros, effects),
            InputKind::Venue { state } => self.venue = *state,
            InputKind::Heartbeat { alive } => self.on_heartbeat(*alive, effects),
            InputKind::Adopt(order) => self.on_adopt(order, effects),
            InputKind::Account(view) => self.reconcile(view, effects),
            InputKind::Command(command) => self.on_command(command, effects),
            InputKind::Strategy(change) => self.on_strategy(change, effects),
            // A market that is announced twice is added once.
            InputKind::Market(market) if self.markets.has(&market.condition) => {}
            InputKind::Market(market) => {
                if self.markets.add(market.clone()).is_none() {
                    self.trip(Trip::session(Breaker::InvariantBroken, "the market table is full"), effects);
                }
            }
            InputKind::CarryOver(carry) => self.on_carry_over(carry, effects),
            InputKind::RealisedBefore(sums) => self.ledger.begin_after(sums),
            InputKind::Limits(limits) => {
                self.limits = *limits;
                effects.push(Effect::Answered { refused: None });
            }
            InputKind::Session(start) => self.begin(start, effects),
            InputKind::HostFault { fault } => self.on_host_fault(*fault, effects),
        }
        self.notify_sessions(&input.kind, effects);
    }

    /// Processes a change of a level like [`Engine::step`] does, and the mirrored one of the other token if the venue sent
    /// both. Notifications go to `show` instead of `effects`: a backtest has millions of them.
    #[inline]
    pub fn step_level(
        &mut self,
        seq: Seq,
        at: Time,
        change: &LevelChange,
        effects: &mut Effects,
        mut show: impl FnMut(StrategyId, MarketNote),
    ) {
        self.begin_step(seq, at, effects);
        let both = [change.token, change.token.complement()];
        match if change.both { self.markets.set_both(change, self.now) } else { None } {
            Some(Ok(None)) => {}
            Some(Ok(Some(rank))) => {
                if self.markets.is_shown(change.token, rank) {
                    both.into_iter().for_each(|token| self.notify_book(token, change.venue_time, rank, &mut show));
                }
            }
            Some(Err(BookLost)) => effects.extend(both.map(|token| Effect::Resnapshot { token })),
            None => {
                for change in [Some(*change), change.mirror()].iter().flatten() {
                    if let Err(BookLost) = self.on_level(change, &mut show) {
                        effects.push(Effect::Resnapshot { token: change.token });
                    }
                }
            }
        }
    }

    #[inline]
    fn begin_step(&mut self, seq: Seq, at: Time, effects: &mut Effects) {
        if !effects.is_empty() {
            effects.clear();
        }
        // A clock that was set back must not make old data look fresh.
        self.now = self.now.max(at);
        self.cause = seq;
    }

    /// Returns the ledger: cash and positions.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Returns the session's trading mode.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Returns the best levels of a token's book and the price of the last trade.
    pub fn top(&self, token: model::TokenIx) -> (Option<model::Level>, Option<model::Level>, Option<model::Price>) {
        self.markets
            .token(token)
            .map_or((None, None, None), |token| (token.book.best_bid(), token.book.best_ask(), token.state.last_trade))
    }

    /// Returns the state of a token's market as shown to strategies.
    pub fn market_state(&self, token: model::TokenIx) -> model::MarketState {
        self.markets.state(token, self.now, self.limits.stale_after_micros)
    }

    /// Returns the limits in force.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns true if the venue's account was confirmed to equal the ledger since the session began.
    pub const fn is_reconciled(&self) -> bool {
        self.reconciled
    }

    /// Returns the tightest restriction of the session.
    pub fn restriction_now(&self) -> Restriction {
        self.restriction()
    }

    /// Returns true if an emergency stop is in force.
    pub const fn is_halted(&self) -> bool {
        self.halted
    }

    /// Returns the state of an order, as long as it is remembered.
    pub fn order_state(&self, order: OrderId) -> Option<model::OrderState> {
        self.orders.get(order).map(|entry| entry.state)
    }

    /// Returns the market of an order whose cancel was decided by the host itself: for such a cancel more than the
    /// order may be cancelled.
    pub fn cancelled_by_host(&self, order: OrderId) -> Option<MarketIx> {
        let entry = self.orders.get(order).filter(|entry| entry.by_host && entry.cancel.is_some());
        entry.map(|entry| entry.order.token.market())
    }

    /// Returns true if an order is an exit of the host, so that no rate limit on other orders delays it.
    pub fn is_exit(&self, order: OrderId) -> bool {
        self.orders.get(order).is_some_and(|entry| entry.exit)
    }

    /// Returns true if an order is closed, so that it may be forgotten.
    pub fn is_done(&self, order: OrderId) -> bool {
        self.orders.is_done(order)
    }

    /// Returns an order as it was approved, as long as it is remembered.
    pub fn order(&self, order: OrderId) -> Option<model::NewOrder> {
        self.orders.get(order).map(|entry| entry.order)
    }

    /// Returns the time up to which settled fills may be forgotten; zero as long as all are remembered. The venue's
    /// trades up to then are booked and must not be reported again.
    pub fn fills_forgotten_until(&self) -> Time {
        self.orders.forgotten()
    }

    /// Returns the orders through which money may still move, with the shares that may still be matched and the money
    /// moved by their trades so far: open orders, and finished ones whose trades are not all reported.
    pub fn at_risk(&self) -> impl Iterator<Item = (model::NewOrder, model::Size, model::Usd)> {
        self.orders.at_risk().map(|entry| (entry.order, entry.at_risk(), entry.spent))
    }

    /// Returns the open orders: the order, its state and the shares matched.
    pub fn open_orders(&self) -> impl Iterator<Item = (model::NewOrder, model::OrderState, model::Size)> {
        self.orders.open().map(|entry| (entry.order, entry.state, entry.matched))
    }

    fn begin(&mut self, start: &SessionStart, effects: &mut Effects) {
        self.session = start.session;
        self.mode = start.mode;
        self.limits = start.limits;
        self.salt_seed = start.salt_seed;
        self.ledger = Shared::new(Ledger::with_cash(start.cash));
        self.halted = start.halted;
        // The cash was just read from the venue.
        self.reconciled = true;
        self.day = DayStart::new(start.day_start, self.now.day(), start.cash);
        self.notify_state(Reason::new(), effects);
    }

    fn on_tick(&mut self, effects: &mut Effects) {
        self.watch_books(effects);
        self.fire_timers(effects);
        let watched = self.markets.watched_now();
        self.watch_breakers(&watched, effects);
        self.watch_locks();
        self.notify_market_states(&watched, effects);
        self.watch_orders(effects);
        self.watch_guards(effects);
        self.renew_quotes(effects);
        self.watch_kill(effects);
    }

    /// Audits the engine's own books once a second, and with all remembered orders once a minute; trading must stop if
    /// they contradict themselves.
    fn watch_books(&mut self, effects: &mut Effects) {
        if self.now.since(self.audited) >= AUDIT_MICROS {
            let whole = self.now.seconds() / 60 != self.audited.seconds() / 60;
            self.audited = self.now;
            if let Err(reason) = if whole { self.audit() } else { self.audit_at_risk() } {
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
            Command::Lock { market, until } => self.lock_market(*market, *until, effects),
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

    /// Leaves RUNNING: clears standing quotes and cancels orders.
    fn halt_to(&mut self, state: BotState, effects: &mut Effects) -> Result<(), Reason> {
        self.set_state(state, Reason::new(), effects);
        self.withdraw(|_, _| true, effects);
        Ok(())
    }

    fn set_state(&mut self, state: BotState, reason: Reason, effects: &mut Effects) {
        self.state = state;
        self.notify_state(reason, effects);
    }

    fn emergency_stop(&mut self, reason: &Reason, effects: &mut Effects) -> Result<(), Reason> {
        self.halted = true;
        self.kill = Some(Kill { since: self.now, next: self.now.plus_micros(CANCEL_RETRY_MICROS) });
        // Cancels first: nothing may precede them.
        effects.push(Effect::CancelAll);
        effects.push(Effect::LockSigner);
        let text = if reason.is_empty() { "emergency stop".to_string() } else { reason.clone() };
        self.set_state(BotState::Stopped, text, effects);
        self.clear_quotes(|_, _| true, effects);
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
            return Err(alloc::format!("{open} orders are not confirmed as closed yet"));
        }
        self.halted = false;
        self.kill = None;
        effects.push(Effect::UnlockSigner);
        self.notify_state(reason.clone(), effects);
        Ok(())
    }

    /// Repeats the cancel of everything until nothing of ours is open and the venue had time to answer twice.
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
                // The standing quote would place the order again.
                if entry.target {
                    self.clear_quotes_by(By::Wish, |who, what| who == strategy && what == token, effects);
                }
                self.cancel(order, By::Wish, effects);
                Ok(())
            }
        }
    }

    /// Records state and restriction.
    pub(crate) fn notify_state(&self, reason: Reason, effects: &mut Effects) {
        let (state, restriction) = (self.state, self.restriction());
        effects.push(Effect::Event(EngineEvent::State { state, restriction, reason }));
    }

    /// Returns the market at an index, for tests and pages.
    pub fn market(&self, market: MarketIx) -> Option<&model::Market> {
        self.markets.get(market).map(|entry| &*entry.market)
    }
}
