//! A strategy under test on a scripted market.

use super::venue::{PLENTY, Venue};
use crate::event::{Depth, Event, Status, Top, Trade, pack};
use crate::parameters::decimal;
use crate::runner::{Strategy, react};
use crate::units::complement;
use crate::{
    Batch, Intent, IntentKind, MarketState, OrderEvent, OrderKind, OrderState, OwnEvent, OwnKind, Quote, Session,
    SessionState, Settlement, SettlementEvent, Side, Signal,
};
use std::fmt::Display;

/// The most own events that one step may cause; beyond it the strategy is considered to loop.
const OWN_MAX: usize = 10_000;

/// A strategy in front of a market that the test controls: orders are accepted or refused, rest, and fill when the best
/// prices cross them; timers fire as time passes. Nothing is random and nothing sleeps.
///
/// Every step returns its outcomes, one line for each intent, fill and refusal. [`Stage::run`] takes a whole script of
/// steps with their expected outcomes.
///
/// ```
/// use polytrader_sdk::harness::{Stage, session};
/// use polytrader_sdk::{Event, Intents, Manifest, OrderKind, Place, Session, Side, Strategy};
///
/// /// Buys five shares of every token that costs less than ten cents.
/// struct Cheap;
///
/// impl Strategy for Cheap {
///     fn describe() -> Manifest {
///         Manifest::new("cheap", "1.0.0", "Buys cheap outcomes.")
///     }
///     fn new(_session: &Session) -> Result<Self, String> {
///         Ok(Self)
///     }
///     fn on_event(&mut self, event: &Event, out: &mut Intents) {
///         let Event::Top(top) = event else { return };
///         let Some(ask) = top.ask.filter(|ask| ask.price < 100_000) else { return };
///         let (side, kind) = (Side::Buy, OrderKind::Fak);
///         let order = Place { token: top.token, side, price: ask.price, size: 5_000_000, kind, until: None };
///         out.place(1, order, "cheap");
///     }
/// }
///
/// Stage::<Cheap>::run(&session(1), "
///     trading on
///     top yes0 0.40 0.44
///     top yes0 0.07 0.09x3 -> buy yes0 5 at 0.09 fak; bought yes0 3 at 0.09
/// ");
/// ```
#[derive(Debug)]
pub struct Stage<S> {
    /// The strategy.
    pub strategy: S,
    venue: Venue,
    session: Session,
    events: u64,
    timers_shown: bool,
    happened: Vec<String>,
}

impl<S: Strategy> Stage<S> {
    /// Starts a strategy with trading off.
    ///
    /// # Errors
    /// Returns the error with which the strategy rejects the session.
    pub fn start(session: &Session) -> Result<Self, String> {
        let (strategy, venue) = (S::new(session)?, Venue::new(session));
        let session = session.clone();
        Ok(Self { strategy, venue, session, events: 0, timers_shown: false, happened: Vec::new() })
    }

    /// Includes timers that are set in the outcomes.
    pub const fn show_timers(&mut self) {
        self.timers_shown = true;
    }

    /// Returns the host's time in microseconds.
    pub const fn now(&self) -> u64 {
        self.venue.now
    }

    /// Returns the shares owned of a token.
    pub fn held(&self, token: u32) -> u64 {
        self.venue.held(token)
    }

    /// Returns the proceeds of sales less the cost of purchases and fees, in micro-dollars.
    pub const fn cash(&self) -> i64 {
        self.venue.cash
    }

    /// Returns how many orders are open.
    pub fn open_orders(&self) -> usize {
        self.venue.orders.len()
    }

    /// Turns trading on or off. Turning it off cancels all orders, as the host does.
    pub fn trading(&mut self, on: bool) -> Vec<String> {
        self.venue.set_trading(on);
        self.own(OwnKind::Session(if on { SessionState::Running } else { SessionState::Stopped }))
    }

