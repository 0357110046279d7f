//! All inputs of the engine. Nothing unrepeatable enters it in any other way, and each input is journaled before it
//! takes effect, so replaying a journal yields the same decisions.

mod strategy;

pub use strategy::{Blob, StrategyChange};

use crate::activity::Activity;
use crate::amount::{Price, Side, Size, Usd};
pub use crate::breaker::{Breaker, Restriction, Scope};
use crate::carry_over::{CarryOver, RealisedBefore};
use crate::event::{MarketEvent, Reason};
use crate::id::{MarketIx, OrderId, Seq, SessionId, StrategyId, TokenIx, TradeId, VenueOrderId};
use crate::intent::Intent;
use crate::limits::Limits;
use crate::market::Market;
use crate::reallocation::Reallocation;
pub use crate::settlement::Settlement;
use crate::time::Time;
use crate::transfer::Transfer;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// One input with its journal position and the host's time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// The journal position; rises by one.
    pub seq: Seq,
    /// The host's clock on arrival, the engine's only clock. Never falls.
    pub at: Time,
    /// The content.
    pub kind: InputKind,
}

/// The kinds of inputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputKind {
    /// A session begins; the first input of every journal.
    Session(SessionStart),
    /// The limits are replaced.
    Limits(Limits),
    /// A market is added to the table; its index is the number of markets added before it.
    Market(Market),
    /// The carry-over from the account's last session; follows the markets and precedes everything else.
    CarryOver(Box<CarryOver>),
    /// A venue event about a token.
    Event(MarketEvent),
    /// A connection to the venue came up or was lost.
    Feed {
        /// The channel.
        channel: Channel,
        /// True if it is up, subscribed and, for the user channel, caught up by REST.
        up: bool,
    },
    /// A frame, or a book check while PONGs arrive, showed that a token's book is still valid at the venue.
    BookConfirmed {
        /// The token.
        token: TokenIx,
    },
    /// A clock event; sent several times a second.
    Clock,
    /// A strategy was added, changed or removed.
    Strategy(StrategyChange),
    /// A strategy's answer to a batch.
    Intents(StrategyAnswer),
    /// The outcome of a placement.
    Placed {
        /// The order.
        order: OrderId,
        /// The outcome.
        outcome: PlaceOutcome,
    },
    /// The outcome of a cancel.
    CancelAnswer {
        /// The order.
        order: OrderId,
        /// The outcome.
        outcome: CancelOutcome,
    },
    /// The venue reported an order's state, on the user channel or by REST.
    OrderUpdate {
        /// The order.
        order: OrderId,
        /// The state at the venue.
        status: VenueStatus,
        /// Total shares matched, as counted by the venue.
        matched: Size,
    },
    /// The venue reported a trade of one of our orders; repeated as it settles.
    Trade(TradeUpdate),
    /// The result of querying the venue for an order of unknown outcome.
    OrderQueried {
        /// The order.
        order: OrderId,
        /// True if order by id, open orders and trades all report that the order does not exist.
        not_found: bool,
        /// Time at which the query was sent. The answer may have been queued for long, and says nothing about the
        /// present then.
        asked: Time,
    },
    /// An operator command.
    Command(Command),
    /// Counts of requests to the venue since the last such input.
    Requests {
        /// Requests that were answered properly, refusals included.
        ok: u32,
        /// Failed requests: transport, 5xx, 429, authentication.
        failed: u32,
    },
    /// Money or shares moved without a trade.
    Transfer(Transfer),
    /// The set of requests that the venue accepts has changed.
    Venue {
        /// The new state.
        state: VenueState,
    },
    /// State of our heartbeats at the venue; without them it cancels everything.
    Heartbeat {
        /// True if the venue accepted one recently.
        alive: bool,
    },
    /// An external order: an order on the account that is not one of ours.
    Adopt(ExternalOrder),
    /// Offset of the venue's clock from ours, in microseconds; negative if it is behind.
    ClockSkew {
        /// The offset.
        micros: i64,
    },
    /// The venue's view of the account, read by REST.
    Account(AccountView),
    /// A part of the host failed; trading must stop until a restart.
    HostFault {
        /// The failure.
        fault: HostFault,
    },
    /// The venue's Data API reports that money or shares moved. It is not booked on that basis alone: it may explain a
    /// difference in the account.
    Activity(Activity),
    /// The keys of the activities already processed by earlier sessions, oldest first; follows the carry-over.
    KnownActivities(Vec<[u8; 32]>),
    /// A reallocation of shares from one strategy to another by an operator.
    Reallocate(Reallocation),
    /// Profit realised by earlier sessions on markets that are no longer carried over; precedes the carry-over.
    RealisedBefore(RealisedBefore),
}

