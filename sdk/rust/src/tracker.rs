//! Local view of a strategy's markets, orders, positions and cash, updated from events.
//!
//! ```
//! use polytrader_sdk::{Event, Intents, Manifest, Session, Strategy, Tracker};
//!
//! struct Mine {
//!     tracker: Tracker,
//! }
//!
//! impl Strategy for Mine {
//!     fn describe() -> Manifest {
//!         Manifest::new("mine", "1.0.0", "Places no orders yet.")
//!     }
//!     fn new(session: &Session) -> Result<Self, String> {
//!         Ok(Self { tracker: Tracker::new(session) })
//!     }
//!     fn on_event(&mut self, event: &Event, _out: &mut Intents) {
//!         self.tracker.update(event);
//!         if !self.tracker.trading() {
//!             return;
//!         }
//!         for market in self.tracker.markets() {
//!             let (_best, _owned) = (self.tracker.ask(market.yes.handle), self.tracker.held(market.yes.handle));
//!         }
//!     }
//! }
//! ```

use crate::event::{Event, MarketState, Status, Top};
use crate::units::{complement, cost};
use crate::{
    FillEvent, Market, OpenOrder, OrderEvent, OrderState, OwnEvent, OwnKind, Quote, Session, SessionState, Settlement,
    SettlementEvent, Side,
};

/// The known state of one token.
#[derive(Debug, Clone)]
pub struct TokenView {
    /// Its handle.
    pub handle: u32,
    /// The handle of the other outcome.
    pub other: u32,
    /// The state of its market.
    pub state: MarketState,
    /// Its tick size.
    pub tick: u32,
    /// Its best prices. `None` until the first `Top` event, and while its market is not open.
    pub top: Option<Top>,
    /// Shares owned.
    pub held: u64,
    /// Their cost in micro-dollars, without fees.
    pub cost: i64,
    /// The payout of a share in micro-dollars, once its market is resolved and the payout is known.
    pub pays: Option<u32>,
}

/// Tracks best prices, own orders, positions and cash. Pass it every event before using it.
#[derive(Debug, Clone)]
pub struct Tracker {
    now: u64,
    state: SessionState,
    cash: i64,
    markets: Vec<Market>,
    /// In ascending order of handles.
    tokens: Vec<TokenView>,
    orders: Vec<OpenOrder>,
}

impl Tracker {
    /// Creates a tracker with the session's markets, positions and orders.
    #[must_use]
    pub fn new(session: &Session) -> Self {
        let view = |handle: u32, other: u32, tick: u32| {
            let state = MarketState::Open;
            TokenView { handle, other, state, tick, top: None, held: 0, cost: 0, pays: None }
        };
        let of = |market: &Market| {
            let (yes, no) = (market.yes.handle, market.no.handle);
            [view(yes, no, market.tick), view(no, yes, market.tick)]
        };
        // Handles are almost always in ascending order already; a sort would add more code to the module than the rest
        // of this function.
        let mut tokens: Vec<TokenView> = Vec::new();
        for token in session.markets.iter().flat_map(of) {
            let place = tokens.partition_point(|other| other.handle < token.handle);
            tokens.insert(place, token);
        }
        let (markets, orders) = (session.markets.clone(), session.orders.clone());
        let state = SessionState::Stopped;
        let mut tracker = Self { now: session.now, state, cash: 0, markets, tokens, orders };
        for position in &session.positions {
            tracker.set_position(position.token, position.size, position.cost);
            tracker.cash = tracker.cash.saturating_sub(position.cost);
        }
        tracker
    }

    /// Updates the view with an event.
    #[inline]
    pub fn update(&mut self, event: &Event) {
        self.now = self.now.max(event.time());
        match event {
            // Field by field: copied as a whole it is just large enough for the compiler to emit a call.
            Event::Top(top) => {
                let Top { token, bid, ask, venue_time, host_time } = *top;
                self.change(token, |view| view.top = Some(Top { token, bid, ask, venue_time, host_time }));
            }
            Event::Status(status) => self.on_status(status),
            Event::Trade(_) | Event::Depth(_) => {}
            Event::Own(own) => self.on_own(own),
        }
    }

