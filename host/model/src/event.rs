//! What strategies hear: market events, which may be conflated, and their own events, which never are.

use crate::amount::{Price, Side, Size, TickSize, Usd};
use crate::book::{Book, Level};
use crate::id::{OrderId, TokenIx, TradeId};
use crate::order::OrderState;
use crate::settlement::Settlement;
use crate::time::Time;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// One message of the venue about one token.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MarketEvent {
    /// The token it is about.
    pub token: TokenIx,
    /// The venue's time.
    pub venue_time: Time,
    /// What happened.
    pub kind: MarketEventKind,
}

/// What happened to a token's market.
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
    /// The outcome is known; nothing trades any more.
    Resolved {
        /// What a share of this token pays: a dollar, nothing, or half a dollar where the outcome is undecided (PROTOCOL 14).
        pays: Usd,
    },
    /// Something was said of the token that is not understood, so its book cannot be trusted.
    Unread {
        /// Whether it was about the grid of prices: no book is trusted before the grid is said in a way that is understood.
        grid: bool,
    },
}

/// Something that concerns one strategy alone. These never drop.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum OwnEvent {
    /// An order changed its state.
    Order {
        /// Our number of it.
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
        /// The price paid or got.
        price: Price,
        /// The shares.
        size: Size,
        /// What the venue charged.
        fee: Usd,
        /// The trade.
        trade: TradeId,
        /// The trade's part.
        part: u32,
    },
    /// A match that was told as a fill has settled further, or has failed.
    Settlement {
        /// The order.
        order: OrderId,
        /// The tag of the intent that made it.
        tag: u64,
        /// The token.
        token: TokenIx,
        /// The order's side.
        side: Side,
        /// The price paid or got.
        price: Price,
        /// The shares.
        size: Size,
        /// The trade.
        trade: TradeId,
        /// The trade's part.
        part: u32,
        /// How far it is.
        settlement: Settlement,
    },
    /// An intent was refused by the host.
    Refused {
        /// The intent's tag.
        tag: u64,
        /// The rule, in lower-case words with underscores.
        rule: &'static str,
        /// What the intent came to, in the rule's unit.
        value: i64,
        /// What is allowed, in the rule's unit.
        limit: i64,
    },
    /// The strategy's own position is now this.
    Position {
        /// The token.
        token: TokenIx,
        /// Shares owned through this strategy.
        size: Size,
        /// What they cost, fees apart.
        cost: Usd,
    },
    /// A timer that the strategy set is due.
    Timer {
        /// The number that it gave.
        timer: u32,
    },
    /// What intents can lead to has changed.
    Session {
        /// What they can lead to now.
        state: SessionState,
    },
    /// An operator changed the parameters.
    Parameters {
        /// All of them, as JSON.
        text: String,
    },
    /// Word from outside.
    Signal(Signal),
    /// Market events were lost because the strategy lagged.
    Dropped {
        /// How many.
        count: u64,
    },
}

/// What a strategy's intents can lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum SessionState {
    /// To orders.
    Running,
    /// To orders that only sell what is owned.
    ReduceOnly,
    /// To cancels.
    CancelOnly,
    /// To cancels; guards go on.
    Paused,
    /// To cancels; the bot does not trade.
    Stopped,
}

/// Word from outside for one strategy.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Signal {
    /// What it is about; cut at [`SIGNAL_NAME_MAX`] bytes.
    pub name: String,
    /// What it says; cut at [`SIGNAL_VALUE_MAX`] bytes.
    pub value: String,
}

/// The most bytes of a signal's name.
pub const SIGNAL_NAME_MAX: usize = 64;
/// The most bytes of a signal's value.
pub const SIGNAL_VALUE_MAX: usize = 16 * 1024;

/// Text from a strategy or the venue that is kept with a verdict; cut at [`REASON_MAX`] bytes.
pub type Reason = String;

/// The most bytes of a reason that are kept.
pub const REASON_MAX: usize = 200;

/// A market event as a strategy hears it; the engine makes it, the sandbox packs it into words.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MarketNote {
    /// The token it is about.
    pub token: TokenIx,
    /// The venue's time.
    pub venue_time: Time,
    /// When the host received it.
    pub host_time: Time,
    /// What it says.
    pub kind: NoteKind,
}

/// What a [`MarketNote`] says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum NoteKind {
    /// The top of the book is now this. A later top of the same token replaces an earlier one that was not heard yet.
    Top {
        /// The best bid.
        bid: Option<Level>,
        /// The best ask.
        ask: Option<Level>,
    },
    /// Somebody traded.
    Trade {
        /// The taker's side.
        side: Side,
        /// The price.
        price: Price,
        /// The shares.
        size: Size,
    },
    /// The market's grid or state changed.
    Status {
        /// The grid now.
        tick: TickSize,
        /// Whether orders are taken.
        state: MarketState,
        /// What a share of the token pays, once that is known.
        pays: Option<Usd>,
    },
    /// The best levels of both sides are now these. Conflated as tops are.
    Depth(Depth),
}

/// The best levels of a book. Cheap to clone: strategies that want equally many share one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Depth {
    levels: Arc<[Level]>,
    bids: usize,
}

impl Depth {
    /// Takes at most `levels` of each side of a book.
    pub fn of(book: &Book, levels: u8) -> Self {
        let most = usize::from(levels);
        let [bids, asks] = [Side::Buy, Side::Sell].map(|side| book.levels(side).take(most).copied());
        let count = bids.len();
        Self { levels: bids.chain(asks).collect(), bids: count }
    }

    /// Returns the bids and the asks, each from its best.
    pub fn sides(&self) -> (&[Level], &[Level]) {
        self.levels.split_at_checked(self.bids).unwrap_or((&self.levels, &[]))
    }
}

/// Whether a market can be traded.
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
