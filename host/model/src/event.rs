//! Events for strategies: market events, which may be conflated, and the strategy's own events, which never are.

use crate::amount::{Price, Side, Size, TickSize, Usd};
use crate::book::Level;
use crate::book_pair::BookView;
use crate::id::{OrderId, TokenIx, TradeId};
use crate::order::OrderState;
use crate::settlement::Settlement;
use crate::time::Time;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// One venue message about one token.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MarketEvent {
    /// The token it is about.
    pub token: TokenIx,
    /// The venue's time.
    pub venue_time: Time,
    /// The content.
    pub kind: MarketEventKind,
}

/// The content of a market event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum MarketEventKind {
    /// A whole book, which replaces the one known.
    Book {
        /// Bids in any order.
        bids: Vec<Level>,
        /// Asks in any order.
        asks: Vec<Level>,
    },
    /// The total size at one price is now this; zero removes the level.
    Level {
        /// BUY is the bid side.
        side: Side,
        /// The level's price.
        price: Price,
        /// The new total.
        size: Size,
    },
    /// A match.
    Trade {
        /// The taker's side.
        side: Side,
        /// The price.
        price: Price,
        /// The shares.
        size: Size,
    },
    /// The grid of prices became finer.
    TickSize {
        /// The new grid.
        tick: TickSize,
    },
    /// The outcome is known; trading has ended.
    Resolved {
        /// Payout per share of this token: a dollar, nothing, or half a dollar where the outcome is undecided (PROTOCOL
        /// 14).
        pays: Usd,
    },
    /// The venue sent a message about the token that could not be parsed, so its book cannot be trusted.
    Unread {
        /// True if the message was about the price grid: the book stays untrusted until a grid message was parsed.
        grid: bool,
    },
}

impl MarketEvent {
    /// Returns the change of a level, if the event is one.
    #[inline]
    pub const fn level(&self) -> Option<LevelChange> {
        let MarketEventKind::Level { side, price, size } = self.kind else { return None };
        Some(LevelChange { token: self.token, venue_time: self.venue_time, side, price, size, both: false })
    }
}

/// A change of a level of a book: the most frequent event by far, apart from [`MarketEvent`] so that it stays small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LevelChange {
    /// The token.
    pub token: TokenIx,
    /// The venue's time.
    pub venue_time: Time,
    /// The side of the book.
    pub side: Side,
    /// The price.
    pub price: Price,
    /// The new total size; zero if the level is empty.
    pub size: Size,
    /// True if the venue sent the mirrored change for the market's other token with it.
    pub both: bool,
}

impl LevelChange {
    /// Returns the change as an event of its token.
    pub const fn event(&self) -> MarketEvent {
        let kind = MarketEventKind::Level { side: self.side, price: self.price, size: self.size };
        MarketEvent { token: self.token, venue_time: self.venue_time, kind }
    }

    /// Returns the change of the other token, if the venue sent it.
    #[inline]
    pub fn mirror(&self) -> Option<Self> {
        let (side, price) = (self.side.opposite(), self.price.complement());
        self.both.then(|| Self { token: self.token.complement(), side, price, ..*self })
    }
}

/// An event for one strategy only. These events are never dropped.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum OwnEvent {
    /// An order changed its state.
    Order {
        /// The order's number.
        order: OrderId,
        /// The tag of the intent that made it.
        tag: u64,
        /// The token.
        token: TokenIx,
        /// Its side.
        side: Side,
        /// Its limit.
        price: Price,
        /// Its size.
        size: Size,
        /// Shares matched so far.
        filled: Size,
        /// The state now.
        state: OrderState,
    },
    /// Shares were matched.
    Fill {
        /// The order.
        order: OrderId,
        /// The tag of the intent that made it.
        tag: u64,
        /// The token.
        token: TokenIx,
        /// The order's side.
        side: Side,
        /// The price paid or received.
        price: Price,
        /// The shares.
        size: Size,
        /// The fee charged by the venue.
        fee: Usd,
        /// The trade.
        trade: TradeId,
        /// The trade's part.
        part: u32,
    },
    /// A match that was reported as a fill has settled further, or has failed.
    Settlement {
        /// The order.
        order: OrderId,
        /// The tag of the intent that made it.
        tag: u64,
        /// The token.
        token: TokenIx,
        /// The order's side.
        side: Side,
        /// The price paid or received.
        price: Price,
        /// The shares.
        size: Size,
        /// The trade.
        trade: TradeId,
        /// The trade's part.
        part: u32,
        /// Its settlement state.
        settlement: Settlement,
    },
    /// An intent was refused by the host.
    Refused {
        /// The intent's tag.
        tag: u64,
        /// The rule, in lower case with underscores.
        rule: &'static str,
        /// The value of the intent, in the rule's unit.
        value: i64,
        /// The limit, in the rule's unit.
        limit: i64,
    },
    /// The strategy's own position has changed.
    Position {
        /// The token.
        token: TokenIx,
        /// Shares owned by this strategy.
        size: Size,
        /// Their cost, before fees.
        cost: Usd,
    },
    /// A timer that the strategy set is due.
    Timer {
        /// The timer's number, chosen by the strategy.
        timer: u32,
    },
    /// The set of actions that intents may lead to has changed.
    Session {
        /// The new state.
        state: SessionState,
    },
    /// An operator changed the strategy's parameters.
    Parameters {
        /// All of them, as JSON.
        text: String,
    },
    /// A signal from an external system.
    Signal(Signal),
    /// Market events were lost because the strategy lagged.
    Dropped {
        /// Number of lost events.
        count: u64,
    },
}

