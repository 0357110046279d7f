//! Everything that can reach the engine. Nothing unrepeatable enters it otherwise, and each input is journaled before it
//! acts, so a journal replays to the same decisions.

mod strategy;

pub use strategy::{Blob, StrategyChange};

use crate::activity::Activity;
use crate::amount::{Price, Side, Size, Usd};
use crate::assignment::Assignment;
pub use crate::breaker::{Breaker, Restriction, Scope};
use crate::carry::{Carry, RealisedBefore};
use crate::event::{MarketEvent, Reason};
use crate::id::{OrderId, Seq, SessionId, StrategyId, TokenIx, TradeId, VenueOrderId};
use crate::intent::Intent;
use crate::limits::Limits;
use crate::market::Market;
pub use crate::settlement::Settlement;
use crate::time::Time;
use crate::transfer::Transfer;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// One input with its place in the journal and the host's time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// The place in the journal; rises by one.
    pub seq: Seq,
    /// The host's clock when it arrived; the engine knows no other. Never falls.
    pub at: Time,
    /// What arrived.
    pub body: Body,
}

/// The kinds of inputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// A session begins; the first input of every journal.
    Session(SessionStart),
    /// The limits are replaced.
    Limits(Limits),
    /// A market is added to the table; its place is the number of markets before it.
    Market(Market),
    /// What the account's last session left; comes after the markets and before all else.
    TakeOver(Box<Carry>),
    /// The venue said something about a token.
    Event(MarketEvent),
    /// A connection to the venue came up or was lost.
    Feed {
        /// Which channel.
        channel: Channel,
        /// Whether it is up, subscribed and, for the user channel, caught up by REST.
        up: bool,
    },
    /// A frame or a PONG-proof witness showed that the venue still stands behind a token's book.
    Alive {
        /// The token.
        token: TokenIx,
    },
    /// Time passed; sent several times a second.
    Tick,
    /// A strategy came, changed or went.
    Strategy(StrategyChange),
    /// A strategy answered a batch.
    Intents(StrategyAnswer),
    /// What came of a placement.
    Placed {
        /// The order.
        order: OrderId,
        /// What is known.
        outcome: PlaceOutcome,
    },
    /// What came of a cancel.
    CancelAnswer {
        /// The order.
        order: OrderId,
        /// What is known.
        outcome: CancelOutcome,
    },
    /// The venue told an order's state, by the user channel or by REST.
    OrderUpdate {
        /// The order.
        order: OrderId,
        /// The state at the venue.
        status: VenueStatus,
        /// Shares matched in total, as far as the venue counts.
        matched: Size,
    },
    /// The venue told of a trade of one of our orders; sent again as it settles.
    Trade(TradeUpdate),
    /// The venue was asked for an order of unknown outcome.
    Looked {
        /// The order.
        order: OrderId,
        /// Whether order by id, open orders and trades all deny it.
        denied: bool,
        /// When the question left. An answer may wait for long before it is heard, and then proves nothing about now.
        asked: Time,
    },
    /// An operator's word.
    Command(Command),
    /// Requests to the venue since the last such input.
    Requests {
        /// Those that were answered properly, refusals included.
        ok: u32,
        /// Those that failed: transport, 5xx, 429, authentication.
        failed: u32,
    },
    /// Money or shares moved without a trade.
    Transfer(Transfer),
    /// What the venue takes at all has changed.
    Venue {
        /// What it takes now.
        state: VenueState,
    },
    /// Whether the venue takes our heartbeats; without them it cancels everything.
    Heartbeat {
        /// Whether it took one lately.
        alive: bool,
    },
    /// An order of the account that none of ours is: somebody placed it by hand.
    Adopt(HandOrder),
    /// How far the venue's clock is ahead of ours (behind, if negative), in microseconds.
    Skew {
        /// The distance.
        micros: i64,
    },
    /// The venue's own account, read by REST.
    Account(AccountView),
    /// Something in the host failed and trading must stop until a restart.
    HostFault {
        /// What failed.
        fault: HostFault,
    },
    /// The venue's records tell that money or shares moved. Nothing is booked by that alone: it may explain how the account differs.
    Activity(Activity),
    /// The keys of the activities that earlier sessions have done with, oldest first; comes after the take-over.
    KnownActivities(Vec<[u8; 32]>),
    /// An operator gives shares from one strategy to another.
    Assign(Assignment),
    /// What earlier sessions realised on markets that are not carried any more; comes before the take-over.
    RealisedBefore(RealisedBefore),
}

