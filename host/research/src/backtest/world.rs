//! The engine and the paper venue of a run, with the time of the events. A world can return to a checkpoint, and then
//! continues as from there before.

mod checkpoint;
mod claims;
mod clock;
mod income;
mod outcomes;
mod rows;

use super::job::{Delay, Job};
use crate::events::{Group, TapeEventKind, mirrored};
use crate::run::FillModel;
pub(super) use checkpoint::Checkpoint;
use clock::{CONFIRM_MICROS, TICK_MICROS};
use engine::{Effect, Effects, Engine, EngineEvent, Purpose};
use income::Income;
use model::input::{Channel, Command, Mode, SessionStart, Settlement, StrategyAnswer, StrategyChange};
use model::{
    Budget, Input, InputKind, LevelChange, Market, MarketEvent, MarketEventKind, MarketIx, MarketNote, NewOrder,
    OwnEvent, Seq, SessionId, Shared, StrategyId, Time, TokenIx, Usd, VenueOrderId,
};
use outcomes::Outcomes;
use rows::Probes;
pub(crate) use rows::{Row, kind_name, realised_before, row_of};
use sha2::{Digest, Sha256};
use sim::paper::{Delays, RequestLimits};
use sim::{MarketError, Paper};
use std::collections::VecDeque;

const MINUTE_MICROS: u64 = 60_000_000;

/// An item for a strategy.
#[derive(Debug)]
pub(crate) enum Item {
    Market(MarketNote),
    Own(Time, OwnEvent),
}

/// An item that a strategy has not received yet.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// Number of moments processed when it was created, since the last commit of the run.
    pub(crate) place: usize,
    pub(crate) strategy: StrategyId,
    pub(crate) item: Item,
}

/// The output of a world: items for strategies, and rows.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// All items that wait for their strategy, in order.
    pub(crate) items: VecDeque<Waiting>,
    pub(crate) rows: Vec<Row>,
    /// The place of new items.
    pub(crate) place: usize,
}

impl Output {
    /// Returns true if an item was created at the current place.
    pub(crate) fn is_any_new(&self) -> bool {
        self.items.back().is_some_and(|waiting| waiting.place == self.place)
    }

    fn show(&mut self, strategy: StrategyId, item: Item) {
        self.items.push_back(Waiting { place: self.place, strategy, item });
    }
}

/// Per-market state that the engine does not have.
#[derive(Debug, Clone, Copy, Default)]
struct Watched {
    /// True once an order was placed in it.
    traded: bool,
    /// The time from which its next row of tops may be.
    top_from: Time,
    /// True while nothing is known about it.
    blind: bool,
    /// True once it takes no orders.
    closed: bool,
}

/// Engine, venue and clock.
#[derive(Debug)]
pub(super) struct World {
    pub(super) engine: Engine,
    pub(super) paper: Paper,
    pub(super) at: Time,
    markets: Vec<Watched>,
    outcomes: Shared<Outcomes>,
    income: Shared<Income>,
    /// Complete baskets of these events are converted, and pairs merged; `None` if nothing is.
    merges: bool,
    groups: std::sync::Arc<Vec<Group>>,
    probes: Shared<Probes>,
    digest: Sha256,
    seq: u64,
    next_tick: Time,
    next_confirm: Time,
    /// Nothing is due before this time; zero if that is not known.
    quiet_until: Time,
    /// The next row of equity; none before the strategies start.
    next_minute: Option<Time>,
    heard_at: Time,
    /// Time from an event to its receipt and back to the venue, for answers of its REST API.
    way: u64,
    cash: Usd,
    strategies: Vec<StrategyId>,
    effects: Effects,
}

