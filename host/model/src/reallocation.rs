//! Reallocation of shares from one strategy to another by an operator. The account is unchanged; only the ownership
//! moves.

use crate::amount::Size;
use crate::id::{StrategyId, TokenIx};

/// A reallocation: token, size, source and destination strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reallocation {
    /// The token.
    pub token: TokenIx,
    /// The current owner; usually a strategy that was removed.
    pub from: StrategyId,
    /// The new owner.
    pub to: StrategyId,
    /// Number of shares; `None` for all of them.
    pub size: Option<Size>,
}
