//! What the venue's public records tell of the account beside its trades: money and shares that moved with a transaction of their own.

use crate::amount::Usd;
use crate::event::Reason;
use crate::id::{MarketIx, TokenIx};
use crate::time::Time;
use crate::transfer::TransferKind;

/// The most activities whose keys are remembered, the latest ones, so that none is taken twice.
pub const ACTIVITIES_MAX: usize = 2_000;

/// One thing that the records tell.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Activity {
    /// What tells it apart from all others, whoever tells of it and however often.
    pub key: [u8; 32],
    /// When it happened, by the records.
    pub at: Time,
    /// What happened.
    pub kind: ActivityKind,
    /// The transaction.
    pub reference: Reason,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum ActivityKind {
    /// A named transfer of which everything is told.
    Transfer(TransferKind),
    /// Shares of a market were paid; the records tell what for all of them, and not reliably how many of which outcome.
    Redeemed {
        /// The market.
        market: MarketIx,
        /// What was paid.
        paid: Usd,
    },
}

impl ActivityKind {
    /// Returns the word in rows and requests.
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