    /// Sets the best prices of a token, each a price and a size, 0 for none. Resting orders that they cross are filled.
    pub fn top(&mut self, token: u32, bid: (u32, u64), ask: (u32, u64)) -> Vec<String> {
        self.set_top(token, bid, ask);
        self.show_top(token);
        self.rest()
    }

    /// Sets the best prices of a token and the mirrored ones of the other outcome: the venue has one book for both.
    pub fn book(&mut self, token: u32, bid: (u32, u64), ask: (u32, u64)) -> Vec<String> {
        let mirror = |(price, size)| if price == 0 { (0, 0) } else { (complement(price), size) };
        let other = self.venue.tokens.get(&token).map(|token| token.other);
        // Both are set before either is sent to the strategy.
        let all = [Some((token, bid, ask)), other.map(|other| (other, mirror(ask), mirror(bid)))];
        all.iter().flatten().for_each(|(token, bid, ask)| self.set_top(*token, *bid, *ask));
        all.iter().flatten().for_each(|(token, ..)| self.show_top(*token));
        self.rest()
    }

    /// Sets the levels of a token, best first, each a price and a size. The first of each side become its best prices,
    /// but no `Top` event is sent: a strategy that subscribes to both needs [`Stage::top`] in the script as well.
    pub fn depth(&mut self, token: u32, bids: &[(u32, u64)], asks: &[(u32, u64)]) -> Vec<String> {
        let best = |levels: &[(u32, u64)]| levels.first().copied().unwrap_or_default();
        self.set_top(token, best(bids), best(asks));
        self.venue.cross_resting();
        let levels =
            |levels: &[(u32, u64)]| levels.iter().map(|(price, size)| Quote { price: *price, size: *size }).collect();
        let (venue_time, host_time) = (self.now(), self.now());
        let (bids, asks) = (levels(bids), levels(asks));
        self.market(&Event::Depth(Depth { token, bids, asks, venue_time, host_time }));
        self.rest()
    }

    /// Sends an external signal.
    pub fn signal(&mut self, name: &str, value: &str) -> Vec<String> {
        self.own(OwnKind::Signal(Signal { name: name.to_owned(), value: value.to_owned() }))
    }

    /// Fails the latest fill that has not failed: its shares and its money return to their state before the fill.
    ///
    /// # Errors
    /// If there is no such fill, or the shares that it bought are no longer held.
    pub fn fail_last(&mut self) -> Result<Vec<String>, String> {
        self.venue.fail_last()?;
        Ok(self.rest())
    }

    /// Reports a trade. A selling taker fills the strategy's bids at `price` and above, a buying one its asks at
    /// `price` and below.
    pub fn trade(&mut self, token: u32, side: Side, price: u32, size: u64) -> Vec<String> {
        self.venue.traded(token, side, price, size);
        let (venue_time, host_time) = (self.now(), self.now());
        self.market(&Event::Trade(Trade { token, side, price, size, venue_time, host_time }));
        self.rest()
    }

    /// Sets the state and tick of a token's market.
    pub fn status(&mut self, token: u32, state: MarketState, tick: u32) -> Vec<String> {
        if let Some(token) = self.venue.tokens.get_mut(&token) {
            (token.open, token.tick) = (state == MarketState::Open, tick);
        }
        let (venue_time, host_time) = (self.now(), self.now());
        self.market(&Event::Status(Status { token, state, tick, pays: None, venue_time, host_time }));
        self.rest()
    }

    /// Resolves a market: a share of the token pays `pays` micro-dollars, one of the other outcome the rest of a
    /// dollar.
    pub fn resolve(&mut self, token: u32, pays: u32) -> Vec<String> {
        let other = self.venue.tokens.get(&token).map(|token| token.other);
        for (token, pays) in [Some((token, pays)), other.map(|other| (other, complement(pays)))].into_iter().flatten() {
            let (venue_time, host_time, tick, state) =
                (self.now(), self.now(), self.tick(token), MarketState::Resolved);
            self.venue.resolve(token, pays);
            self.market(&Event::Status(Status { token, state, tick, pays: Some(pays), venue_time, host_time }));
        }
        self.rest()
    }