/// The starting state of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionStart {
    /// Its id.
    pub session: SessionId,
    /// Its trading mode.
    pub mode: Mode,
    /// Free cash on the account.
    pub cash: Usd,
    /// The valuation from which today's loss is measured, with its UTC day; if absent, the engine uses the opening
    /// valuation.
    pub day_start: Option<(u64, Usd)>,
    /// The limits.
    pub limits: Limits,
    /// Seed of the orders' salts.
    pub salt_seed: u64,
    /// True if an emergency stop of an earlier run was never released.
    pub halted: bool,
}

/// The trading mode of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Mode {
    /// Local exchange, play money.
    Demo,
    /// Real market data, simulated fills.
    Paper,
    /// Real money.
    Live,
    /// Recorded events.
    Backtest,
    /// A journal, replayed.
    Replay,
}

impl Mode {
    /// Returns the lower-case name used on the command line.
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

/// The venue's two WebSocket channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// Books and public trades.
    Market,
    /// Our orders and trades.
    User,
}

/// An external order: placed outside this host on the same account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExternalOrder {
    /// The venue's order id.
    pub venue: VenueOrderId,
    /// The token.
    pub token: TokenIx,
    /// Buy or sell.
    pub side: Side,
    /// The limit.
    pub price: Price,
    /// Order size in shares.
    pub size: Size,
    /// Shares whose trades are booked already.
    pub counted: Size,
}

/// The set of requests that the venue accepts (PROTOCOL 9: trading modes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub enum VenueState {
    /// Everything.
    #[default]
    Open,
    /// Only orders that rest: the minutes after a restart.
    PostOnly,
    /// Only cancels.
    CancelOnly,
    /// Nothing: the matching engine is restarting.
    Restarting,
}

/// A strategy's answer to one batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StrategyAnswer {
    /// The strategy.
    pub strategy: StrategyId,
    /// Its instance; answers of an older one are ignored.
    pub instance: u32,
    /// The number of the batch's first event.
    pub first: u64,
    /// Events in the batch.
    pub count: u32,
    /// Number of those events that it processed.
    pub consumed: u32,
    /// Fuel used by the call.
    pub fuel: u64,
    /// The reason if the call failed; there are no intents then.
    pub fault: Option<Reason>,
    /// The intents.
    pub intents: Vec<Intent>,
    /// Numbers of the events that were queued for the strategy but never delivered, because they were conflated or
    /// dropped while it lagged; only those since its last answer. Needed for replay.
    pub lost: Vec<u64>,
}

impl StrategyAnswer {
    /// Returns the answer of a strategy's first instance to one event, with these intents.
    pub fn to_one(strategy: StrategyId, intents: Vec<Intent>) -> Self {
        let (instance, first, count, consumed, fuel, fault, lost) = (1, 1, 1, 1, 1, None, Vec::new());
        Self { strategy, instance, first, count, consumed, fuel, fault, intents, lost }
    }
}

/// The known outcome of a placement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlaceOutcome {
    /// It rests.
    Live,
    /// It matched at once, wholly or partly; a resting kind may rest with what is left.
    Matched {
        /// Shares matched according to the response; zero if it does not say.
        matched: Size,
    },
    /// The venue accepted it into a delay; the result follows on the user channel.
    Delayed,
    /// The venue refused it; no order exists.
    Refused {
        /// The venue's message.
        reason: Reason,
    },
    /// It was never sent.
    NotSent {
        /// The reason.
        reason: Reason,
    },
    /// An order may exist.
    Unknown {
        /// The reason.
        reason: Reason,
    },
}

