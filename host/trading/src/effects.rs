//! Executes the engine's effects. No method blocks.

use super::market_data::feeds::MarketFeeds;
use super::orders::cancels::Cancel;
use super::orders::execution_client::ExecutionClient;
use super::orders::submitter::Submission;
use super::row_writer::Rows;
use crate::handles::Handles;
use crate::order_ids::KNOWN_MAX;
use crate::order_trace::OrderTrace;
use crate::strategy_figures::StrategyFigures;
use crate::unrecordable::{Cause, TOO_LONG};
use alerts::{Alert, RecordAlerts, Severity};
use control::clock;
use engine::{Approved, Engine, EngineEvent, Placement};
use lifecycle::session_of;
use model::event::MarketEventKind;
use model::input::{Breaker, PlaceOutcome, Scope, StrategyChange};
use model::{
    Input, InputKind, Market, MarketIx, MarketNote, OrderId, OwnEvent, Seq, StrategyId, Time, TokenIx, TradeId,
    VenueOrderId,
};
use order::{Exchange, UnsignedOrder};
use readmodel::Top;
use sandbox::{InstanceId, Supervisor, WatchKind};
use std::collections::{BTreeSet, VecDeque};

/// The most fills that are remembered to count each only once.
const FILLS_MAX: usize = 20_000;

/// The parts of the session that execute effects.
pub(crate) struct EffectExecutor {
    pub(crate) handles: Handles,
    pub(crate) supervisor: Supervisor,
    pub(crate) venue: polymarket::Client,
    pub(crate) feeds: MarketFeeds,
    pub(crate) access: ExecutionClient,
    pub(crate) rows: Rows,
    pub(crate) alerts: RecordAlerts,
    pub(crate) seen: Seen,
    pub(crate) trace: OrderTrace,
    pub(crate) figures: StrategyFigures,
}

/// The fills that have been counted.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    fills: BTreeSet<(TradeId, u32, OrderId)>,
    age: VecDeque<(TradeId, u32, OrderId)>,
}

impl EffectExecutor {
    /// Appends an input to the journal.
    ///
    /// # Errors
    /// If it cannot be recorded; it must not reach the engine then.
    pub(crate) fn journal(&self, input: &Input) -> Result<(), journal::DecodeError> {
        self.handles.journal.input(input)
    }

    /// Handles the cause of an input that cannot be recorded: a strategy is failed, a book is requested again.
    pub(crate) fn blame(&self, cause: &Cause, error: &journal::DecodeError) {
        tracing::error!(%error, ?cause, "input cannot be recorded; refused");
        let detail = format!("{cause:?}: {error}");
        let title = "an input cannot be recorded";
        self.handles.alerts.raise(Alert::new(clock::now(), Severity::Critical, "unrecordable_input", title, &detail));
        match cause {
            Cause::Strategy(strategy) => self.supervisor.fail(*strategy, TOO_LONG),
            Cause::Book(token) => self.resnapshot(*token),
            Cause::Market(_) | Cause::Operator | Cause::Account => {}
        }
    }

    pub(crate) fn journal_failed(&self) -> bool {
        self.handles.journal.failure().is_some()
    }

    /// Processes an input after the engine has stepped it.
    pub(crate) fn watch(&mut self, engine: &Engine, input: &Input) {
        if !self.access.on_market_input(input.at, &input.kind) {
            self.resync();
        }
        match &input.kind {
            InputKind::Event(event) => {
                self.show_top(engine, input.at, event.token);
                if matches!(event.kind, MarketEventKind::Resolved { .. })
                    && self.handles.listing.end(event.token.market())
                {
                    self.feeds.leave(event.token.market());
                }
            }
            InputKind::Market(market) => self.list(engine, market),
            InputKind::BookConfirmed { .. } => self.handles.picture.paths().books_confirmed.add(1),
            InputKind::Feed { channel, up } => self.handles.picture.channel(*channel, *up),
            InputKind::Strategy(change) => self.carry_out(engine, input.at, change),
            InputKind::Intents(answer) => {
                self.handles.picture.count_answer(answer);
                self.figures.answer(answer);
            }
            _ => {}
        }
    }

