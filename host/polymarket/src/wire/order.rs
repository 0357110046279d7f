//! Orders on REST and on the user channel, which share most of their fields.

use super::Text;
use serde::{Deserialize, Serialize};

/// An order as the venue reports it (PROTOCOL 7.5, 14.2).
#[derive(Debug, Deserialize)]
pub(crate) struct Order<'a> {
    #[serde(borrow, default)]
    pub(crate) id: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) status: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) asset_id: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) side: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) original_size: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) size_matched: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) price: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) created_at: Text<'a>,
    /// The user channel's `PLACEMENT`, `UPDATE` or `CANCELLATION`.
    #[serde(borrow, default, rename = "type")]
    pub(crate) action: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) timestamp: Text<'a>,
}

/// The body of `POST /order` (PROTOCOL 4.4). The keys are in the order of the venue's Python client.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PostOrder<'a> {
    pub(crate) order: OrderFields,
    pub(crate) owner: &'a str,
    pub(crate) order_type: &'static str,
    pub(crate) defer_exec: bool,
    pub(crate) post_only: bool,
}

/// The signed part of a [`PostOrder`], with the expiry that is not signed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderFields {
    pub(crate) salt: u64,
    pub(crate) maker: String,
    pub(crate) signer: String,
    pub(crate) token_id: String,
    pub(crate) maker_amount: String,
    pub(crate) taker_amount: String,
    pub(crate) side: &'static str,
    pub(crate) expiration: String,
    pub(crate) signature_type: u8,
    pub(crate) timestamp: String,
    pub(crate) metadata: String,
    pub(crate) builder: String,
    pub(crate) signature: String,
}

/// The response to `POST /order` (PROTOCOL 4.5).
#[derive(Debug, Deserialize)]
pub(crate) struct PostAnswer<'a> {
    /// Absent means success.
    #[serde(borrow, default)]
    pub(crate) success: Text<'a>,
    #[serde(borrow, default, rename = "errorMsg")]
    pub(crate) error: Text<'a>,
    #[serde(borrow, default, rename = "orderID")]
    pub(crate) id: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) status: Text<'a>,
    #[serde(borrow, default, rename = "makingAmount")]
    pub(crate) making: Text<'a>,
    #[serde(borrow, default, rename = "takingAmount")]
    pub(crate) taking: Text<'a>,
    #[serde(borrow, default, rename = "tradeIDs")]
    pub(crate) trades: Text<'a>,
}

/// The response to every cancel.
#[derive(Debug, Deserialize)]
pub(crate) struct CancelAnswer<'a> {
    #[serde(borrow, default)]
    pub(crate) canceled: Option<Vec<Text<'a>>>,
    #[serde(borrow, default)]
    pub(crate) not_canceled: Option<std::collections::BTreeMap<String, Text<'a>>>,
}