/// The known outcome of a cancel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CancelOutcome {
    /// It is cancelled.
    Cancelled,
    /// The venue reports that there is nothing to cancel: the order was matched or cancelled earlier.
    NotOpen,
    /// The response was lost or an error; the cancel has to be repeated.
    Failed {
        /// The reason.
        reason: Reason,
    },
    // New outcomes are only added at the end: journals store the position of the variant.
    /// It was cancelled without a request for this order, because the host cancelled more than was named.
    Swept {
        /// The host's reason.
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
    /// Rejected after having been accepted.
    Invalid,
}

/// A trade of one of our orders. The key is (trade, order): one trade can fill several of our orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TradeUpdate {
    /// The trade.
    pub trade: TradeId,
    /// The part of the trade: a taker's trade lists one part for each maker order that it met.
    pub part: u32,
    /// Our order.
    pub order: OrderId,
    /// Its settlement state.
    pub settlement: Settlement,
    /// The resting order's price, on the resting order's own token.
    pub maker_price: Price,
    /// The shares of this part.
    pub size: Size,
    /// True if our order was the resting one (and pays no fee).
    pub maker: bool,
    /// True if the other order was on the complementary token (mint or merge).
    pub crossed: bool,
}

impl TradeUpdate {
    /// Returns the price of the trade for our order, on its own token.
    pub const fn price(&self) -> Price {
        if self.crossed && !self.maker { self.maker_price.complement() } else { self.maker_price }
    }

    /// Returns the money that changed hands for our order, before fees. Same token: the maker's price, rounded down.
    /// Complement: the taker pays (or receives) a dollar a share less the maker's amount, so the two sum to a whole
    /// set.
    pub fn cost(&self) -> Option<Usd> {
        let maker_cost = self.maker_price.cost_floor(self.size)?;
        if self.crossed && !self.maker { self.size.face_value()?.checked_sub(maker_cost) } else { Some(maker_cost) }
    }
}

/// An operator command. The audit log has its author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// STOPPED or PAUSED to RUNNING.
    Start,
    /// To STOPPED: clears standing quotes and cancels all our orders.
    Stop,
    /// RUNNING to PAUSED: like stop, but guards stay active.
    Pause,
    /// PAUSED to RUNNING.
    Resume,
    /// Halts the session and cancels everything on the account; ends only by a release.
    EmergencyStop {
        /// The reason.
        reason: Reason,
    },
    /// Ends an emergency stop; the bot is then STOPPED.
    Release {
        /// The reason.
        reason: Reason,
    },
    /// Cancels one order.
    Cancel {
        /// The order.
        order: OrderId,
    },
    /// Cancels all our orders and clears all standing quotes.
    CancelAll,
    /// Closes a position: cancels its owners' orders in that market, then sells as the guards do.
    Close {
        /// The token.
        token: TokenIx,
    },
    /// Restricts a scope until another restriction is set.
    Restrict {
        /// The scope.
        scope: Scope,
        /// The restriction.
        restriction: Restriction,
    },
    /// Resets a breaker, unless its cause persists.
    ResetBreaker {
        /// The breaker.
        breaker: Breaker,
    },
    /// Locks a market: strategies may only reduce there until a time. A time in the past ends the lock.
    Lock {
        /// The market.
        market: MarketIx,
        /// The end of the lock.
        until: Time,
    },
}

/// The venue's view of the account as returned by REST, in the venue's own terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountView {
    /// Cash.
    pub cash: Usd,
    /// Shares by token, zero balances omitted.
    pub shares: Vec<(TokenIx, Size)>,
}

/// Failures in the host around the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostFault {
    /// The journal cannot be written or synced.
    Journal,
    /// Account events did not fit their queue.
    AccountOverflow,
    /// A task ended that must never end.
    TaskEnded,
}
