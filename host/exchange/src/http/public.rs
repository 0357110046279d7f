//! Public queries: time, markets and books.

use super::{Answer, ApiError, World};
use crate::wire::{self, WireBook};
use crate::world::{Inside, Shared, exclusive};
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use model::{ConditionId, Market, MarketIx, Side, TokenId, TokenIx};
use serde::Deserialize;
use serde_json::{Value, json};

async fn version(State(shared): World) -> Response {
    Json(json!({"version": shared.lock().order_version()})).into_response()
}

/// Maximum tokens per request for books.
const BOOKS_MAX: usize = 500;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/", get(|| async { Json("OK") }))
        .route("/ok", get(|| async { Json("OK") }))
        .route("/time", get(|| async { Json(crate::clock::now().seconds()) }))
        .route(
            "/api/geoblock",
            get(|| async { Json(json!({"blocked": false, "ip": "127.0.0.1", "country": "", "region": ""})) }),
        )
        .route("/version", get(version))
        .route("/book", get(book))
        .route("/books", get(books_by_query).post(books))
        .route("/price", get(price))
        .route("/midpoint", get(midpoint))
        .route("/spread", get(spread))
        .route("/last-trade-price", get(last_trade_price))
        .route("/tick-size", get(tick_size))
        .route("/tick-size/{token}", get(tick_size_of))
        .route("/neg-risk", get(neg_risk))
        .route("/fee-rate", get(fee_rate))
        .route("/markets", get(markets))
        .route("/markets/{condition}", get(market))
        .route("/clob-markets/{condition}", get(clob_market))
        .route("/markets-by-token/{token}", get(market_by_token))
}

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    token_id: String,
    #[serde(default)]
    side: String,
}

/// Applies a function to a token that the venue lists.
pub(super) fn with_token<T>(
    shared: &Shared,
    id: &str,
    read: impl FnOnce(&Inside, TokenIx, &Market) -> T,
) -> Result<T, ApiError> {
    let id = TokenId::parse(id).ok_or(ApiError::bad("Invalid token id"))?;
    let world = shared.lock();
    let token = world.venue().token_of(&id).ok_or(ApiError::NO_BOOK)?;
    let market = world.venue().market(token.market()).ok_or(ApiError::NO_BOOK)?;
    Ok(read(&world, token, market))
}

async fn book(State(shared): World, Query(query): Query<Token>) -> Answer {
    with_token(&shared, &query.token_id, |world, token, _| Json(world.book(token)).into_response())
}

async fn books(State(shared): World, body: axum::body::Bytes) -> Answer {
    let asked: Vec<Token> = serde_json::from_slice(&body).ok().ok_or(ApiError::bad("Invalid payload"))?;
    if asked.len() > BOOKS_MAX {
        return Err(ApiError::bad("Payload exceeds the limit"));
    }
    Ok(Json(known_books(&shared, asked.iter().map(|token| token.token_id.as_str()))).into_response())
}

#[derive(Deserialize)]
struct Tokens {
    #[serde(default)]
    token_ids: String,
}

async fn books_by_query(State(shared): World, Query(query): Query<Tokens>) -> Response {
    Json(known_books(&shared, query.token_ids.split(',').take(BOOKS_MAX))).into_response()
}

fn known_books<'a>(shared: &Shared, ids: impl Iterator<Item = &'a str>) -> Vec<WireBook> {
    let world = shared.lock();
    let tokens = ids.filter_map(|id| world.venue().token_of(&TokenId::parse(id)?));
    tokens.filter_map(|token| world.book(token)).collect()
}

async fn price(State(shared): World, Query(query): Query<Token>) -> Answer {
    // BUY is the best bid (PROTOCOL 7.2).
    let side = match query.side.to_ascii_uppercase().as_str() {
        "BUY" => Side::Buy,
        "SELL" => Side::Sell,
        _ => return Err(ApiError::bad("Invalid side")),
    };
    with_token(&shared, &query.token_id, |world, token, _| {
        let price = world.venue().best(token, side).map(|level| level.price.to_string()).unwrap_or_default();
        Json(json!({ "price": price })).into_response()
    })
}

/// The best bid and ask of a book that has both, in micro-dollars.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quote {
    bid: u32,
    ask: u32,
}

