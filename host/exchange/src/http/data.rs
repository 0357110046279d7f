//! The Data API (PROTOCOL 15.2), both generations, under `/data-api`: holdings and activity of wallets, public and by
//! address.

use super::public::worth;
use super::{Answer, ApiError, World};
use crate::wire::{self, number};
use crate::world::{ActivityFilter, ActivityRow, Holding, Inside};
use axum::extract::{Query, State};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use model::{Market, Size, TokenIx, Usd};
use order::Address;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Maximum rows per page.
const PAGE_MAX: usize = 1_000;

pub(super) fn routes() -> Router<crate::world::Shared> {
    Router::new()
        .route("/data-api/", get(|| async { Json(json!({"data": "OK"})) }))
        .route("/data-api/positions", get(|world, query| list(world, query, V1, positions)))
        .route("/data-api/closed-positions", get(|world, query| list(world, query, V1, closed)))
        .route("/data-api/trades", get(|world, query| list(world, query, V1, trades)))
        .route("/data-api/activity", get(|world, query| list(world, query, V1, activity)))
        .route("/data-api/value", get(|world, query| value(world, query, V1)))
        .route("/data-api/v2/positions", get(|world, query| list(world, query, V2, positions)))
        .route("/data-api/v2/trades", get(|world, query| list(world, query, V2, trades)))
        .route("/data-api/v2/activity", get(|world, query| list(world, query, V2, activity)))
        .route("/data-api/v2/value", get(|world, query| value(world, query, V2)))
}

/// A generation of the API: the first is camelCase in bare lists, the second snake_case in envelopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Generation {
    V1,
    V2,
}
use Generation::{V1, V2};

/// Query parameters; others are ignored, as the venue does.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct DataQuery {
    user: String,
    /// Condition ids, separated by commas.
    #[serde(alias = "condition_id", alias = "condition_ids")]
    market: String,
    limit: Option<usize>,
    offset: Option<usize>,
    /// The second generation's offset.
    cursor: Option<usize>,
    /// True if only the taking halves of trades are selected, which is the default.
    #[serde(rename = "takerOnly", alias = "taker_only")]
    taker_only: Option<bool>,
    side: String,
}

impl DataQuery {
    fn wallet(&self) -> Result<Option<Address>, ApiError> {
        let invalid = || ApiError::bad("invalid user: expected an address of 0x and 40 hexadecimal digits");
        if self.user.is_empty() { Ok(None) } else { Address::parse(&self.user).map(Some).ok_or_else(invalid) }
    }

    fn wallet_or_fail(&self) -> Result<Address, ApiError> {
        self.wallet()?.ok_or(ApiError::bad("required query param 'user' not provided"))
    }

    fn wants(&self, market: &Market) -> bool {
        let condition = market.condition.to_string();
        self.market.is_empty() || self.market.split(',').any(|wanted| wanted == condition)
    }
}

type Parameters = Query<DataQuery>;
type Rows = fn(&Inside, &DataQuery, Generation) -> Result<Vec<Value>, ApiError>;

async fn list(State(shared): World, Query(asked): Parameters, generation: Generation, rows: Rows) -> Answer {
    let rows = rows(&shared.lock(), &asked, generation)?;
    let begin = asked.cursor.or(asked.offset).unwrap_or(0);
    let limit = asked.limit.unwrap_or(100).min(PAGE_MAX);
    let next = begin.saturating_add(limit);
    let has_more = rows.len() > next;
    let page: Vec<Value> = rows.into_iter().skip(begin).take(limit).collect();
    Ok(Json(match generation {
        V1 => Value::Array(page),
        V2 => json!({
            "data": page,
            "pagination": {"has_more": has_more, "next_cursor": has_more.then(|| next.to_string())},
        }),
    })
    .into_response())
}

async fn value(State(shared): World, Query(asked): Parameters, generation: Generation) -> Answer {
    let (world, user) = (shared.lock(), asked.wallet_or_fail()?);
    let worths = world.holdings(user).into_iter().map(|(token, holding)| worth_of(&world, token, holding.size));
    let total = money(worths.fold(Usd::ZERO, Usd::saturating_add));
    Ok(Json(match generation {
        V1 => json!([{"user": user.to_string(), "value": total}]),
        V2 => json!({"data": {"proxy_wallet": user.to_string(), "value": total}}),
    })
    .into_response())
}

fn positions(world: &Inside, asked: &DataQuery, generation: Generation) -> Result<Vec<Value>, ApiError> {
    let wallet = asked.wallet_or_fail()?;
    let holdings = world.holdings(wallet);
    let held = holdings.iter().filter(|(_, holding)| !holding.size.is_zero());
    let rows = held.filter_map(|(token, holding)| {
        let market = world.venue().market(token.market()).filter(|market| asked.wants(market))?;
        let other = other(*token);
        let mergeable = holdings.get(&other).is_some_and(|other| !other.size.is_zero());
        Some(position(&Row { world, wallet, market, token: *token, holding: *holding, mergeable }, generation))
    });
    Ok(rows.collect())
}