impl World {
    /// Returns a session that begins at `at`, without markets and strategies.
    ///
    /// # Errors
    /// If a measured latency has no samples.
    pub(super) fn new(job: &Job, at: Time) -> anyhow::Result<Self> {
        let one_way = job.latency.order.typical();
        let latency = sim::Latency { one_way, ..sim::Latency::DEFAULT };
        let mut paper = Paper::new(latency, [], job.cash, &[])?.with_model(model_of(job.fill)).with_notes();
        paper = paper.with_limits(RequestLimits::of(job.request_tier));
        if let Delay::Samples(samples) = &job.latency.order
            && let Some(delays) = Delays::new(samples.clone(), job.seed)
        {
            paper = paper.with_delays(delays);
        }
        let mut world = Self {
            engine: Engine::new(Purpose::Simulate),
            paper,
            at,
            markets: Vec::new(),
            outcomes: Shared::default(),
            income: Shared::default(),
            merges: job.merge,
            groups: std::sync::Arc::default(),
            probes: Shared::default(),
            digest: Sha256::new(),
            seq: 0,
            next_tick: at,
            next_confirm: at.plus_micros(CONFIRM_MICROS),
            quiet_until: Time(0),
            next_minute: None,
            heard_at: at,
            way: job.latency.feed.typical().max(one_way).saturating_mul(2),
            cash: job.cash,
            strategies: Vec::new(),
            effects: Effects::with_capacity(64),
        };
        let session = SessionStart {
            session: SessionId(at.0.max(1)),
            mode: Mode::Backtest,
            cash: job.cash,
            day_start: None,
            limits: job.limits,
            salt_seed: job.seed,
            halted: false,
        };
        let up = |channel| InputKind::Feed { channel, up: true };
        let account = InputKind::Account(world.paper.view());
        let opening = [
            InputKind::Session(session),
            up(Channel::Market),
            up(Channel::User),
            account,
            InputKind::Command(Command::Start),
        ];
        let mut output = Output::default();
        opening.into_iter().for_each(|kind| world.feed(at, kind, &mut output));
        Ok(world)
    }

    /// Lists a market at the current time.
    ///
    /// # Errors
    /// If the venue has too many markets, or lists it already.
    pub(super) fn list(&mut self, at: Time, market: Market, output: &mut Output) -> anyhow::Result<MarketIx> {
        self.pass(at, output);
        let slug = market.slug.clone();
        let listed = self.paper.list(market.clone());
        let ix = listed.map_err(|error| anyhow::anyhow!("the market {slug} cannot be listed: {error}"))?;
        self.markets.push(Watched::default());
        self.income.list(&market);
        self.stir();
        self.feed(at, InputKind::Market(market), output);
        Ok(ix)
    }

    /// Loads a strategy's instance.
    pub(super) fn load(&mut self, change: StrategyChange, budget: Budget, output: &mut Output) {
        if let StrategyChange::Loaded { strategy, .. } = &change
            && !self.strategies.contains(strategy)
        {
            let strategy = *strategy;
            self.strategies.push(strategy);
            if budget != Budget::NONE {
                let change = StrategyChange::Budget { strategy, budget };
                self.feed(self.at, InputKind::Strategy(change), output);
            }
        }
        self.feed(self.at, InputKind::Strategy(change), output);
    }

    /// Starts the rows of equity.
    pub(super) fn begin_rows(&mut self, output: &mut Output) {
        let row = self.equity();
        output.rows.push(Row::Equity(row));
        let minutes = self.at.0.checked_div(MINUTE_MICROS).unwrap_or(0).saturating_add(1);
        self.begin_income();
        self.stir();
        self.next_minute = Some(Time(minutes.saturating_mul(MINUTE_MICROS)));
    }

    /// Applies an event at the venue's time, up to which time has passed.
    #[inline]
    pub(super) fn act_at_venue(&mut self, at: Time, kind: &TapeEventKind, ends_frame: bool, output: &mut Output) {
        let sent = self.paper.sent();
        let (applied, is_level) = match kind {
            TapeEventKind::Level(change) => (self.paper.stage_level(at, change), true),
            kind => (self.act_otherwise(at, kind), false),
        };
        if let Err(error) = applied {
            tracing::debug!(%error, "market event not handled by the paper venue");
        }
        if ends_frame {
            self.paper.settle_frame(at);
        }
        // Most changes of levels lead to nothing.
        if !is_level || self.paper.sent() != sent {
            self.stir();
            self.take_notes(output);
        }
    }

    /// Applies an event that is not a change of a level.
    fn act_otherwise(&mut self, at: Time, kind: &TapeEventKind) -> Result<(), MarketError> {
        match kind {
            TapeEventKind::Market(event) | TapeEventKind::Both(event) => self.paper.stage(at, event)?,
            TapeEventKind::Closed { market } => {
                self.set_closed(*market);
                self.outcomes.on_close(*market, at);
                self.paper.close(at, *market)?;
            }
            TapeEventKind::Blind { markets, .. } => {
                self.each_market(markets).into_iter().for_each(|market| self.paper.lose_book(market));
            }
            TapeEventKind::Level(_) | TapeEventKind::Listed(_) | TapeEventKind::Signal(_) => {}
        }
        Ok(())
    }

