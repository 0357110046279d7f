//! Gamma, the venue's catalog (PROTOCOL 15.1), under `/gamma` because its paths clash with the order book's. Markets
//! that exclude each other form one event, every other market is its own event; all are tagged `local`.

use super::public::{Quote, last_trade, worth};
use super::{Answer, ApiError, World};
use crate::wire::{self, number};
use crate::world::{Inside, Shared, Shown, exclusive};
use axum::extract::{Path, Query, State};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use model::{EventId, Market, MarketIx, Side, Usd};
use serde_json::{Map, Value, json};

/// Maximum rows per page.
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

/// The id of the single tag that all markets have.
const TAG: &str = "1";

fn tag() -> Value {
    json!({"id": TAG, "label": "Local", "slug": "local"})
}

/// Query parameters; repeated names are all kept.
#[derive(Debug)]
struct CatalogQuery(Vec<(String, String)>);

impl CatalogQuery {
    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, _)| key == name).flat_map(|(_, value)| value.split(','))
    }

    fn number(&self, name: &'static str) -> Result<Option<usize>, ApiError> {
        let read = |text: &str| text.parse().ok().ok_or_else(|| ApiError::bad(format!("invalid {name}")));
        self.all(name).next().map(read).transpose()
    }

    fn among(&self, name: &str, is: impl Fn(&str) -> bool) -> bool {
        let mut wanted = self.all(name).peekable();
        wanted.peek().is_none() || wanted.any(is)
    }

    /// Returns true if markets in this state are selected; closed ones are only on request.
    fn wants(&self, closed: bool) -> bool {
        closed == (self.all("closed").next().unwrap_or("false") == "true")
    }

    /// Returns true if a market is selected.
    fn matches_market(&self, world: &Inside, ix: MarketIx, market: &Market) -> bool {
        self.among("id", |id| id == wire::gamma_id(ix))
            && self.among("slug", |slug| slug == market.slug)
            && self.wants(world.venue().resolution(ix).is_some())
            && self.fits(world, ix, market)
    }

    /// Returns true if an event is selected; it is closed when all its markets are.
    fn matches_event(&self, world: &Inside, event: &Shown) -> bool {
        let listed = |ix: &MarketIx| world.venue().market(*ix).is_some_and(|market| self.fits(world, *ix, market));
        self.among("id", |id| id == event.id)
            && self.among("slug", |slug| slug == event.slug)
            && self.wants(is_over(world, event))
            && event.markets.iter().any(listed)
    }

    /// Returns true if a market matches all filters except those on names.
    fn fits(&self, world: &Inside, ix: MarketIx, market: &Market) -> bool {
        let condition = market.condition.to_string();
        let [yes, no] = market.tokens.map(|token| token.to_string());
        let end = market.end.unwrap_or_default().iso();
        // ISO times of the same format compare like texts.
        let until = |name: &str, fits: &dyn Fn(&str) -> bool| self.all(name).next().is_none_or(fits);
        let liquid = |least: &str| Usd::parse(least).is_some_and(|least| liquidity(world, ix) >= least);
        self.among("condition_ids", |id| id == condition)
            && self.among("clob_token_ids", |id| id == yes || id == no)
            && self.among("tag_id", |tag| tag == TAG)
            && until("end_date_min", &|least| market.end.is_some() && *end >= *least)
            && until("end_date_max", &|most| market.end.is_some() && *end <= *most)
            && until("liquidity_num_min", &liquid)
    }
}

fn is_over(world: &Inside, event: &Shown) -> bool {
    event.markets.iter().all(|ix| world.venue().resolution(*ix).is_some())
}

/// The rows of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Markets,
    Events,
}

/// Returns the rows from `offset` on, and the offset of the next page.
fn rows(world: &Inside, asked: &CatalogQuery, offset: usize, of: Of) -> Result<(Vec<Value>, Option<usize>), ApiError> {
    let limit = asked.number("limit")?.unwrap_or(20).clamp(1, PAGE_MAX);
    let next = offset.saturating_add(limit);
    Ok(match of {
        Of::Markets => {
            let mut kept =
                world.venue().listed().filter(|(ix, market)| asked.matches_market(world, *ix, market)).skip(offset);
            let page = kept.by_ref().take(limit).map(|(ix, market)| show_market(world, ix, market)).collect();
            (page, kept.next().map(|_| next))
        }
        Of::Events => {
            let mut kept = world.events().filter(|event| asked.matches_event(world, event)).skip(offset);
            let page = kept.by_ref().take(limit).map(|event| show_event(world, &event)).collect();
            (page, kept.next().map(|_| next))
        }
    })
}

type Parameters = Query<Vec<(String, String)>>;

async fn markets(State(shared): World, Query(query): Parameters) -> Answer {
    list(&shared, &CatalogQuery(query), Of::Markets)
}

