//! Trades on REST and on the user channel: the same shape except for the prefix of the status.

use super::Text;
use serde::Deserialize;

/// A trade (PROTOCOL 7.5, 14.3). `asset_id`, `side`, `size` and `price` are the taker's.
#[derive(Debug, Deserialize)]
pub(crate) struct Trade<'a> {
    #[serde(borrow, default)]
    pub(crate) id: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) taker_order_id: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) asset_id: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) status: Text<'a>,
    /// Some frames write `matchtime`.
    #[serde(borrow, default, alias = "matchtime")]
    pub(crate) match_time: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) last_update: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) owner: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) maker_address: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) trader_side: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) maker_orders: Text<'a>,
}

/// A resting order that the taker matched.
#[derive(Debug, Deserialize)]
pub(crate) struct MakerOrder<'a> {
    #[serde(borrow, default)]
    pub(crate) order_id: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) owner: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) maker_address: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) matched_amount: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) price: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) asset_id: Text<'a>,
}
