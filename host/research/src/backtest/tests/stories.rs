//! Stories for tests: a tape written by hand, and a strategy that places given orders.

#![allow(clippy::arithmetic_side_effects, reason = "test code may overflow loudly")]

use super::*;
use crate::events::{GapCause, Hindsight, ListedMarket, TapeEvent, TapeEventKind, Terms};
use crate::run::RunData;
use model::event::{MarketEvent, MarketEventKind};
use model::{EventId, FeeRate, Level, Market, MarketIx, Price, Side, Signal, Size, Time};

/// Start of all stories: a whole minute.
pub(super) const BEGIN: Time = Time(1_795_424_400_000_000);

/// A tape in the making.
#[derive(Debug, Default)]
pub(super) struct Story {
    events: Vec<TapeEvent>,
    pub(super) hindsight: Vec<Hindsight>,
    pub(super) terms: Terms,
    markets: u32,
    frame: u64,
}

pub(super) fn at(millis: u64) -> Time {
    BEGIN.plus_millis(millis)
}

fn price(cents: u32) -> Price {
    Price::from_micros(cents * 10_000).unwrap()
}

impl Story {
    fn push(&mut self, millis: u64, kind: TapeEventKind) {
        self.frame += 1;
        self.events.push(TapeEvent { frame: self.frame, venue_at: at(millis), received_at: None, kind });
    }

    /// Lists a market with this slug, and returns its number.
    pub(super) fn list(&mut self, millis: u64, slug: &str, event: Option<u8>) -> MarketIx {
        let ix = MarketIx(self.markets);
        self.markets += 1;
        let event = event.map(|event| EventId([event; 32]));
        let market = Market { slug: slug.to_owned(), event, neg_risk: event.is_some(), ..Market::synthetic(ix.0 + 7) };
        let (fee_known, assumed, has_books, invented) = (true, Vec::new(), true, false);
        let listed = ListedMarket { market, fee_known, assumed, has_books, invented };
        self.push(millis, TapeEventKind::Listed(Box::new(listed)));
        ix
    }

    /// Makes price series without books of the markets so far.
    pub(super) fn without_books(&mut self) {
        for event in &mut self.events {
            if let TapeEventKind::Listed(listed) = &mut event.kind {
                listed.has_books = false;
            }
        }
    }

    pub(super) fn without_fee(&mut self) {
        for event in &mut self.events {
            if let TapeEventKind::Listed(listed) = &mut event.kind {
                listed.fee_known = false;
                listed.market.fee = FeeRate::default();
            }
        }
    }

    fn market(&mut self, millis: u64, market: MarketIx, kinds: [MarketEventKind; 2]) {
        self.frame += 1;
        for (outcome, kind) in (0u32..).zip(kinds) {
            let event = MarketEvent { token: market.token(outcome), venue_time: at(millis), kind };
            let kind = TapeEventKind::market(event, false);
            self.events.push(TapeEvent { frame: self.frame, venue_at: at(millis), received_at: None, kind });
        }
    }

    /// Sends both tokens' books, in cents and shares of the first.
    pub(super) fn book(&mut self, millis: u64, market: MarketIx, bids: &[(u32, u64)], asks: &[(u32, u64)]) {
        let levels = |levels: &[(u32, u64)], mirror: bool| -> Vec<Level> {
            let of = |cents| if mirror { price(cents).complement() } else { price(cents) };
            levels.iter().map(|(cents, shares)| Level { price: of(*cents), size: Size::shares(*shares) }).collect()
        };
        let first = MarketEventKind::Book { bids: levels(bids, false), asks: levels(asks, false) };
        let second = MarketEventKind::Book { bids: levels(asks, true), asks: levels(bids, true) };
        self.market(millis, market, [first, second]);
    }

    pub(super) fn level(&mut self, millis: u64, market: MarketIx, side: Side, cents: u32, shares: u64) {
        let size = Size::shares(shares);
        let first = MarketEventKind::Level { side, price: price(cents), size };
        let second = MarketEventKind::Level { side: side.opposite(), price: price(cents).complement(), size };
        self.market(millis, market, [first, second]);
    }

    pub(super) fn trade(&mut self, millis: u64, market: MarketIx, side: Side, cents: u32, shares: u64) {
        let kind = MarketEventKind::Trade { side, price: price(cents), size: Size::shares(shares) };
        let event = MarketEvent { token: market.token(0), venue_time: at(millis), kind };
        self.push(millis, TapeEventKind::market(event, false));
    }

    pub(super) fn close(&mut self, millis: u64, market: MarketIx) {
        self.push(millis, TapeEventKind::Closed { market });
    }

    pub(super) fn blind(&mut self, millis: u64, market: MarketIx) {
        self.push(millis, TapeEventKind::Blind { markets: vec![market], cause: GapCause::Silence });
    }

    pub(super) fn signal(&mut self, millis: u64, name: &str, value: &str) {
        self.push(millis, TapeEventKind::Signal(Box::new(Signal { name: name.to_owned(), value: value.to_owned() })));
    }

    /// Sets the outcome of a market; `millis` is the time of its payout.
    pub(super) fn outcome(&mut self, market: MarketIx, pays: Option<i64>, millis: Option<u64>) {
        let condition = Market::synthetic(market.0 + 7).condition;
        let resolved_us = millis.map(|millis| at(millis).0);
        self.hindsight.push(Hindsight { condition, pays_micros: pays, resolved_us, implied: false });
    }

    pub(super) fn source(&self) -> MemoryEvents {
        MemoryEvents::new(self.events.iter().cloned(), self.hindsight.clone()).with_terms(self.terms.clone())
    }

    /// Runs the story with strategies that place these orders each.
    pub(super) fn run(&self, orders: &[&str]) -> Option<RunData> {
        self.run_as(orders, |job| job)
    }

    pub(super) fn run_as(&self, orders: &[&str], change: impl FnOnce(Job) -> Job) -> Option<RunData> {
        let (runner, job) = scripted(orders)?;
        let data = runner.run(&mut self.source(), &change(job), &Watch::default()).unwrap();
        assert_eq!(data.description.end, RunEnd::Complete);
        Some(data)
    }
}

/// Returns a job with strategies that place these orders.
pub(super) fn scripted(orders: &[&str]) -> Option<(Runner, Job)> {
    let bytes = built("fixtures/scripted.wasm")?;
    let runner = Runner::new().unwrap();
    let module = runner.load(&bytes).unwrap();
    let job = one_market(&runner, &module, "{}");
    let strategies = orders.iter().zip(1..).map(|(orders, number)| JobStrategy {
        name: format!("scripted-{number}"),
        parameters: serde_json::json!({ "orders": orders }).to_string(),
        ..job.strategies[0].clone()
    });
    let latency = Latency { feed: Delay::Fixed(125_000), order: Delay::Fixed(50_000) };
    let limits = Limits::WIDE;
    let job = Job { strategies: strategies.collect(), latency, limits, cash: Usd::dollars(100), ..job.clone() };
    Some((runner, job))
}

/// Returns a line of the scripted strategy.
pub(super) fn line(millis: u64, slug: &str, order: &str) -> String {
    format!("{} {slug} {order};", at(millis).millis())
}
