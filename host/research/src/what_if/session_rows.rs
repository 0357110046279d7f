//! The rows of a session, by stepping an engine through its journal.

use super::requests::Requests;
use crate::backtest::recorder::{Recorder, payout};
use crate::backtest::world::{Output, row_of};
use crate::backtest::{Job, Request};
use crate::events::ListedMarket;
use crate::measure::percentiles;
use crate::run::{RunData, RunDescription, RunEnd, RunKind, StrategyDescription, Totals};
use engine::{Effect, Effects, Engine, Purpose};
use model::{Input, InputKind, Market, MarketIx, OrderId, StrategyId, Time, Usd};
use std::collections::BTreeMap;

/// The most answers whose latency is measured.
const ANSWERS_MAX: usize = 100_000;

/// An engine that collects rows.
pub(super) struct SessionRows {
    engine: Engine,
    effects: Effects,
    recorder: Recorder,
    output: Output,
    span: Option<(Time, Time)>,
    /// Orders whose placement was not answered yet, with the time of their approval.
    asked: BTreeMap<OrderId, Time>,
    /// Times from approvals to answers, in microseconds.
    answered: Vec<u64>,
    requests: Requests,
    markets: Vec<Market>,
}

impl SessionRows {
    pub(super) fn new() -> Self {
        Self {
            engine: Engine::new(Purpose::Simulate),
            effects: Effects::new(),
            recorder: Recorder::default(),
            output: Output::default(),
            span: None,
            asked: BTreeMap::new(),
            answered: Vec::new(),
            requests: Requests::default(),
            markets: Vec::new(),
        }
    }

    /// Returns the requests to the venue by the time at which it received them, and the markets by number.
    pub(super) fn take_requests(&mut self) -> (Vec<Request>, Vec<Market>) {
        let requests = self.requests.take();
        (requests, std::mem::take(&mut self.markets))
    }

    pub(super) fn on_input(&mut self, input: &Input) {
        let first = self.span.map_or(input.at, |(first, _)| first);
        self.span = Some((first, input.at.max(first)));
        if let InputKind::Market(market) = &input.kind {
            let (fee_known, assumed, has_books, invented) = (true, Vec::new(), true, false);
            let listed = ListedMarket { market: market.clone(), fee_known, assumed, has_books, invented };
            // A market that is announced twice is listed once.
            if self.markets.iter().all(|known| known.condition != market.condition) {
                self.recorder.list(&listed, market, input.at, None);
                self.markets.push(market.clone());
            }
        }
        self.requests.on_input(input);
        if let InputKind::Intents(answer) = &input.kind {
            self.recorder.count_intents(answer.intents.len());
        }
        if let InputKind::Placed { order, .. } = &input.kind
            && let Some(asked) = self.asked.remove(order)
            && self.answered.len() < ANSWERS_MAX
        {
            self.answered.push(input.at.since(asked));
        }
        let before = crate::backtest::world::realised_before(&self.engine, &input.kind);
        self.engine.step(input, &mut self.effects);
        for effect in self.effects.drain(..) {
            self.requests.on_effect(input.at, &effect);
            if let Effect::Place(approved) = &effect {
                self.asked.insert(approved.item().order.id, input.at);
            }
            if let Effect::Event(event) = effect {
                row_of(&self.engine, input.at, event, &input.kind, before, &mut self.output);
            }
        }
        self.output.rows.drain(..).for_each(|row| self.recorder.add(row));
    }

    /// Returns the conditions of markets.
    pub(super) fn conditions(&self, markets: &[MarketIx]) -> Vec<String> {
        let conditions = markets.iter().filter_map(|market| self.recorder.markets.get(market.index()));
        conditions.map(|market| market.condition.clone()).collect()
    }

    /// Returns the median order latency one way, in microseconds: half the time from an approval to its answer.
    pub(super) fn order_latency(&self) -> Option<u64> {
        (!self.answered.is_empty()).then(|| percentiles(self.answered.clone()).0 / 2)
    }

    /// Returns the data of the session; `None` without inputs. `ids` are the strategies in the order of the job's.
    pub(super) fn end(mut self, job: &Job, ids: &[StrategyId]) -> Option<RunData> {
        let span = self.span?;
        let place = |number: u32| {
            let place = ids.iter().position(|id| u32::from(id.0).saturating_sub(1) == number);
            place.and_then(|place| u32::try_from(place).ok()).unwrap_or(number)
        };
        self.recorder.orders.iter_mut().for_each(|order| order.strategy = place(order.strategy));
        self.recorder.fills.iter_mut().for_each(|fill| fill.strategy = place(fill.strategy));
        let ledger = self.engine.ledger();
        let value = |token, size| {
            self.engine.pays(token).map_or_else(|| self.engine.valued(token).2, |pays| payout(size, Usd(pays.into())))
        };
        let held = ledger.positions().map(|(token, position)| value(token, position.size));
        let gained = ledger.cash().saturating_sub(job.cash);
        let at_bid = gained.saturating_add(held.fold(Usd::ZERO, Usd::saturating_add));
        let totals = Totals {
            realised: ledger.realised().saturating_sub(ledger.fees()),
            profit_at_bid: at_bid,
            profit_at_zero: gained,
            profit_at_outcome: at_bid,
            ..self.recorder.totals()
        };
        let strategies = job.strategies.iter().map(|strategy| StrategyDescription {
            name: strategy.name.clone(),
            module: strategy.module.hash.clone(),
            parameters: strategy.parameters.clone(),
            warm_up: None,
        });
        let description = RunDescription {
            schema: 1,
            id: String::new(),
            kind: RunKind::Session,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: span.0,
            end: RunEnd::Complete,
            strategies: strategies.collect(),
            tapes: Vec::new(),
            fill: job.fill,
            feed_latency_us: 0,
            order_latency_us: 0,
            request_tier: model::RequestTier::Standard,
            seed: job.seed,
            fees: "recorded".to_owned(),
            limits: serde_json::to_value(job.limits).unwrap_or_default(),
            cash: job.cash,
            span,
            totals,
            bounds: Vec::new(),
            refusals: self.recorder.refusals.iter().map(|(rule, count)| ((*rule).to_owned(), *count)).collect(),
            stops: self.recorder.stops.iter().map(|(name, count)| (name.clone(), *count)).collect(),
            transfers: Vec::new(),
            warnings: Vec::new(),
            digest: String::new(),
        };
        let Recorder { markets, orders, fills, equity, tops, .. } = self.recorder;
        Some(RunData { description, markets, orders, fills, equity, tops })
    }
}