impl Quote {
    pub(super) fn of(world: &Inside, token: TokenIx) -> Option<Self> {
        let price = |side| world.venue().best(token, side).map(|level| level.price.micros());
        Some(Self { bid: price(Side::Buy)?, ask: price(Side::Sell)? })
    }

    pub(super) const fn middle(self) -> u32 {
        self.bid.midpoint(self.ask)
    }

    pub(super) fn midpoint(self) -> String {
        model::Usd(i64::from(self.middle())).to_string()
    }

    pub(super) fn spread(self) -> String {
        model::Usd(i64::from(self.ask.saturating_sub(self.bid))).to_string()
    }
}

async fn midpoint(State(shared): World, Query(query): Query<Token>) -> Answer {
    let quote = with_token(&shared, &query.token_id, |world, token, _| Quote::of(world, token))?;
    Ok(Json(json!({ "mid": quote.ok_or(ApiError::NO_BOOK)?.midpoint() })).into_response())
}

async fn spread(State(shared): World, Query(query): Query<Token>) -> Answer {
    let quote = with_token(&shared, &query.token_id, |world, token, _| Quote::of(world, token))?;
    Ok(Json(json!({ "spread": quote.ok_or(ApiError::NO_BOOK)?.spread() })).into_response())
}

/// Returns price and side of a token's last trade, which may have been on the market's other token.
pub(super) fn last_trade(world: &Inside, token: TokenIx) -> Option<(String, &'static str)> {
    let (traded, price, side, _) = world.venue().last_trade(token.market())?;
    Some(if traded == token {
        (price.to_string(), wire::side(side))
    } else {
        (price.complement().to_string(), wire::side(side.opposite()))
    })
}

async fn last_trade_price(State(shared): World, Query(query): Query<Token>) -> Answer {
    with_token(&shared, &query.token_id, |world, token, _| {
        let (price, side) = last_trade(world, token).unwrap_or_else(|| ("0.5".to_owned(), ""));
        Json(json!({ "price": price, "side": side })).into_response()
    })
}

async fn tick_size(State(shared): World, Query(query): Query<Token>) -> Answer {
    with_token(&shared, &query.token_id, |_, _, market| {
        Json(json!({ "minimum_tick_size": wire::number(&market.tick.to_string()) })).into_response()
    })
}

async fn tick_size_of(shared: World, Path(token_id): Path<String>) -> Answer {
    tick_size(shared, Query(Token { token_id, side: String::new() })).await
}

async fn neg_risk(State(shared): World, Query(query): Query<Token>) -> Answer {
    with_token(&shared, &query.token_id, |_, _, market| Json(json!({ "neg_risk": market.neg_risk })).into_response())
}

async fn fee_rate(State(shared): World, Query(query): Query<Token>) -> Answer {
    with_token(&shared, &query.token_id, |_, _, market| Json(json!({ "base_fee": base_fee(market) })).into_response())
}

/// The fee of the first version, which is not used in any calculation.
const fn base_fee(market: &Market) -> u32 {
    if market.fee.rate_micros == 0 { 0 } else { 1_000 }
}

async fn markets(State(shared): World) -> Response {
    let world = shared.lock();
    let data: Vec<Value> = world.venue().markets().map(|market| full_market(&world, market)).collect();
    Json(json!({"limit": 1_000, "count": data.len(), "next_cursor": "LTE=", "data": data})).into_response()
}

pub(super) fn listed<'a>(world: &'a Inside, condition: &str) -> Result<(MarketIx, &'a Market), ApiError> {
    let unknown = || ApiError::not_found("market not found");
    let condition = ConditionId::parse(condition).ok_or_else(unknown)?;
    let ix = world.venue().market_of(condition).ok_or_else(unknown)?;
    Ok((ix, world.venue().market(ix).ok_or_else(unknown)?))
}

async fn market(State(shared): World, Path(condition): Path<String>) -> Answer {
    let world = shared.lock();
    let (_, market) = listed(&world, &condition)?;
    Ok(Json(full_market(&world, market)).into_response())
}

