//! Queries for many tokens at once (PROTOCOL 7.2): prices, midpoints, spreads, last trades, and the short lists of
//! markets. Tokens that the venue does not list are omitted from the response.

use super::public::{Quote, full_market};
use super::{Answer, ApiError, World};
use crate::world::{Inside, Shared};
use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use model::{Side, TokenId, TokenIx};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Maximum tokens per request.
const TOKENS_MAX: usize = 500;
/// The cursor after the last page.
const END: &str = "LTE=";

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/prices", post(prices))
        .route("/midpoints", post(midpoints))
        .route("/spreads", post(spreads))
        .route("/last-trades-prices", post(last_trades).get(last_trades))
        .route("/simplified-markets", get(simplified))
        .route("/sampling-markets", get(sampling))
        .route("/sampling-simplified-markets", get(simplified))
}

#[derive(Deserialize)]
struct BookQuery {
    token_id: String,
    #[serde(default)]
    side: String,
}

/// Reads the requested tokens, and answers for each that is listed.
fn each(
    shared: &Shared,
    body: &[u8],
    mut answer: impl FnMut(&Inside, TokenIx, &BookQuery) -> Result<(), ApiError>,
) -> Result<(), ApiError> {
    let asked: Vec<BookQuery> = serde_json::from_slice(body).ok().ok_or(ApiError::bad("Invalid payload"))?;
    if asked.len() > TOKENS_MAX {
        return Err(ApiError::bad("Payload exceeds the limit"));
    }
    let world = shared.lock();
    for asked in &asked {
        let token = TokenId::parse(&asked.token_id).and_then(|id| world.venue().token_of(&id));
        if let Some(token) = token {
            answer(&world, token, asked)?;
        }
    }
    Ok(())
}

async fn prices(State(shared): World, body: Bytes) -> Answer {
    let mut prices: Map<String, Value> = Map::new();
    each(&shared, &body, |world, token, asked| {
        let (side, word) = match asked.side.to_ascii_uppercase().as_str() {
            "BUY" => (Side::Buy, "BUY"),
            "SELL" => (Side::Sell, "SELL"),
            _ => return Err(ApiError::bad("Invalid side")),
        };
        if let Some(level) = world.venue().best(token, side) {
            let sides = prices.entry(asked.token_id.clone()).or_insert_with(|| json!({}));
            if let Some(sides) = sides.as_object_mut() {
                sides.insert(word.to_owned(), level.price.to_string().into());
            }
        }
        Ok(())
    })?;
    Ok(Json(prices).into_response())
}

async fn midpoints(State(shared): World, body: Bytes) -> Answer {
    quotes(&shared, &body, Quote::midpoint)
}

async fn spreads(State(shared): World, body: Bytes) -> Answer {
    quotes(&shared, &body, Quote::spread)
}

fn quotes(shared: &Shared, body: &[u8], read: impl Fn(Quote) -> String) -> Answer {
    let mut answers: Map<String, Value> = Map::new();
    each(shared, body, |world, token, asked| {
        if let Some(quote) = Quote::of(world, token) {
            answers.insert(asked.token_id.clone(), read(quote).into());
        }
        Ok(())
    })?;
    Ok(Json(answers).into_response())
}

async fn last_trades(State(shared): World, body: Bytes) -> Answer {
    let mut answers = Vec::new();
    each(&shared, &body, |world, token, asked| {
        if let Some((price, side)) = super::public::last_trade(world, token) {
            answers.push(json!({ "token_id": asked.token_id, "price": price, "side": side }));
        }
        Ok(())
    })?;
    Ok(Json(answers).into_response())
}

/// Returns a list of all markets, each reduced to these fields; complete if none are given.
fn list(shared: &Shared, fields: &[&str]) -> Response {
    let world = shared.lock();
    let markets = world.venue().markets().map(|market| full_market(&world, market));
    let cut = |market: Value| match market {
        Value::Object(all) if !fields.is_empty() => {
            all.into_iter().filter(|(field, _)| fields.contains(&field.as_str())).collect()
        }
        whole => whole,
    };
    let data: Vec<Value> = markets.map(cut).collect();
    Json(json!({ "limit": 1_000, "count": data.len(), "next_cursor": END, "data": data })).into_response()
}

async fn sampling(State(shared): World) -> Response {
    list(&shared, &[])
}

async fn simplified(State(shared): World) -> Response {
    list(&shared, &["condition_id", "tokens", "rewards", "active", "closed", "archived", "accepting_orders"])
}
