//! What the engine wants done, and what it has to tell.

use crate::risk::{Approved, Placement, Refusal};
use alloc::vec::Vec;
use model::event::Reason;
pub use model::input::Restriction;
use model::input::{Breaker, Scope, Settlement};
use model::{
    MarketNote, NewOrder, OrderId, OrderState, OwnEvent, Price, Side, Size, StrategyId, TokenIx, TradeId, Usd,
    VenueOrderId,
};

/// The effects of one step, in order. The buffer is reused.
pub type Effects = Vec<Effect>;

/// Something for the shell to do. Effects are not repeated: each is to be carried out once, or its failure reported as
/// an input.
#[derive(Debug, Hash)]
pub enum Effect {
    /// Sign and place an order, before the approval expires and after the journal is synced.
    Place(Approved<Placement>),
    /// Cancel an order at the venue. Never waits for anything.
    Cancel {
        /// Our number of it.
        order: OrderId,
    },
    /// Cancel everything on the account, orders made by hand included.
    CancelAll,
    /// An order that somebody placed by hand has this number from now on.
    Adopted {
        /// Our number of it.
        order: OrderId,
        /// The venue's id.
        venue: VenueOrderId,
    },
    /// Lock the signer: it signs nothing until an operator releases it.
    LockSigner,
    /// Unlock the signer again.
    UnlockSigner,
    /// Tell a strategy about a market. May be conflated by token if it lags.
    NotifyMarket {
        /// Who.
        strategy: StrategyId,
        /// What.
        note: MarketNote,
    },
    /// Tell a strategy what concerns it alone. Never dropped.
    NotifyOwn {
        /// Who.
        strategy: StrategyId,
        /// What.
        event: OwnEvent,
    },
    /// Ask the venue about an order of unknown outcome: by id, among the open orders and among the trades.
    Look {
        /// Our number of it.
        order: OrderId,
    },
    /// Ask the venue for a fresh snapshot of a token's book.
    Resnapshot {
        /// The token.
        token: TokenIx,
    },
    /// The answer to the command that this step took: done, or why not.
    Answered {
        /// Why the command was refused; none if it was taken.
        refused: Option<Reason>,
    },
    /// Something changed that rows, streams and metrics show.
    Record(Record),
}

/// The state of the bot, in the runbook's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum BotState {
    /// Does not trade; the state after start-up.
    Stopped,
    /// Trades.
    Running,
    /// Does not trade, but the guards watch.
    Paused,
}

impl BotState {
    /// Returns the runbook's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "STOPPED",
            Self::Running => "RUNNING",
            Self::Paused => "PAUSED",
        }
    }
}

/// A fact for the picture.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Record {
    /// The bot's state or the session's restriction changed.
    State {
        /// The state.
        state: BotState,
        /// The tightest restriction of the session.
        restriction: Restriction,
        /// Why, where it is not an operator's plain word.
        reason: Reason,
    },
    /// An order changed.
    Order {
        /// The order.
        order: NewOrder,
        /// Its state.
        state: OrderState,
        /// Shares matched.
        filled: Size,
        /// Why: the strategy's reason at first, the venue's words on a refusal.
        reason: Reason,
    },
    /// Shares were matched, settled further, or fell back.
    Fill {
        /// The order.
        order: OrderId,
        /// The strategy.
        strategy: StrategyId,
        /// The trade and its part.
        trade: TradeId,
        /// The trade's part.
        part: u32,
        /// The token.
        token: TokenIx,
        /// Our side.
        side: Side,
        /// Our price.
        price: Price,
        /// The shares.
        size: Size,
        /// The money that moved, fees apart.
        cost: Usd,
        /// The fee.
        fee: Usd,
        /// Whether our order rested.
        maker: bool,
        /// How far it has settled.
        settlement: Settlement,
    },
    /// A position changed.
    Position {
        /// The token.
        token: TokenIx,
        /// Shares owned.
        size: Size,
        /// What they cost, fees apart.
        cost: Usd,
        /// Profit realised on this token so far, fees apart.
        realised: Usd,
    },
    /// An intent was refused.
    Refused {
        /// Who wanted it.
        strategy: StrategyId,
        /// The intent's tag.
        tag: u64,
        /// The token, if it was about one.
        token: Option<TokenIx>,
        /// Why.
        refusal: Refusal,
    },
    /// A breaker tripped or closed.
    Breaker {
        /// Which.
        breaker: Breaker,
        /// What it restricts.
        scope: Scope,
        /// Whether it is tripped now.
        tripped: bool,
        /// Why, with numbers.
        reason: Reason,
    },
    /// The host closes a position.
    Guard {
        /// The token.
        token: TokenIx,
        /// `take_profit_pct` or `stop_loss_pct`.
        rule: &'static str,
        /// The gain (or loss, negative) in basis points of cost.
        gain_bps: i64,
    },
    /// Money or shares moved without a trade.
    Transfer {
        /// What happened, in the word of [`model::TransferKind::as_str`].
        kind: &'static str,
        /// What it did to the cash.
        cash: Usd,
        /// The transaction, or an operator's words.
        reference: Reason,
    },
    /// A strategy's call failed.
    StrategyFault {
        /// Who.
        strategy: StrategyId,
        /// Why.
        reason: Reason,
    },
    // Kinds of records are only ever added at the end: the place counts for the digests of journals.
    /// What the venue's records told was done with, without being booked.
    Activity {
        /// What happened, in the word of [`model::ActivityKind::as_str`].
        kind: &'static str,
        /// The transaction.
        reference: Reason,
        /// Why it is not booked.
        reason: Reason,
    },
}
