//! Effects: the actions that the engine requests, and the facts that it records.

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

/// An action for the shell. Effects are not repeated: each is carried out once, or its failure is reported as an input.
#[derive(Debug, Hash)]
pub enum Effect {
    /// Sign and place an order, before the approval expires and after the journal is synced.
    Place(Approved<Placement>),
    /// Cancel an order at the venue. Never waits for anything.
    Cancel {
        /// The order's number.
        order: OrderId,
    },
    /// Cancel everything on the account, external orders included.
    CancelAll,
    /// An external order was assigned this number.
    Adopted {
        /// The order's number.
        order: OrderId,
        /// The venue's id.
        venue: VenueOrderId,
    },
    /// Lock the signer: it signs nothing until an operator releases it.
    LockSigner,
    /// Unlock the signer again.
    UnlockSigner,
    /// Notify a strategy of a market event. May be conflated by token if the strategy lags.
    NotifyMarket {
        /// The strategy.
        strategy: StrategyId,
        /// The event.
        note: MarketNote,
    },
    /// Notify a strategy of an event of its own. Never dropped.
    NotifyOwn {
        /// The strategy.
        strategy: StrategyId,
        /// The event.
        event: OwnEvent,
    },
    /// Query the venue about an order of unknown outcome: by id, among the open orders and among the trades.
    QueryOrder {
        /// The order's number.
        order: OrderId,
    },
    /// Request a fresh snapshot of a token's book from the venue.
    Resnapshot {
        /// The token.
        token: TokenIx,
    },
    /// The result of the command in this step's input.
    Answered {
        /// The reason if the command was refused; `None` if it was accepted.
        refused: Option<Reason>,
    },
    /// A change that rows, streams and metrics show.
    Event(EngineEvent),
}

/// The state of the bot, in the runbook's terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum BotState {
    /// Does not trade; the state after start-up.
    Stopped,
    /// Trades.
    Running,
    /// Does not trade, but guards stay active.
    Paused,
}

impl BotState {
    /// Returns the runbook's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "STOPPED",
            Self::Running => "RUNNING",
            Self::Paused => "PAUSED",
        }
    }
}

/// A fact for the read model.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EngineEvent {
    /// The bot's state or the session's restriction changed.
    State {
        /// The state.
        state: BotState,
        /// The tightest restriction of the session.
        restriction: Restriction,
        /// The reason, where it is more than a plain operator command.
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
        /// The reason: at first the strategy's, on a refusal the venue's message.
        reason: Reason,
    },
    /// Shares were matched, settled further, or reversed.
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
        /// The money that moved, before fees.
        cost: Usd,
        /// The fee.
        fee: Usd,
        /// True if our order rested.
        maker: bool,
        /// Its settlement state.
        settlement: Settlement,
    },
    /// A position changed.
    Position {
        /// The token.
        token: TokenIx,
        /// Shares owned.
        size: Size,
        /// Their cost, before fees.
        cost: Usd,
        /// Profit realised on this token so far, before fees.
        realised: Usd,
    },
    /// An intent was refused.
    Refused {
        /// The strategy that requested it.
        strategy: StrategyId,
        /// The intent's tag.
        tag: u64,
        /// The token, if the intent named one.
        token: Option<TokenIx>,
        /// The refusal.
        refusal: Refusal,
    },
    /// A breaker tripped or closed.
    Breaker {
        /// The breaker.
        breaker: Breaker,
        /// Its scope.
        scope: Scope,
        /// True if it is now tripped.
        tripped: bool,
        /// The reason, with numbers.
        reason: Reason,
    },
    /// The host closes a position.
    Guard {
        /// The token.
        token: TokenIx,
        /// `take_profit_pct` or `stop_loss_pct`.
        rule: &'static str,
        /// The gain in basis points of cost (negative for a loss).
        gain_bps: i64,
    },
    /// Money or shares moved without a trade.
    Transfer {
        /// The kind of transfer, as returned by [`model::TransferKind::as_str`].
        kind: &'static str,
        /// The change of cash.
        cash: Usd,
        /// The transaction hash, or the operator's note.
        reference: Reason,
    },
    /// A strategy's call failed.
    StrategyFault {
        /// The strategy.
        strategy: StrategyId,
        /// The reason.
        reason: Reason,
    },
    // New kinds of records are only added at the end: the position of a variant is part of the journal's digests.
    /// An activity from the Data API was closed without being booked.
    Activity {
        /// The kind of activity, as returned by [`model::ActivityKind::as_str`].
        kind: &'static str,
        /// The transaction hash.
        reference: Reason,
        /// The reason it is not booked.
        reason: Reason,
    },
    /// Shares of one token were added or removed by the transfer in the previous record.
    Moved {
        /// The kind of transfer, as [`model::TransferKind::as_str`] names it.
        kind: &'static str,
        /// The token.
        token: TokenIx,
        /// The shares.
        size: Size,
        /// True if they were added, false if they were removed.
        comes: bool,
        /// Their cost or proceeds.
        dollars: Usd,
    },
}