    /// Lets the host hear an event at this time, up to which time has passed.
    #[inline]
    pub(super) fn hear(&mut self, at: Time, kind: &TapeEventKind, output: &mut Output) {
        let TapeEventKind::Level(change) = kind else { return self.hear_otherwise(at, kind, output) };
        self.note_receipt(at);
        self.feed_level(at, change, output);
        self.record_top(at, change.token, output);
    }

    /// The same for an event that is not a change of a level.
    fn hear_otherwise(&mut self, at: Time, kind: &TapeEventKind, output: &mut Output) {
        match kind {
            TapeEventKind::Market(event) => self.hear_market(at, event, output),
            TapeEventKind::Both(event) => {
                self.hear_market(at, event, output);
                if let Some(other) = mirrored(event) {
                    self.hear_market(at, &other, output);
                }
            }
            TapeEventKind::Blind { markets, .. } => {
                for market in self.each_market(markets) {
                    self.set_blind(market, true);
                    for outcome in [0, 1] {
                        let kind = MarketEventKind::Unread { grid: false };
                        let event = MarketEvent { token: market.token(outcome), venue_time: at, kind };
                        self.feed(at, InputKind::Event(event), output);
                    }
                }
            }
            TapeEventKind::Signal(signal) => {
                for strategy in self.strategies.clone() {
                    let change = StrategyChange::Signal { strategy, signal: (**signal).clone() };
                    self.feed(at, InputKind::Strategy(change), output);
                }
            }
            TapeEventKind::Level(_) | TapeEventKind::Listed(_) | TapeEventKind::Closed { .. } => {}
        }
        self.stir();
    }

    fn hear_market(&mut self, at: Time, event: &MarketEvent, output: &mut Output) {
        self.note_receipt(at);
        let market = event.token.market();
        match &event.kind {
            MarketEventKind::Book { .. } => self.set_blind(market, false),
            MarketEventKind::Resolved { pays } => {
                self.set_closed(market);
                self.outcomes.on_resolved(event.token, *pays, at);
            }
            _ => {}
        }
        self.feed(at, InputKind::Event(event.clone()), output);
        self.record_top(at, event.token, output);
    }

    /// Notes that the feed is alive.
    #[inline]
    fn note_receipt(&mut self, at: Time) {
        self.heard_at = at;
        self.next_tick = self.next_tick.min(at.plus_micros(TICK_MICROS));
        self.quiet_until = self.quiet_until.min(self.next_tick);
    }

    /// Adds the row of a traded market's best prices, one a second at most.
    #[inline]
    fn record_top(&mut self, at: Time, token: TokenIx, output: &mut Output) {
        let market = token.market();
        if token.outcome() == 0
            && let Some(watched) = self.markets.get_mut(market.index())
            && watched.traded
            && at >= watched.top_from
        {
            watched.top_from = Time(at.seconds().saturating_add(1).saturating_mul(1_000_000));
            let (bid, ask, _) = self.engine.top(token);
            let [bid, ask] = [bid, ask].map(|level| level.map(|level| level.price));
            output.rows.push(Row::Top(crate::run::TopRow { at, market: market.0, bid, ask }));
        }
    }

    /// Processes a strategy's answer.
    pub(super) fn on_answer(&mut self, answer: StrategyAnswer, output: &mut Output) {
        self.feed(self.at, InputKind::Intents(answer), output);
    }

    pub(super) fn feed(&mut self, at: Time, kind: InputKind, output: &mut Output) {
        self.seq = self.seq.saturating_add(1);
        self.at = self.at.max(at);
        let realised = realised_before(&self.engine, &kind);
        let input = Input { seq: Seq(self.seq), at: self.at, kind };
        let mut effects = std::mem::take(&mut self.effects);
        self.engine.step(&input, &mut effects);
        self.act_all(&mut effects, &input.kind, realised, output);
        self.effects = effects;
    }

    /// The same for a change of a level. Its notifications go to their queue without a copy between.
    #[inline]
    fn feed_level(&mut self, at: Time, change: &LevelChange, output: &mut Output) {
        self.seq = self.seq.saturating_add(1).saturating_add(u64::from(change.both));
        self.at = self.at.max(at);
        let (place, items) = (output.place, &mut output.items);
        self.engine.step_level(Seq(self.seq), self.at, change, &mut self.effects, |strategy, note| {
            items.push_back(Waiting { place, strategy, item: Item::Market(note) });
        });
        if !self.effects.is_empty() {
            let mut effects = std::mem::take(&mut self.effects);
            self.act_all(&mut effects, &InputKind::Event(change.event()), Usd::ZERO, output);
            self.effects = effects;
        }
    }

