//! Shares that can be redeemed or merged into dollars at the venue's contracts.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// The kind of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClaimKindView {
    /// Pairs of both outcomes are merged into dollars.
    Merge,
    /// Shares of a resolved market are redeemed for dollars.
    Redeem,
}

/// State of a claim executed by this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ClaimStateView {
    /// Never executed by this host.
    #[serde(rename = "")]
    Never,
    /// Signed; the relayer has not answered.
    Signed,
    /// The relayer has it.
    Sent,
    /// Not known to have arrived.
    Unknown,
    /// Its transaction is final.
    Confirmed,
    /// Its nonce was used; the account shows the effect.
    Used,
    /// It has no effect.
    Failed,
}

impl ClaimStateView {
    const ALL: [Self; 7] =
        [Self::Never, Self::Signed, Self::Sent, Self::Unknown, Self::Confirmed, Self::Used, Self::Failed];
}

// Implemented manually, because the derive treats an empty text as missing and describes `Never` by its name.
impl PartialSchema for ClaimStateView {
    fn schema() -> RefOr<Schema> {
        let texts = Self::ALL.map(|state| serde_json::to_value(state).unwrap_or_default());
        let about = "State of a claim executed by this host; empty if it never was.";
        let object = ObjectBuilder::new().schema_type(Type::String).description(Some(about)).enum_values(Some(texts));
        object.into()
    }
}

impl ToSchema for ClaimStateView {}

/// Shares that can be redeemed or merged into dollars at the venue's contract.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub struct ClaimView {
    pub kind: ClaimKindView,
    /// The market's slug.
    pub market: String,
    /// The outcome to redeem; empty for a merge.
    pub outcome: String,
    /// Micro-shares: pairs, or shares of the outcome.
    #[ts(type = "number")]
    pub size_micros: u64,
    /// The amount to be paid for them.
    #[ts(type = "number")]
    pub worth_micro_usd: i64,
    /// The address of the contract; empty if none is known.
    pub to: String,
    /// The call of that contract, `0x` and hexadecimal digits, to be sent by the wallet that holds the shares. A
    /// redemption takes all shares of the market.
    pub data: String,
    /// The state of its last execution by this host; empty if there is none. After `confirmed` and `used` the claim
    /// stays listed until the account shows the effect.
    pub state: ClaimStateView,
    /// The reason why it failed, or is not known.
    pub state_reason: String,
    /// The chain's hash of that transaction; empty if there is none yet.
    pub transaction: String,
    /// The way to execute it: by this host, or by the sender of the call.
    pub how: String,
    /// True if this host can execute it.
    pub executable: bool,
}

/// One redemption or merge executed by this host.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub struct ClaimRunView {
    #[ts(type = "number")]
    pub created_at_ms: u64,
    pub kind: ClaimKindView,
    /// The market's slug.
    pub market: String,
    #[ts(type = "number")]
    pub size_micros: u64,
    #[ts(type = "number")]
    pub worth_micro_usd: i64,
    pub state: ClaimStateView,
    pub reason: String,
    /// The chain's hash of the transaction; empty if there is none yet.
    pub transaction: String,
    /// The requester: an operator's token, or `host` if it was automatic.
    pub who: String,
    #[ts(type = "number")]
    pub updated_at_ms: u64,
}

/// The body of `POST /v1/positions/claims/execute`.
#[derive(Debug, Clone, Deserialize, TS, ToSchema)]
pub struct ClaimBody {
    /// `redeem` or `merge`.
    #[schema(value_type = ClaimKindView)]
    #[ts(as = "ClaimKindView")]
    pub kind: String,
    /// The market's slug.
    pub market: String,
    /// Pairs to merge; all that are not in an open order if empty. A redemption takes all shares of its market.
    #[serde(default)]
    pub shares: String,
    /// The reason.
    #[serde(default)]
    pub reason: String,
}
