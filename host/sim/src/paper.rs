//! A paper venue: our orders against somebody else's books. It hears the real market's events, fills what would have been
//! filled, and answers as late as a venue would. The same calls always give the same answers, so backtests use it too.
//!
//! What it assumes, on the careful side: a new order stands behind all that the book shows at its price, and depth that is
//! taken away was behind it as far as it can be. Only trades move it forward, and a trade whose size the book had shown before
//! (the venue tells of the level first) does not count twice. A book that crosses a resting order fills it, at its own price,
//! up to the size that crosses. What is taken from the book stays taken until the market tells another size there.

mod queue;
#[cfg(test)]
mod tests;

use crate::member::{Member, Trade};
use crate::venue::{AccountId, Change, Event, MarketError, OpenOrder, Venue};
use alloc::collections::BTreeMap;
use alloc::string::ToString;
use alloc::vec::Vec;
use model::event::{MarketEvent, MarketEventKind};
use model::input::{AccountView, CancelOutcome, PlaceOutcome, Settlement};
use model::{Body, Market, MarketIx, NewOrder, OrderId, Size, Time, TokenId, TokenIx, Usd, VenueOrderId};
use queue::Queue;

/// Requests and answers that may be on their way; more than the host ever sends.
pub const ON_THE_WAY_MAX: usize = 200_000;

/// How long things take on the way to the venue and at it, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latency {
    /// From a request's leaving to its effect at the venue; as long again for the answer.
    pub one_way: u64,
    /// From a match to its transaction's being mined.
    pub mined: u64,
    /// From a match to its being final.
    pub confirmed: u64,
}

impl Latency {
    /// 50 ms each way; mined after 2 s and final after 4 s, as seen on the venue's chain (PROTOCOL 10).
    pub const DEFAULT: Self = Self { one_way: 50_000, mined: 2_000_000, confirmed: 4_000_000 };
}

/// Something on its way.
#[derive(Debug, Clone)]
enum Due {
    Place(NewOrder, VenueOrderId),
    Cancel(OrderId),
    CancelAll,
    Expire,
    Settle(Trade),
    Tell(Body),
}

/// The paper venue with its one account.
#[derive(Debug, Clone)]
pub struct Paper {
    venue: Venue,
    member: Member,
    latency: Latency,
    queue: Queue,
    on_the_way: BTreeMap<(Time, u64), Due>,
    sent: u64,
    now: Time,
}

impl Paper {
    /// Returns a venue with these markets, in the order of their numbers, and an account with this much.
    ///
    /// # Errors
    /// If a market is there twice, there are too many, or the account owns shares of none of them.
    pub fn new(
        latency: Latency,
        markets: impl IntoIterator<Item = Market>,
        cash: Usd,
        shares: &[(TokenIx, Size)],
    ) -> Result<Self, MarketError> {
        let mut venue = Venue::new();
        for market in markets {
            venue.add_market(market)?;
        }
        let account: AccountId = venue.open_account(cash)?;
        for (token, size) in shares {
            venue.grant(account, *token, *size)?;
        }
        Ok(Self {
            venue,
            member: Member::new(account),
            latency,
            queue: Queue::default(),
            on_the_way: BTreeMap::new(),
            sent: 0,
            now: Time::default(),
        })
    }

    /// Lists a market that was not there at the start, under the next number.
    ///
    /// # Errors
    /// If it is there already, or there are too many.
    pub fn list(&mut self, market: Market) -> Result<MarketIx, MarketError> {
        self.venue.add_market(market)
    }

    /// An order leaves for the venue at `now`.
    pub fn place(&mut self, now: Time, order: &NewOrder, id: VenueOrderId) {
        if self.on_the_way.len() >= ON_THE_WAY_MAX {
            let outcome = PlaceOutcome::NotSent { reason: "too much is on its way to the paper venue".to_string() };
            self.after(now, 0, Due::Tell(Body::Placed { order: order.id, outcome }));
            return;
        }
        self.after(now, self.latency.one_way, Due::Place(*order, id));
    }

    /// A cancel leaves for the venue at `now`.
    pub fn cancel(&mut self, now: Time, order: OrderId) {
        self.after(now, self.latency.one_way, Due::Cancel(order));
    }

    /// A cancel of everything leaves for the venue at `now`.
    pub fn cancel_all(&mut self, now: Time) {
        self.after(now, self.latency.one_way, Due::CancelAll);
    }

    /// Somebody asks for an order at `now`.
    pub fn look(&mut self, now: Time, order: OrderId) {
        let arrives = self.latency.one_way.saturating_mul(2);
        for answer in self.member.look(order, now) {
            self.after(now, arrives, Due::Tell(answer));
        }
    }

