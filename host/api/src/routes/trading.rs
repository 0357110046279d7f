//! Orders, trades, positions and markets.

use super::bot::{Action, TAKEN};
use crate::auth::Role;
use crate::body::ActionBody;
use crate::decimals::shares;
use crate::guard::Caller;
use crate::page_of::OfSession;
use crate::params::Path;
use crate::problem::ProblemResponse;
use crate::state::AppState;
use crate::tightening::{Cancelling, Tightening};
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use model::input::{Command, Scope};
use model::{OrderId, Reallocation, StrategyId};
use readmodel::views::{
    AssignBody, DurableView, MarketView, OrderEventView, OrderHistoryView, OrderKindView, OrderStateView, OrderView,
    PnlView, PositionView, SettlementView, SideView, Snapshot, TradeView, VenueOrderView,
};
use store::db::{FillRow, OrderEventRow, OrderRow};

/// Returns everything shown on the page.
#[utoipa::path(get, path = "/v1/snapshot", tag = "page", responses((status = 200, body = Snapshot)))]
pub(crate) async fn snapshot(State(app): State<AppState>, _: Caller) -> Result<Response, ProblemResponse> {
    let Some(text) = app.picture.snapshot_json() else {
        return Err(ProblemResponse::new(StatusCode::INTERNAL_SERVER_ERROR, "the snapshot could not be serialized"));
    };
    let body = Bytes::from_owner(text);
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// Returns the positions.
#[utoipa::path(get, path = "/v1/positions", tag = "trading", responses((status = 200, body = Vec<PositionView>)))]
pub(crate) async fn positions(State(app): State<AppState>, _: Caller) -> Json<Vec<PositionView>> {
    Json(app.picture.snapshot().positions)
}

/// Returns the account's current amounts.
#[utoipa::path(get, path = "/v1/positions/pnl", tag = "trading", responses((status = 200, body = PnlView)))]
pub(crate) async fn pnl(State(app): State<AppState>, _: Caller) -> Json<PnlView> {
    Json(app.picture.snapshot().pnl)
}

/// Returns the orders that are not over.
///
/// The others are in `/v1/trading/orders/history`.
#[utoipa::path(get, path = "/v1/trading/orders", tag = "trading", responses((status = 200, body = Vec<OrderView>)))]
pub(crate) async fn orders(State(app): State<AppState>, _: Caller) -> Json<Vec<OrderView>> {
    Json(app.picture.snapshot().orders)
}

/// Returns an order with its history, oldest first.
///
/// At most 1,000 states and 1,000 fills; the header `Link` has the addresses of the full lists.
#[utoipa::path(get, path = "/v1/trading/orders/{id}", tag = "trading", params(("id" = u64, Path), ("session" = Option<u64>, Query, description = "the order's session; the running one if absent")), responses((status = 200, body = OrderHistoryView, headers(("Link" = String, description = "the addresses of the full lists of states (rel=events) and fills (rel=fills)"))), (status = 400), (status = 404)))]
pub(crate) async fn order(
    State(app): State<AppState>,
    Path(id): Path<String>,
    _: Caller,
    OfSession(session): OfSession,
) -> Result<(AppendHeaders<[(HeaderName, String); 1]>, Json<OrderHistoryView>), ProblemResponse> {
    let (id, session) = (number(&id)?, session.unwrap_or(app.session));
    let history = app.db.order_history(session, id).await?;
    let whose = if session == app.session { "in this session".to_owned() } else { format!("in the session {session}") };
    let history = history.ok_or_else(|| ProblemResponse::not_found(format!("there is no order {id} {whose}")))?;
    let unreadable = |error: UnknownText| ProblemResponse::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string());
    let path = |rel: &str| format!("</v1/trading/orders/{id}/{rel}?session={session}>; rel=\"{rel}\"");
    let links = format!("{}, {}", path("events"), path("fills"));
    let view = OrderHistoryView {
        order: order_view(history.order).map_err(unreadable)?,
        events: readable(history.events, event_view),
        fills: readable(history.fills, trade_view),
    };
    Ok((AppendHeaders([(header::LINK, links)]), Json(view)))
}

