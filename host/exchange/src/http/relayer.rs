//! The relayer of deposit wallets (PROTOCOL 17), under `/relayer`: accepts a batch of calls signed by a wallet's owner
//! and reports its state until it is on the chain.

use super::{Answer, ApiError, Private, World};
use crate::batch::{Batch, BatchCall, Call};
use crate::keys::Request;
use crate::world::{Shared, Submission};
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use model::hex;
use order::{Address, SignatureType, Wallet};
use serde::Deserialize;
use serde_json::{Value, json};

/// Path prefix of the relayer on this exchange.
const PREFIX: &str = "/relayer";
/// The factory that batches are sent to.
const FACTORY: &str = "0x00000000000Fb5C9ADea0298D729A0CB3823Cc07";
/// Maximum calls per batch.
const CALLS_MAX: usize = 50;
/// Maximum characters of the metadata.
const METADATA_MAX: usize = 500;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/relayer/v1/account/transactions/params", get(params))
        .route("/relayer/v1/account/transactions/{id}", get(transaction))
        .route("/relayer/submit", post(submit))
        .route("/relayer/deployed", get(deployed))
        .route("/exchange/relayer-key", post(make_key))
}

/// Creates a relayer key. The venue does so on its website; here any holder of an API key can.
async fn make_key(State(shared): World, private: Private) -> Answer {
    let now = crate::clock::now();
    let key =
        shared.lock().keys_of(&private.caller).add_relayer(now).ok_or(ApiError::bad("Could not create api key"))?;
    Ok(Json(json!({"apiKey": key, "address": private.caller.address.checksummed()})).into_response())
}

/// A request with a relayer key, or signed with a builder's key.
struct Relayed(Bytes);

impl axum::extract::FromRequest<Shared> for Relayed {
    type Rejection = ApiError;

    async fn from_request(request: axum::extract::Request, shared: &Shared) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, super::BODY_MAX).await;
        let body = body.ok().ok_or(ApiError::bad("Payload exceeds the limit"))?;
        may_relay(shared, &parts.method, &parts.uri, &parts.headers, &body)?;
        Ok(Self(body))
    }
}

