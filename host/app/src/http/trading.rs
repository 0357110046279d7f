//! Orders, trades, positions and markets.

use super::App;
use super::admin::{Action, TAKEN};
use super::guard::Caller;
use super::problem::ProblemResponse;
use super::types::{
    ClaimView, MarketView, OrderEventView, OrderHistoryView, OrderView, PnlView, PositionView, Snapshot, TradeView,
    VenueOrderView,
};
use crate::auth::Role;
use crate::db::{FillRow, OrderRow};
use crate::hex::hex;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use model::input::Command;
use model::{OrderId, Size};
use order::{Call, Claim};
use serde::Deserialize;

/// How many trades a page has unless it says otherwise.
const TRADES: u32 = 100;

/// Everything that the page shows.
#[utoipa::path(get, path = "/v1/snapshot", tag = "page", responses((status = 200, body = Snapshot)))]
pub(super) async fn snapshot(State(app): State<App>, _: Caller) -> Json<Snapshot> {
    Json(app.picture.snapshot())
}

/// Positions.
#[utoipa::path(get, path = "/v1/positions", tag = "trading", responses((status = 200, body = Vec<PositionView>)))]
pub(super) async fn positions(State(app): State<App>, _: Caller) -> Json<Vec<PositionView>> {
    Json(app.picture.snapshot().positions)
}

/// Money now.
#[utoipa::path(get, path = "/v1/positions/pnl", tag = "trading", responses((status = 200, body = PnlView)))]
pub(super) async fn pnl(State(app): State<App>, _: Caller) -> Json<PnlView> {
    Json(app.picture.snapshot().pnl)
}

/// Orders that are not over.
#[utoipa::path(get, path = "/v1/trading/orders", tag = "trading", responses((status = 200, body = Vec<OrderView>)))]
pub(super) async fn orders(State(app): State<App>, _: Caller) -> Json<Vec<OrderView>> {
    Json(app.picture.snapshot().orders)
}

/// An order with all that happened to it.
#[utoipa::path(get, path = "/v1/trading/orders/{id}", tag = "trading", params(("id" = u64, Path)), responses((status = 200, body = OrderHistoryView), (status = 404)))]
pub(super) async fn order(
    State(app): State<App>,
    Path(id): Path<String>,
    _: Caller,
) -> Result<Json<OrderHistoryView>, ProblemResponse> {
    let id = number(&id)?;
    let history = app.db.order_history(app.session, id).await?;
    let history =
        history.ok_or_else(|| ProblemResponse::not_found(format!("there is no order {id} in this session")))?;
    let event = |row: crate::db::OrderEventRow| OrderEventView {
        seq: row.seq,
        state: row.state,
        filled_micros: row.filled_micros,
        reason: row.reason,
        at_ms: row.at_ms,
    };
    Ok(Json(OrderHistoryView {
        order: order_view(history.order),
        events: history.events.into_iter().map(event).collect(),
        fills: history.fills.into_iter().map(trade_view).collect(),
    }))
}

fn number(text: &str) -> Result<u64, ProblemResponse> {
    let refused = |_| ProblemResponse::bad(format!("`{text}` is no order number; expected a whole number such as 17"));
    text.parse().map_err(refused)
}

/// Cancels an order. Answers when that is on its way. Needs a trader.
#[utoipa::path(delete, path = "/v1/trading/orders/{id}", tag = "trading", params(("id" = u64, Path)), responses((status = 202), (status = 409)))]
pub(super) async fn cancel(
    State(app): State<App>,
    Path(id): Path<String>,
    caller: Caller,
    body: Bytes,
) -> Result<StatusCode, ProblemResponse> {
    caller.must_be(Role::Trader)?;
    let order = OrderId(number(&id)?);
    Action::new(&app, &caller, format!("orders/{id}/cancel"), &body)?.restrict(Command::Cancel { order }).await?;
    Ok(TAKEN)
}

