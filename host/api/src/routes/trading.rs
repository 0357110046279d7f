//! Orders, trades, positions and markets.

use super::bot::{Action, TAKEN};
use crate::auth::Role;
use crate::body::ActionBody;
use crate::guard::Caller;
use crate::page_of::OfSession;
use crate::params::Path;
use crate::parts::App;
use crate::problem::ProblemResponse;
use crate::tightening::{Cancelling, Tightening};
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use model::input::{Command, Scope};
use model::{Assignment, OrderId, Size, StrategyId};
use readmodel::views::{
    AssignBody, DurableView, MarketView, OrderEventView, OrderHistoryView, OrderKindView, OrderStateView, OrderView,
    PnlView, PositionView, ReasonBody, SettlementView, SideView, Snapshot, TradeView, VenueOrderView,
};
use store::db::{FillRow, OrderEventRow, OrderRow};

/// Everything that the page shows.
#[utoipa::path(get, path = "/v1/snapshot", tag = "page", responses((status = 200, body = Snapshot)))]
pub(crate) async fn snapshot(State(app): State<App>, _: Caller) -> Result<Response, ProblemResponse> {
    let Some(text) = app.picture.snapshot_json() else {
        return Err(ProblemResponse::new(StatusCode::INTERNAL_SERVER_ERROR, "the snapshot cannot be written"));
    };
    let body = Bytes::from_owner(text);
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// Positions.
#[utoipa::path(get, path = "/v1/positions", tag = "trading", responses((status = 200, body = Vec<PositionView>)))]
pub(crate) async fn positions(State(app): State<App>, _: Caller) -> Json<Vec<PositionView>> {
    Json(app.picture.snapshot().positions)
}

/// Money now.
#[utoipa::path(get, path = "/v1/positions/pnl", tag = "trading", responses((status = 200, body = PnlView)))]
pub(crate) async fn pnl(State(app): State<App>, _: Caller) -> Json<PnlView> {
    Json(app.picture.snapshot().pnl)
}

/// Orders that are not over. `/v1/trading/orders/history` has the others.
#[utoipa::path(get, path = "/v1/trading/orders", tag = "trading", responses((status = 200, body = Vec<OrderView>)))]
pub(crate) async fn orders(State(app): State<App>, _: Caller) -> Json<Vec<OrderView>> {
    Json(app.picture.snapshot().orders)
}

/// An order with what happened to it, oldest first: at most 1,000 states and 1,000 fills. The header `Link` has the addresses of all of
/// both.
#[utoipa::path(get, path = "/v1/trading/orders/{id}", tag = "trading", params(("id" = u64, Path), ("session" = Option<u64>, Query, description = "the order's session; the one that runs if absent")), responses((status = 200, body = OrderHistoryView, headers(("Link" = String, description = "the addresses of all its states, rel=events, and of all its fills, rel=fills"))), (status = 400), (status = 404)))]
pub(crate) async fn order(
    State(app): State<App>,
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
    let refused = |_| ProblemResponse::bad(format!("`{text}` is no order number; expected a whole number such as 17"));
    text.parse().map_err(refused)
}

/// Cancels an order, whatever the body is. Answers when that is on its way. Needs a trader.
#[utoipa::path(delete, path = "/v1/trading/orders/{id}", tag = "trading", params(("id" = u64, Path)), request_body = Option<ReasonBody>, responses((status = 200, body = DurableView), (status = 404), (status = 409)))]
pub(crate) async fn cancel(State(app): State<App>, Path(id): Path<String>, caller: Caller, body: Body) -> Cancelling {
    caller.must_be(Role::Trader)?;
    let order = OrderId(number(&id)?);
    let action = Tightening::new(&app, &caller, format!("orders/{id}/cancel"));
    let refused = match action.command(Command::Cancel { order }, body).await {
        Ok(durable) => return Ok(Json(DurableView { durable })),
        Err(refused) => refused,
    };
    // The engine forgets what is over; the database knows whether there ever was such an order. It is asked after the act, and only then.
    let never = refused.status() == StatusCode::CONFLICT
        && matches!(app.db.order_history(app.session, order.0).await, Ok(None));
    Err(if never { ProblemResponse::not_found(format!("there is no order {order} in this session")) } else { refused })
}

/// Cancels all our orders and clears all targets, whatever the body is. Needs a trader.
#[utoipa::path(post, path = "/v1/trading/orders/cancel-all", tag = "trading", request_body = Option<ReasonBody>, responses((status = 200, body = DurableView)))]
pub(crate) async fn cancel_all(State(app): State<App>, caller: Caller, body: Body) -> Cancelling {
    caller.must_be(Role::Trader)?;
    let action = Tightening::new(&app, &caller, "orders/cancel-all");
    let durable = action.command(Command::CancelAll, body).await?;
    Ok(Json(DurableView { durable }))
}

/// Closes a position through the gate, as the guards do, whatever the body is: its owners' orders in that market are cancelled first. Needs
/// a trader.
#[utoipa::path(post, path = "/v1/positions/{token}/close", tag = "trading", params(("token" = String, Path, description = "the token's id at the venue")), request_body = Option<ReasonBody>, responses((status = 200, body = DurableView), (status = 404), (status = 409)))]
pub(crate) async fn close(State(app): State<App>, Path(token): Path<String>, caller: Caller, body: Body) -> Cancelling {
    caller.must_be(Role::Trader)?;
    let known = app.picture.token(&token);
    let ix = known.ok_or_else(|| ProblemResponse::not_found(format!("no market here has the token `{token}`")))?;
    let action = Tightening::new(&app, &caller, format!("positions/{token}/close"));
    let durable = action.command(Command::Close { token: ix }, body).await?;
    Ok(Json(DurableView { durable }))
}

/// Gives shares from one strategy to another, which then looks after them: those of a strategy that is gone, mostly. Their cost counts for
/// its budget; what was gained or lost with them so far stays with who had them. Needs a trader.
#[utoipa::path(post, path = "/v1/positions/assign", tag = "trading", request_body = AssignBody, responses((status = 202), (status = 400), (status = 404), (status = 409)))]
pub(crate) async fn assign(
    State(app): State<App>,
    caller: Caller,
    body: ActionBody<AssignBody>,
) -> Result<StatusCode, ProblemResponse> {
    caller.must_be(Role::Trader)?;
    let said = body.read()?;
    let size = said.shares.as_deref().map(|text| {
        let wrong =
            || ProblemResponse::bad(format!("`{text}` is no number of shares; write one above zero such as 20"));
        Size::parse(text).filter(|size| !size.is_zero()).ok_or_else(wrong)
    });
    let size = size.transpose()?;
    let unknown = |what: &str, name: &str| ProblemResponse::not_found(format!("{what} `{name}`"));
    let token = app.picture.token(&said.token).ok_or_else(|| unknown("no market here has the token", &said.token))?;
    let strategy = |name: &str| match app.picture.scope(&format!("strategy:{name}")) {
        Some(Scope::Strategy(strategy)) => Ok(strategy),
        _ => Err(unknown("there is no strategy", name)),
    };
    let from = if said.from == "by hand" { StrategyId::BY_HAND } else { strategy(&said.from)? };
    let to = strategy(&said.to)?;
    let amount = size.map_or_else(|| "all".to_owned(), |size| size.to_string());
    let about = format!("{amount} shares of {} from {} to {}", said.token, said.from, said.to);
    let action = Action::new(&app, &caller, "positions/assign", &body)?.about(&about);
    action.permitted(app.control.assign(Assignment { token, from, to, size })).await?;
    Ok(TAKEN)
}

/// The account's open orders as the venue itself tells them, asked now.
#[utoipa::path(get, path = "/v1/trading/venue-orders", tag = "trading", responses((status = 200, body = Vec<VenueOrderView>), (status = 502)))]
pub(crate) async fn venue_orders(
    State(app): State<App>,
    _: Caller,
) -> Result<Json<Vec<VenueOrderView>>, ProblemResponse> {
    let orders = app.control.venue_orders().await;
    let orders = orders.map_err(|error| ProblemResponse::new(StatusCode::BAD_GATEWAY, error))?;
    Ok(Json(orders))
}

/// The markets that are watched.
#[utoipa::path(get, path = "/v1/markets", tag = "markets", responses((status = 200, body = Vec<MarketView>)))]
pub(crate) async fn markets(State(app): State<App>, _: Caller) -> Json<Vec<MarketView>> {
    Json(app.picture.snapshot().markets)
}

/// A text in a row that has no meaning here.
#[derive(Debug, thiserror::Error)]
#[error("{column} `{text}` in a row of the database is unknown")]
pub(super) struct UnknownText {
    column: &'static str,
    text: String,
}

/// Reads a column of a closed set of texts.
fn column<T>(column: &'static str, text: String, parse: impl Fn(&str) -> Option<T>) -> Result<T, UnknownText> {
    parse(&text).ok_or(UnknownText { column, text })
}

/// Returns the views of rows. One that cannot be read is left out and counted.
pub(super) fn readable<R, V>(rows: Vec<R>, view: impl Fn(R) -> Result<V, UnknownText>) -> Vec<V> {
    let (mut views, mut errors) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in rows {
        match view(row) {
            Ok(view) => views.push(view),
            Err(error) => errors.push(error),
        }
    }
    if let Some(error) = errors.first() {
        tracing::error!(%error, unreadable = errors.len(), "rows not readable; left out of the answer");
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
