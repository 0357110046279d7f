//! What the read model is given that is not a record of the engine.

use crate::views::ModeView;
use model::{Level, MarketState, Price, TickSize, Time};

/// What a session is, for the first snapshot.
#[derive(Debug, Clone)]
pub struct Begin {
    /// How it trades.
    pub mode: ModeView,
    /// Its number.
    pub session: u64,
    /// When it began.
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
    /// Whether orders are taken.
    pub state: MarketState,
    /// The grid.
    pub tick: TickSize,
}

/// A kind of decision that may hold before it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unstored {
    /// An emergency stop.
    Halt,
    /// Any other.
    Decisions,
}