fn may_relay(shared: &Shared, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Result<(), ApiError> {
    let path = uri.path().strip_prefix(PREFIX).unwrap_or_default();
    let request = Request { method: method.as_str(), path, headers, body };
    if shared.lock().may_relay(&request) {
        return Ok(());
    }
    Err(ApiError { status: StatusCode::UNAUTHORIZED, ..ApiError::bad("invalid authorization") })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RelayerQuery {
    address: String,
    #[serde(rename = "type")]
    kind: String,
}

impl RelayerQuery {
    fn address(&self) -> Result<Address, ApiError> {
        let invalid =
            || ApiError::bad(format!("invalid address `{}`: expected 0x and 40 hexadecimal digits", self.address));
        Address::parse(&self.address).ok_or_else(invalid)
    }
}

async fn params(State(shared): World, Query(asked): Query<RelayerQuery>, _: Relayed) -> Answer {
    only_wallets(&asked.kind)?;
    let address = asked.address()?;
    let nonce = shared.lock().wallet_nonce(address).to_string();
    Ok(Json(json!({"address": address.checksummed(), "nonce": nonce})).into_response())
}

async fn deployed(State(shared): World, Query(asked): Query<RelayerQuery>) -> Answer {
    let deployed = shared.lock().is_deployed(asked.address()?);
    Ok(Json(json!({ "deployed": deployed })).into_response())
}

async fn transaction(State(shared): World, Path(id): Path<String>, _: Relayed) -> Answer {
    let record = shared.lock().transaction(&id).ok_or(ApiError::not_found("transaction not found"))?;
    let answer = json!({"transaction_id": id, "transaction_hash": record.hash, "state": record.state, "error_msg": record.error});
    Ok(Json(answer).into_response())
}

fn only_wallets(kind: &str) -> Result<(), ApiError> {
    if kind == "WALLET" {
        return Ok(());
    }
    Err(ApiError::bad(format!("the type `{kind}` is not relayed here; expected WALLET")))
}

#[derive(Deserialize)]
struct Posted {
    #[serde(rename = "type")]
    kind: String,
    from: String,
    to: String,
    nonce: String,
    signature: String,
    #[serde(default)]
    metadata: String,
    #[serde(rename = "depositWalletParams", default)]
    wallet: Option<PostedWallet>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostedWallet {
    deposit_wallet: String,
    deadline: String,
    calls: Vec<PostedCall>,
}

#[derive(Deserialize)]
struct PostedCall {
    target: String,
    value: String,
    data: String,
}

async fn submit(State(shared): World, Relayed(body): Relayed) -> Answer {
    let posted: Posted =
        serde_json::from_slice(&body).map_err(|error| ApiError::bad(format!("invalid payload: {error}")))?;
    let submission = read(&posted)?;
    let id = shared.lock().submit(submission)?;
    let answer: Value = json!({"transactionID": id, "transactionHash": null, "state": "STATE_NEW"});
    Ok(Json(answer).into_response())
}

/// Checks everything about a batch that does not need the ledger: its format, its signature, and that its calls may be
/// relayed.
fn read(posted: &Posted) -> Result<Submission, ApiError> {
    only_wallets(&posted.kind)?;
    let address = |name: &str, text: &str| Address::parse(text).ok_or_else(|| invalid(name, text));
    let number = |name: &str, text: &str| text.parse::<u64>().ok().ok_or_else(|| invalid(name, text));
    if Address::parse(FACTORY) != Some(address("to", &posted.to)?) {
        return Err(invalid("to", &posted.to));
    }
    if posted.metadata.chars().count() > METADATA_MAX {
        return Err(ApiError::bad(format!("metadata is longer than {METADATA_MAX} characters")));
    }
    let wallet_params = posted.wallet.as_ref().ok_or(ApiError::bad("depositWalletParams is missing"))?;
    if wallet_params.calls.is_empty() || wallet_params.calls.len() > CALLS_MAX {
        return Err(ApiError::bad(format!("{} calls; expected 1 to {CALLS_MAX}", wallet_params.calls.len())));
    }
    let (from, wallet) = (address("from", &posted.from)?, address("depositWallet", &wallet_params.deposit_wallet)?);
    if Wallet::find(from, wallet).map(Wallet::signature_type) != Some(SignatureType::Deposit) {
        return Err(ApiError::bad(format!("{wallet} is not a deposit wallet of {from}")));
    }
    let (nonce, deadline_s) = (number("nonce", &posted.nonce)?, number("deadline", &wallet_params.deadline)?);
    let calls = wallet_params.calls.iter().map(call).collect::<Result<Vec<Call>, ApiError>>()?;
    let batch = Batch { wallet, nonce, deadline_s, calls };
    if !batch.is_signed_by(Shared::CHAIN, from, &posted.signature) {
        return Err(ApiError::bad("invalid signature"));
    }
    let wanted = batch.calls.iter().map(wanted).collect::<Result<Vec<BatchCall>, ApiError>>()?;
    Ok(Submission { from, batch, wanted })
}

fn call(posted_call: &PostedCall) -> Result<Call, ApiError> {
    let target = Address::parse(&posted_call.target).ok_or_else(|| invalid("target", &posted_call.target))?;
    if posted_call.value != "0" {
        return Err(invalid("value", &posted_call.value));
    }
    let digits = posted_call.data.strip_prefix("0x").unwrap_or_default();
    let data = hex::decode(digits).ok_or_else(|| invalid("data", &posted_call.data))?;
    Ok(Call { target, data })
}

fn wanted(call: &Call) -> Result<BatchCall, ApiError> {
    let blocked =
        || ApiError::bad(format!("call blocked: calls of this function of {} are not permitted", call.target));
    call.wanted().ok_or_else(blocked)
}

fn invalid(name: &str, text: &str) -> ApiError {
    let shown: String = text.chars().take(80).collect();
    ApiError::bad(format!("invalid {name} `{shown}`"))
}
