//! A year of markets that last five minutes, with one session a day.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "test code may fail loudly"
)]

use super::*;
use engine::{Effects, Engine, Purpose};
use model::event::{MarketEvent, MarketEventKind};
use model::input::{
    AccountView, Channel, Command, Mode, PlaceOutcome, Restriction, Scope, SessionStart, Settlement, StrategyAnswer,
    StrategyChange, TradeUpdate,
};
use model::{
    Intent, IntentKind, Level, Limits, OrderKind, Price, SessionId, Side, Size, TokenIx, TradeId, Transfer,
    TransferKind, Wants,
};
use testkit::{input, market};

const WHO: StrategyId = StrategyId(1);
const CASH: Usd = Usd::dollars(1_000_000);

fn cents(cents: u32) -> Price {
    Price::from_micros(cents * 10_000).unwrap()
}

/// One session, and the state it began with.
struct Day {
    engine: Engine,
    effects: Effects,
    markets: Vec<Market>,
    at: Time,
    seq: u64,
    /// Markets beyond those that it trades.
    carried: usize,
    /// Bytes of its first inputs in the journal, without the markets.
    bytes: usize,
    trades: u64,
}

impl Day {
    /// Begins the session of a day that trades the markets with these numbers.
    fn begin(day: u32, numbers: std::ops::Range<u32>, past: Option<&RecoveredSession>) -> Self {
        let mut markets: Vec<Market> = numbers.map(market).collect();
        let chosen = markets.len();
        let resumed = past.map(|past| renumbered(past, &mut markets).unwrap());
        let at = Time((20_000 + u64::from(day)) * 86_400_000_000);
        let (engine, effects) = (Engine::new(Purpose::Simulate), Effects::new());
        let carried = markets.len() - chosen;
        let trades = u64::from(day) * 1_000_000;
        let mut this = Self { engine, effects, markets, at, seq: 0, carried, bytes: 0, trades };
        let limits = Limits { max_open_orders: 100, max_orders_per_minute: 1_000_000, ..Limits::WIDE };
        let (session, mode, day_start) = (SessionId(u64::from(day) + 1), Mode::Demo, None);
        this.step(InputKind::Session(SessionStart {
            session,
            mode,
            cash: CASH,
            day_start,
            limits,
            salt_seed: 1,
            halted: false,
        }));
        for market in this.markets.clone() {
            this.step(InputKind::Market(market));
        }
        if let Some(Resumed { carry, realised }) = resumed {
            let view = AccountView {
                cash: carry.cash,
                shares: carry.positions.iter().map(|(token, position)| (*token, position.size)).collect(),
            };
            for body in [InputKind::RealisedBefore(realised), InputKind::CarryOver(Box::new(carry))] {
                let mut bytes = Vec::new();
                journal::encode_input(&input(1, at, body.clone()), &mut bytes).unwrap();
                this.bytes += bytes.len();
                this.step(body);
            }
            this.step(InputKind::Account(view));
        }
        let markets = (0..u32::try_from(this.markets.len()).unwrap()).map(MarketIx).collect();
        this.step(InputKind::Strategy(StrategyChange::Loaded {
            strategy: WHO,
            name: "five-minutes".into(),
            hash: [0; 32],
            instance: 1,
            markets,
            places: Vec::new(),
            wants: Wants::FIRST,
            since: at,
            parameters: String::new(),
        }));
        this.step(InputKind::Feed { channel: Channel::User, up: true });
        this.step(InputKind::Command(Command::Start));
        this
    }

    fn step(&mut self, body: InputKind) {
        self.seq += 1;
        self.at = self.at.plus_micros(100_000);
        self.engine.step(&input(self.seq, self.at, body), &mut self.effects);
    }

    fn event(&mut self, token: TokenIx, kind: MarketEventKind) {
        self.step(InputKind::Event(MarketEvent { token, venue_time: self.at, kind }));
    }

    /// Trades ten shares; the order is filled and the trade settles.
    fn trade(&mut self, token: TokenIx, side: Side, price: Price) {
        let (size, kind) = (Size::shares(10), OrderKind::Fak);
        let kind = IntentKind::Place { token, side, price, size, kind };
        let intents = vec![Intent { tag: 1, reason: String::new(), fair: None, kind }];
        self.step(InputKind::Intents(StrategyAnswer::to_one(WHO, intents)));
        let order = self.engine.open_orders().next().expect("an order was refused").0.id;
        self.step(InputKind::Placed { order, outcome: PlaceOutcome::Matched { matched: size } });
        self.trades += 1;
        let mut trade = [0; 16];
        trade[..8].copy_from_slice(&self.trades.to_be_bytes());
        let (trade, part, settlement) = (TradeId(trade), 0, Settlement::Confirmed);
        let (maker_price, maker, crossed) = (price, false, false);
        self.step(InputKind::Trade(TradeUpdate { trade, part, order, settlement, maker_price, size, maker, crossed }));
    }