/// Cancels all our orders and clears all targets. Needs a trader.
#[utoipa::path(post, path = "/v1/trading/orders/cancel-all", tag = "trading", responses((status = 202)))]
pub(super) async fn cancel_all(
    State(app): State<App>,
    caller: Caller,
    body: Bytes,
) -> Result<StatusCode, ProblemResponse> {
    caller.must_be(Role::Trader)?;
    Action::new(&app, &caller, "orders/cancel-all", &body)?.restrict(Command::CancelAll).await?;
    Ok(TAKEN)
}

/// Closes a position through the gate, as the guards do: its owners' orders in that market are cancelled first. Needs a trader.
#[utoipa::path(post, path = "/v1/positions/{token}/close", tag = "trading", params(("token" = String, Path, description = "the token's id at the venue")), responses((status = 202), (status = 404), (status = 409)))]
pub(super) async fn close(
    State(app): State<App>,
    Path(token): Path<String>,
    caller: Caller,
    body: Bytes,
) -> Result<StatusCode, ProblemResponse> {
    caller.must_be(Role::Trader)?;
    let known = app.picture.token(&token);
    let ix = known.ok_or_else(|| ProblemResponse::not_found(format!("no market here has the token `{token}`")))?;
    let action = Action::new(&app, &caller, format!("positions/{token}/close"), &body)?;
    action.restrict(Command::Close { token: ix }).await?;
    Ok(TAKEN)
}

/// What can be turned into dollars at the venue's contract: pairs of both outcomes, and shares of markets whose outcome is known, each
/// with the contract's call. The host moves nothing; who does it by hand books it as a transfer.
#[utoipa::path(get, path = "/v1/positions/claims", tag = "trading", responses((status = 200, body = Vec<ClaimView>)))]
pub(super) async fn claims(State(app): State<App>, _: Caller) -> Json<Vec<ClaimView>> {
    let call = |slug: &str, claim| {
        let (condition, neg_risk) = app.picture.condition(slug)?;
        order::Call::new(app.chain?, claim, &condition, neg_risk)
    };
    Json(claims_of(&app.picture.snapshot().positions, call))
}

fn claims_of(positions: &[PositionView], call: impl Fn(&str, Claim) -> Option<Call>) -> Vec<ClaimView> {
    let claim = |kind: &str, position: &PositionView, outcome: &str, size_micros: u64, pays: u32| {
        let wanted = if kind == "merge" { Claim::Merge(Size(size_micros)) } else { Claim::Redeem };
        let call = call(&position.market, wanted);
        let data = call.as_ref().map(|call| hex(&call.data));
        let worth = u128::from(size_micros).saturating_mul(u128::from(pays));
        let worth = worth.checked_div(u128::from(model::SCALE)).unwrap_or(0);
        ClaimView {
            kind: kind.to_owned(),
            market: position.market.clone(),
            outcome: outcome.to_owned(),
            size_micros,
            worth_micro_usd: i64::try_from(worth).unwrap_or(i64::MAX),
            to: call.map(|call| call.to.checksummed()).unwrap_or_default(),
            data: data.map(|data| format!("0x{data}")).unwrap_or_default(),
        }
    };
    let mut claims = Vec::new();
    for (place, position) in positions.iter().enumerate() {
        match position.pays_micro_usd {
            Some(pays) if pays > 0 => {
                claims.push(claim("redeem", position, &position.outcome, position.size_micros, pays));
            }
            Some(_) => {}
            None => {
                let mut later = positions.iter().skip(place.saturating_add(1));
                if let Some(other) = later.find(|other| other.market == position.market) {
                    let pairs = position.size_micros.min(other.size_micros);
                    claims.push(claim("merge", position, "", pairs, model::SCALE));
                }
            }
        }
    }
    claims
}

/// How many rows.
#[derive(Debug, Deserialize)]
pub(super) struct Limit {
    limit: Option<u32>,
}

/// Trades of all sessions, newest first; at most `limit`.
#[utoipa::path(get, path = "/v1/trading/trades", tag = "trading", params(("limit" = Option<u32>, Query)), responses((status = 200, body = Vec<TradeView>)))]
pub(super) async fn trades(
    State(app): State<App>,
    Query(query): Query<Limit>,
    _: Caller,
) -> Result<Json<Vec<TradeView>>, ProblemResponse> {
    let rows = app.db.trades(None, query.limit.unwrap_or(TRADES)).await?;
    Ok(Json(rows.into_iter().map(trade_view).collect()))
}