    /// Shows a market that the engine has accepted, and subscribes to it if it was not there at the start.
    fn list(&self, engine: &Engine, market: &Market) {
        // The engine does not accept a market twice, nor more markets than it has room for.
        let took = |ix: MarketIx| engine.market(ix).is_some_and(|taken| taken.condition == market.condition);
        if took(MarketIx(self.handles.picture.market_count())) {
            self.handles.picture.market(market);
        }
        let next = MarketIx(self.handles.listing.count());
        if took(next) {
            self.handles.listing.add(market);
            self.access.list(market);
            if let Err(error) = self.feeds.watch(next, market) {
                tracing::error!(%error, market = market.slug, "subscribing to a market failed");
            }
        }
    }

    fn show_top(&self, engine: &Engine, at: Time, token: TokenIx) {
        let Some(market) = engine.market(token.market()) else { return };
        let (bid, ask, last) = engine.top(token);
        let state = engine.market_state(token);
        self.handles.picture.top(at, token, &Top { bid, ask, last, state, tick: market.tick });
    }

    /// Acts on a change of a strategy. An instance starts with the account as of this very input, so that it misses
    /// nothing.
    fn carry_out(&mut self, engine: &Engine, at: Time, change: &StrategyChange) {
        match change {
            StrategyChange::Loaded { strategy, name, instance, markets, places, parameters, .. } => {
                self.figures.load(*strategy, name);
                let Some(start) = self.handles.starts.take(*strategy, *instance) else { return };
                let session = session_of(engine, at, *strategy, (markets, places), parameters.clone());
                let who = InstanceId { strategy: *strategy, name: name.clone(), instance: *instance };
                if let Err(error) = self.supervisor.start(who, start.module, session) {
                    tracing::error!(%error, name, "starting a strategy failed");
                }
            }
            StrategyChange::Removed { strategy, .. } => {
                self.figures.remove(*strategy);
                self.supervisor.stop(*strategy);
            }
            StrategyChange::Saved { strategy, instance: 0, state: Some(state) } => {
                self.supervisor.restore(*strategy, &state.0);
            }
            // The engine handles the others.
            StrategyChange::Saved { .. }
            | StrategyChange::Kept { .. }
            | StrategyChange::Parameters { .. }
            | StrategyChange::Signal { .. }
            | StrategyChange::Budget { .. }
            | StrategyChange::Fuel { .. } => {}
        }
    }

    /// Computes the order's id, records it in the journal, and submits the order.
    pub(crate) fn place(&self, engine: &Engine, approved: Approved<Placement>) {
        let Placement { order, salt, timestamp_ms } = *approved.item();
        let Some(market) = engine.market(order.token.market()) else { return };
        let [yes, no] = market.tokens;
        let token_id = if order.token.outcome() == 0 { yes } else { no };
        // The client adopts only versions that can be signed, at the start or after a refusal; the venue refuses an
        // order that is signed for another.
        let exchange = Exchange::route(self.venue.order_version().into(), &token_id, market.neg_risk)
            .unwrap_or(Exchange::of(market.neg_risk));
        let listing = order::OrderTerms { token_id, tick: market.tick, exchange };
        // An order that cannot be built is refused, and reported, by the signer's client.
        let built = UnsignedOrder::build(&order, self.handles.signer.account(), &listing, salt, timestamp_ms);
        let mut place = store::journal_files::JournalOffset::default();
        if let Ok(built) = built {
            let venue = built.order_id(self.handles.signer.domains().of(listing.exchange));
            if !self.handles.index.admit(order.id, venue, |order| engine.is_done(order)) {
                return self.has_no_room(order.id);
            }
            self.handles.picture.venue_id(order.id, venue);
            place = self.handles.journal.placement(&journal::Placement { order: order.id, salt, timestamp_ms, venue });
        }
        let exit = engine.is_exit(order.id);
        self.access.place(Submission { approved, listing, place, exit });
    }

    /// Reports an order as not sent because its id cannot be stored; it could not be cancelled by id.
    fn has_no_room(&self, order: OrderId) {
        let reason = format!("order_ids: {KNOWN_MAX} orders are tracked and none of them is final");
        tracing::error!(order = order.0, reason, "order not sent");
        self.handles
            .inbox
            .account(clock::now(), InputKind::Placed { order, outcome: PlaceOutcome::NotSent { reason } });
    }

    pub(crate) fn cancel(&self, engine: &Engine, order: OrderId, at: Time) {
        let market = engine.cancelled_by_host(order).and_then(|market| engine.market(market));
        self.access.cancel(Cancel { order, market: market.map(|market| market.condition) });
        self.handles.journal.cancel(order, at);
    }