    /// Advances the clock, in microseconds. Timers that become due fire in order.
    pub fn wait(&mut self, micros: u64) -> Vec<String> {
        let until = self.now().saturating_add(micros);
        loop {
            let due = self.venue.timers.iter().map(|(id, at)| (*at, *id)).min().filter(|(at, _)| *at <= until);
            let Some((at, id)) = due else { break };
            self.venue.timers.remove(&id);
            self.venue.now = self.now().max(at);
            self.venue.renew();
            self.send_own(OwnKind::Timer(id));
            self.answer_all();
        }
        self.venue.now = until;
        self.rest()
    }

    /// Refuses the next placement with this rule.
    pub fn refuse_next(&mut self, rule: &str) {
        self.venue.refuse_next = Some(rule.to_owned());
    }

    /// Sends an own event.
    pub fn own(&mut self, what: OwnKind) -> Vec<String> {
        self.send_own(what);
        self.rest()
    }

    /// Replaces the strategy by a new instance that starts from its saved state, as a hot reload does.
    ///
    /// # Errors
    /// Returns the error with which the new instance rejects the session.
    pub fn reload(&mut self) -> Result<Vec<String>, String> {
        let session = Session {
            now: self.now(),
            positions: self.venue.positions(),
            orders: self.venue.orders.values().copied().collect(),
            restored: Some(self.strategy.save()),
            ..self.session.clone()
        };
        self.strategy = S::new(&session)?;
        Ok(if self.venue.trading { self.own(OwnKind::Session(SessionState::Running)) } else { Vec::new() })
    }

    fn set_top(&mut self, token: u32, bid: (u32, u64), ask: (u32, u64)) {
        let [bid, ask] = [bid, ask].map(|(price, size)| (price > 0).then_some(Quote { price, size }));
        if let Some(known) = self.venue.tokens.get_mut(&token) {
            (known.bid, known.ask) = (bid, ask);
        }
    }

    fn show_top(&mut self, token: u32) {
        // Crossing prices fill resting orders before the strategy sees them.
        self.venue.cross_resting();
        self.send_top(token);
        self.answer_all();
    }

    /// Sends the current best prices of a token.
    fn send_top(&mut self, token: u32) {
        self.venue.taken.remove(&token);
        let (bid, ask) = self.venue.tokens.get(&token).map_or((None, None), |token| (token.bid, token.ask));
        let (venue_time, host_time) = (self.now(), self.now());
        self.market(&Event::Top(Top { token, bid, ask, venue_time, host_time }));
    }

    /// Sends all pending events, and returns the outcomes since the last step.
    fn rest(&mut self) -> Vec<String> {
        self.venue.renew();
        self.answer_all();
        std::mem::take(&mut self.happened)
    }

    #[expect(clippy::panic, reason = "a test whose strategy loops has failed")]
    fn answer_all(&mut self) {
        for _ in 0..OWN_MAX {
            if let Some(what) = self.venue.own_events.pop_front() {
                self.record_outcome(&what);
                self.send_own(what);
            } else if let Some(token) = self.venue.taken.first().copied() {
                self.send_top(token);
            } else {
                return;
            }
        }
        panic!("one step caused {OWN_MAX} events, and the strategy still reacts to them");
    }

    fn market(&mut self, event: &Event) {
        let mut words = Vec::new();
        pack(event, &mut words);
        self.batch(words, Vec::new());
    }

    fn send_own(&mut self, what: OwnKind) {
        let own = OwnEvent { after: 0, at: self.now(), what };
        self.batch(Vec::new(), vec![own]);
    }

    fn batch(&mut self, words: Vec<u64>, own: Vec<OwnEvent>) {
        self.events = self.events.saturating_add(1);
        let reaction = react(&mut self.strategy, &Batch { first: self.events, words, own });
        assert_eq!(reaction.consumed, 1, "one event was sent");
        for intent in &reaction.intents {
            if self.timers_shown || !matches!(intent.what, IntentKind::SetTimer(_)) {
                self.happened.push(self.show(intent));
            }
            self.venue.act(intent);
        }
    }

