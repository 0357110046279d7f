//! Native test harness: runs a strategy in `#[test]` as the host does, with events encoded in the contract's packed
//! words.

mod file;
mod script;
mod stage;
mod venue;

pub use file::assert_parameters_file;
pub use stage::Stage;

use crate::bindings::polytrader::strategy::types::{
    Batch, Budget, Intent, Limits, Market, OwnEvent, OwnKind, Position, Quote, RefusedEvent, Session, SessionState,
    SetQuote, Token,
};
use crate::event::{Depth, Event, Top, pack};
use crate::runner::{Strategy, react};
use crate::units::{SECOND, SHARE};
use crate::{IntentKind, MarketState, Side, Status, Trade};

/// The start time of test sessions, in 2025.
pub const START: u64 = 1_750_000_000 * SECOND;

/// Returns a session with `markets` markets at a tick of one cent, default limits and no parameters.
///
/// Market `n`, counted from 0, has the tokens `2n` (Yes) and `2n + 1` (No). The smallest order is 5 shares.
pub fn session(markets: u32) -> Session {
    let token = |handle: u32, outcome: &str| Token { handle, outcome: outcome.into() };
    let market = |n: u32| Market {
        condition: format!("{n:#066x}"),
        slug: format!("market-{n}"),
        question: format!("Will test {n} pass?"),
        yes: token(n.saturating_mul(2), "Yes"),
        no: token(n.saturating_mul(2).saturating_add(1), "No"),
        tick: 10_000,
        min_size: SHARE.saturating_mul(5),
        fee_rate: 0,
        end: 0,
        event: None,
        neg_risk: false,
    };
    let budget = Budget { capital: 1_000_000_000, max_loss: 20_000_000, max_orders_per_minute: 300 };
    Session {
        now: START,
        parameters: "{}".into(),
        markets: (0..markets).map(market).collect(),
        positions: Vec::new(),
        orders: Vec::new(),
        limits: Limits { max_order: 100_000_000, max_market: 100_000_000, max_open_orders: 100, budget },
        restored: None,
    }
}

/// A strategy under test, with a clock that advances only in [`Harness::wait`].
///
/// ```
/// use polytrader_sdk::{Event, Intents, Manifest, Session, Strategy, harness::{self, Harness}};
///
/// /// Bids at the best bid, for one share.
/// struct Joiner;
///
/// impl Strategy for Joiner {
///     fn describe() -> Manifest {
///         Manifest::new("joiner", "1.0.0", "Joins the best bid.")
///     }
///     fn new(_session: &Session) -> Result<Self, String> {
///         Ok(Self)
///     }
///     fn on_event(&mut self, event: &Event, out: &mut Intents) {
///         if let Event::Top(top) = event {
///             out.quote(1, top.token, top.bid, None, "join the best bid");
///         }
///     }
/// }
///
/// let mut joiner = Harness::<Joiner>::start(&harness::session(1)).unwrap();
/// let intents = joiner.top(0, 400_000, 440_000);
/// assert_eq!(harness::quote_of(&intents, 0).unwrap().bid.unwrap().price, 400_000);
/// ```
#[derive(Debug)]
pub struct Harness<S> {
    /// The strategy.
    pub strategy: S,
    now: u64,
    events: u64,
}

impl<S: Strategy> Harness<S> {
    /// Starts a strategy.
    ///
    /// # Errors
    /// Returns the error with which the strategy rejects the session.
    pub fn start(session: &Session) -> Result<Self, String> {
        Ok(Self { strategy: S::new(session)?, now: session.now, events: 0 })
    }

    /// Returns the host's time in microseconds.
    pub const fn now(&self) -> u64 {
        self.now
    }

    /// Advances the clock, in microseconds.
    pub const fn wait(&mut self, micros: u64) {
        self.now = self.now.saturating_add(micros);
    }

    /// Sends a best bid and ask of 1,000 shares each; a price of 0 means none.
    pub fn top(&mut self, token: u32, bid: u32, ask: u32) -> Vec<Intent> {
        self.top_sized(token, (bid, SHARE.saturating_mul(1_000)), (ask, SHARE.saturating_mul(1_000)))
    }

