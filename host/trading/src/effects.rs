//! What the engine wants done, given to those who do it. Everything here returns at once.

use super::market_data::feeds::MarketFeeds;
use super::orders::cancels::Cancel;
use super::orders::execution_client::Access;
use super::orders::submitter::Job;
use super::row_writer::Rows;
use crate::handles::Handles;
use crate::order_ids::KNOWN_MAX;
use crate::unrecordable::{Cause, TOO_LONG};
use alerts::{Alert, RecordAlerts, Severity};
use control::clock;
use engine::{Approved, Engine, Placement, Record};
use lifecycle::session_of;
use model::event::MarketEventKind;
use model::input::{PlaceOutcome, StrategyChange};
use model::{
    Body, Input, Market, MarketIx, MarketNote, OrderId, OwnEvent, Seq, StrategyId, Time, TokenIx, TradeId, VenueOrderId,
};
use order::{Exchange, UnsignedOrder};
use readmodel::Top;
use sandbox::{Supervisor, WatchKind, Who};
use std::collections::{BTreeSet, VecDeque};

/// Fills that are remembered, so that each is counted once.
const FILLS_MAX: usize = 20_000;

/// Everything that the engine's thread hands things to.
pub(crate) struct Duties {
    pub(crate) handles: Handles,
    pub(crate) supervisor: Supervisor,
    pub(crate) venue: polymarket::Client,
    pub(crate) feeds: MarketFeeds,
    pub(crate) access: Access,
    pub(crate) rows: Rows,
    pub(crate) alerts: RecordAlerts,
    pub(crate) seen: Seen,
}

/// The fills that were counted.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    fills: BTreeSet<(TradeId, u32, OrderId)>,
    age: VecDeque<(TradeId, u32, OrderId)>,
}

impl Duties {
    /// Appends an input to the journal.
    ///
    /// # Errors
    /// If it cannot be recorded; it must not reach the engine then.
    pub(crate) fn journal(&self, input: &Input) -> Result<(), journal::DecodeError> {
        self.handles.journal.input(input)
    }

