//! Order placement and cancels. Signatures are checked outside the lock: they cost more than matching.

use super::account::MarketFilter;
use super::{Answer, ApiError, Private, World};
use crate::error::stamp;
use crate::keys::Holder;
use crate::wire::{PostAnswer, PostOrder};
use crate::world::{Bucket, Inside, OrderRequest, Shared, Wants};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use model::VenueOrderId;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// Maximum orders per request (PROTOCOL 4.4).
const ORDERS_MAX: usize = 15;
/// Maximum ids per cancel (PROTOCOL 21).
const CANCEL_MAX: usize = 1_000;

/// Runs an action that costs `count` tokens, and adds the remaining ones to its response or error.
fn rated(shared: &Shared, caller: &Holder, (bucket, count): (Bucket, usize), act: impl FnOnce() -> Answer) -> Answer {
    let rate = shared.lock().admit(caller, bucket, count)?;
    Ok(stamp(act().unwrap_or_else(ApiError::into_response), rate))
}

pub(super) async fn post_order(State(shared): World, private: Private) -> Answer {
    let posted: PostOrder = serde_json::from_slice(&private.body).ok().ok_or(ApiError::bad("Invalid order payload"))?;
    hold(&shared, &private.caller, std::slice::from_ref(&posted)).await;
    rated(&shared, &private.caller, (Bucket::Orders, 1), || {
        Ok(Json(place(&shared, &private.caller, &posted)?).into_response())
    })
}

pub(super) async fn post_orders(State(shared): World, private: Private) -> Answer {
    let posted: Vec<PostOrder> =
        serde_json::from_slice(&private.body).ok().ok_or(ApiError::bad("Invalid order payload"))?;
    if posted.len() > ORDERS_MAX {
        let text = format!("Too many orders in payload: {}, max allowed: {ORDERS_MAX}", posted.len());
        return Err(ApiError::bad(text));
    }
    hold(&shared, &private.caller, &posted).await;
    // A refused order is reported in its own element; the others stand.
    rated(&shared, &private.caller, (Bucket::Orders, posted.len()), || {
        let answers = posted.iter().map(|posted| {
            place(&shared, &private.caller, posted).unwrap_or_else(|fail| PostAnswer {
                success: true,
                error_msg: fail.text.into_owned(),
                ..PostAnswer::default()
            })
        });
        Ok(Json(answers.collect::<Vec<_>>()).into_response())
    })
}

/// Waits as long as the venue holds orders that would match immediately; the response waits too, and the orders cannot
/// be cancelled meanwhile.
async fn hold(shared: &Shared, caller: &Holder, posted: &[PostOrder]) {
    if shared.lock().faults().taker_delay_ms == 0 {
        return;
    }
    let now = crate::clock::now();
    let asked = posted.iter().filter_map(|posted| OrderRequest::read(now, caller, posted).ok());
    let held = asked.map(|asked| shared.lock().held_ms(&asked)).max().unwrap_or(0);
    if held > 0 {
        tokio::time::sleep(Duration::from_millis(held)).await;
    }
}

fn place(shared: &Shared, caller: &Holder, posted: &PostOrder) -> Result<PostAnswer, ApiError> {
    let asked = OrderRequest::read(crate::clock::now(), caller, posted)?;
    shared.lock().check_accepts(Wants::Place(asked.kind))?;
    let exchange = shared.lock().exchange(&asked)?;
    let id = asked.verify(caller, shared.domains(), exchange)?;
    let mut inside = shared.lock();
    let placed = inside.place(caller, &asked, id)?;
    if inside.loses_answer() {
        return Err(ApiError { status: StatusCode::GATEWAY_TIMEOUT, ..ApiError::bad("") });
    }
    Ok(placed)
}

#[derive(Deserialize)]
struct Cancel {
    #[serde(rename = "orderID")]
    order_id: String,
}