    fn on_status(&mut self, status: &Status) {
        self.change(status.token, |token| {
            (token.state, token.tick) = (status.state, status.tick);
            token.pays = status.pays.or(token.pays);
            // A price from before the market closed or lost its book must not be traded on.
            token.top = token.top.filter(|_| status.state == MarketState::Open);
        });
    }

    fn on_own(&mut self, own: &OwnEvent) {
        match &own.what {
            OwnKind::Order(order) => self.set_order(order),
            OwnKind::Fill(fill) => self.cash = self.cash.saturating_add(effect(fill)),
            OwnKind::Position(position) => {
                self.redeem(position.token, position.size);
                self.set_position(position.token, position.size, position.cost);
            }
            OwnKind::Settlement(settled) if settled.state == Settlement::Failed => {
                self.cash = self.cash.saturating_sub(value(settled));
            }
            OwnKind::Session(state) => self.state = *state,
            _ => {}
        }
    }

    #[inline]
    fn change(&mut self, handle: u32, change: impl FnOnce(&mut TokenView)) {
        let place = self.place(handle);
        if let Some(token) = self.tokens.get_mut(place) {
            change(token);
        }
    }

    /// Returns the index of a token, or `usize::MAX` if there is none.
    #[inline]
    fn place(&self, handle: u32) -> usize {
        // A strategy's handles count from 0 until some of its markets end.
        let first = usize::try_from(handle).unwrap_or(usize::MAX);
        if self.tokens.get(first).is_some_and(|token| token.handle == handle) {
            return first;
        }
        self.tokens.binary_search_by_key(&handle, |token| token.handle).unwrap_or(usize::MAX)
    }

    /// Adds the payout of shares that left the position of a resolved market.
    fn redeem(&mut self, handle: u32, size: u64) {
        let Some(token) = self.token(handle) else { return };
        let (Some(pays), gone) = (token.pays, token.held.saturating_sub(size)) else { return };
        self.cash = self.cash.saturating_add(money(cost(pays, gone)));
    }

    fn set_position(&mut self, handle: u32, size: u64, cost: i64) {
        self.change(handle, |token| (token.held, token.cost) = (size, cost));
    }

    fn set_order(&mut self, event: &OrderEvent) {
        let place = self.orders.iter().position(|order| order.order == event.order);
        let OrderEvent { order, tag, token, side, price, size, filled, state } = *event;
        let over = matches!(state, OrderState::Filled | OrderState::Cancelled | OrderState::Refused);
        let now = OpenOrder { order, tag, token, side, price, size, filled, state };
        match place {
            Some(place) if over => drop(self.orders.remove(place)),
            Some(place) => self.orders.get_mut(place).into_iter().for_each(|known| *known = now),
            None if over => {}
            None => self.orders.push(now),
        }
    }

    /// Returns the host's time of the last event, in microseconds.
    #[must_use]
    pub const fn now(&self) -> u64 {
        self.now
    }

    /// Returns whether intents can currently lead to orders.
    #[must_use]
    pub const fn trading(&self) -> bool {
        matches!(self.state, SessionState::Running)
    }

    /// Returns the session state, which determines what intents can lead to.
    #[must_use]
    pub const fn session_state(&self) -> SessionState {
        self.state
    }

    /// Returns the granted markets.
    #[must_use]
    pub fn markets(&self) -> &[Market] {
        &self.markets
    }

    /// Returns the view of a token.
    #[must_use]
    pub fn token(&self, handle: u32) -> Option<&TokenView> {
        self.tokens.get(self.place(handle))
    }

    /// Returns the market of a token, by either of its two handles.
    #[must_use]
    pub fn market(&self, handle: u32) -> Option<&Market> {
        self.markets.iter().find(|market| market.yes.handle == handle || market.no.handle == handle)
    }

