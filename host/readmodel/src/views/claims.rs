//! What can be turned into dollars at the venue's contracts.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// What a claim does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClaimKindView {
    /// Pairs of both outcomes become dollars.
    Merge,
    /// Shares of a market whose outcome is known become dollars.
    Redeem,
}

/// State of a claim that was executed here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ClaimStateView {
    /// It was never executed here.
    #[serde(rename = "")]
    Never,
    /// Signed; the relayer has not answered.
    Signed,
    /// The relayer has it.
    Sent,
    /// Whether it arrived is not known yet.
    Unknown,
    /// Its transaction is final.
    Confirmed,
    /// Its number in the wallet was used; the account shows what it did.
    Used,
    /// It has no effect.
    Failed,
}

impl ClaimStateView {
    const ALL: [Self; 7] =
        [Self::Never, Self::Signed, Self::Sent, Self::Unknown, Self::Confirmed, Self::Used, Self::Failed];
}

// By hand, because the derive takes an empty text for none and describes `Never` by its name.
impl PartialSchema for ClaimStateView {
    fn schema() -> RefOr<Schema> {
        let texts = Self::ALL.map(|state| serde_json::to_value(state).unwrap_or_default());
        let about = "State of a claim that was executed here; empty if it never was.";
        let object = ObjectBuilder::new().schema_type(Type::String).description(Some(about)).enum_values(Some(texts));
        object.into()
    }
}

impl ToSchema for ClaimStateView {}

/// Shares that can be turned into dollars at the venue's contract.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub struct ClaimView {
    pub kind: ClaimKindView,
    /// The market's slug.
    pub market: String,
    /// The outcome that is redeemed; empty for a merge.
    pub outcome: String,
    /// Micro-shares: pairs, or shares of the outcome.
    #[ts(type = "number")]
    pub size_micros: u64,
    /// What is paid for them.
    #[ts(type = "number")]
    pub worth_micro_usd: i64,
    /// The contract that does it, as an address; empty where none is known.
    pub to: String,
    /// The call of that contract, `0x` and hexadecimal digits: for the wallet that holds the shares to send. A redemption takes all
    /// shares of the market.
    pub data: String,
    /// What became of the last time that it was executed here; empty if it never was. After `confirmed` and `used` it stays in the list
    /// until the account shows what it did.
    pub state: ClaimStateView,
    /// Why it failed, or is not known.
    pub state_reason: String,
    /// The chain's hash of that transaction; empty if there is none yet.
    pub transaction: String,
    /// How it is executed here, or who has to send the call.
    pub how: String,
    /// Whether it can be executed here.
    pub executable: bool,
}

/// One redemption or merge that was executed here.
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
    /// Who wanted it; `host` if nobody was asked.
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
    /// Pairs to merge; all that are in no open order if empty. A redemption takes all shares of its market.
    #[serde(default)]
    pub shares: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
}
