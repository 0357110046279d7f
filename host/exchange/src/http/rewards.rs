//! Rewards, rebates and builder programs. This exchange pays none; it returns empty results in the venue's formats, so
//! that clients get valid responses. Order scoring works: a resting order of enough shares near the mid price scores.

use super::public::{Quote, with_token};
use super::{Answer, ApiError, Private, World};
use crate::world::Shared;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use model::{Price, VenueOrderId};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Maximum distance of a scoring order from the mid price, in micro-dollars.
const MAX_SPREAD: u32 = 45_000;
/// Maximum ids per request.
const IDS_MAX: usize = 500;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/order-scoring", get(scoring))
        .route("/orders-scoring", post(many_scoring))
        .route("/rewards/user", get(private_page))
        .route("/rewards/user/total", get(private_list))
        .route("/rewards/user/percentages", get(private_object))
        .route("/rewards/user/markets", get(private_page))
        .route("/rewards/markets/current", get(|| async { page() }))
        .route("/rewards/markets/multi", get(|| async { page() }))
        .route("/rewards/markets/{condition}", get(|| async { page() }))
        .route("/rebates/current", get(|| async { Json(json!([])) }))
        .route("/builder/trades", get(|| async { page() }))
        .route("/fees/builder-fees/{code}", get(builder_fees))
        .route("/data/pre-migration-orders", get(private_page))
        .route("/v1/user/rate-limit-tier", get(tier))
}

fn page() -> Response {
    Json(json!({"limit": 500, "count": 0, "next_cursor": "LTE=", "data": []})).into_response()
}

async fn private_page(_: Private) -> Response {
    page()
}

async fn private_list(_: Private) -> Response {
    Json(json!([])).into_response()
}

async fn private_object(_: Private) -> Response {
    Json(json!({})).into_response()
}

async fn builder_fees(Path(code): Path<String>) -> ApiError {
    ApiError::not_found(format!("builder code {code} not found"))
}

async fn tier(_: Private) -> Response {
    Json(json!({"tier": "Standard"})).into_response()
}

async fn scoring(State(shared): World, Query(query): Query<BTreeMap<String, String>>, private: Private) -> Answer {
    let id = query.get("order_id").map(String::as_str).unwrap_or_default();
    Ok(Json(json!({ "scoring": scores(&shared, &private, id)? })).into_response())
}

async fn many_scoring(State(shared): World, private: Private) -> Answer {
    let ids: Vec<String> = serde_json::from_slice(&private.body).ok().ok_or(ApiError::bad("Invalid payload"))?;
    if ids.len() > IDS_MAX {
        return Err(ApiError::bad("Payload exceeds the limit"));
    }
    let mut all = Map::new();
    for id in ids {
        let scores = scores(&shared, &private, &id)?;
        all.insert(id, Value::Bool(scores));
    }
    Ok(Json(all).into_response())
}

fn scores(shared: &Shared, private: &Private, id: &str) -> Result<bool, ApiError> {
    let id = VenueOrderId::parse(id).ok_or(ApiError::bad("Invalid orderID"))?;
    let Some(row) = shared.lock().order_row(&private.caller, id).filter(|row| row["status"] == "LIVE") else {
        return Ok(false);
    };
    let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let middle = with_token(shared, &text("asset_id"), |world, token, _| Quote::of(world, token).map(Quote::middle))?;
    let price = Price::parse(&text("price")).map(Price::micros);
    Ok(middle.zip(price).is_some_and(|(middle, price)| middle.abs_diff(price) <= MAX_SPREAD))
}
