//! Gamma, the venue's catalog (PROTOCOL 15.1), under `/gamma` because its paths are also the order book's. Every market is an
//! event of its own here; all are tagged `local`.

use super::public::{Quote, last_trade, worth};
use super::{Fail, World};
use crate::wire::{self, number};
use crate::world::{Inside, Shared};
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use model::{Market, MarketIx, Side, Usd};
use serde_json::{Map, Value, json};

/// The most rows of one page.
const PAGE_MAX: usize = 100;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/gamma/markets", get(markets))
        .route("/gamma/markets/keyset", get(market_page))
        .route("/gamma/markets/{id}", get(market))
        .route("/gamma/markets/slug/{slug}", get(market_by_slug))
        .route("/gamma/events", get(events))
        .route("/gamma/events/keyset", get(event_page))
        .route("/gamma/events/{id}", get(event))
        .route("/gamma/events/slug/{slug}", get(event_by_slug))
        .route("/gamma/tags", get(|| async { Json(json!([tag()])) }))
}

/// The number of the one tag that all markets have.
const TAG: &str = "1";

type Answer = Result<Response, Fail>;
type Show = fn(&Inside, MarketIx, &Market) -> Value;

fn tag() -> Value {
    json!({"id": TAG, "label": "Local", "slug": "local"})
}

/// A question's parameters; names that come several times are kept all.
#[derive(Debug)]
struct Asked(Vec<(String, String)>);

impl Asked {
    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, _)| key == name).flat_map(|(_, value)| value.split(','))
    }

    fn number(&self, name: &'static str) -> Result<Option<usize>, Fail> {
        let read = |text: &str| text.parse().ok().ok_or_else(|| Fail::bad(format!("invalid {name}")));
        self.all(name).next().map(read).transpose()
    }

    /// Says whether a market is one of those that are meant.
    fn keeps(&self, world: &Inside, ix: MarketIx, market: &Market) -> bool {
        let among = |name: &str, is: &dyn Fn(&str) -> bool| {
            let mut wanted = self.all(name).peekable();
            wanted.peek().is_none() || wanted.any(is)
        };
        let condition = market.condition.to_string();
        let [yes, no] = market.tokens.map(|token| token.to_string());
        let closed = world.venue().resolution(ix).is_some();
        let end = market.end.unwrap_or_default().iso();
        // ISO times of one form compare as texts do.
        let until = |name: &str, fits: &dyn Fn(&str) -> bool| self.all(name).next().is_none_or(fits);
        let liquid = |least: &str| Usd::parse(least).is_some_and(|least| liquidity(world, ix) >= least);
        // Closed ones are left out unless they are asked for.
        let wants_closed = self.all("closed").next().unwrap_or("false") == "true";
        among("id", &|id| id == wire::gamma_id(ix))
            && among("slug", &|slug| slug == market.slug)
            && among("condition_ids", &|id| id == condition)
            && among("clob_token_ids", &|id| id == yes || id == no)
            && among("tag_id", &|tag| tag == TAG)
            && until("end_date_min", &|least| market.end.is_some() && *end >= *least)
            && until("end_date_max", &|most| market.end.is_some() && *end <= *most)
            && until("liquidity_num_min", &liquid)
            && closed == wants_closed
    }
}

/// Returns the rows from `offset` on, and where the next page begins.
fn rows(world: &Inside, asked: &Asked, offset: usize, show: Show) -> Result<(Vec<Value>, Option<usize>), Fail> {
    let limit = asked.number("limit")?.unwrap_or(20).clamp(1, PAGE_MAX);
    let mut kept = world.venue().listed().filter(|(ix, market)| asked.keeps(world, *ix, market)).skip(offset);
    let page = kept.by_ref().take(limit).map(|(ix, market)| show(world, ix, market)).collect();
    Ok((page, kept.next().map(|_| offset.saturating_add(limit))))
}

type Parameters = Query<Vec<(String, String)>>;

async fn markets(State(shared): World, Query(query): Parameters) -> Answer {
    list(&shared, &Asked(query), show_market)
}

async fn events(State(shared): World, Query(query): Parameters) -> Answer {
    list(&shared, &Asked(query), show_event)
}

fn list(shared: &Shared, asked: &Asked, show: Show) -> Answer {
    let offset = asked.number("offset")?.unwrap_or(0);
    Ok(Json(rows(&shared.lock(), asked, offset, show)?.0).into_response())
}

async fn market_page(State(shared): World, Query(query): Parameters) -> Answer {
    page(&shared, &Asked(query), "markets", show_market)
}

async fn event_page(State(shared): World, Query(query): Parameters) -> Answer {
    page(&shared, &Asked(query), "events", show_event)
}

