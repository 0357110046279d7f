//! Shares that an operator gives from one strategy to another. Nothing of the account moves: only whose they are.

use crate::amount::Size;
use crate::id::{StrategyId, TokenIx};

/// Who gets whose shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assignment {
    /// The token.
    pub token: TokenIx,
    /// Whose they are; a strategy that is gone, mostly.
    pub from: StrategyId,
    /// Whose they become.
    pub to: StrategyId,
    /// How many; none for all of them.
    pub size: Option<Size>,
}
