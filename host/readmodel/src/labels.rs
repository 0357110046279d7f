//! Words of the page and of the venue.

use model::input::Settlement;
use model::{MarketState, Side};

pub(super) const fn state_word(state: MarketState) -> &'static str {
    match state {
        MarketState::Open => "open",
        MarketState::Blind => "blind",
        MarketState::Resolved => "resolved",
        MarketState::Paused => "paused",
    }
}

pub(super) const fn settlement_word(settlement: Settlement) -> &'static str {
    match settlement {
        Settlement::Matched => "matched",
        Settlement::Mined => "mined",
        Settlement::Confirmed => "confirmed",
        Settlement::Retrying => "retrying",
        Settlement::Failed => "failed",
    }
}

/// Returns the venue's word for a side.
pub(super) trait SideWord {
    fn as_str(&self) -> &'static str;
}

impl SideWord for Side {
    fn as_str(&self) -> &'static str {
        match self {
            Self::Buy => "BUY",
            Self::Sell => "SELL",
        }
    }
}
