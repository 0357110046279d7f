//! Orders: what is asked of the venue, and the life of an order as the host knows it.

use crate::amount::{Price, Side, Size};
use crate::id::{OrderId, StrategyId, TokenIx};
use core::fmt;

/// How long an order stands and what it may do at once (PROTOCOL 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum OrderKind {
    /// Rests until it is filled or cancelled.
    Gtc {
        /// Refused by the venue instead of matching at once.
        post_only: bool,
    },
    /// Fills what is there at its price or better and forgets the rest.
    Fak,
    /// Fills whole at once or not at all.
    Fok,
}

impl OrderKind {
    /// Says whether such an order can rest on the book.
    pub const fn rests(self) -> bool {
        matches!(self, Self::Gtc { .. })
    }

    /// Returns the venue's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gtc { .. } => "GTC",
            Self::Fak => "FAK",
            Self::Fok => "FOK",
        }
    }
}

/// An order that is to be placed. The price is the worst that it may trade at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct NewOrder {
    /// Our number.
    pub id: OrderId,
    /// Who wants it.
    pub strategy: StrategyId,
    /// The strategy's own mark, echoed in all that follows.
    pub tag: u64,
    /// The outcome token.
    pub token: TokenIx,
    /// Buy or sell.
    pub side: Side,
    /// The limit.
    pub price: Price,
    /// Shares, in whole hundredths.
    pub size: Size,
    /// How long it stands.
    pub kind: OrderKind,
}

/// The life of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum OrderState {
    /// Approved and on its way; the venue has not answered.
    Pending,
    /// On the book, nothing filled.
    Live,
    /// On the book, a part filled.
    PartlyFilled,
    /// All shares matched.
    Filled,
    /// Over, with or without a part filled.
    Cancelled,
    /// The venue, or our own signer, said no; nothing was ever there.
    Refused,
    /// It may be live: the answer was lost. Its full cost stays reserved until the venue's silence is proven.
    Unknown,
}

impl OrderState {
    /// Says whether nothing more can come of the order.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Filled | Self::Cancelled | Self::Refused)
    }

    /// Returns the lower-case word used in rows, streams and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Live => "live",
            Self::PartlyFilled => "partly_filled",
            Self::Filled => "filled",
            Self::Cancelled => "cancelled",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for OrderState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
