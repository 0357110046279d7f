//! Charts: past prices, and the trades of a market.

use super::public::with_token;
use super::{Answer, ApiError, World};
use crate::world::{Inside, Shared};
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use model::{TokenId, TokenIx};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Maximum tokens per request.
const TOKENS_MAX: usize = 20;
/// Number of trades returned for a market.
const TRADES_SHOWN: usize = 50;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/prices-history", get(history))
        .route("/batch-prices-history", post(histories))
        .route("/markets/live-activity/{condition}", get(activity))
}

/// A range of the past: an interval up to now, or from one second to another.
#[derive(Deserialize)]
struct Span {
    interval: Option<String>,
    #[serde(rename = "startTs", alias = "start_ts")]
    start: Option<u64>,
    #[serde(rename = "endTs", alias = "end_ts")]
    end: Option<u64>,
    /// Minutes between points.
    fidelity: Option<u64>,
}

#[derive(Deserialize)]
struct One {
    market: String,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Deserialize)]
struct Many {
    markets: Vec<String>,
    #[serde(flatten)]
    span: Span,
}

impl Span {
    /// Reads the query parameters.
    fn of(query: &Map<String, Value>) -> Result<Self, ApiError> {
        let text = |name: &str| query.get(name).and_then(Value::as_str);
        let number = |name: &'static str| {
            let wrong = || ApiError::bad(format!("Invalid payload: {name}"));
            text(name).map(|text| text.parse().ok().ok_or_else(wrong)).transpose()
        };
        let interval = text("interval").map(str::to_owned);
        Ok(Self { interval, start: number("startTs")?, end: number("endTs")?, fidelity: number("fidelity")? })
    }

    /// Returns the first and the last second, and the seconds between points.
    fn bounds(&self) -> Result<[u64; 3], ApiError> {
        const DAY: u64 = 86_400;
        let now = crate::clock::now().seconds();
        let back = match self.interval.as_deref() {
            None => self.start.map(|start| now.saturating_sub(start)),
            Some("max" | "all") => Some(now),
            Some("1m") => Some(30 * DAY),
            Some("1w") => Some(7 * DAY),
            Some("1d") => Some(DAY),
            Some("6h") => Some(DAY / 4),
            Some("1h") => Some(DAY / 24),
            Some(_) => None,
        };
        let back = back.ok_or(ApiError::bad("Invalid payload: interval, or startTs and endTs, is needed"))?;
        let apart = self.fidelity.unwrap_or(1).saturating_mul(60);
        Ok([now.saturating_sub(back), self.end.unwrap_or(now), apart])
    }
}

async fn history(State(shared): World, Query(asked): Query<One>) -> Answer {
    let bounds = Span::of(&asked.rest)?.bounds()?;
    let points = with_token(&shared, &asked.market, |world, token, _| points(world, token, bounds))?;
    Ok(Json(json!({ "history": points })).into_response())
}

async fn histories(State(shared): World, body: Bytes) -> Answer {
    let asked: Many = serde_json::from_slice(&body).ok().ok_or(ApiError::bad("Invalid payload"))?;
    if asked.markets.len() > TOKENS_MAX {
        return Err(ApiError::bad("Payload exceeds the limit"));
    }
    let bounds = asked.span.bounds()?;
    let world = shared.lock();
    let all: Map<String, Value> = asked
        .markets
        .iter()
        .filter_map(|text| {
            let token = world.venue().token_of(&TokenId::parse(text)?)?;
            Some((text.clone(), points(&world, token, bounds)))
        })
        .collect();
    Ok(Json(json!({ "history": all })).into_response())
}

fn points(world: &Inside, token: TokenIx, [start, end, apart]: [u64; 3]) -> Value {
    let found = world.history().of(token, start, end, apart);
    found.iter().map(|(at, price)| json!({"t": at, "p": crate::wire::number(&price.to_string())})).collect()
}

async fn activity(State(shared): World, Path(condition): Path<String>) -> Answer {
    let world = shared.lock();
    let (ix, _) = super::public::listed(&world, &condition)?;
    let rows: Vec<Value> = world.market_trades(ix).take(TRADES_SHOWN).collect();
    Ok(Json(rows).into_response())
}
