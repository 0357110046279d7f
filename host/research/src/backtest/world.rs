//! The engine and the paper venue of a backtest, on the events' clock. It can be forked: what comes after is the same then.

use super::STRATEGY;
use super::events::Heard;
use engine::{Effect, Effects, Engine, Purpose, Record};
use model::input::{Channel, Command, Mode, SessionStart, StrategyAnswer, StrategyChange};
use model::{
    Body, Input, Limits, Market, MarketIx, MarketNote, NewOrder, OrderState, OwnEvent, Seq, SessionId, Time, Usd,
    VenueOrderId, Wants,
};
use sim::{Latency, Paper};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Time goes on at least so often, as in the host.
const TICK_MICROS: u64 = 250_000;
const CASH: Usd = Usd::dollars(10_000);

/// Something that the strategy is told.
#[derive(Debug)]
pub(super) enum Item {
    Market(MarketNote),
    Own(Time, OwnEvent),
}

/// What was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub orders: u64,
    pub fills: u64,
    pub refusals: u64,
}

/// Engine, venue and clock.
#[derive(Debug)]
pub(super) struct World {
    pub(super) engine: Engine,
    pub(super) at: Time,
    pub(super) counts: Counts,
    /// A digest of all that was done and recorded: two runs with the same did the same.
    pub(super) trail: u64,
    paper: Paper,
    seq: u64,
    next_tick: Time,
    effects: Effects,
}

impl World {
    /// Returns a session with one market, of which the strategy hears what it wants.
    pub(super) fn new(market: Market, at: Time, wants: Wants) -> anyhow::Result<Self> {
        let paper = Paper::new(Latency::DEFAULT, [market.clone()], CASH, &[])?;
        let (engine, effects) = (Engine::new(Purpose::Rehearse), Effects::with_capacity(64));
        let (counts, next_tick) = (Counts::default(), at);
        let mut world = Self { engine, at, counts, trail: 0, paper, seq: 0, next_tick, effects };
        let session = SessionStart {
            session: SessionId(at.0),
            mode: Mode::Backtest,
            cash: CASH,
            day_start: None,
            limits: Limits::DEFAULT,
            salt_seed: 1,
            halted: false,
        };
        let loaded = StrategyChange::Loaded {
            strategy: STRATEGY,
            name: "backtest".to_owned(),
            hash: [0; 32],
            instance: 1,
            markets: vec![MarketIx(0)],
            places: Vec::new(),
            wants,
            since: Time(0),
            parameters: "{}".to_owned(),
        };
        let account = Body::Account(world.paper.view());
        let up = |channel| Body::Feed { channel, up: true };
        let opening = [
            Body::Session(session),
            Body::Market(market),
            up(Channel::Market),
            up(Channel::User),
            account,
            Body::Strategy(loaded),
        ];
        let mut told = Vec::new();
        opening.into_iter().for_each(|body| world.feed(at, body, &mut told));
        Ok(world)
    }

    /// Starts the bot.
    pub(super) fn start(&mut self, told: &mut Vec<Item>) {
        self.feed(self.at, Body::Command(Command::Start), told);
    }

    /// Returns another world that stands where this one stands.
    pub(super) fn fork(&self) -> Option<Self> {
        Some(Self {
            engine: self.engine.fork()?,
            at: self.at,
            counts: self.counts,
            trail: self.trail,
            paper: self.paper.clone(),
            seq: self.seq,
            next_tick: self.next_tick,
            effects: Effects::new(),
        })
    }

    /// Takes one event, after all that was due before it.
    pub(super) fn hear(&mut self, (at, event): &Heard, told: &mut Vec<Item>) {
        self.pass(*at, told);
        self.feed(*at, Body::Event(event.clone()), told);
        if let Err(error) = self.paper.hear(*at, event) {
            tracing::debug!(%error, "a market event that the paper venue does not know");
        }
    }

    /// Takes what the strategy wants.
    pub(super) fn answer(&mut self, answer: StrategyAnswer, told: &mut Vec<Item>) {
        self.feed(self.at, Body::Intents(answer), told);
    }

    /// Lets time pass: ticks, and what the paper venue has to say.
    fn pass(&mut self, until: Time, told: &mut Vec<Item>) {
        loop {
            let due = self.paper.next_due().unwrap_or(Time(u64::MAX));
            let next = due.min(self.next_tick);
            if next > until {
                return;
            }
            if self.next_tick <= due {
                self.next_tick = next.plus_micros(TICK_MICROS);
                self.feed(next, Body::Tick, told);
            } else {
                let mut said = Vec::new();
                self.paper.advance(next, &mut said);
                said.into_iter().for_each(|body| self.feed(next, body, told));
            }
        }
    }

    fn feed(&mut self, at: Time, body: Body, told: &mut Vec<Item>) {
        self.seq = self.seq.saturating_add(1);
        self.at = self.at.max(at);
        let input = Input { seq: Seq(self.seq), at: self.at, body };
        let mut effects = std::mem::take(&mut self.effects);
        self.engine.step(&input, &mut effects);
        for effect in effects.drain(..) {
            self.act(effect, told);
        }
        self.effects = effects;
    }

    fn act(&mut self, effect: Effect, told: &mut Vec<Item>) {
        match effect {
            Effect::NotifyMarket { note, .. } => return told.push(Item::Market(note)),
            Effect::NotifyOwn { event, .. } => return told.push(Item::Own(self.at, event)),
            _ => {}
        }
        let mut trail = DefaultHasher::new();
        (self.trail, self.at, &effect).hash(&mut trail);
        self.trail = trail.finish();
        match effect {
            Effect::Place(approved) => {
                let order = approved.item().order;
                self.paper.place(self.at, &order, venue_id(&order));
            }
            Effect::Cancel { order } => self.paper.cancel(self.at, order),
            Effect::CancelAll => self.paper.cancel_all(self.at),
            Effect::Look { order } => self.paper.look(self.at, order),
            Effect::Record(record) => self.count(&record),
            _ => {}
        }
    }

    const fn count(&mut self, record: &Record) {
        let count = match record {
            Record::Order { state: OrderState::Pending, .. } => &mut self.counts.orders,
            Record::Fill { settlement: model::input::Settlement::Matched, .. } => &mut self.counts.fills,
            Record::Refused { .. } => &mut self.counts.refusals,
            _ => return,
        };
        *count = count.saturating_add(1);
    }
}

/// Nothing is signed here, so an order's id is its number.
fn venue_id(order: &NewOrder) -> VenueOrderId {
    let mut id = [0; 32];
    if let Some(place) = id.last_chunk_mut() {
        *place = order.id.0.to_be_bytes();
    }
    VenueOrderId(id)
}
