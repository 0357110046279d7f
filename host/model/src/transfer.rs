//! Money and shares that move without a trade. Each such transfer is named, so that it counts neither as trading profit
//! nor as a mismatch.

use crate::amount::{Size, Usd};
use crate::event::Reason;
use crate::id::{MarketIx, TokenIx};

/// A named transfer.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Transfer {
    /// The kind of transfer.
    pub kind: TransferKind,
    /// The transaction hash, or the note of the operator who booked it.
    pub reference: Reason,
}

/// The kinds of transfers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum TransferKind {
    /// Money was paid in from outside the venue.
    Deposit(Usd),
    /// Money was paid out.
    Withdrawal(Usd),
    /// The venue paid a reward for resting orders.
    Reward(Usd),
    /// The venue refunded fees.
    Rebate(Usd),
    /// Gas was paid on chain.
    Gas(Usd),
    /// Dollars were split into pairs of both outcomes.
    Split {
        /// The market.
        market: MarketIx,
        /// Number of pairs.
        size: Size,
    },
    /// Pairs of both outcomes were merged into dollars.
    Merge {
        /// The market.
        market: MarketIx,
        /// Number of pairs.
        size: Size,
    },
    /// Shares of a resolved market were redeemed.
    Redeem {
        /// The token.
        token: TokenIx,
        /// Shares.
        size: Size,
        /// The payout for all of them.
        paid: Usd,
    },
    /// NO shares of one market of an event were converted into YES shares of the others and dollars.
    Convert {
        /// The NO token.
        token: TokenIx,
        /// Shares of it.
        size: Size,
        /// Dollars received.
        paid: Usd,
    },
}

impl TransferKind {
    /// Returns the name used in rows and requests.
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

    /// Returns the money that came from outside the venue (negative if it went there): neither profit nor loss.
    pub const fn external(&self) -> Usd {
        match self {
            Self::Deposit(amount) => *amount,
            Self::Withdrawal(amount) => Usd(0i64.saturating_sub(amount.0)),
            _ => Usd::ZERO,
        }
    }
}