pub(super) fn number(text: &str) -> Result<u64, ProblemResponse> {
    let refused = |_| ProblemResponse::bad(format!("`{text}` is not an order number; expected a number such as 17"));
    text.parse().map_err(refused)
}

/// Cancels an order.
///
/// The body is optional, and only a note whatever it contains. The answer is sent once the cancel is being sent.
/// Requires the trader role.
#[utoipa::path(delete, path = "/v1/trading/orders/{id}", tag = "trading", params(("id" = u64, Path)), request_body = Option<readmodel::views::NoteBody>, responses((status = 200, body = DurableView), (status = 404), (status = 409)))]
pub(crate) async fn cancel(
    State(app): State<AppState>,
    Path(id): Path<String>,
    caller: Caller,
    body: Body,
) -> Cancelling {
    caller.must_be(Role::Trader)?;
    let order = OrderId(number(&id)?);
    let action = Tightening::new(&app, &caller, format!("orders/{id}/cancel"));
    let refused = match action.command(Command::Cancel { order }, body).await {
        Ok(durable) => return Ok(Json(DurableView { durable })),
        Err(refused) => refused,
    };
    // The engine drops orders that are over; only the database can tell whether there ever was such an order. It is
    // queried after the action, and only in that case.
    let never = refused.status() == StatusCode::CONFLICT
        && matches!(app.db.order_history(app.session, order.0).await, Ok(None));
    Err(if never { ProblemResponse::not_found(format!("there is no order {order} in this session")) } else { refused })
}

/// Cancels all our orders and clears all standing quotes.
///
/// The body is optional, and only a note whatever it contains. Requires the trader role.
#[utoipa::path(post, path = "/v1/trading/orders/cancel-all", tag = "trading", request_body = Option<readmodel::views::NoteBody>, responses((status = 200, body = DurableView)))]
pub(crate) async fn cancel_all(State(app): State<AppState>, caller: Caller, body: Body) -> Cancelling {
    caller.must_be(Role::Trader)?;
    let action = Tightening::new(&app, &caller, "orders/cancel-all");
    let durable = action.command(Command::CancelAll, body).await?;
    Ok(Json(DurableView { durable }))
}

/// Closes a position through the gate, as the guards do.
///
/// The body is optional, and only a note whatever it contains. Its owners' orders in that market are cancelled first.
/// Requires the trader role.
#[utoipa::path(post, path = "/v1/positions/{token}/close", tag = "trading", params(("token" = String, Path, description = "the token's id at the venue")), request_body = Option<readmodel::views::NoteBody>, responses((status = 200, body = DurableView), (status = 404), (status = 409)))]
pub(crate) async fn close(
    State(app): State<AppState>,
    Path(token): Path<String>,
    caller: Caller,
    body: Body,
) -> Cancelling {
    caller.must_be(Role::Trader)?;
    let known = app.picture.token(&token);
    let ix = known.ok_or_else(|| ProblemResponse::not_found(format!("no known market has the token `{token}`")))?;
    let action = Tightening::new(&app, &caller, format!("positions/{token}/close"));
    let durable = action.command(Command::Close { token: ix }, body).await?;
    Ok(Json(DurableView { durable }))
}

/// Reallocates shares from one strategy to another, typically from one that is gone.
///
/// The new owner manages them, and their cost counts towards its budget; P&L so far stays with the previous owner.
/// Requires the trader role.
#[utoipa::path(post, path = "/v1/positions/assign", tag = "trading", request_body = AssignBody, responses((status = 202), (status = 400), (status = 404), (status = 409)))]
pub(crate) async fn assign(
    State(app): State<AppState>,
    caller: Caller,
    body: ActionBody<AssignBody>,
) -> Result<StatusCode, ProblemResponse> {
    caller.must_be(Role::Trader)?;
    let request = body.read()?;
    let size = request.shares.as_deref().map(shares).transpose()?;
    let unknown = |what: &str, name: &str| ProblemResponse::not_found(format!("{what} `{name}`"));
    let token =
        app.picture.token(&request.token).ok_or_else(|| unknown("no known market has the token", &request.token))?;
    let strategy = |name: &str| match app.picture.scope(&format!("strategy:{name}")) {
        Some(Scope::Strategy(strategy)) => Ok(strategy),
        _ => Err(unknown("there is no strategy", name)),
    };
    let from = if request.from == "by hand" { StrategyId::EXTERNAL } else { strategy(&request.from)? };
    let to = strategy(&request.to)?;
    let amount = size.map_or_else(|| "all".to_owned(), |size| size.to_string());
    let about = format!("{amount} shares of {} from {} to {}", request.token, request.from, request.to);
    let action = Action::new(&app, &caller, "positions/assign", &body)?.about(&about);
    action.permitted(app.control.assign(Reallocation { token, from, to, size })).await?;
    Ok(TAKEN)
}

