//! Positions.

use crate::amount::{Size, Usd};

/// Shares of one token with their cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Position {
    /// Shares owned.
    pub size: Size,
    /// The cost of these shares, before fees.
    pub cost: Usd,
    /// Profit of the shares sold so far, before fees.
    pub realised: Usd,
    /// Shares bought in trades that are not confirmed yet; they cannot be sold.
    pub unsettled: Size,
}
