//! A paper venue: our orders against the real market's books. It processes the market's events, fills the orders that
//! would have been filled, and responds with a venue's latency. The same calls always produce the same answers, so
//! backtests use it too.
//!
//! A new order is queued behind all depth shown at its price. Trades, and according to the [`FillModel`] other changes,
//! move it forward; a trade whose size was already reflected in the book (the venue reports the level first) does not
//! count twice. A book that crosses a resting order fills it, at its own price, up to the size that crosses; after a gap
//! completely. Depth taken from the book stays taken until the market reports a different size there.

mod books;
mod checkpoint;
mod delays;
mod fill_model;
mod market;
mod queue;
mod rates;
#[cfg(test)]
mod tests;

use crate::member::{Member, Trade};
use crate::venue::{AccountId, BookKey, Change, Conversion, Event, MarketError, OpenOrder, TurnError, Venue};
use alloc::collections::BTreeMap;
use alloc::string::ToString;
use alloc::vec::Vec;
use books::{Books, MarketBook};
pub use checkpoint::Checkpoint;
pub use delays::Delays;
pub use fill_model::FillModel;
use model::input::{AccountView, CancelOutcome, PlaceOutcome, Settlement};
use model::{
    InputKind, Market, MarketIx, NewOrder, OrderId, Shared, Size, Time, TokenId, TokenIx, TradeId, Usd, VenueOrderId,
};
use queue::Queue;
pub use rates::RequestLimits;

/// The most requests and answers in flight; more than the host ever sends.
pub const ON_THE_WAY_MAX: usize = 200_000;

/// The latencies of the venue and the way to it, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latency {
    /// From sending a request to its effect at the venue; the answer takes the same time.
    pub one_way: u64,
    /// From a match to the mining of its transaction.
    pub mined: u64,
    /// From a match to its final settlement.
    pub confirmed: u64,
}

impl Latency {
    /// 50 ms each way; mined after 2 s and final after 4 s, as observed on the venue's chain (PROTOCOL 10).
    pub const DEFAULT: Self = Self { one_way: 50_000, mined: 2_000_000, confirmed: 4_000_000 };
}

/// A request or an answer in flight.
#[derive(Debug, Clone)]
enum Due {
    Place(NewOrder, VenueOrderId),
    Cancel(OrderId),
    CancelAll,
    Expire,
    Settle(Trade),
    Tell(InputKind),
}

/// An occurrence at the venue, at its own time: the strategy hears of it later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VenueNote {
    /// An order began to rest behind `ahead` shares.
    Joined {
        /// The order.
        order: OrderId,
        /// Depth ahead of it.
        ahead: Size,
    },
    /// Shares of an order were matched.
    Matched {
        /// The order.
        order: OrderId,
        /// Its token.
        token: TokenIx,
        /// The trade.
        trade: TradeId,
        /// Its part.
        part: u32,
        /// Time of the match.
        at: Time,
    },
}

/// The paper venue with its one account.
#[derive(Debug, Clone)]
pub struct Paper {
    venue: Venue,
    member: Member,
    latency: Latency,
    model: FillModel,
    delays: Option<Delays>,
    limits: Option<RequestLimits>,
    books: Books,
    queue: Queue,
    /// Places whose depth changed within the current frame, in markets where we have orders.
    changed: Vec<(MarketIx, BookKey)>,
    /// Markets whose book is the first one after a gap, within the current frame.
    resumed: Vec<MarketIx>,
    /// Notes since the last call of [`Paper::take_notes`], if they are taken.
    notes: Option<Vec<VenueNote>>,
    on_the_way: Shared<BTreeMap<(Time, u64), Due>>,
    sent: u64,
    now: Time,
}

impl Paper {
    /// Returns a venue with these markets, in the order of their numbers, and an account with these balances.
    ///
    /// # Errors
    /// If a market is listed twice, there are too many, or the account owns shares of an unlisted one.
    pub fn new(
        latency: Latency,
        markets: impl IntoIterator<Item = Market>,
        cash: Usd,
        shares: &[(TokenIx, Size)],
    ) -> Result<Self, MarketError> {
        let (mut venue, mut books) = (Venue::new(), Books::default());
        for market in markets {
            venue.add_market(market)?;
            books.push(MarketBook::default());
        }
        let account: AccountId = venue.open_account(cash)?;
        for (token, size) in shares {
            venue.grant(account, *token, *size)?;
        }
        Ok(Self {
            venue,
            member: Member::new(account),
            latency,
            model: FillModel::default(),
            delays: None,
            limits: None,
            books,
            queue: Queue::default(),
            changed: Vec::new(),
            resumed: Vec::new(),
            notes: None,
            on_the_way: Shared::default(),
            sent: 0,
            now: Time::default(),
        })
    }

