//! The engine alone: a book event with and without a subscriber, and the risk gate.

use super::{Figure, time};
use anyhow::Context;
use engine::{Effects, Engine, Purpose};
use model::event::{MarketEvent, MarketEventKind};
use model::input::{Channel, Command, Mode, SessionStart, StrategyAnswer, StrategyChange};
use model::{
    FeeRate, Input, InputKind, Intent, IntentKind, Level, Limits, Market, MarketIx, OrderKind, Price, Seq, SessionId,
    Side, Size, StrategyId, Time, TokenIx, Usd,
};

const MARKETS: u32 = 500;
const LEVELS: u32 = 20;
const SESSION: SessionId = SessionId(1);
const START: Time = Time(1_795_424_400_000_000);

/// An engine with 500 markets, and its clock.
pub(super) struct Rig {
    pub(super) engine: Engine,
    pub(super) effects: Effects,
    seq: u64,
    now: Time,
}

impl Rig {
    pub(super) fn new(listeners: &[MarketIx], purpose: Purpose) -> anyhow::Result<Self> {
        // The signer's process has its own clock, so the rig's time must be close to it.
        let now = match purpose {
            Purpose::Trade => control::clock::now(),
            Purpose::Simulate => START,
        };
        let mut rig = Self { engine: Engine::new(purpose), effects: Effects::new(), seq: 0, now };
        let limits = Limits::WIDE;
        rig.step(InputKind::Session(SessionStart {
            session: SESSION,
            mode: if purpose == Purpose::Trade { Mode::Demo } else { Mode::Backtest },
            cash: Usd::dollars(1_000_000),
            day_start: None,
            limits,
            salt_seed: 1,
            halted: false,
        }));
        for number in 0..MARKETS {
            rig.step(InputKind::Market(market(number)));
        }
        rig.step(InputKind::Strategy(StrategyChange::Loaded {
            strategy: StrategyId(1),
            name: "bench".into(),
            hash: [0; 32],
            instance: 1,
            markets: listeners.to_vec(),
            places: Vec::new(),
            wants: model::Wants::FIRST,
            since: Time(0),
            parameters: String::new(),
        }));
        rig.step(InputKind::Feed { channel: Channel::Market, up: true });
        rig.step(InputKind::Feed { channel: Channel::User, up: true });
        for token in 0..MARKETS.saturating_mul(2) {
            rig.step(InputKind::Event(snapshot(TokenIx(token))?));
        }
        rig.step(InputKind::Command(Command::Start));
        Ok(rig)
    }

    /// Returns the rig's time.
    pub(super) const fn now(&self) -> Time {
        self.now
    }

    /// Returns its session.
    pub(super) const fn session(&self) -> SessionId {
        SESSION
    }

    /// Returns one of its markets.
    pub(super) fn market(&self, market: MarketIx) -> anyhow::Result<&Market> {
        self.engine.market(market).context("a market of the rig")
    }

    /// Advances the rig to this machine's time, which another process compares with its own.
    pub(super) fn use_machine_time(&mut self) {
        self.now = self.now.max(control::clock::now());
    }

    /// Steps the engine with one input.
    pub(super) fn step(&mut self, body: InputKind) {
        self.seq = self.seq.saturating_add(1);
        self.now = self.now.plus_micros(1);
        let input = Input { seq: Seq(self.seq), at: self.now, kind: body };
        self.engine.step(&input, &mut self.effects);
    }
}

/// Measures the engine's paths.
pub(super) fn measure(figures: &mut Vec<Figure>) -> anyhow::Result<()> {
    let quiet = Rig::new(&[], Purpose::Simulate)?;
    figures.push(book_event(quiet, "step, book event, 500 markets, no listener", 80)?);
    let all: Vec<MarketIx> = (0..MARKETS).map(MarketIx).collect();
    let subscribed = Rig::new(&all, Purpose::Simulate)?;
    figures.push(book_event(subscribed, "step, book event, 500 markets, one listener", 150)?);
    figures.push(gate(Rig::new(&all, Purpose::Simulate)?)?);
    Ok(())
}

/// Changes the size at the best bid of one market after another.
fn book_event(mut rig: Rig, path: &'static str, budget: u64) -> anyhow::Result<Figure> {
    let price = cents(40)?;
    let mut turn: u32 = 0;
    let (p50_ns, p99_ns) = time(2_000, 1_000, || {
        turn = turn.wrapping_add(1);
        let token = TokenIx(turn.checked_rem(MARKETS.saturating_mul(2)).unwrap_or(0));
        let size = Size::shares(u64::from(turn % 7).saturating_add(1));
        let kind = MarketEventKind::Level { side: Side::Buy, price, size };
        rig.step(InputKind::Event(MarketEvent { token, venue_time: START, kind }));
    });
    Ok(Figure { path, p50_ns, p99_ns, budget_ns: Some(budget), note: String::new() })
}

/// Measures an intent that passes every rule, with all its consequences in the engine.
fn gate(mut rig: Rig) -> anyhow::Result<Figure> {
    let prices: Vec<Price> = (1..40).map(cents).collect::<anyhow::Result<_>>()?;
    let mut turn: u32 = 0;
    let (p50_ns, p99_ns) = time(200, 10, || {
        turn = turn.wrapping_add(1);
        let token = MarketIx(turn.checked_rem(MARKETS).unwrap_or(0)).token(0);
        // Each order is different: a repeated one is refused, which is faster.
        let place = usize::try_from(turn.checked_div(MARKETS).unwrap_or(0)).unwrap_or(0);
        let price = prices.get(place % 39).copied().unwrap_or(Price::MIN);
        let kind = IntentKind::Place {
            token,
            side: Side::Buy,
            price,
            size: Size::shares(5),
            kind: OrderKind::Gtc { post_only: true },
        };
        let intents = vec![Intent { tag: 1, reason: String::new(), fair: None, kind }];
        rig.step(InputKind::Intents(StrategyAnswer::to_one(StrategyId(1), intents)));
    });
    let note = "intent to approved placement, up to 2,200 orders open".to_owned();
    Ok(Figure { path: "gate, one order", p50_ns, p99_ns, budget_ns: Some(1_000), note })
}

fn cents(cents: u32) -> anyhow::Result<Price> {
    Price::from_micros(cents.saturating_mul(10_000)).context("a price in cents")
}

fn snapshot(token: TokenIx) -> anyhow::Result<MarketEvent> {
    let side = |from: u32, down: bool| -> anyhow::Result<Vec<Level>> {
        (0..LEVELS)
            .map(|step| {
                let at = if down { from.saturating_sub(step) } else { from.saturating_add(step) };
                Ok(Level { price: cents(at)?, size: Size::shares(100) })
            })
            .collect()
    };
    let kind = MarketEventKind::Book { bids: side(40, true)?, asks: side(42, false)? };
    Ok(MarketEvent { token, venue_time: START, kind })
}

fn market(number: u32) -> Market {
    Market { fee: FeeRate { rate_micros: 50_000 }, ..Market::synthetic(number) }
}
