//! The boot self-test: fires each rule of the gate alone, on a scratch engine, with an order that only this rule
//! refuses. An engine with a rule that does not fire must not trade.

use super::gate::Origin;
use super::refusal::{Refusal, Rule};
use super::rules::{Check, RULES, RuleFn};
use crate::breakers::Trip;
use crate::effect::Effects;
use crate::step::{Engine, Purpose};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use model::event::{MarketEvent, MarketEventKind};
use model::input::{Breaker, Command, Mode, SessionStart, StrategyAnswer, StrategyChange, VenueState};
use model::{
    Budget, EventId, Input, InputKind, Intent, IntentKind, Level, Limits, Market, MarketIx, NewOrder, OrderId,
    OrderKind, Price, Seq, SessionId, Side, Size, StrategyId, Time, TokenIx, Usd,
};

const NOW: Time = Time(1_795_392_000_000_000);
const DAY_MICROS: u64 = 86_400_000_000;
const WHO: StrategyId = StrategyId(1);

/// One rule with the setup that makes it, and only it, refuse the bench's order.
struct Case {
    rule: Rule,
    arrange: fn(&mut Bench),
}

/// A scratch engine and the order to check.
struct Bench {
    engine: Engine,
    limits: Limits,
    order: NewOrder,
    fair: Option<Price>,
    seq: u64,
}

/// One setup for each rule, in order of precedence.
const CASES: [Case; 37] = [
    Case { rule: Rule::NotRunning, arrange: |bench| bench.step(InputKind::Command(Command::Stop)) },
    Case { rule: Rule::Restricted, arrange: Bench::restrict },
    Case { rule: Rule::UnknownMarket, arrange: |bench| bench.order.token = MarketIx(1).token(0) },
    Case {
        rule: Rule::MarketNotOpen,
        arrange: |bench| bench.event(MarketEventKind::Resolved { pays: Usd::dollars(1) }),
    },
    Case { rule: Rule::VenueState, arrange: |bench| bench.step(InputKind::Venue { state: VenueState::Restarting }) },
    Case { rule: Rule::TimeToEnd, arrange: |bench| bench.limits.min_time_to_end_micros = DAY_MICROS.saturating_mul(2) },
    Case { rule: Rule::Tick, arrange: |bench| bench.order.price = micros(405_000) },
    Case { rule: Rule::Size, arrange: |bench| bench.order.size = Size::shares(4) },
    Case { rule: Rule::Expiry, arrange: |bench| bench.order.kind = OrderKind::Gtd { post_only: false, until_s: 0 } },
    Case { rule: Rule::Duplicate, arrange: |bench| bench.place(TokenIx(0), 40) },
    Case { rule: Rule::Repeats, arrange: Bench::repeat },
    Case { rule: Rule::OrderRate, arrange: |bench| bench.limits.max_orders_per_minute = 0 },
    Case { rule: Rule::StrategyRate, arrange: |bench| bench.limits.max_strategy_orders_per_minute = 0 },
    Case {
        rule: Rule::StrategyRate,
        arrange: |bench| bench.budget(Budget { orders_per_minute: Some(0), ..Budget::NONE }),
    },
    Case { rule: Rule::OpenOrders, arrange: |bench| bench.limits.max_open_orders = 0 },
    Case { rule: Rule::MarketOrders, arrange: |bench| bench.limits.max_market_orders = 0 },
    Case { rule: Rule::OrderTable, arrange: |bench| bench.engine.orders.room.at_risk = 0 },
    Case { rule: Rule::FillTable, arrange: |bench| bench.engine.orders.room.unsettled = 0 },
    Case { rule: Rule::MaxOrderShares, arrange: |bench| bench.limits.max_order_size = Size::shares(9) },
    Case {
        rule: Rule::PriceCollar,
        arrange: |bench| (bench.limits.price_collar_bps, bench.order.price) = (0, cents(47)),
    },
    Case {
        rule: Rule::Slippage,
        arrange: |bench| (bench.limits.max_slippage_ticks, bench.order.price) = (0, cents(43)),
    },
    Case { rule: Rule::Depth, arrange: |bench| (bench.limits.max_depth_bps, bench.order.price) = (10, cents(42)) },
    Case { rule: Rule::Shares, arrange: |bench| (bench.order.side, bench.order.price) = (Side::Sell, cents(42)) },
    Case { rule: Rule::Cash, arrange: |bench| bench.order.size = Size::shares(10_000) },
    Case { rule: Rule::PortfolioTradePct, arrange: |bench| bench.limits.portfolio_trade_bps = 1 },
    Case { rule: Rule::MaxOrderUsd, arrange: |bench| bench.limits.max_order = Usd::dollars(1) },
    Case { rule: Rule::Probation, arrange: Bench::go_live },
    Case { rule: Rule::MinEdge, arrange: |bench| bench.fair = Some(cents(39)) },
    Case { rule: Rule::MaxMarketUsd, arrange: |bench| bench.limits.max_market = Usd::dollars(1) },
    Case { rule: Rule::MaxEventUsd, arrange: |bench| bench.limits.max_event = Usd::dollars(1) },
    Case { rule: Rule::MaxStrategyPct, arrange: |bench| bench.limits.max_strategy_bps = 1 },
    Case {
        rule: Rule::StrategyCapital,
        arrange: |bench| bench.budget(Budget { capital: Some(Usd(3_999_999)), ..Budget::NONE }),
    },
    Case { rule: Rule::MaxRestingPct, arrange: |bench| bench.limits.max_resting_bps = 1 },
    Case { rule: Rule::MaxGrossPct, arrange: |bench| bench.limits.max_gross_bps = 1 },
    Case { rule: Rule::CashReserve, arrange: |bench| bench.limits.cash_reserve_bps = 10_000 },
    Case { rule: Rule::MaxOpenPositions, arrange: |bench| bench.limits.max_open_positions = 0 },
    Case { rule: Rule::SelfTrade, arrange: |bench| bench.place(TokenIx(1), 60) },
];