pub(super) async fn cancel(State(shared): World, private: Private) -> Answer {
    let asked: Cancel = serde_json::from_slice(&private.body).ok().ok_or(ApiError::bad("Invalid payload"))?;
    cancel_ids(&shared, &private.caller, vec![asked.order_id])
}

pub(super) async fn cancel_many(State(shared): World, private: Private) -> Answer {
    let asked: Vec<String> = serde_json::from_slice(&private.body).ok().ok_or(ApiError::bad("Invalid payload"))?;
    if asked.len() > CANCEL_MAX {
        return Err(ApiError::bad("Payload exceeds the limit"));
    }
    cancel_ids(&shared, &private.caller, asked)
}

fn cancel_ids(shared: &Shared, caller: &Holder, texts: Vec<String>) -> Answer {
    let mut ids = Vec::with_capacity(texts.len());
    for text in &texts {
        ids.push(VenueOrderId::parse(text).ok_or(ApiError::bad("Invalid orderID"))?);
    }
    rated(shared, caller, (Bucket::Cancels, ids.len()), || {
        let mut inside = shared.lock();
        inside.check_accepts(Wants::Cancel)?;
        let cancelled = inside.cancel(caller, &ids);
        drop(inside);
        let open = |id: &&VenueOrderId| !cancelled.contains(id);
        let not: BTreeMap<String, &str> =
            ids.iter().filter(open).map(|id| (id.to_string(), "already canceled or matched")).collect();
        Ok(cancelled_answer(&cancelled, &not))
    })
}

/// Cancels by filter: costs one token, plus one for each cancelled order, which may overdraw the bucket.
fn cancel_where(shared: &Shared, caller: &Holder, cancel: impl FnOnce(&mut Inside) -> Vec<VenueOrderId>) -> Answer {
    let mut inside = shared.lock();
    inside.admit(caller, Bucket::Cancels, 1)?;
    inside.check_accepts(Wants::Cancel)?;
    let cancelled = cancel(&mut inside);
    let rate = inside.spend(caller, Bucket::Cancels, i64::try_from(cancelled.len()).unwrap_or(i64::MAX));
    Ok(stamp(cancelled_answer(&cancelled, &BTreeMap::new()), rate))
}

fn cancelled_answer(cancelled: &[VenueOrderId], not: &BTreeMap<String, &str>) -> Response {
    let cancelled: Vec<String> = cancelled.iter().map(ToString::to_string).collect();
    Json(json!({"canceled": cancelled, "not_canceled": not})).into_response()
}

pub(super) async fn cancel_all(State(shared): World, private: Private) -> Answer {
    cancel_where(&shared, &private.caller, |inside| inside.cancel_all(&private.caller))
}

pub(super) async fn cancel_market(State(shared): World, private: Private) -> Answer {
    let filter: MarketFilter = serde_json::from_slice(&private.body).ok().ok_or(ApiError::bad("Invalid payload"))?;
    cancel_where(&shared, &private.caller, |inside| {
        inside.cancel_market(&private.caller, filter.market(), filter.asset())
    })
}

#[derive(Deserialize)]
struct Heartbeat {
    /// Absent, null or empty for the first one.
    #[serde(default)]
    heartbeat_id: Option<String>,
}

pub(super) async fn heartbeat(State(shared): World, private: Private) -> Answer {
    let request: Heartbeat = serde_json::from_slice(&private.body).ok().ok_or(ApiError::bad("Invalid payload"))?;
    let id = request.heartbeat_id.unwrap_or_default();
    Ok(match shared.lock().heartbeat(&private.caller, &id) {
        Ok(next) => Json(json!({ "heartbeat_id": next })).into_response(),
        Err(expected) => {
            // Older clients read `error`, newer ones `error_msg` (PROTOCOL 11).
            let text = "Invalid Heartbeat ID";
            let body = json!({ "error": text, "error_msg": text, "heartbeat_id": expected });
            (StatusCode::BAD_REQUEST, Json(body)).into_response()
        }
    })
}