fn closed(world: &Inside, asked: &DataQuery, _: Generation) -> Result<Vec<Value>, ApiError> {
    let wallet = asked.wallet_or_fail()?;
    let gone = world.holdings(wallet).into_iter().filter(|(_, holding)| holding.size.is_zero());
    let rows = gone.filter_map(|(token, holding)| {
        let market = world.venue().market(token.market()).filter(|market| asked.wants(market))?;
        let mut row = about(world, market, token, V1);
        insert_all(
            &mut row,
            [
                ("proxyWallet", json!(wallet.to_string())),
                ("avgPrice", ratio(holding.spent, holding.bought)),
                ("totalBought", shares(holding.bought)),
                ("realizedPnl", money(holding.realised)),
                ("curPrice", money(worth(world, token))),
                ("timestamp", json!(holding.last.seconds())),
                ("endDate", json!(market.end.unwrap_or(holding.last).iso())),
            ],
        );
        Some(row.into())
    });
    Ok(rows.collect())
}

/// The inputs of a position's row.
struct Row<'a> {
    world: &'a Inside,
    wallet: Address,
    market: &'a Market,
    token: TokenIx,
    holding: Holding,
    mergeable: bool,
}

fn position(row: &Row<'_>, generation: Generation) -> Value {
    let Row { world, wallet, market, token, holding, mergeable } = row;
    let mut fields = about(world, market, *token, generation);
    let Holding { size, cost, fees, bought, spent, realised, first, last } = *holding;
    let now = worth_of(world, *token, size);
    let gain = now.saturating_sub(cost);
    let redeemable = world.venue().resolution(token.market()).is_some();
    let price = money(worth(world, *token));
    let end = market.end.map_or_else(String::new, |end| end.iso().chars().take(10).collect());
    match generation {
        V1 => insert_all(
            &mut fields,
            [
                ("proxyWallet", json!(wallet.to_string())),
                ("size", shares(size)),
                ("avgPrice", ratio(cost, size)),
                ("initialValue", money(cost)),
                ("currentValue", money(now)),
                ("cashPnl", money(gain)),
                ("percentPnl", percent(gain, cost)),
                ("totalBought", shares(bought)),
                ("realizedPnl", money(realised)),
                ("percentRealizedPnl", percent(realised, spent)),
                ("curPrice", price),
                ("redeemable", json!(redeemable)),
                ("mergeable", json!(mergeable)),
                ("endDate", json!(end)),
                ("negativeRisk", json!(market.neg_risk)),
            ],
        ),
        V2 => insert_all(
            &mut fields,
            [
                ("proxy_wallet", json!(wallet.to_string())),
                ("current_size", shares(size)),
                ("avg_price", ratio(cost, size)),
                ("entry_cost_usdc", money(cost)),
                ("entry_fees_usdc", money(fees)),
                ("total_cost_usdc", money(cost.saturating_add(fees))),
                ("current_price", price),
                ("current_value", money(now)),
                ("total_size", shares(bought)),
                ("realized_pnl", money(realised)),
                ("unrealized_pnl", money(gain)),
                ("total_pnl", money(gain.saturating_add(realised))),
                ("percent_pnl", percent(gain, cost)),
                ("percent_realized_pnl", percent(realised, spent)),
                ("status", json!(if redeemable { "REDEEMABLE" } else { "OPEN" })),
                ("redeemable", json!(redeemable)),
                ("mergeable", json!(mergeable)),
                ("negative_risk", json!(market.neg_risk)),
                ("archived", json!(false)),
                ("verified", json!(true)),
                ("event_id", json!(world.event_of(token.market(), market).id)),
                ("end_date", json!(end)),
                ("first_entry_at", json!(first.seconds())),
                ("last_event_at", json!(last.seconds())),
            ],
        ),
    }
    fields.into()
}

fn trades(world: &Inside, asked: &DataQuery, generation: Generation) -> Result<Vec<Value>, ApiError> {
    let taker_only = asked.taker_only.unwrap_or(true);
    let deeds = world.deeds(asked.wallet()?).into_iter().rev();
    let trades = deeds.filter(|deed| deed.kind == ActivityFilter::Trade);
    let wanted = trades.filter(|deed| (deed.taker || !taker_only) && of_side(asked, deed));
    Ok(wanted.filter_map(|deed| activity_row(world, asked, generation, &deed)).map(Value::from).collect())
}

fn activity(world: &Inside, asked: &DataQuery, generation: Generation) -> Result<Vec<Value>, ApiError> {
    let deeds = world.deeds(Some(asked.wallet_or_fail()?)).into_iter().rev();
    let rows = deeds.filter(|deed| of_side(asked, deed)).filter_map(|deed| {
        let whole = money(deed.whole?);
        let mut row = activity_row(world, asked, generation, &deed)?;
        if matches!(deed.kind, ActivityFilter::Split | ActivityFilter::Merge | ActivityFilter::Conversion) {
            blur(&mut row, generation);
        }
        insert_all(&mut row, [("type", json!(deed.kind.as_str()))]);
        match generation {
            V1 => insert_all(&mut row, [("usdcSize", whole)]),
            V2 => insert_all(&mut row, [("usdc_size", whole), ("is_combo", json!(false))]),
        }
        Some(row.into())
    });
    Ok(rows.collect())
}