/// The actions that a strategy's intents may lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum SessionState {
    /// Orders of every kind.
    Running,
    /// Orders that only sell owned shares, and cancels.
    ReduceOnly,
    /// Cancels only.
    CancelOnly,
    /// Cancels only; guards stay active.
    Paused,
    /// Cancels only; the bot does not trade.
    Stopped,
}

/// A signal from an external system to one strategy.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Signal {
    /// Its name; cut at [`SIGNAL_NAME_MAX`] bytes.
    pub name: String,
    /// Its value; cut at [`SIGNAL_VALUE_MAX`] bytes.
    pub value: String,
}

/// The most bytes of a signal's name.
pub const SIGNAL_NAME_MAX: usize = 64;
/// The most bytes of a signal's value.
pub const SIGNAL_VALUE_MAX: usize = 16 * 1024;

/// Text from a strategy or the venue that is recorded with a decision; cut at [`REASON_MAX`] bytes.
pub type Reason = String;

/// The most bytes of a reason that are recorded.
pub const REASON_MAX: usize = 200;

/// A market event as delivered to a strategy. The engine creates it and the sandbox packs it into words.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MarketNote {
    /// The token it is about.
    pub token: TokenIx,
    /// The venue's time.
    pub venue_time: Time,
    /// Time of receipt by the host.
    pub host_time: Time,
    /// The content.
    pub kind: NoteKind,
}

/// The content of a [`MarketNote`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum NoteKind {
    /// The new top of the book. A later top of the same token replaces an earlier one that was not delivered yet.
    Top {
        /// The best bid.
        bid: Option<Level>,
        /// The best ask.
        ask: Option<Level>,
    },
    /// A trade.
    Trade {
        /// The taker's side.
        side: Side,
        /// The price.
        price: Price,
        /// The shares.
        size: Size,
    },
    /// The market's price grid or state changed.
    Status {
        /// The current price grid.
        tick: TickSize,
        /// The market's state.
        state: MarketState,
        /// Payout per share of the token, once it is known.
        pays: Option<Usd>,
    },
    /// The new best levels of both sides. Conflated like tops.
    Depth(Depth),
}

/// The best levels of a book. Cheap to clone: strategies that subscribe to the same depth share one copy.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Depth {
    levels: Arc<[Level]>,
    bids: usize,
}

impl Depth {
    /// Takes at most `levels` of each side of a book.
    pub fn of<'a>(book: impl Into<BookView<'a>>, levels: u8) -> Self {
        let (book, most) = (book.into(), usize::from(levels));
        let [bids, asks] = [Side::Buy, Side::Sell].map(|side| book.levels(side).take(most));
        let count = bids.len();
        Self { levels: bids.chain(asks).collect(), bids: count }
    }

    /// Returns the bids and the asks, best first.
    pub fn sides(&self) -> (&[Level], &[Level]) {
        self.levels.split_at_checked(self.bids).unwrap_or((&self.levels, &[]))
    }
}

/// The tradability of a market.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum MarketState {
    /// The book is fresh.
    Open,
    /// The book has no proof of life, or no snapshot yet.
    Blind,
    /// The outcome is known.
    Resolved,
    /// The book is fresh, but an operator or a breaker allows no new risk there.
    Paused,
}