    /// The real market said something at `now`. Both tokens' books are mirrors of each other; the first one's is taken, and
    /// the trades of both.
    ///
    /// # Errors
    /// [`MarketError::Unknown`].
    pub fn hear(&mut self, now: Time, event: &MarketEvent) -> Result<(), MarketError> {
        self.now = self.now.max(now);
        let token = event.token;
        match &event.kind {
            MarketEventKind::Book { bids, asks } if token.outcome() == 0 => {
                self.venue.replace_external(now, token, bids, asks)?;
                self.queue.replaced(&self.venue, token.market());
            }
            MarketEventKind::Level { side, price, size } if token.outcome() == 0 => {
                self.queue.level(now, token, *side, *price, *size);
                self.venue.set_external(now, token, *side, *price, *size)?;
            }
            MarketEventKind::Book { .. } | MarketEventKind::Level { .. } => {}
            MarketEventKind::Trade { side, price, size } => {
                let passed = self.queue.trade(now, &self.venue, token, *side, *price, *size);
                for (order, shares) in passed {
                    self.venue.fill_resting(now, order, shares);
                }
            }
            MarketEventKind::TickSize { tick } => self.venue.set_tick(token.market(), *tick)?,
            MarketEventKind::Unread { .. } => {
                self.venue.clear_external(token.market()).ok();
                self.queue.replaced(&self.venue, token.market());
            }
            MarketEventKind::Resolved { .. } => {
                self.venue.set_open(token.market(), false)?;
                self.venue.cancel_market(now, self.member.account(), token.market(), None);
            }
        }
        self.take_in();
        Ok(())
    }

    /// The market channel is lost: nothing is known of any book until it is told anew.
    pub fn lose_books(&mut self) {
        for market in self.markets() {
            self.venue.clear_external(market).ok();
            self.queue.replaced(&self.venue, market);
        }
        self.venue.drain();
    }

    /// Returns when something is due next.
    pub fn next_due(&self) -> Option<Time> {
        self.on_the_way.first_key_value().map(|((due, _), _)| *due)
    }

    /// Lets everything happen that is due at `now`, in order, and adds what the host hears to `heard`.
    pub fn advance(&mut self, now: Time, heard: &mut Vec<Body>) {
        while let Some(entry) = self.on_the_way.first_entry() {
            let (due, _) = *entry.key();
            if due > now {
                break;
            }
            let what = entry.remove();
            self.now = self.now.max(due);
            match what {
                Due::Tell(body) => heard.push(body),
                Due::Place(order, id) => self.arrive(due, &order, id),
                Due::Cancel(order) => {
                    let outcome: CancelOutcome = self.member.cancel(due, &mut self.venue, order);
                    self.answer(due, Body::CancelAnswer { order, outcome });
                }
                Due::CancelAll => drop(self.venue.cancel_all(due, self.member.account())),
                Due::Expire => self.venue.expire(due),
                Due::Settle(trade) => {
                    self.member.settle(&mut self.venue, &trade);
                    self.after(due, self.latency.one_way, Due::Tell(Body::Trade(trade.update)));
                }
            }
            self.take_in();
        }
    }

    fn arrive(&mut self, now: Time, order: &NewOrder, id: VenueOrderId) {
        let outcome = self.member.place(now, &mut self.venue, order, id);
        self.queue.join(&self.venue, id);
        if let Some(until) = order.kind.until() {
            self.after(until.max(now), 0, Due::Expire);
        }
        self.answer(now, Body::Placed { order: order.id, outcome });
    }

    /// Returns the account at this moment.
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

    /// Turns what the venue did into what the owner hears.
    fn take_in(&mut self) {
        for event in self.venue.drain() {
            match event {
                Event::Order { at, change, order } => {
                    if order.is_whole() || matches!(change, Change::Cancellation | Change::Refused(_)) {
                        self.queue.leave(order.id);
                    }
                    if let Some(update) = self.member.hear_order(change, &order) {
                        self.answer(at, update);
                    }
                }
                Event::Trade(trade) => {
                    for part in self.member.hear_trade(&trade) {
                        self.answer(part.at, Body::Trade(part.update));
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

    fn answer(&mut self, now: Time, body: Body) {
        self.after(now, self.latency.one_way, Due::Tell(body));
    }

    fn after(&mut self, now: Time, micros: u64, due: Due) {
        self.sent = self.sent.saturating_add(1);
        self.on_the_way.insert((now.plus_micros(micros), self.sent), due);
    }
}
