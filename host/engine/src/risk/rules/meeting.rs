//! Self-trade prevention.

use super::{Check, refusal};
use crate::risk::{Refusal, Rule};
use model::Side;

/// Refuses an order that would trade with one of ours, on the same token or on the complement. An order whose cancel is
/// not proven still counts.
pub(super) fn self_trade(check: &Check<'_>) -> Result<(), Refusal> {
    let order = check.order;
    for other in check.open() {
        let (theirs, same_token) = (other.order.price, other.order.token == order.token);
        let meets = match (order.side, other.order.side, same_token) {
            (Side::Buy, Side::Sell, true) => order.price >= theirs,
            (Side::Sell, Side::Buy, true) => order.price <= theirs,
            (Side::Buy, Side::Buy, false) => order.price >= theirs.complement(),
            (Side::Sell, Side::Sell, false) => order.price <= theirs.complement(),
            _ => false,
        };
        if meets {
            return Err(refusal(Rule::SelfTrade, order.price.micros(), theirs.micros()));
        }
    }
    Ok(())
}
