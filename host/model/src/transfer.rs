//! Money and shares that move without a trade, each with a name, so that they are neither profit by trading nor a mismatch.

use crate::amount::{Size, Usd};
use crate::event::Reason;
use crate::id::{MarketIx, TokenIx};

/// A named transfer.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Transfer {
    /// What happened.
    pub kind: TransferKind,
    /// The transaction, or the words of the operator who booked it.
    pub reference: Reason,
}

/// What moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum TransferKind {
    /// Money came from outside.
    Deposit(Usd),
    /// Money went outside.
    Withdrawal(Usd),
    /// The venue paid for resting orders.
    Reward(Usd),
    /// The venue gave back fees.
    Rebate(Usd),
    /// The chain took its price.
    Gas(Usd),
    /// Dollars became pairs of both outcomes.
    Split {
        /// The market.
        market: MarketIx,
        /// Pairs.
        size: Size,
    },
    /// Pairs of both outcomes became dollars.
    Merge {
        /// The market.
        market: MarketIx,
        /// Pairs.
        size: Size,
    },
    /// Shares of a resolved market were paid.
    Redeem {
        /// The token.
        token: TokenIx,
        /// Shares.
        size: Size,
        /// What was paid for all of them.
        paid: Usd,
    },
    /// NO shares of one market of an event became YES shares of the others and dollars.
    Convert {
        /// The NO token.
        token: TokenIx,
        /// Shares of it.
        size: Size,
        /// Dollars that came out.
        paid: Usd,
    },
}

impl TransferKind {
    /// Returns the word in rows and requests.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Deposit(_) => "deposit",
            Self::Withdrawal(_) => "withdrawal",
            Self::Reward(_) => "reward",
            Self::Rebate(_) => "rebate",
            Self::Gas(_) => "gas",
            Self::Split { .. } => "split",
            Self::Merge { .. } => "merge",
            Self::Redeem { .. } => "redeem",
            Self::Convert { .. } => "convert",
        }
    }

    /// Returns what came from outside the venue (went there, if negative): neither gain nor loss.
    pub const fn external(&self) -> Usd {
        match self {
            Self::Deposit(amount) => *amount,
            Self::Withdrawal(amount) => Usd(0i64.saturating_sub(amount.0)),
            _ => Usd::ZERO,
        }
    }
}