    /// Returns the best bid of a token whose market is open.
    #[must_use]
    pub fn bid(&self, handle: u32) -> Option<Quote> {
        self.open_top(handle)?.bid
    }

    /// Returns the best ask of a token whose market is open.
    #[must_use]
    pub fn ask(&self, handle: u32) -> Option<Quote> {
        self.open_top(handle)?.ask
    }

    /// Returns the mid price, halfway between the best bid and the best ask, in micro-dollars.
    #[must_use]
    pub fn mid(&self, handle: u32) -> Option<u32> {
        let top = self.open_top(handle)?;
        Some(top.bid?.price.midpoint(top.ask?.price))
    }

    fn open_top(&self, handle: u32) -> Option<&Top> {
        self.token(handle).filter(|token| token.state == MarketState::Open)?.top.as_ref()
    }

    /// Returns the shares owned of a token.
    #[must_use]
    pub fn held(&self, handle: u32) -> u64 {
        self.token(handle).map_or(0, |token| token.held)
    }

    /// Returns the owned shares of a token that no open SELL offers.
    #[must_use]
    pub fn free(&self, handle: u32) -> u64 {
        self.held(handle).saturating_sub(self.open(handle, Side::Sell))
    }

    /// Returns the strategy's open orders, oldest first.
    #[must_use]
    pub fn orders(&self) -> &[OpenOrder] {
        &self.orders
    }

    /// Returns how many shares of a token the open orders of one side may still fill.
    #[must_use]
    pub fn open(&self, handle: u32, side: Side) -> u64 {
        let orders = self.orders.iter().filter(|order| order.token == handle && order.side == side);
        orders.fold(0, |sum, order| sum.saturating_add(left(order)))
    }

    /// Returns how many of the strategy's own shares rest at a price of a token. A bid for the other outcome at the
    /// complementary price counts as an ask here, as the venue matches both in one book.
    #[must_use]
    pub fn resting(&self, handle: u32, side: Side, price: u32) -> u64 {
        let other = self.token(handle).map(|token| token.other);
        let here = |order: &&OpenOrder| {
            let direct = order.token == handle && order.side == side && order.price == price;
            let mirrored = Some(order.token) == other && order.side != side && order.price == complement(price);
            direct || mirrored
        };
        self.orders.iter().filter(here).fold(0, |sum, order| sum.saturating_add(left(order)))
    }

    /// Returns the cost of all positions in micro-dollars, without fees.
    #[must_use]
    pub fn invested(&self) -> i64 {
        self.tokens.iter().fold(0, |sum, token| sum.saturating_add(token.cost))
    }

    /// Returns the cash effect in micro-dollars: proceeds of sales and resolved markets less purchases and fees. It
    /// includes the cost of the positions that the session started with. A match that failed to settle is reverted,
    /// except for its fee.
    #[must_use]
    pub const fn cash(&self) -> i64 {
        self.cash
    }

    /// Returns [`Tracker::cash`] plus the value of the positions at their best bids; a position without a bid counts as
    /// zero.
    #[must_use]
    pub fn profit(&self) -> i64 {
        self.tokens.iter().fold(self.cash, |sum, token| {
            let bid = token.top.and_then(|top| top.bid).map(|bid| bid.price);
            sum.saturating_add(money(cost(token.pays.or(bid).unwrap_or(0), token.held)))
        })
    }
}

/// Returns the cash effect of a fill.
fn effect(fill: &FillEvent) -> i64 {
    signed(fill.side, fill.price, fill.size).saturating_sub(fill.fee)
}

/// Returns the cash effect of a match, without its fee.
fn value(settled: &SettlementEvent) -> i64 {
    signed(settled.side, settled.price, settled.size)
}

fn signed(side: Side, price: u32, size: u64) -> i64 {
    let value = money(cost(price, size));
    if side == Side::Sell { value } else { value.saturating_neg() }
}

fn left(order: &OpenOrder) -> u64 {
    order.size.saturating_sub(order.filled)
}

fn money(micros: u64) -> i64 {
    i64::try_from(micros).unwrap_or(i64::MAX)
}