    /// Does to the cause of an input that cannot be recorded what the host can do.
    pub(crate) fn blame(&self, cause: &Cause, error: &journal::DecodeError) {
        tracing::error!(%error, ?cause, "input refused; it cannot be recorded");
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

    /// Looks at what a step took, after it.
    pub(crate) fn watch(&mut self, engine: &Engine, input: &Input) {
        if !self.access.hear(input.at, &input.body) {
            self.resync();
        }
        match &input.body {
            Body::Event(event) => {
                self.show_top(engine, input.at, event.token);
                if matches!(event.kind, MarketEventKind::Resolved { .. })
                    && self.handles.listing.end(event.token.market())
                {
                    self.feeds.leave(event.token.market());
                }
            }
            Body::Market(market) => self.list(engine, market),
            Body::Feed { channel, up } => self.handles.picture.channel(*channel, *up),
            Body::Strategy(change) => self.carry_out(engine, input.at, change),
            Body::Intents(answer) => self.handles.picture.count_answer(answer),
            _ => {}
        }
    }

    /// Shows a market that the engine has taken, and follows it if it was not there at the start.
    fn list(&self, engine: &Engine, market: &Market) {
        // The engine does not take a market twice, nor more than it has room for.
        let took = |ix: MarketIx| engine.market(ix).is_some_and(|taken| taken.condition == market.condition);
        if took(MarketIx(self.handles.picture.market_count())) {
            self.handles.picture.market(market);
        }
        let next = MarketIx(self.handles.listing.count());
        if took(next) {
            self.handles.listing.add(market);
            self.access.list(market);
            if let Err(error) = self.feeds.watch(next, market) {
                tracing::error!(%error, market = market.slug, "nobody listens to a new market");
            }
        }
    }

    fn show_top(&self, engine: &Engine, at: Time, token: TokenIx) {
        let Some(market) = engine.market(token.market()) else { return };
        let (bid, ask, last) = engine.top(token);
        let state = engine.market_state(token);
        self.handles.picture.top(at, token, &Top { bid, ask, last, state, tick: market.tick });
    }

    /// Does what follows from a change of a strategy. An instance starts with the account as it stands after this very input, so that it
    /// misses nothing.
    fn carry_out(&self, engine: &Engine, at: Time, change: &StrategyChange) {
        match change {
            StrategyChange::Loaded { strategy, name, instance, markets, places, parameters, .. } => {
                let Some(start) = self.handles.starts.take(*strategy, *instance) else { return };
                let session = session_of(engine, at, *strategy, (markets, places), parameters.clone());
                let who = Who { strategy: *strategy, name: name.clone(), instance: *instance };
                if let Err(error) = self.supervisor.start(who, start.module, session) {
                    tracing::error!(%error, name, "a strategy has no thread");
                }
            }
            StrategyChange::Removed { strategy, .. } => self.supervisor.stop(*strategy),
            StrategyChange::Saved { strategy, instance: 0, state: Some(state) } => {
                self.supervisor.restore(*strategy, &state.0);
            }
            // The others are the engine's.
            StrategyChange::Saved { .. }
            | StrategyChange::Kept { .. }
            | StrategyChange::Parameters { .. }
            | StrategyChange::Signal { .. }
            | StrategyChange::Budget { .. }
            | StrategyChange::Fuel { .. } => {}
        }
    }

    /// Computes the order's id, writes it to the journal, and sends the order on its way.
    pub(crate) fn place(&self, engine: &Engine, approved: Approved<Placement>) {
        let Placement { order, salt, timestamp_ms } = *approved.item();
        let Some(market) = engine.market(order.token.market()) else { return };
        let [yes, no] = market.tokens;
        let token_id = if order.token.outcome() == 0 { yes } else { no };
        // A version that we cannot sign is none that a start or a refusal took over; the venue refuses what is signed then.
        let exchange = Exchange::route(self.venue.order_version().into(), &token_id, market.neg_risk)
            .unwrap_or(Exchange::of(market.neg_risk));
        let listing = order::Listing { token_id, tick: market.tick, exchange };
        // What cannot be built is refused by the signer's client in the same way, and told there.
        let built = UnsignedOrder::build(&order, self.handles.signer.account(), &listing, salt, timestamp_ms);
        let mut place = store::journal_files::Place::default();
        if let Ok(built) = built {
            let venue = built.order_id(self.handles.signer.domains().of(listing.exchange));
            if !self.handles.index.admit(order.id, venue, |order| engine.is_done(order)) {
                return self.has_no_room(order.id);
            }
            self.handles.picture.venue_id(order.id, venue);
            place = self.handles.journal.placement(&journal::Placement { order: order.id, salt, timestamp_ms, venue });
        }
        let exit = engine.is_exit(order.id);
        self.access.place(Job { approved, listing, place, exit });
    }

    /// An order whose id there is no room for could not be cancelled by it, so it is not sent.
    fn has_no_room(&self, order: OrderId) {
        let reason = format!("order_ids: {KNOWN_MAX} orders are known, and something may still come of each");
        tracing::error!(order = order.0, reason, "order not sent");
        self.handles.inbox.account(clock::now(), Body::Placed { order, outcome: PlaceOutcome::NotSent { reason } });
    }

    pub(crate) fn cancel(&self, engine: &Engine, order: OrderId, at: Time) {
        let market = engine.cancelled_by_host(order).and_then(|market| engine.market(market));
        self.access.cancel(Cancel { order, market: market.map(|market| market.condition) });
        self.handles.journal.cancel(order, at);
    }

    /// An order that somebody placed by hand has a number: what it did so far is asked for.
    pub(crate) fn adopted(&self, order: OrderId, venue: VenueOrderId) {
        self.handles.index.adopt(order, venue);
        self.handles.picture.venue_id(order, venue);
        self.handles.journal.placement(&journal::Placement { order, salt: 0, timestamp_ms: 0, venue });
        self.access.look_back(order);
    }

    pub(crate) fn cancel_everything(&self) {
        self.access.cancel_everything();
    }

    pub(crate) fn lock(&self, lock: bool) {
        self.access.lock(lock);
        self.rows.halted(lock.then(clock::now));
    }

    pub(crate) fn notify_market(&self, strategy: StrategyId, note: MarketNote) {
        self.supervisor.notify_market(strategy, note);
    }

    pub(crate) fn notify_own(&self, strategy: StrategyId, at: Time, event: OwnEvent) {
        self.supervisor.notify_own(strategy, at, event);
    }

    pub(crate) fn look(&self, order: OrderId) {
        self.access.look(order);
    }

    pub(crate) fn resnapshot(&self, token: TokenIx) {
        self.feeds.resnapshot(token);
    }

    /// Makes all books anew.
    pub(crate) fn resync(&self) {
        self.feeds.reconnect();
    }

    /// Shows and keeps a fact.
    pub(crate) fn record(&mut self, seq: Seq, at: Time, record: Record) {
        match &record {
            Record::Transfer { kind, cash, reference } => tracing::info!(kind, %cash, reference, "booked"),
            Record::Activity { kind, reference, reason } => tracing::info!(kind, reference, reason, "not booked"),
            _ => {}
        }
        self.rows.write(seq, at, &record);
        self.handles.picture.record(at, &record);
        self.alerts.record(at, &record, |scope| self.handles.picture.scope_name(scope));
    }

    /// Says whether a fill is told for the first time.
    pub(crate) fn is_first(&mut self, record: &Record) -> bool {
        let Record::Fill { trade, part, order, .. } = record else { return false };
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