/// Fires each rule of the gate alone.
///
/// # Errors
/// The rule that did not fire, or did not fire alone, as a sentence. Nothing may trade then.
pub fn self_test() -> Result<(), String> {
    test(&RULES)
}

fn test(rules: &[RuleFn]) -> Result<(), String> {
    let refused = Bench::new().judge(rules);
    if let Some(refusal) = refused.first() {
        return Err(format!("the gate's self-test: a valid order was refused: {refusal}"));
    }
    for Case { rule, arrange } in CASES {
        let mut bench = Bench::new();
        arrange(&mut bench);
        let refused: Vec<Rule> = bench.judge(rules).into_iter().map(|refusal| refusal.rule).collect();
        if refused != [rule] {
            let names: Vec<&str> = refused.iter().map(|rule| rule.as_str()).collect();
            let refusing = if names.is_empty() { "no rule".to_string() } else { names.join(", ") };
            return Err(format!("the gate's self-test: expected only {} to refuse, got {refusing}", rule.as_str()));
        }
    }
    Ok(())
}

impl Bench {
    /// Returns an engine with limits that are never reached, and an order that it accepts: 10 of YES at 0.40, beside
    /// the touch of 0.40 / 0.42.
    fn new() -> Self {
        let (id, tag, token, side) = (OrderId(1_000), 1, TokenIx(0), Side::Buy);
        let (price, size, kind) = (cents(40), Size::shares(10), OrderKind::Gtc { post_only: false });
        let order = NewOrder { id, strategy: WHO, tag, token, side, price, size, kind };
        let mut bench =
            Self { engine: Engine::new(Purpose::Simulate), limits: Limits::WIDE, order, fair: None, seq: 0 };
        bench.session(Mode::Backtest);
        (0..2).for_each(|number| bench.step(InputKind::Market(market(number))));
        let (name, hash, markets) = ("self-test".to_string(), [0; 32], vec![MarketIx(0)]);
        bench.step(InputKind::Strategy(StrategyChange::Loaded {
            strategy: WHO,
            name,
            hash,
            instance: 1,
            markets,
            places: Vec::new(),
            wants: model::Wants::FIRST,
            since: NOW,
            parameters: String::new(),
        }));
        for (token, bid, ask) in [(0, 40, 42), (1, 58, 60), (2, 40, 42), (3, 58, 60)] {
            let level = |price| vec![Level { price: cents(price), size: Size::shares(1_000) }];
            let kind = MarketEventKind::Book { bids: level(bid), asks: level(ask) };
            bench.step(InputKind::Event(MarketEvent { token: TokenIx(token), venue_time: NOW, kind }));
        }
        bench.step(InputKind::Command(Command::Start));
        bench
    }