    /// Registers an external order that has been numbered, and queries what it did so far.
    pub(crate) fn adopted(&self, order: OrderId, venue: VenueOrderId) {
        self.handles.index.adopt(order, venue);
        self.handles.picture.venue_id(order, venue);
        self.handles.journal.placement(&journal::Placement { order, salt: 0, timestamp_ms: 0, venue });
        self.access.query_history(order);
    }

    pub(crate) fn cancel_everything(&self) {
        self.access.cancel_everything();
    }

    pub(crate) fn lock(&self, lock: bool) {
        self.access.lock(lock);
        self.rows.halted(lock.then(clock::now));
    }

    pub(crate) fn notify_market(&mut self, strategy: StrategyId, note: MarketNote) {
        self.figures.notify(strategy);
        self.supervisor.notify_market(strategy, note);
    }

    pub(crate) fn notify_own(&mut self, strategy: StrategyId, at: Time, event: OwnEvent) {
        self.figures.notify(strategy);
        self.supervisor.notify_own(strategy, at, event);
    }

    pub(crate) fn query_order(&self, order: OrderId) {
        self.access.query_order(order);
    }

    pub(crate) fn resnapshot(&self, token: TokenIx) {
        self.feeds.resnapshot(token);
    }

    /// Reconnects the market channel, which delivers all books again.
    pub(crate) fn resync(&self) {
        self.feeds.reconnect();
    }

    /// Shows and stores an engine record.
    pub(crate) fn record(&mut self, seq: Seq, at: Time, record: EngineEvent) {
        match &record {
            EngineEvent::Transfer { kind, cash, reference } => tracing::info!(kind, %cash, reference, "booked"),
            EngineEvent::Activity { kind, reference, reason } => tracing::info!(kind, reference, reason, "not booked"),
            EngineEvent::Breaker { breaker, scope, tripped, reason } => log_breaker(*breaker, *scope, *tripped, reason),
            _ => {}
        }
        // Paper orders are not in the venue's books.
        if let Some(recording) = self.feeds.recording()
            && !self.access.is_paper()
        {
            recording.own(at, &record, |token| self.feeds.token(token));
        }
        self.trace.record(seq, at, &record);
        self.rows.write(seq, at, &record);
        self.handles.picture.record(at, &record);
        self.alerts.record(at, &record, |scope| self.handles.picture.scope_name(scope));
    }

    /// Returns true if a fill is reported for the first time.
    pub(crate) fn is_first(&mut self, record: &EngineEvent) -> bool {
        let EngineEvent::Fill { trade, part, order, .. } = record else { return false };
        self.seen.is_first((*trade, *part, *order))
    }

    /// Shows money and positions.
    pub(crate) fn show_account(&mut self, at: Time, engine: &Engine, events: u64) {
        self.handles.picture.set_folder_events(self.supervisor.watch_kind() == WatchKind::Events);
        self.handles.picture.show_account(at, engine, events);
        self.rows.day_start(engine.summary().day_start, at);
        self.rows.write_repeated(at);
    }
}

impl Drop for EffectExecutor {
    /// The recording ends with the engine; tasks of the channel may live longer.
    fn drop(&mut self) {
        if let Some(recording) = self.feeds.recording() {
            recording.close();
        }
    }
}

impl Seen {
    fn is_first(&mut self, fill: (TradeId, u32, OrderId)) -> bool {
        if !self.fills.insert(fill) {
            return false;
        }
        self.age.push_back(fill);
        if self.age.len() > FILLS_MAX
            && let Some(oldest) = self.age.pop_front()
        {
            self.fills.remove(&oldest);
        }
        true
    }
}

/// Logs a breaker, which is where operators look for the cause of a halt. Those of single markets may be thousands.
fn log_breaker(breaker: Breaker, scope: Scope, tripped: bool, reason: &str) {
    let breaker = breaker.as_str();
    match (scope, tripped) {
        (Scope::Market(_), _) => tracing::debug!(breaker, ?scope, tripped, reason, "breaker of a market changed"),
        (_, true) => tracing::warn!(breaker, ?scope, reason, "breaker tripped"),
        (_, false) => tracing::info!(breaker, ?scope, "breaker closed"),
    }
}