    /// Sends a best bid and ask, each a price and a size; a price of 0 means none.
    pub fn top_sized(&mut self, token: u32, bid: (u32, u64), ask: (u32, u64)) -> Vec<Intent> {
        let [bid, ask] = [bid, ask].map(|(price, size)| (price > 0).then_some(Quote { price, size }));
        let (venue_time, host_time) = (self.now, self.now);
        self.market(&Event::Top(Top { token, bid, ask, venue_time, host_time }))
    }

    /// Sends levels of both sides, each a price and a size, best first.
    pub fn depth(&mut self, token: u32, bids: &[(u32, u64)], asks: &[(u32, u64)]) -> Vec<Intent> {
        let side =
            |side: &[(u32, u64)]| side.iter().map(|(price, size)| Quote { price: *price, size: *size }).collect();
        let (venue_time, host_time) = (self.now, self.now);
        self.market(&Event::Depth(Depth { token, bids: side(bids), asks: side(asks), venue_time, host_time }))
    }

    /// Sends a trade.
    pub fn trade(&mut self, token: u32, side: Side, price: u32, size: u64) -> Vec<Intent> {
        let (venue_time, host_time) = (self.now, self.now);
        self.market(&Event::Trade(Trade { token, side, price, size, venue_time, host_time }))
    }

    /// Sends a market's state.
    pub fn status(&mut self, token: u32, state: MarketState, tick: u32) -> Vec<Intent> {
        let (venue_time, host_time) = (self.now, self.now);
        self.market(&Event::Status(Status { token, state, tick, pays: None, venue_time, host_time }))
    }

    /// Resolves a market: a share of the token pays `pays` micro-dollars.
    pub fn resolve(&mut self, token: u32, pays: u32) -> Vec<Intent> {
        let (venue_time, host_time, state, pays) = (self.now, self.now, MarketState::Resolved, Some(pays));
        self.market(&Event::Status(Status { token, state, tick: 10_000, pays, venue_time, host_time }))
    }

    /// Turns trading on or off, that is, whether intents can lead to orders.
    pub fn trading(&mut self, on: bool) -> Vec<Intent> {
        self.session(if on { SessionState::Running } else { SessionState::Stopped })
    }

    /// Sends a session state.
    pub fn session(&mut self, state: SessionState) -> Vec<Intent> {
        self.own(OwnKind::Session(state))
    }

    /// Sends the strategy's position in a token.
    pub fn position(&mut self, token: u32, size: u64) -> Vec<Intent> {
        self.own(OwnKind::Position(Position { token, size, cost: 0 }))
    }

    /// Sends a refusal of the intent with this tag.
    pub fn refuse(&mut self, tag: u64, rule: &str) -> Vec<Intent> {
        self.own(OwnKind::Refused(RefusedEvent { tag, rule: rule.into(), value: 1, limit: 0 }))
    }

    /// Sends an own event.
    pub fn own(&mut self, what: OwnKind) -> Vec<Intent> {
        let own = OwnEvent { after: 0, at: self.now, what };
        self.batch(Vec::new(), vec![own])
    }

    fn market(&mut self, event: &Event) -> Vec<Intent> {
        let mut words = Vec::new();
        pack(event, &mut words);
        self.batch(words, Vec::new())
    }

    fn batch(&mut self, words: Vec<u64>, own: Vec<OwnEvent>) -> Vec<Intent> {
        let reaction = react(&mut self.strategy, &Batch { first: self.events, words, own });
        assert_eq!(reaction.consumed, 1, "one event was sent");
        self.events = self.events.saturating_add(1);
        reaction.intents
    }
}

/// Returns the last quote that the intents set on a token.
pub fn quote_of(intents: &[Intent], token: u32) -> Option<SetQuote> {
    intents.iter().rev().find_map(|intent| match intent.what {
        IntentKind::Quote(quote) if quote.token == token => Some(quote),
        _ => None,
    })
}