    fn session(&mut self, mode: Mode) {
        self.step(InputKind::Session(SessionStart {
            session: SessionId(1),
            mode,
            cash: Usd::dollars(1_000),
            day_start: None,
            limits: Limits::WIDE,
            salt_seed: 1,
            halted: false,
        }));
    }

    /// Switches to live mode, with a strategy as new as the session and an order that costs four dollars.
    fn go_live(&mut self) {
        self.session(Mode::Live);
        (self.limits.probation_micros, self.limits.max_order) = (DAY_MICROS, Usd::dollars(39));
    }

    fn step(&mut self, body: InputKind) {
        self.seq = self.seq.saturating_add(1);
        self.engine.step(&Input { seq: Seq(self.seq), at: NOW, kind: body }, &mut Effects::new());
    }

    fn event(&mut self, kind: MarketEventKind) {
        self.step(InputKind::Event(MarketEvent { token: TokenIx(0), venue_time: NOW, kind }));
    }

    fn budget(&mut self, budget: Budget) {
        self.step(InputKind::Strategy(StrategyChange::Budget { strategy: WHO, budget }));
    }

    fn restrict(&mut self) {
        self.engine.trip(Trip::session(Breaker::ReconciliationMismatch, "the self-test"), &mut Effects::new());
    }

    fn repeat(&mut self) {
        self.limits.max_repeats = 1;
        self.engine.habits.record_placement(&self.order, NOW);
    }

    /// Adds an order of ten shares to the order table.
    fn place(&mut self, token: TokenIx, price: u32) {
        let (side, price, size, kind) = (Side::Buy, cents(price), self.order.size, self.order.kind);
        let kind = IntentKind::Place { token, side, price, size, kind };
        let intents = vec![Intent { tag: 1, reason: String::new(), fair: None, kind }];
        self.step(InputKind::Intents(StrategyAnswer::to_one(WHO, intents)));
    }

    /// Returns the refusals of all rules for the order, each evaluated independently of the others.
    fn judge(&mut self, rules: &[RuleFn]) -> Vec<Refusal> {
        self.engine.limits = self.limits;
        match Check::new(&self.engine, &self.order, Origin::Strategy, false, self.fair) {
            Ok(check) => rules.iter().filter_map(|rule| rule(&check).err()).collect(),
            Err(refusal) => vec![refusal],
        }
    }
}

fn cents(cents: u32) -> Price {
    micros(cents.saturating_mul(10_000))
}

/// Returns a price. Every number of micro-dollars passed here is a valid price; an invalid one would fail the self-test
/// by its tick.
fn micros(micros: u32) -> Price {
    Price::from_micros(micros).unwrap_or(Price::MIN)
}

fn market(number: u8) -> Market {
    let (event, end) = (Some(EventId([number; 32])), Some(NOW.plus_micros(DAY_MICROS)));
    Market { neg_risk: true, event, end, ..Market::synthetic(number.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_refuses_alone() {
        self_test().unwrap();
        assert!(CASES.len() >= RULES.len());
    }

    #[test]
    fn a_rule_that_is_silent_is_found() {
        for place in 0..RULES.len() {
            let mut rules = RULES;
            rules[place] = |_| Ok(());
            assert!(test(&rules).is_err(), "the self-test passes without rule {place}");
        }
    }
}