/// The last page has no cursor.
fn page(shared: &Shared, asked: &Asked, name: &str, show: Show) -> Answer {
    let offset = asked.number("after_cursor")?.unwrap_or(0);
    let (rows, next) = rows(&shared.lock(), asked, offset, show)?;
    let mut answer = Map::new();
    answer.insert(name.to_owned(), rows.into());
    if let Some(next) = next {
        answer.insert("next_cursor".to_owned(), next.to_string().into());
    }
    Ok(Json(answer).into_response())
}

async fn market(State(shared): World, Path(id): Path<String>) -> Answer {
    one(&shared, |ix, _| wire::gamma_id(ix) == id, show_market)
}

async fn market_by_slug(State(shared): World, Path(slug): Path<String>) -> Answer {
    one(&shared, |_, market| market.slug == slug, show_market)
}

async fn event(State(shared): World, Path(id): Path<String>) -> Answer {
    one(&shared, |ix, _| wire::gamma_id(ix) == id, show_event)
}

async fn event_by_slug(State(shared): World, Path(slug): Path<String>) -> Answer {
    one(&shared, |_, market| market.slug == slug, show_event)
}

fn one(shared: &Shared, is: impl Fn(MarketIx, &Market) -> bool, show: Show) -> Answer {
    let world = shared.lock();
    let found = world.venue().listed().find(|(ix, market)| is(*ix, market));
    let (ix, market) = found.ok_or(Fail::not_found("not found"))?;
    Ok(Json(show(&world, ix, market)).into_response())
}

/// Lists stand as JSON inside a text, as the real catalog has them.
fn text_of(list: [String; 2]) -> String {
    json!(list).to_string()
}

fn event_of(ix: MarketIx, market: &Market) -> Value {
    json!({"id": wire::gamma_id(ix), "ticker": market.slug, "slug": market.slug, "title": market.question})
}

/// Returns what is in a market's book, in dollars.
fn liquidity(world: &Inside, ix: MarketIx) -> Usd {
    let levels = [Side::Buy, Side::Sell].map(|side| world.venue().levels(ix.token(0), side)).concat();
    let depth = levels.iter().filter_map(|level| level.price.cost_floor(level.size));
    depth.fold(Usd::ZERO, Usd::saturating_add)
}

fn show_market(world: &Inside, ix: MarketIx, market: &Market) -> Value {
    let (yes, closed) = (ix.token(0), world.venue().resolution(ix).is_some());
    let prices = [0, 1].map(|outcome| worth(world, ix.token(outcome)).to_string());
    let best = |side| world.venue().best(yes, side).map(|level| number(&level.price.to_string()));
    let liquidity = liquidity(world, ix).to_string();
    let mut row = json!({
        "id": wire::gamma_id(ix),
        "version": "v1",
        "question": market.question,
        "conditionId": market.condition.to_string(),
        "questionID": market.condition.to_string(),
        "slug": market.slug,
        "description": "A market of the local exchange.",
        "outcomes": text_of(market.outcomes.clone()),
        "outcomePrices": text_of(prices),
        "clobTokenIds": text_of(market.tokens.map(|token| token.to_string())),
        "active": true,
        "closed": closed,
        "archived": false,
        "restricted": false,
        "acceptingOrders": !closed,
        "enableOrderBook": true,
        "orderPriceMinTickSize": number(&market.tick.to_string()),
        "orderMinSize": number(&market.min_size.to_string()),
        "negRisk": market.neg_risk,
        "secondsDelay": 0,
        "feesEnabled": market.fee.rate_micros > 0,
        "feeSchedule": wire::fee_schedule(market),
        "liquidity": liquidity,
        "liquidityNum": number(&liquidity),
        "volume": "0",
        "volumeNum": 0,
        "bestBid": best(Side::Buy),
        "bestAsk": best(Side::Sell),
        "spread": Quote::of(world, yes).map(|quote| number(&quote.spread())),
        "lastTradePrice": last_trade(world, yes).map(|(price, _)| number(&price)),
        "events": [event_of(ix, market)],
        "tags": [tag()],
    });
    if let (Some(end), Some(fields)) = (market.end, row.as_object_mut()) {
        fields.insert("endDate".to_owned(), end.iso().into());
    }
    row
}

fn show_event(world: &Inside, ix: MarketIx, market: &Market) -> Value {
    let closed = world.venue().resolution(ix).is_some();
    let mut row = event_of(ix, market);
    if let Some(fields) = row.as_object_mut() {
        fields.insert("description".to_owned(), "An event of the local exchange.".into());
        fields.insert("active".to_owned(), true.into());
        fields.insert("closed".to_owned(), closed.into());
        fields.insert("archived".to_owned(), false.into());
        fields.insert("negRisk".to_owned(), market.neg_risk.into());
        fields.insert("markets".to_owned(), vec![show_market(world, ix, market)].into());
        fields.insert("tags".to_owned(), vec![tag()].into());
    }
    row
}