    fn act_all(&mut self, effects: &mut Effects, cause: &InputKind, realised: Usd, output: &mut Output) {
        if let Some((count, digest)) = engine::digest(effects) {
            self.digest.update(self.at.0.to_le_bytes());
            self.digest.update(count.to_le_bytes());
            self.digest.update(digest.to_le_bytes());
        }
        for effect in effects.drain(..) {
            self.act(effect, cause, realised, output);
        }
    }

    fn act(&mut self, effect: Effect, cause: &InputKind, realised: Usd, output: &mut Output) {
        if let Effect::NotifyMarket { strategy, note } = effect {
            return output.show(strategy, Item::Market(note));
        }
        self.stir();
        match effect {
            Effect::NotifyOwn { strategy, event } => output.show(strategy, Item::Own(self.at, event)),
            Effect::Place(approved) => {
                let order = approved.item().order;
                if let Some(watched) = self.markets.get_mut(order.token.market().index()) {
                    watched.traded = true;
                }
                self.paper.place(self.at, &order, venue_id(&order));
            }
            Effect::Cancel { order } => self.paper.cancel(self.at, order),
            Effect::CancelAll => self.paper.cancel_all(self.at),
            Effect::QueryOrder { order } => self.paper.query_order(self.at, order),
            Effect::Resnapshot { token } => self.outcomes.request_book(token, self.at.plus_micros(self.way)),
            Effect::Event(event) => {
                if let EngineEvent::Fill { token, price, size, maker: true, settlement: Settlement::Matched, .. } =
                    &event
                {
                    self.count_rebate(*token, *price, *size);
                }
                row_of(&self.engine, self.at, event, cause, realised, output);
            }
            _ => {}
        }
    }

    /// Returns these markets, or all if there are none.
    fn each_market(&self, markets: &[MarketIx]) -> Vec<MarketIx> {
        if markets.is_empty() { (0u32..).map(MarketIx).take(self.markets.len()).collect() } else { markets.to_vec() }
    }

    fn set_blind(&mut self, market: MarketIx, blind: bool) {
        if let Some(watched) = self.markets.get_mut(market.index()) {
            watched.blind = blind;
        }
    }

    fn set_closed(&mut self, market: MarketIx) {
        if let Some(watched) = self.markets.get_mut(market.index()) {
            watched.closed = true;
        }
    }

    /// Returns the markets that take orders, with their current state.
    pub(super) fn open_markets(&self) -> Vec<(MarketIx, Market)> {
        let all = (0u32..).map(MarketIx).zip(&self.markets).filter(|(_, watched)| !watched.closed);
        all.filter_map(|(ix, _)| Some((ix, self.engine.market(ix)?.clone()))).collect()
    }

    /// Returns the digest of all decisions so far, in lower-case hex.
    pub(super) fn digest(&self) -> String {
        model::hex::encode(&self.digest.clone().finalize())
    }

    /// Returns the shares of a token that the account holds.
    pub(super) fn held(&self, token: TokenIx) -> model::Size {
        self.engine.ledger().position(token).size
    }
}

/// Returns true for the last report of a match.
const fn is_final(kind: &InputKind) -> bool {
    matches!(kind, InputKind::Trade(update) if matches!(update.settlement, Settlement::Confirmed))
}

/// Returns true for the first report of a match.
const fn is_match(kind: &InputKind) -> bool {
    matches!(kind, InputKind::Trade(update) if matches!(update.settlement, Settlement::Matched))
}

pub(super) const fn model_of(fill: FillModel) -> sim::FillModel {
    match fill {
        FillModel::Pessimistic => sim::FillModel::Pessimistic,
        FillModel::Queue => sim::FillModel::Queue,
        FillModel::Optimistic => sim::FillModel::Optimistic,
    }
}

/// Derives an order's venue id from its number, because nothing is signed here.
pub(super) fn venue_id(order: &NewOrder) -> VenueOrderId {
    let mut id = [0; 32];
    if let Some(place) = id.last_chunk_mut() {
        *place = order.id.0.to_be_bytes();
    }
    VenueOrderId(id)
}