/// Clears the token fields of an activity that concerns several tokens, as the venue does.
fn blur(row: &mut Map<String, Value>, generation: Generation) {
    let names = match generation {
        V1 => ["asset", "oppositeOutcome", "oppositeAsset", "outcomeIndex"],
        V2 => ["token_id", "opposite_outcome", "opposite_token_id", "outcome_index"],
    };
    let [asset, other_outcome, other_asset, index] = names;
    [asset, other_outcome, other_asset, "outcome"].into_iter().for_each(|name| insert_all(row, [(name, json!(""))]));
    insert_all(row, [(index, json!(999)), ("price", json!(0))]);
}

fn of_side(asked: &DataQuery, deed: &ActivityRow) -> bool {
    asked.side.is_empty() || (deed.kind == ActivityFilter::Trade && wire::side(deed.side) == asked.side)
}

/// Returns an activity with the fields that all lists have.
fn activity_row(
    world: &Inside,
    asked: &DataQuery,
    generation: Generation,
    deed: &ActivityRow,
) -> Option<Map<String, Value>> {
    let market = world.venue().market(deed.token.market()).filter(|market| asked.wants(market))?;
    let mut row = about(world, market, deed.token, generation);
    let (wallet, hash) = match generation {
        V1 => ("proxyWallet", "transactionHash"),
        V2 => ("proxy_wallet", "transaction_hash"),
    };
    insert_all(
        &mut row,
        [
            (wallet, json!(deed.wallet.to_string())),
            (hash, json!(deed.hash)),
            ("timestamp", json!(deed.at.seconds())),
            ("side", json!(if deed.kind == ActivityFilter::Trade { wire::side(deed.side) } else { "" })),
            ("size", shares(deed.size)),
            ("price", ratio(deed.value, deed.size)),
        ],
    );
    if generation == V1 {
        for empty in ["name", "pseudonym", "bio", "profileImage", "profileImageOptimized"] {
            row.insert(empty.to_owned(), "".into());
        }
    }
    Some(row)
}

/// Returns the fields that every row has about its token.
fn about(world: &Inside, market: &Market, token: TokenIx, generation: Generation) -> Map<String, Value> {
    let names = match generation {
        V1 => ["asset", "conditionId", "eventSlug", "outcomeIndex", "oppositeOutcome", "oppositeAsset"],
        V2 => ["token_id", "condition_id", "event_slug", "outcome_index", "opposite_outcome", "opposite_token_id"],
    };
    let [asset, condition, event, index, other_outcome, other_asset] = names;
    let other = other(token);
    let mut row = Map::new();
    insert_all(
        &mut row,
        [
            (asset, json!(wire::asset(market, token))),
            (condition, json!(market.condition.to_string())),
            ("title", json!(market.question)),
            ("slug", json!(market.slug)),
            ("icon", json!("")),
            (event, json!(world.event_of(token.market(), market).slug)),
            ("outcome", json!(wire::outcome(market, token))),
            (index, json!(token.outcome())),
            (other_outcome, json!(wire::outcome(market, other))),
            (other_asset, json!(wire::asset(market, other))),
        ],
    );
    row
}

fn insert_all<const N: usize>(row: &mut Map<String, Value>, fields: [(&str, Value); N]) {
    row.extend(fields.map(|(name, value)| (name.to_owned(), value)));
}

fn other(token: TokenIx) -> TokenIx {
    token.market().token(1u32.saturating_sub(token.outcome()))
}

fn worth_of(world: &Inside, token: TokenIx, size: Size) -> Usd {
    let value = i128::from(worth(world, token).micros()).saturating_mul(i128::from(size.micros()));
    Usd(i64::try_from(value / 1_000_000).unwrap_or(i64::MAX))
}

fn money(amount: Usd) -> Value {
    number(&amount.to_string())
}

fn shares(size: Size) -> Value {
    number(&size.to_string())
}

/// Dollars per share.
fn ratio(value: Usd, size: Size) -> Value {
    let scaled = i128::from(value.micros()).saturating_mul(1_000_000);
    let micros = scaled.checked_div(i128::from(size.micros())).unwrap_or(0);
    money(Usd(i64::try_from(micros).unwrap_or(i64::MAX)))
}

/// Returns `gain` as a percentage of `cost`, with two decimals.
fn percent(gain: Usd, cost: Usd) -> Value {
    let basis_points = i128::from(gain.micros()).saturating_mul(10_000).checked_div(i128::from(cost.micros()));
    let micros = basis_points.unwrap_or(0).saturating_mul(10_000);
    money(Usd(i64::try_from(micros).unwrap_or(i64::MAX)))
}
