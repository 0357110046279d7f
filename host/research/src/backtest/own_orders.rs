//! The orders of a session once more: the paper venue receives each of its requests at the time at which the session's
//! venue received it, and fills the orders from the session's recording. No strategy runs, so that the fills of two
//! runs can be compared although their strategies would have acted on them differently.

use super::timeline::{Moment, Phase, Timeline};
use super::world::{model_of, venue_id};
use super::{Delay, Job};
use crate::events::{EventSource, TapeEvent, TapeEventKind};
use crate::run::{FillRow, RunData};
use model::event::MarketEvent;
use model::input::{PlaceOutcome, Settlement, TradeUpdate};
use model::{ConditionId, InputKind, Market, MarketIx, NewOrder, OrderId, OrderState, Size, Time, TokenIx, Usd};
use sim::paper::VenueNote;
use sim::{Latency, Paper};
use std::collections::BTreeMap;

/// Cash and shares of the account: the session's gate has checked them.
const CASH: Usd = Usd::dollars(1_000_000_000);
const SHARES: Size = Size::shares(1_000_000_000);

/// A request of a session to its venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// The time at which the venue received it.
    pub at: Time,
    /// The request.
    pub kind: RequestKind,
}

/// The kinds of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// Place an order.
    Place(NewOrder),
    /// Cancel an order.
    Cancel(OrderId),
    /// Cancel all orders.
    CancelAll,
}

/// Returns the session's data with the states and fills that its requests have on the recording. `markets` are those of
/// the session by number, and `requests` are sorted by time.
///
/// # Errors
/// If the recording cannot be read, or the markets contradict each other.
pub fn fill_again(
    source: &mut dyn EventSource,
    job: &Job,
    session: &RunData,
    markets: &[Market],
    requests: &[Request],
) -> anyhow::Result<RunData> {
    let mut again = Again::new(job, session, markets)?;
    let mut timeline = Timeline::new(source, &Delay::Fixed(job.latency.feed.typical()), job.seed, None);
    let mut requests = requests.iter().peekable();
    while let Some(moment) = timeline.get(0)? {
        while let Some(request) = requests.next_if(|request| request.at <= moment.at) {
            again.request(request);
        }
        if let Some(event) = timeline.event(moment.number) {
            again.on_event(moment, event);
        }
        timeline.release(1);
    }
    requests.for_each(|request| again.request(request));
    Ok(again.data)
}

struct Again {
    paper: Paper,
    /// The session's markets by condition, and its number of each market of the recording.
    known: BTreeMap<ConditionId, MarketIx>,
    numbers: Vec<Option<MarketIx>>,
    fees: Vec<model::FeeRate>,
    rows: BTreeMap<u64, usize>,
    inputs: Vec<InputKind>,
    data: RunData,
}

impl Again {
    fn new(job: &Job, session: &RunData, markets: &[Market]) -> anyhow::Result<Self> {
        let latency = Latency { one_way: 0, ..Latency::DEFAULT };
        let known: BTreeMap<ConditionId, MarketIx> =
            markets.iter().zip(0u32..).map(|(market, ix)| (market.condition, MarketIx(ix))).collect();
        let shares: Vec<(TokenIx, Size)> =
            known.values().flat_map(|market| [0, 1].map(|outcome| (market.token(outcome), SHARES))).collect();
        let paper = Paper::new(latency, markets.iter().cloned(), CASH, &shares)?;
        let mut data = session.clone();
        data.fills.clear();
        let mut rows = BTreeMap::new();
        for (order, place) in data.orders.iter_mut().zip(0usize..).filter(|(order, _)| order.order != 0) {
            (order.filled, order.ahead) = (Size::ZERO, None);
            rows.insert(order.order, place);
        }
        Ok(Self {
            paper: paper.with_model(model_of(job.fill)).with_notes(),
            known,
            numbers: Vec::new(),
            fees: markets.iter().map(|market| market.fee).collect(),
            rows,
            inputs: Vec::new(),
            data,
        })
    }