/// What a session starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionStart {
    /// Its name.
    pub session: SessionId,
    /// How it trades.
    pub mode: Mode,
    /// Free money on the account.
    pub cash: Usd,
    /// The valuation from which today's loss counts, with its UTC day; the engine takes the opening valuation if none.
    pub day_start: Option<(u64, Usd)>,
    /// The limits.
    pub limits: Limits,
    /// Seeds the orders' salts.
    pub salt_seed: u64,
    /// The restriction that outlived the last run: an emergency stop that nobody released.
    pub halted: bool,
}

/// How a session trades.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Mode {
    /// A local exchange and play money.
    Demo,
    /// The real feed, invented fills.
    Paper,
    /// Real money.
    Live,
    /// Recorded events.
    Backtest,
    /// A journal, again.
    Replay,
}

impl Mode {
    /// Returns the lower-case word of the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Demo => "demo",
            Self::Paper => "paper",
            Self::Live => "live",
            Self::Backtest => "backtest",
            Self::Replay => "replay",
        }
    }
}

/// The venue's two streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// Books and trades of everybody.
    Market,
    /// Our orders and trades.
    User,
}

/// An order that somebody placed by hand on the same account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandOrder {
    /// The venue's id.
    pub venue: VenueOrderId,
    /// The token.
    pub token: TokenIx,
    /// Buy or sell.
    pub side: Side,
    /// The limit.
    pub price: Price,
    /// Shares asked for.
    pub size: Size,
    /// Shares whose trades are in our books already.
    pub counted: Size,
}

/// What the venue takes (PROTOCOL 9: trading modes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub enum VenueState {
    /// Everything.
    #[default]
    Open,
    /// Only orders that rest: the minutes after a restart.
    PostOnly,
    /// Only cancels.
    CancelOnly,
    /// Nothing: its matching engine restarts.
    Restarting,
}

/// A strategy's answer to one batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StrategyAnswer {
    /// Who.
    pub strategy: StrategyId,
    /// Which instance of it; answers of an older one are ignored.
    pub instance: u32,
    /// The number of the batch's first event.
    pub first: u64,
    /// Events in the batch.
    pub count: u32,
    /// How many of them it heard.
    pub consumed: u32,
    /// Fuel that the call used.
    pub fuel: u64,
    /// Why the call failed, if it did; there are no intents then.
    pub fault: Option<Reason>,
    /// What it wants.
    pub intents: Vec<Intent>,
    /// The numbers of what it was told since its start and never shown, since its last answer: what was conflated or dropped because it
    /// lags. For running it again.
    pub lost: Vec<u64>,
}

impl StrategyAnswer {
    /// Returns what a strategy's first instance answers to one event with these intents.
    pub fn to_one(strategy: StrategyId, intents: Vec<Intent>) -> Self {
        let (instance, first, count, consumed, fuel, fault, lost) = (1, 1, 1, 1, 1, None, Vec::new());
        Self { strategy, instance, first, count, consumed, fuel, fault, intents, lost }
    }
}

/// What is known of a placement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlaceOutcome {
    /// It rests.
    Live,
    /// It matched at once, wholly or partly; a resting kind may rest with what is left.
    Matched {
        /// Shares matched, as the answer says; zero if it does not say.
        matched: Size,
    },
    /// The venue accepted it into a delay; what came of it follows on the user channel.
    Delayed,
    /// The venue said no; nothing is there.
    Refused {
        /// The venue's words.
        reason: Reason,
    },
    /// It never left this machine.
    NotSent {
        /// Why.
        reason: Reason,
    },
    /// It may be there.
    Unknown {
        /// Why we do not know.
        reason: Reason,
    },
}

