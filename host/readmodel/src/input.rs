//! Inputs of the read model other than engine records.

use crate::views::ModeView;
use model::{Level, MarketState, Price, TickSize, Time};

/// The session's properties, for the first snapshot.
#[derive(Debug, Clone)]
pub struct Begin {
    /// The trading mode.
    pub mode: ModeView,
    /// Its number.
    pub session: u64,
    /// The start time.
    pub at: Time,
}

/// The top of a token's book.
#[derive(Debug, Clone, Copy)]
pub struct Top {
    /// The best bid.
    pub bid: Option<Level>,
    /// The best ask.
    pub ask: Option<Level>,
    /// The last price traded at.
    pub last: Option<Price>,
    /// The market's state: whether it accepts orders.
    pub state: MarketState,
    /// The tick size.
    pub tick: TickSize,
}

/// A kind of decision that may take effect before it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unstored {
    /// An emergency stop.
    Halt,
    /// Any other.
    Decisions,
}