/// The account's open orders as the venue itself tells them, asked now.
#[utoipa::path(get, path = "/v1/trading/venue-orders", tag = "trading", responses((status = 200, body = Vec<VenueOrderView>), (status = 502)))]
pub(super) async fn venue_orders(
    State(app): State<App>,
    _: Caller,
) -> Result<Json<Vec<VenueOrderView>>, ProblemResponse> {
    let orders = app.control.venue_orders().await;
    let orders = orders.map_err(|error| ProblemResponse::new(StatusCode::BAD_GATEWAY, error))?;
    Ok(Json(orders))
}

/// The markets that are watched.
#[utoipa::path(get, path = "/v1/markets", tag = "markets", responses((status = 200, body = Vec<MarketView>)))]
pub(super) async fn markets(State(app): State<App>, _: Caller) -> Json<Vec<MarketView>> {
    Json(app.picture.snapshot().markets)
}

fn order_view(row: OrderRow) -> OrderView {
    OrderView {
        id: row.id,
        venue_id: row.venue_id,
        strategy: row.strategy,
        token: row.token,
        market: row.market,
        outcome: row.outcome,
        side: row.side,
        kind: row.kind,
        price_micro_usd: row.price_micro_usd,
        size_micros: row.size_micros,
        filled_micros: row.filled_micros,
        state: row.state,
        reason: row.reason,
        created_at_ms: row.created_at_ms,
        updated_at_ms: row.updated_at_ms,
    }
}

fn trade_view(row: FillRow) -> TradeView {
    TradeView {
        id: row.id,
        order: row.order_id,
        at_ms: row.at_ms,
        strategy: row.strategy,
        token: row.token,
        market: row.market,
        outcome: row.outcome,
        side: row.side,
        price_micro_usd: row.price_micro_usd,
        size_micros: row.size_micros,
        cost_micro_usd: row.cost_micro_usd,
        fee_micro_usd: row.fee_micro_usd,
        maker: row.maker != 0,
        settlement: row.settlement,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_can_be_merged_and_what_pays_redeemed() {
        let position = |market: &str, outcome: &str, shares: u64, pays: Option<u32>| PositionView {
            token: format!("{market}-{outcome}"),
            market: market.to_owned(),
            question: String::new(),
            outcome: outcome.to_owned(),
            size_micros: shares * 1_000_000,
            cost_micro_usd: 1,
            bid_micro_usd: None,
            pays_micro_usd: pays,
            value_micro_usd: 0,
            realised_micro_usd: 0,
            unrealised_micro_usd: 0,
        };
        let positions = [
            position("a", "Yes", 30, None),
            position("a", "No", 20, None),
            position("b", "Yes", 10, None),
            position("c", "Yes", 10, Some(1_000_000)),
            position("c", "No", 4, Some(0)),
            position("d", "No", 6, Some(500_000)),
        ];
        // Nothing is known of the last market's contract.
        let call = |slug: &str, claim| {
            let condition = model::ConditionId([7; 32]);
            (slug != "d").then(|| Call::new(order::Chain::Polygon, claim, &condition, slug == "c")).flatten()
        };
        let claims = claims_of(&positions, call);
        let told: Vec<(&str, &str, &str, u64, i64)> = claims
            .iter()
            .map(|claim| (&*claim.kind, &*claim.market, &*claim.outcome, claim.size_micros, claim.worth_micro_usd))
            .collect();
        let expected = [
            ("merge", "a", "", 20_000_000, 20_000_000),
            ("redeem", "c", "Yes", 10_000_000, 10_000_000),
            ("redeem", "d", "No", 6_000_000, 3_000_000),
        ];
        assert_eq!(told, expected);
        let called: Vec<(&str, &str)> =
            claims.iter().map(|claim| (&*claim.to, claim.data.get(..10).unwrap_or(""))).collect();
        let merge = ("0xAdA100Db00Ca00073811820692005400218FcE1f", "0x9e7212ad");
        assert_eq!(called, [merge, ("0xadA2005600Dec949baf300f4C6120000bDB6eAab", "0x01b7037c"), ("", "")]);
    }
}
