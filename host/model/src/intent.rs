//! Intents of strategies. An intent is only a request: the risk gate decides.

use crate::amount::{Price, Side, Size};
use crate::event::Reason;
use crate::id::{OrderId, TokenIx};
use crate::order::OrderKind;
use crate::time::Time;

/// One request of a strategy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// The strategy's own mark, echoed in all events that result from it.
    pub tag: u64,
    /// The strategy's reason, for the log and the order's history; may be empty.
    pub reason: Reason,
    /// The strategy's fair value of a share of the token. If it is set, an order that adds risk must be better than
    /// this value by the fee and `min_edge_usd`.
    pub fair: Option<Price>,
    /// The requested action.
    pub kind: IntentKind,
}

/// One side of a standing quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Quote {
    /// The limit.
    pub price: Price,
    /// The shares that should rest there.
    pub size: Size,
}

/// The kinds of intents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntentKind {
    /// Place one order.
    Place {
        /// The token.
        token: TokenIx,
        /// Buy or sell.
        side: Side,
        /// The limit.
        price: Price,
        /// The shares.
        size: Size,
        /// Order kind.
        kind: OrderKind,
    },
    /// Cancel one of the strategy's own orders.
    Cancel {
        /// The order's number.
        order: OrderId,
    },
    /// Cancel the strategy's orders and clear its standing quotes, of one token or of all.
    CancelAll {
        /// The token; all if none.
        token: Option<TokenIx>,
    },
    /// Set the standing quote of a token. The engine keeps its orders on the book; setting an unchanged quote has no
    /// effect.
    Quote {
        /// The token.
        token: TokenIx,
        /// The bid that should rest, or none.
        bid: Option<Quote>,
        /// The ask that should rest, or none.
        ask: Option<Quote>,
    },
    /// Request a timer event at a given time; a timer of the same number is replaced, and a time of zero clears it.
    SetTimer {
        /// The timer's number, chosen by the strategy.
        timer: u32,
        /// The time.
        at: Time,
    },
}
