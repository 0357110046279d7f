//! Orders: what is asked of the venue, and the life of an order as the host knows it.

use crate::amount::{Price, Side, Size};
use crate::id::{OrderId, StrategyId, TokenIx};
use crate::time::Time;
use core::fmt;

/// The venue ends an order so many seconds before the time that it states (PROTOCOL 6).
pub const EXPIRES_EARLY_S: u64 = 60;

/// How long an order stands and what it may do at once (PROTOCOL 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum OrderKind {
    /// Rests until it is filled or cancelled.
    Gtc {
        /// Refused by the venue instead of matching at once.
        post_only: bool,
    },
    /// As [`OrderKind::Gtc`], and cancelled by the venue at a time.
    Gtd {
        /// Refused by the venue instead of matching at once.
        post_only: bool,
        /// When it ends, in seconds since the epoch. The venue ends orders a minute before the time that they state, so an
        /// order states a minute more (PROTOCOL 6).
        until_s: u32,
    },
    /// Fills what is there at its price or better and forgets the rest.
    Fak,
    /// Fills whole at once or not at all.
    Fok,
}

impl OrderKind {
    /// Says whether such an order can rest on the book.
    pub const fn rests(self) -> bool {
        matches!(self, Self::Gtc { .. } | Self::Gtd { .. })
    }

    /// Says whether it is refused rather than matched at once.
    pub const fn is_post_only(self) -> bool {
        matches!(self, Self::Gtc { post_only: true } | Self::Gtd { post_only: true, .. })
    }

    /// Returns when it ends by itself; never, for most.
    pub fn until(self) -> Option<Time> {
        match self {
            Self::Gtd { until_s, .. } => Some(Time::from_millis(u64::from(until_s).saturating_mul(1_000))),
            Self::Gtc { .. } | Self::Fak | Self::Fok => None,
        }
    }

    /// Returns the `expiration` that such an order states, in seconds since the epoch; 0 for one that does not end.
    pub fn expiration_s(self) -> u64 {
        match self {
            Self::Gtd { until_s, .. } => u64::from(until_s).saturating_add(EXPIRES_EARLY_S),
            Self::Gtc { .. } | Self::Fak | Self::Fok => 0,
        }
    }

    /// Returns the venue's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gtc { .. } => "GTC",
            Self::Gtd { .. } => "GTD",
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