    fn request(&mut self, request: &Request) {
        match request.kind {
            RequestKind::Place(order) => self.paper.place(request.at, &order, venue_id(&order)),
            RequestKind::Cancel(order) => self.paper.cancel(request.at, order),
            RequestKind::CancelAll => self.paper.cancel_all(request.at),
        }
        self.advance(request.at);
    }

    fn on_event(&mut self, moment: Moment, event: &TapeEvent) {
        if !matches!(moment.phase, Phase::Venue | Phase::Both) {
            return;
        }
        let at = moment.at;
        let number = |market: MarketIx| self.numbers.get(market.index()).copied().flatten();
        // Markets that the session did not have concern no order.
        match &event.kind {
            TapeEventKind::Listed(listed) => {
                self.numbers.push(self.known.get(&listed.market.condition).copied());
            }
            TapeEventKind::Level(change) => {
                if let Some(market) = number(change.token.market()) {
                    let token = market.token(change.token.outcome());
                    self.paper.stage(at, &MarketEvent { token, ..change.event() }).ok();
                }
            }
            TapeEventKind::Market(event) | TapeEventKind::Both(event) => {
                if let Some(market) = number(event.token.market()) {
                    let token = market.token(event.token.outcome());
                    self.paper.stage(at, &MarketEvent { token, ..(**event).clone() }).ok();
                }
            }
            TapeEventKind::Closed { market } => {
                if let Some(market) = number(*market) {
                    self.paper.close(at, market).ok();
                }
            }
            TapeEventKind::Blind { markets, .. } if markets.is_empty() => self.paper.lose_books(),
            TapeEventKind::Blind { markets, .. } => {
                let markets: Vec<MarketIx> = markets.iter().filter_map(|market| number(*market)).collect();
                markets.into_iter().for_each(|market| self.paper.lose_book(market));
            }
            TapeEventKind::Signal(_) => {}
        }
        if moment.ends_frame {
            self.paper.settle_frame(at);
        }
        self.advance(at);
    }

    fn advance(&mut self, at: Time) {
        let mut inputs = std::mem::take(&mut self.inputs);
        self.paper.advance(at, &mut inputs);
        for note in self.paper.take_notes() {
            if let VenueNote::Joined { order, ahead } = note
                && ahead != Size(u64::MAX)
                && let Some(row) = self.row(order)
            {
                row.ahead = Some(ahead);
            }
        }
        for input in inputs.drain(..) {
            match input {
                InputKind::Trade(update) if update.settlement == Settlement::Matched => self.fill(at, &update),
                InputKind::Placed {
                    order,
                    outcome: PlaceOutcome::Refused { reason } | PlaceOutcome::NotSent { reason },
                } => {
                    if let Some(row) = self.row(order) {
                        (row.state, row.reason, row.ended_at) = (OrderState::Refused, reason, Some(at));
                    }
                }
                _ => {}
            }
        }
        self.inputs = inputs;
    }

    fn row(&mut self, order: OrderId) -> Option<&mut crate::run::OrderRow> {
        let place = *self.rows.get(&order.0)?;
        self.data.orders.get_mut(place)
    }

    fn fill(&mut self, at: Time, update: &TradeUpdate) {
        let Some(row) = self.row(update.order) else { return };
        row.filled = row.filled.saturating_add(update.size);
        if row.filled >= row.size {
            (row.state, row.ended_at) = (OrderState::Filled, Some(at));
        }
        let (order, strategy, market, outcome, side, tag) =
            (row.order, row.strategy, row.market, row.outcome, row.side, row.tag);
        let price = update.price();
        let place = usize::try_from(market).unwrap_or(usize::MAX);
        let rate = self.fees.get(place).filter(|_| !update.maker);
        let fee = rate.and_then(|rate| rate.taker_fee(price, update.size)).unwrap_or_default();
        self.data.fills.push(FillRow {
            order,
            strategy,
            market,
            outcome,
            side,
            price,
            size: update.size,
            fee,
            maker: update.maker,
            tag,
            at,
            realised: Usd::ZERO,
            mids: [None; 5],
        });
    }
}
