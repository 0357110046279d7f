//! What strategies want. An intent is only ever a wish: the risk gate decides.

use crate::amount::{Price, Side, Size};
use crate::event::Reason;
use crate::id::{OrderId, TokenIx};
use crate::order::OrderKind;
use crate::time::Time;

/// One wish of a strategy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// The strategy's own mark, echoed in all that follows from it.
    pub tag: u64,
    /// Why, for the log and the order's history; may be empty.
    pub reason: Reason,
    /// What the strategy thinks that a share of the token is worth. If it says so, an order that adds risk must be better than that by the
    /// fee and `min_edge_usd`.
    pub fair: Option<Price>,
    /// What is wanted.
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

/// The kinds of wishes.
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
        /// How long it stands.
        kind: OrderKind,
    },
    /// Cancel one of the strategy's own orders.
    Cancel {
        /// Our number of it.
        order: OrderId,
    },
    /// Cancel the strategy's orders and clear its targets, of one token or of all.
    CancelAll {
        /// The token; all if none.
        token: Option<TokenIx>,
    },
    /// Set the standing target orders of a token. The engine keeps them there; an unchanged target is no action.
    Quote {
        /// The token.
        token: TokenIx,
        /// The bid that should rest, or none.
        bid: Option<Quote>,
        /// The ask that should rest, or none.
        ask: Option<Quote>,
    },
    /// Ask for a timer event at a moment; the same number replaces, a moment of zero clears.
    SetTimer {
        /// The strategy's number for it.
        timer: u32,
        /// When.
        at: Time,
    },
}