pub(super) fn full_market(world: &Inside, market: &Market) -> Value {
    let ix = world.venue().market_of(market.condition);
    let pays = ix.and_then(|ix| world.venue().resolution(ix));
    let tokens: Vec<Value> = [0, 1]
        .into_iter()
        .filter_map(|outcome| {
            let token = ix?.token(outcome);
            let price = worth(world, token);
            Some(json!({
                "token_id": wire::asset(market, token),
                "outcome": wire::outcome(market, token),
                "price": wire::number(&price.to_string()),
                "winner": pays.is_some_and(|pays| wins(pays, outcome)),
            }))
        })
        .collect();
    json!({
        "enable_order_book": true,
        "active": true,
        "closed": pays.is_some(),
        "archived": false,
        "accepting_orders": pays.is_none(),
        "accepting_order_timestamp": null,
        "minimum_order_size": wire::number(&market.min_size.to_string()),
        "minimum_tick_size": wire::number(&market.tick.to_string()),
        "condition_id": market.condition.to_string(),
        "question_id": ix.map_or_else(|| market.condition.to_string(), |ix| world.question_id(ix, market)),
        "question": market.question,
        "description": "A market of the local exchange.",
        "market_slug": market.slug,
        "end_date_iso": market.end.map(model::Time::iso),
        "game_start_time": null,
        "seconds_delay": world.faults().sports_delay_s(market),
        "fpmm": "",
        "maker_base_fee": base_fee(market),
        "taker_base_fee": base_fee(market),
        "notifications_enabled": false,
        "neg_risk": market.neg_risk,
        "neg_risk_market_id": exclusive(market).map_or_else(String::new, |event| event.to_string()),
        "neg_risk_request_id": "",
        "icon": "",
        "image": "",
        "rewards": {"rates": null, "min_size": 0, "max_spread": 0},
        "is_50_50_outcome": pays.is_some_and(|[yes, no]| yes == no),
        "tokens": tokens,
        "tags": [],
    })
}

/// Returns the value of a share: the mid price of the book, or the payout once the market is resolved.
pub(super) fn worth(world: &Inside, token: TokenIx) -> model::Usd {
    let pays = world.venue().resolution(token.market());
    let [yes, no] = pays.unwrap_or_else(|| {
        let middle = Quote::of(world, token.market().token(0)).map_or(500_000, Quote::middle);
        [model::Usd(i64::from(middle)), model::Usd(i64::from(1_000_000u32.saturating_sub(middle)))]
    });
    if token.outcome() == 0 { yes } else { no }
}

fn wins([yes, no]: [model::Usd; 2], outcome: u32) -> bool {
    if outcome == 0 { yes > no } else { no > yes }
}

async fn clob_market(State(shared): World, Path(condition): Path<String>) -> Answer {
    let world = shared.lock();
    let (ix, market) = listed(&world, &condition)?;
    let token = |outcome| {
        let token = ix.token(outcome);
        json!({"t": wire::asset(market, token), "o": wire::outcome(market, token)})
    };
    let mut answer = json!({
        "r": null,
        "ao": world.venue().resolution(ix).is_none(),
        "aot": null,
        "t": [token(0), token(1)],
        "mos": wire::number(&market.min_size.to_string()),
        "mts": wire::number(&market.tick.to_string()),
        "mbf": base_fee(market),
        "tbf": base_fee(market),
        "rfqe": false,
        "itode": world.faults().taker_delay_ms > 0,
        "ibce": false,
        "c": market.condition.to_string(),
    });
    let delay_s = world.faults().sports_delay_s(market);
    // The venue omits these fields if they are empty.
    if let Some(fields) = answer.as_object_mut() {
        if delay_s > 0 {
            fields.insert("sd".to_owned(), delay_s.into());
        }
        if market.neg_risk {
            fields.insert("nr".to_owned(), Value::Bool(true));
        }
        if market.fee.rate_micros > 0 {
            let rate = model::Usd(i64::from(market.fee.rate_micros)).to_string();
            fields.insert("fd".to_owned(), json!({"r": wire::number(&rate), "e": 1, "to": true}));
        }
    }
    Ok(Json(answer).into_response())
}

async fn market_by_token(State(shared): World, Path(token): Path<String>) -> Answer {
    with_token(&shared, &token, |_, _, market| {
        let [yes, no] = &market.tokens;
        Json(json!({
            "condition_id": market.condition.to_string(),
            "primary_token_id": yes.to_string(),
            "secondary_token_id": no.to_string(),
        }))
        .into_response()
    })
}