    /// Replaces the fill model, which is [`FillModel::Pessimistic`] otherwise.
    #[must_use]
    pub fn with_model(mut self, model: FillModel) -> Self {
        self.model = model;
        self
    }

    /// Replaces the constant order latency by measured ones.
    #[must_use]
    pub fn with_delays(mut self, delays: Delays) -> Self {
        self.delays = Some(delays);
        self
    }

    /// Limits the rate of requests, which is unlimited otherwise.
    #[must_use]
    pub const fn with_limits(mut self, limits: RequestLimits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// Keeps notes of what happens at the venue; the caller takes them with [`Paper::take_notes`].
    #[must_use]
    pub fn with_notes(mut self) -> Self {
        self.notes = Some(Vec::new());
        self
    }

    /// Returns the notes since the last call.
    pub fn take_notes(&mut self) -> Vec<VenueNote> {
        self.notes.as_mut().map(core::mem::take).unwrap_or_default()
    }

    /// Lists a market that was not listed at the start, under the next number.
    ///
    /// # Errors
    /// If it is listed already, or there are too many.
    pub fn list(&mut self, market: Market) -> Result<MarketIx, MarketError> {
        let market = self.venue.add_market(market)?;
        self.books.push(MarketBook::default());
        Ok(market)
    }

    /// Sends an order to the venue at `now`.
    pub fn place(&mut self, now: Time, order: &NewOrder, id: VenueOrderId) {
        if self.on_the_way.len() >= ON_THE_WAY_MAX {
            let outcome = PlaceOutcome::NotSent { reason: "too many requests to the paper venue".to_string() };
            self.after(now, 0, Due::Tell(InputKind::Placed { order: order.id, outcome }));
            return;
        }
        let Some(wait) = self.limits.as_mut().map_or(Some(0), |limits| limits.order(now, order.side)) else {
            let outcome = PlaceOutcome::NotSent { reason: "no room in the venue's rate limit of orders".to_string() };
            self.after(now, 0, Due::Tell(InputKind::Placed { order: order.id, outcome }));
            return;
        };
        let arrives = self.arrival(now.plus_micros(wait));
        self.due_at(arrives, Due::Place(*order, id));
    }

    /// Sends a cancel to the venue at `now`.
    pub fn cancel(&mut self, now: Time, order: OrderId) {
        let wait = self.limits.as_mut().map_or(0, |limits| limits.cancel(now));
        let arrives = self.arrival(now.plus_micros(wait));
        self.due_at(arrives, Due::Cancel(order));
    }

    /// Sends a cancel of everything to the venue at `now`.
    pub fn cancel_all(&mut self, now: Time) {
        let arrives = self.arrival(now);
        self.due_at(arrives, Due::CancelAll);
    }

    /// Sends a query for an order at `now`.
    pub fn query_order(&mut self, now: Time, order: OrderId) {
        let arrives = self.latency.one_way.saturating_mul(2);
        for answer in self.member.query_order(order, now) {
            self.after(now, arrives, Due::Tell(answer));
        }
    }

    /// Returns the number of requests and answers so far; it grows with each new due event.
    pub const fn sent(&self) -> u64 {
        self.sent
    }

    /// Returns the time of the next due event.
    pub fn next_due(&self) -> Option<Time> {
        self.on_the_way.first_key_value().map(|((due, _), _)| *due)
    }

    /// Processes everything that is due at `now`, in order, and appends the reports for the host to `heard`.
    pub fn advance(&mut self, now: Time, inputs: &mut Vec<InputKind>) {
        while self.next_due().is_some_and(|due| due <= now) {
            let Some(((due, _), what)) = self.on_the_way.pop_first() else { break };
            self.now = self.now.max(due);
            match what {
                Due::Tell(body) => inputs.push(body),
                Due::Place(order, id) => self.arrive(due, &order, id),
                Due::Cancel(order) => {
                    let outcome: CancelOutcome = self.member.cancel(due, &mut self.venue, order);
                    self.answer(due, InputKind::CancelAnswer { order, outcome });
                }
                Due::CancelAll => drop(self.venue.cancel_all(due, self.member.account())),
                Due::Expire => self.venue.expire(due),
                Due::Settle(trade) => {
                    self.member.on_settlement(&mut self.venue, &trade);
                    self.after(due, self.latency.one_way, Due::Tell(InputKind::Trade(trade.update)));
                }
            }
            self.process_venue_events();
        }
    }

    fn arrive(&mut self, now: Time, order: &NewOrder, id: VenueOrderId) {
        let outcome = self.place_among(now, order, id);
        self.join(order, id);
        if let Some(until) = order.kind.until() {
            self.after(until.max(now), 0, Due::Expire);
        }
        self.answer(now, InputKind::Placed { order: order.id, outcome });
    }

    /// Converts dollars and shares of the account into each other at `now`, all or none.
    ///
    /// # Errors
    /// The first conversion that cannot be executed, and the reason.
    pub fn turn(&mut self, now: Time, turns: &[Conversion]) -> Result<(), (usize, TurnError)> {
        self.venue.turn(now, self.member.account(), turns)?;
        self.process_venue_events();
        Ok(())
    }

    /// Returns the current state of the account.
    pub fn view(&self) -> AccountView {
        self.member.view(&self.venue, self.markets().into_iter())
    }

    /// Returns the open orders, with the ids of their tokens.
    pub fn open_orders(&self) -> impl Iterator<Item = (OpenOrder, Option<TokenId>)> {
        self.venue.orders(self.member.account()).map(|order| (*order, self.venue.token_id(order.token)))
    }

    fn markets(&self) -> Vec<MarketIx> {
        self.venue.listed().map(|(ix, _)| ix).collect()
    }

    /// Converts the venue's events into reports to the owner.
    fn process_venue_events(&mut self) {
        for event in self.venue.drain() {
            match event {
                Event::Order { at, change, order } => {
                    if order.is_whole() || matches!(change, Change::Cancellation | Change::Refused(_)) {
                        self.queue.leave(order.token.market(), order.id);
                    }
                    if let Some(update) = self.member.on_order(change, &order) {
                        self.answer(at, update);
                    }
                }
                Event::Trade(trade) => {
                    for part in self.member.on_trade(&trade) {
                        self.note_match(&part);
                        self.answer(part.at, InputKind::Trade(part.update));
                        let Latency { mined, confirmed, .. } = self.latency;
                        self.after(part.at, mined, Due::Settle(part.settled(Settlement::Mined)));
                        self.after(part.at, confirmed, Due::Settle(part.settled(Settlement::Confirmed)));
                    }
                }
                Event::Level { .. }
                | Event::Tick { .. }
                | Event::Resolved { .. }
                | Event::Redeemed { .. }
                | Event::Turned { .. }
                | Event::BookReset { .. } => {}
            }
        }
    }

    fn answer(&mut self, now: Time, body: InputKind) {
        let heard = match &mut self.delays {
            Some(delays) => delays.answer(now),
            None => now.plus_micros(self.latency.one_way),
        };
        self.due_at(heard, Due::Tell(body));
    }

    /// Returns the time at which a request sent at `now` takes effect.
    fn arrival(&mut self, now: Time) -> Time {
        match &mut self.delays {
            Some(delays) => delays.request(now),
            None => now.plus_micros(self.latency.one_way),
        }
    }

    fn after(&mut self, now: Time, micros: u64, due: Due) {
        self.due_at(now.plus_micros(micros), due);
    }

    fn due_at(&mut self, at: Time, due: Due) {
        self.sent = self.sent.saturating_add(1);
        self.on_the_way.insert((at, self.sent), due);
    }

    fn note(&mut self, note: VenueNote) {
        if let Some(notes) = &mut self.notes {
            notes.push(note);
        }
    }

    fn note_match(&mut self, part: &Trade) {
        let update = &part.update;
        self.note(VenueNote::Matched {
            order: update.order,
            token: part.order.token,
            trade: update.trade,
            part: update.part,
            at: part.at,
        });
    }
}
