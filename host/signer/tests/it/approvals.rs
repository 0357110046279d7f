//! Approvals for tests. Only an engine's gate can create them, so tests run one.

use engine::{Approved, Effect, Effects, Engine, Placement, Purpose};
use model::input::{Channel, Command, Mode, SessionStart, StrategyAnswer, StrategyChange};
use model::{
    InputKind, Intent, IntentKind, Level, Limits, Market, MarketEvent, MarketEventKind, MarketIx, OrderKind, Price,
    SessionId, Side, Size, StrategyId, TickSize, Time, TokenId, TokenIx, Usd,
};
use order::{Exchange, OrderTerms};
use std::time::{SystemTime, UNIX_EPOCH};
use testkit::{input, market};

/// The token of all orders.
pub(crate) const TOKEN: TokenId = TokenId([4; 32]);

/// The wall clock.
pub(crate) fn now() -> Time {
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
    Time(u64::try_from(micros).unwrap())
}

/// Returns the order terms of [`TOKEN`].
pub(crate) fn listing() -> OrderTerms {
    OrderTerms { token_id: TOKEN, tick: TickSize::CENT, exchange: Exchange::Standard }
}

/// A running engine with one market at 0.40 / 0.42, on the wall clock.
pub(crate) struct Gate {
    engine: Engine,
    effects: Effects,
    seq: u64,
}

impl Gate {
    pub(crate) fn new(purpose: Purpose, session: SessionId) -> Self {
        let mut gate = Self { engine: Engine::new(purpose), effects: Effects::new(), seq: 0 };
        gate.step(InputKind::Session(SessionStart {
            session,
            mode: Mode::Demo,
            cash: Usd::dollars(1_000_000),
            day_start: None,
            limits: Limits::WIDE,
            salt_seed: 7,
            halted: false,
        }));
        gate.step(InputKind::Market(Market { tokens: [TOKEN, TokenId([5; 32])], ..market(1) }));
        gate.step(InputKind::Strategy(StrategyChange::Loaded {
            strategy: StrategyId(1),
            name: "alice".into(),
            hash: [0; 32],
            instance: 1,
            markets: vec![MarketIx(0)],
            places: Vec::new(),
            wants: model::Wants::FIRST,
            since: now(),
            parameters: String::new(),
        }));
        gate.step(InputKind::Feed { channel: Channel::Market, up: true });
        gate.step(InputKind::Feed { channel: Channel::User, up: true });
        for (token, bid, ask) in [(0, 400_000, 420_000), (1, 580_000, 600_000)] {
            let level = |micros| vec![Level { price: Price::from_micros(micros).unwrap(), size: Size::shares(1_000) }];
            let kind = MarketEventKind::Book { bids: level(bid), asks: level(ask) };
            gate.step(InputKind::Event(MarketEvent { token: TokenIx(token), venue_time: now(), kind }));
        }
        gate.step(InputKind::Command(Command::Start));
        gate
    }

    fn step(&mut self, body: InputKind) {
        self.seq += 1;
        self.engine.step(&input(self.seq, now(), body), &mut self.effects);
    }

    /// Returns the approval of a resting BUY of `shares` at `cents`.
    pub(crate) fn approve(&mut self, cents: u32, shares: u64) -> Approved<Placement> {
        let price = Price::from_micros(cents * 10_000).unwrap();
        let (side, size, kind) = (Side::Buy, Size::shares(shares), OrderKind::Gtc { post_only: true });
        let kind = IntentKind::Place { token: TokenIx(0), side, price, size, kind };
        let intents = vec![Intent { tag: 0, reason: String::new(), fair: None, kind }];
        self.step(InputKind::Intents(StrategyAnswer::to_one(StrategyId(1), intents)));
        let mut placed = self.effects.drain(..).filter_map(|effect| match effect {
            Effect::Place(approved) => Some(approved),
            _ => None,
        });
        placed.next().expect("the gate approves the order")
    }
}