/// What is known of a cancel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CancelOutcome {
    /// It is cancelled.
    Cancelled,
    /// The venue says that there is nothing to cancel any more: matched or cancelled before.
    NotOpen,
    /// The answer was lost or an error; ask again.
    Failed {
        /// Why.
        reason: Reason,
    },
    // Outcomes are only ever added at the end: the place is written in journals.
    /// It is cancelled, although nothing asked for it: the host cancelled more than was named.
    Swept {
        /// Why the host did.
        reason: Reason,
    },
}

/// An order's state at the venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VenueStatus {
    /// On the book, perhaps partly filled.
    Live,
    /// Wholly matched.
    Matched,
    /// Cancelled by us, by the venue or by time.
    Cancelled,
    /// Refused after all.
    Invalid,
}

/// A trade of one of our orders. The key is (trade, order): one trade can fill several of our orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TradeUpdate {
    /// The trade.
    pub trade: TradeId,
    /// Which of the trade's parts: a taker's trade lists one part for each maker order it met.
    pub part: u32,
    /// Our order.
    pub order: OrderId,
    /// How far it has settled.
    pub settlement: Settlement,
    /// The resting order's price, on the resting order's own token.
    pub maker_price: Price,
    /// The shares of this part.
    pub size: Size,
    /// Whether our order was the resting one (and pays no fee).
    pub maker: bool,
    /// Whether the other order was on the complementary token (mint or merge).
    pub crossed: bool,
}

impl TradeUpdate {
    /// Returns the price that our order traded at, on its own token.
    pub const fn price(&self) -> Price {
        if self.crossed && !self.maker { self.maker_price.complement() } else { self.maker_price }
    }

    /// Returns the money that changed hands for our order, fees apart. Same token: the maker's price, rounded down.
    /// Complement: the taker pays (or gets) a dollar a share less what the maker does, so the two sum to a whole set.
    pub fn cost(&self) -> Option<Usd> {
        let maker_cost = self.maker_price.cost_floor(self.size)?;
        if self.crossed && !self.maker { self.size.face_value()?.checked_sub(maker_cost) } else { Some(maker_cost) }
    }
}

/// An operator's word. Who said it stands in the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// STOPPED or PAUSED to RUNNING.
    Start,
    /// To STOPPED: clears targets and cancels all our orders.
    Stop,
    /// RUNNING to PAUSED: as stop, but guards go on.
    Pause,
    /// PAUSED to RUNNING.
    Resume,
    /// Halts the session, cancels everything on the account; only a release ends it.
    EmergencyStop {
        /// Why.
        reason: Reason,
    },
    /// Ends an emergency stop; the bot is STOPPED then.
    Release {
        /// Why.
        reason: Reason,
    },
    /// Cancels one order.
    Cancel {
        /// Which.
        order: OrderId,
    },
    /// Cancels all our orders and clears all targets.
    CancelAll,
    /// Closes a position: cancels what its owners have in that market, then sells as the guards do.
    Close {
        /// The token.
        token: TokenIx,
    },
    /// Restricts a scope until it is set to something else.
    Restrict {
        /// What.
        scope: Scope,
        /// How far.
        restriction: Restriction,
    },
    /// Closes a breaker, unless its cause still stands.
    ResetBreaker {
        /// Which.
        breaker: Breaker,
    },
}

/// The venue's account as REST shows it, in the venue's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountView {
    /// Cash.
    pub cash: Usd,
    /// Shares by token, zeros left out.
    pub shares: Vec<(TokenIx, Size)>,
}

/// What can fail in the host around the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostFault {
    /// The journal cannot be written or synced.
    Journal,
    /// Account events did not fit their queue.
    AccountOverflow,
    /// A task ended that must not.
    TaskEnded,
}