async fn events(State(shared): World, Query(query): Parameters) -> Answer {
    list(&shared, &CatalogQuery(query), Of::Events)
}

fn list(shared: &Shared, asked: &CatalogQuery, of: Of) -> Answer {
    let offset = asked.number("offset")?.unwrap_or(0);
    Ok(Json(rows(&shared.lock(), asked, offset, of)?.0).into_response())
}

async fn market_page(State(shared): World, Query(query): Parameters) -> Answer {
    page(&shared, &CatalogQuery(query), "markets", Of::Markets)
}

async fn event_page(State(shared): World, Query(query): Parameters) -> Answer {
    page(&shared, &CatalogQuery(query), "events", Of::Events)
}

/// The last page has no cursor.
fn page(shared: &Shared, asked: &CatalogQuery, name: &str, of: Of) -> Answer {
    let offset = asked.number("after_cursor")?.unwrap_or(0);
    let (rows, next) = rows(&shared.lock(), asked, offset, of)?;
    let mut answer = Map::new();
    answer.insert(name.to_owned(), rows.into());
    if let Some(next) = next {
        answer.insert("next_cursor".to_owned(), next.to_string().into());
    }
    Ok(Json(answer).into_response())
}

async fn market(State(shared): World, Path(id): Path<String>) -> Answer {
    one_market(&shared, |ix, _| wire::gamma_id(ix) == id)
}

async fn market_by_slug(State(shared): World, Path(slug): Path<String>) -> Answer {
    one_market(&shared, |_, market| market.slug == slug)
}

async fn event(State(shared): World, Path(id): Path<String>) -> Answer {
    one_event(&shared, |event| event.id == id)
}

async fn event_by_slug(State(shared): World, Path(slug): Path<String>) -> Answer {
    one_event(&shared, |event| event.slug == slug)
}

fn one_market(shared: &Shared, is: impl Fn(MarketIx, &Market) -> bool) -> Answer {
    let world = shared.lock();
    let found = world.venue().listed().find(|(ix, market)| is(*ix, market));
    let (ix, market) = found.ok_or(ApiError::not_found("not found"))?;
    Ok(Json(show_market(&world, ix, market)).into_response())
}

fn one_event(shared: &Shared, is: impl Fn(&Shown) -> bool) -> Answer {
    let world = shared.lock();
    let event = world.events().find(is).ok_or(ApiError::not_found("not found"))?;
    Ok(Json(show_event(&world, &event)).into_response())
}

/// Encodes a list as JSON inside a text, as the real catalog does.
fn text_of(list: [String; 2]) -> String {
    json!(list).to_string()
}

fn head_of(event: &Shown) -> Value {
    json!({"id": event.id, "ticker": event.slug, "slug": event.slug, "title": event.title})
}

/// Returns the liquidity in a market's book, in dollars.
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
        "questionID": world.question_id(ix, market),
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
        "secondsDelay": world.faults().sports_delay_s(market),
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
        "events": [head_of(&world.event_of(ix, market))],
        "tags": [tag()],
    });
    if let Some(fields) = row.as_object_mut() {
        fields.extend(market.end.map(|end| ("endDate".to_owned(), end.iso().into())));
        fields.extend(exclusive(market).into_iter().flat_map(|event| exclusive_fields(event, market)));
    }
    row
}

/// Returns the fields that only markets of an exclusive event have. The market for all unnamed outcomes is recognized
/// by its slug.
fn exclusive_fields(event: EventId, market: &Market) -> [(String, Value); 3] {
    let other = market.slug.split('-').any(|word| word == "other");
    [("negRiskMarketID", event.to_string().into()), ("negRiskRequestID", "".into()), ("negRiskOther", other.into())]
        .map(|(name, value)| (name.to_owned(), value))
}

fn show_event(world: &Inside, event: &Shown) -> Value {
    let listed = |ix: &MarketIx| world.venue().market(*ix).map(|market| show_market(world, *ix, market));
    let markets: Vec<Value> = event.markets.iter().filter_map(listed).collect();
    let neg_risk = markets.first().is_some_and(|market| market["negRisk"] == true);
    let mut row = head_of(event);
    if let Some(fields) = row.as_object_mut() {
        fields.insert("description".to_owned(), "An event of the local exchange.".into());
        fields.insert("active".to_owned(), true.into());
        fields.insert("closed".to_owned(), is_over(world, event).into());
        fields.insert("archived".to_owned(), false.into());
        fields.insert("negRisk".to_owned(), neg_risk.into());
        fields.insert("enableNegRisk".to_owned(), event.exclusive.is_some().into());
        fields.extend(event.exclusive.map(|id| ("negRiskMarketID".to_owned(), id.to_string().into())));
        fields.insert("markets".to_owned(), markets.into());
        fields.insert("tags".to_owned(), vec![tag()].into());
    }
    row
}