/// Returns the account's open orders as listed by the venue itself, queried now.
#[utoipa::path(get, path = "/v1/trading/venue-orders", tag = "trading", responses((status = 200, body = Vec<VenueOrderView>), (status = 502)))]
pub(crate) async fn venue_orders(
    State(app): State<AppState>,
    _: Caller,
) -> Result<Json<Vec<VenueOrderView>>, ProblemResponse> {
    let orders = app.control.venue_orders().await;
    let orders = orders.map_err(|error| ProblemResponse::new(StatusCode::BAD_GATEWAY, error))?;
    Ok(Json(orders))
}

/// Returns the watched markets.
#[utoipa::path(get, path = "/v1/markets", tag = "markets", responses((status = 200, body = Vec<MarketView>)))]
pub(crate) async fn markets(State(app): State<AppState>, _: Caller) -> Json<Vec<MarketView>> {
    Json(app.picture.snapshot().markets)
}

/// A text in a row that is not known.
#[derive(Debug, thiserror::Error)]
#[error("{column} `{text}` in a row of the database is unknown")]
pub(super) struct UnknownText {
    column: &'static str,
    text: String,
}

/// Reads a column with a closed set of texts.
fn column<T>(column: &'static str, text: String, parse: impl Fn(&str) -> Option<T>) -> Result<T, UnknownText> {
    parse(&text).ok_or(UnknownText { column, text })
}

/// Returns the views of rows. Unreadable rows are left out and logged.
pub(super) fn readable<R, V>(rows: Vec<R>, view: impl Fn(R) -> Result<V, UnknownText>) -> Vec<V> {
    let (mut views, mut errors) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in rows {
        match view(row) {
            Ok(view) => views.push(view),
            Err(error) => errors.push(error),
        }
    }
    if let Some(error) = errors.first() {
        tracing::error!(%error, unreadable = errors.len(), "unreadable rows left out of the answer");
    }
    views
}

pub(super) fn order_view(row: OrderRow) -> Result<OrderView, UnknownText> {
    let state = column("state", row.state, OrderStateView::parse)?;
    Ok(OrderView {
        id: row.id,
        venue_id: row.venue_id,
        strategy: row.strategy,
        token: row.token,
        market: row.market,
        outcome: row.outcome,
        side: column("side", row.side, SideView::parse)?,
        kind: column("kind", row.kind, OrderKindView::parse)?,
        price_micro_usd: row.price_micro_usd,
        size_micros: row.size_micros,
        filled_micros: row.filled_micros,
        state,
        is_over: state.is_over(),
        reason: row.reason,
        created_at_ms: row.created_at_ms,
        updated_at_ms: row.updated_at_ms,
    })
}

pub(super) fn event_view(row: OrderEventRow) -> Result<OrderEventView, UnknownText> {
    Ok(OrderEventView {
        seq: row.seq,
        state: column("state", row.state, OrderStateView::parse)?,
        filled_micros: row.filled_micros,
        reason: row.reason,
        at_ms: row.at_ms,
    })
}

pub(super) fn trade_view(row: FillRow) -> Result<TradeView, UnknownText> {
    Ok(TradeView {
        id: row.id,
        order: row.order_id,
        at_ms: row.at_ms,
        strategy: row.strategy,
        token: row.token,
        market: row.market,
        outcome: row.outcome,
        side: column("side", row.side, SideView::parse)?,
        price_micro_usd: row.price_micro_usd,
        size_micros: row.size_micros,
        cost_micro_usd: row.cost_micro_usd,
        fee_micro_usd: row.fee_micro_usd,
        maker: row.maker != 0,
        settlement: column("settlement", row.settlement, SettlementView::parse)?,
    })
}