    /// Runs one market: some positions are sold before the end, some win, and some lose.
    fn live(&mut self, number: u32) {
        let token = MarketIx(number).token(0);
        let level = |price| vec![Level { price, size: Size::shares(1_000) }];
        self.event(token, MarketEventKind::Book { bids: level(cents(40)), asks: level(cents(42)) });
        self.trade(token, Side::Buy, cents(42));
        match number % 3 {
            0 => self.trade(token, Side::Sell, cents(40)),
            1 => {
                self.event(token, MarketEventKind::Resolved { pays: Usd::dollars(1) });
                let (size, paid) = (Size::shares(10), Usd::dollars(10));
                let kind = TransferKind::Redeem { token, size, paid };
                self.step(InputKind::Transfer(Transfer { kind, reference: String::new() }));
            }
            _ => self.event(token, MarketEventKind::Resolved { pays: Usd::ZERO }),
        }
    }

    /// Returns the state from which the next session continues.
    fn end(&self) -> RecoveredSession {
        RecoveredSession {
            bot: engine::BotState::Stopped,
            session: SessionId(1),
            carry: self.engine.carry(|_| true),
            day_start: self.engine.summary().day_start,
            value: self.engine.summary().portfolio,
            markets: self.markets.clone(),
            placements: BTreeMap::new(),
            over: BTreeMap::new(),
            needed: self.engine.markets_to_carry(),
            realised: self.engine.ledger().realised_before(),
            activities: Vec::new(),
            halted: false,
            ended: true,
            inputs: self.seq,
        }
    }
}

#[test]
fn a_host_that_traded_288_markets_a_day_for_a_year_starts_as_on_its_second_day() {
    const MARKETS: u32 = 288;
    let (mut past, mut second): (Option<RecoveredSession>, Option<(usize, usize)>) = (None, None);
    for day in 0..365 {
        let first = day * MARKETS;
        let mut session = Day::begin(day, first..first + MARKETS, past.as_ref());
        (0..MARKETS - 1).for_each(|number| session.live(number));
        // The last one is held overnight, and no day sees its end.
        let token = MarketIx(MARKETS - 1).token(0);
        if day == 0 {
            let level = |price| vec![Level { price, size: Size::shares(1_000) }];
            session.event(token, MarketEventKind::Book { bids: level(cents(40)), asks: level(cents(42)) });
            session.trade(token, Side::Buy, cents(42));
        }
        if day > 0 {
            let began = (session.carried, session.bytes);
            assert_eq!(*second.get_or_insert(began), began, "day {day}");
        }
        // The account has all P&L so far, and the strategy made it.
        let summary = session.engine.summary();
        let gained = summary.realised.saturating_add(summary.unrealised).saturating_sub(summary.fees);
        assert_eq!(gained, summary.portfolio.saturating_sub(CASH), "day {day}");
        assert_eq!(session.engine.strategy_pnl(WHO).total(), gained, "day {day}");
        session.engine.audit().unwrap();
        past = Some(session.end());
    }
    assert_eq!(second.unwrap().0, 1);
}

#[test]
fn what_is_left_behind_is_flat_settled_and_not_traded_any_more() {
    let mut session = Day::begin(0, 0..7, None);
    // Sold, won and claimed, lost, then one that is held, one that won and is not claimed, and one that is flat and
    // restricted.
    (0..3).for_each(|number| session.live(number));
    let level = |price| vec![Level { price, size: Size::shares(1_000) }];
    for number in [3, 4, 5] {
        let token = MarketIx(number).token(0);
        session.event(token, MarketEventKind::Book { bids: level(cents(40)), asks: level(cents(42)) });
        session.trade(token, Side::Buy, cents(42));
    }
    session.event(MarketIx(4).token(0), MarketEventKind::Resolved { pays: Usd::dollars(1) });
    session.trade(MarketIx(5).token(0), Side::Sell, cents(40));
    let (scope, restriction) = (Scope::Market(MarketIx(5)), Restriction::CancelOnly);
    session.step(InputKind::Command(Command::Restrict { scope, restriction }));
    let past = session.end();
    let slugs = |from: u32| -> Vec<String> {
        let mut markets = vec![market(from)];
        renumbered(&past, &mut markets).unwrap();
        markets.into_iter().map(|market| market.slug).collect()
    };
    assert_eq!(slugs(100), ["synthetic-100", "synthetic-3", "synthetic-4", "synthetic-5"]);
    // One that is traded again continues with the P&L realised there.
    assert_eq!(slugs(0), ["synthetic-0", "synthetic-3", "synthetic-4", "synthetic-5"]);
    let mut markets = vec![market(0)];
    let Resumed { carry, realised } = renumbered(&past, &mut markets).unwrap();
    assert!(carry.positions.iter().any(|(token, position)| {
        *token == MarketIx(0).token(0) && position.size.is_zero() && position.realised < Usd::ZERO
    }));
    // The winner paid ten dollars for 4.20, the loser cost 4.20.
    assert_eq!(realised.account, Usd(10_000_000 - 4_200_000 - 4_200_000));
}
