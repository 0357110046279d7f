//! Account activity from the venue's public Data API other than trades: transactions of their own that moved money or
//! shares.

use crate::amount::Usd;
use crate::event::Reason;
use crate::id::{MarketIx, TokenIx};
use crate::time::Time;
use crate::transfer::TransferKind;

/// The most activities whose keys are remembered, latest first, so that no activity is processed twice.
pub const ACTIVITIES_MAX: usize = 2_000;

/// One activity row of the Data API.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Activity {
    /// Identifies the activity. The same activity has the same key in every response and from every source.
    pub key: [u8; 32],
    /// Time of the activity according to the Data API.
    pub at: Time,
    /// The kind of activity.
    pub kind: ActivityKind,
    /// The transaction hash.
    pub reference: Reason,
}

/// The kinds of account activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum ActivityKind {
    /// A named transfer, completely described by the row.
    Transfer(TransferKind),
    /// Shares of a market were redeemed. The row gives the total payout; it does not reliably say how many shares of
    /// which outcome.
    Redeemed {
        /// The market.
        market: MarketIx,
        /// The amount paid out.
        paid: Usd,
    },
}

impl ActivityKind {
    /// Returns the name used in rows and requests.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Transfer(kind) => kind.as_str(),
            Self::Redeemed { .. } => "redeem",
        }
    }

    /// Returns the tokens whose shares it may have moved.
    pub const fn tokens(&self) -> [Option<TokenIx>; 2] {
        match self {
            Self::Redeemed { market, .. }
            | Self::Transfer(TransferKind::Split { market, .. } | TransferKind::Merge { market, .. }) => {
                [Some(market.token(0)), Some(market.token(1))]
            }
            Self::Transfer(TransferKind::Redeem { token, .. } | TransferKind::Convert { token, .. }) => {
                [Some(*token), None]
            }
            Self::Transfer(_) => [None, None],
        }
    }
}
