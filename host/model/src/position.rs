//! What is owned of a token.

use crate::amount::{Size, Usd};

/// Shares of one token with what they cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Position {
    /// Shares owned.
    pub size: Size,
    /// What these shares cost, fees apart.
    pub cost: Usd,
    /// Profit of the shares sold so far, fees apart.
    pub realised: Usd,
    /// Shares bought in trades that are not confirmed yet; they cannot be sold.
    pub unsettled: Size,
}