    /// Records the market's actions among the outcomes: fills, failed fills and refusals.
    fn record_outcome(&mut self, what: &OwnKind) {
        match what {
            OwnKind::Fill(fill) => {
                let did = if fill.side == Side::Buy { "bought" } else { "sold" };
                let (size, price) = (shares(fill.size), price(fill.price));
                self.happened.push(format!("{did} {} {size} at {price}", self.name(fill.token)));
            }
            OwnKind::Settlement(SettlementEvent {
                state: Settlement::Failed, token, side, price: at, size, ..
            }) => {
                let did = if *side == Side::Buy { "bought" } else { "sold" };
                self.happened.push(format!("{did} {} {} at {} failed", self.name(*token), shares(*size), price(*at)));
            }
            OwnKind::Refused(refused) => self.happened.push(format!("refused {}", refused.rule)),
            OwnKind::Order(OrderEvent { state: OrderState::Refused, .. }) => {
                self.happened.push("refused by the venue".to_owned());
            }
            _ => {}
        }
    }

    fn show(&self, intent: &Intent) -> String {
        match &intent.what {
            IntentKind::Place(place) => {
                let side = side_word(place.side);
                let kind = kind_word(place.kind);
                let (token, size, price) = (self.name(place.token), shares(place.size), price(place.price));
                format!("{side} {token} {size} at {price} {kind}")
            }
            IntentKind::Cancel(order) => format!("cancel {order}"),
            IntentKind::CancelAll(None) => "cancel all".to_owned(),
            IntentKind::CancelAll(Some(token)) => format!("cancel all {}", self.name(*token)),
            IntentKind::Quote(quote) => {
                let leg = |leg: Option<Quote>| {
                    leg.map_or("-".to_owned(), |leg| format!("{}x{}", price(leg.price), shares(leg.size)))
                };
                format!("quote {} {} {}", self.name(quote.token), leg(quote.bid), leg(quote.ask))
            }
            IntentKind::SetTimer(timer) if timer.at == 0 => format!("timer {} off", timer.id),
            IntentKind::SetTimer(timer) => {
                let wait = i64::try_from(timer.at.saturating_sub(self.now())).unwrap_or(i64::MAX);
                format!("timer {} in {}s", timer.id, decimal(wait))
            }
        }
    }

    /// Returns a token's name, such as `yes0` or `no3`.
    fn name(&self, handle: u32) -> String {
        let markets = self.session.markets.iter().enumerate();
        let named = markets.flat_map(|(n, market)| [(market.yes.handle, "yes", n), (market.no.handle, "no", n)]);
        named
            .into_iter()
            .find(|(token, ..)| *token == handle)
            .map_or_else(|| format!("token {handle}"), |(_, side, n)| format!("{side}{n}"))
    }

    /// Returns the handle of a token by its name, such as `yes0` or `no3`.
    pub(super) fn handle(&self, name: &str) -> Option<u32> {
        let tokens = self.session.markets.iter().flat_map(|market| [market.yes.handle, market.no.handle]);
        tokens.into_iter().find(|handle| self.name(*handle) == name)
    }

    /// Returns the tick of a token.
    pub(super) fn tick(&self, token: u32) -> u32 {
        self.venue.tokens.get(&token).map_or(0, |token| token.tick)
    }
}

pub(super) const fn side_word(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

const fn kind_word(kind: OrderKind) -> &'static str {
    match kind {
        OrderKind::Gtc => "gtc",
        OrderKind::GtcPostOnly => "post-only",
        OrderKind::Fak => "fak",
        OrderKind::Fok => "fok",
    }
}

fn shares(size: u64) -> impl Display {
    decimal(i64::try_from(size).unwrap_or(i64::MAX))
}

fn price(price: u32) -> impl Display {
    decimal(price.into())
}

/// The size at a best price unless the script gives one.
pub(super) const SIZE: u64 = PLENTY;
