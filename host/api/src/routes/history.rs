//! Database rows of all sessions, page by page.

use super::trading::{event_view, number, order_view, readable, trade_view};
use crate::auth::Role;
use crate::guard::Caller;
use crate::page_of::{Audit, AuditParams, FilterParams, OfOrder, Orders, Page, PageParams, Refusals, Trades};
use crate::params::Path;
use crate::problem::ProblemResponse;
use crate::state::AppState;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::Response;
use readmodel::views::{AuditView, OrderEventView, PastOrderView, PastRefusalView, RefusalView, TradeView};
use store::db::{AuditEntry, FillKey, FillRow, RefusalRow};

/// Returns trades of all sessions, newest first.
#[utoipa::path(get, path = "/v1/trading/trades", tag = "trading", params(PageParams, FilterParams, ("side" = Option<String>, Query, max_length = 200, description = "`BUY` or `SELL`")), responses((status = 200, body = Vec<TradeView>, headers(("Link" = String, description = "the address of the next page, rel=next; absent on the last page"))), (status = 400)))]
pub(crate) async fn trades(
    State(app): State<AppState>,
    _: Caller,
    page: Page<Trades>,
) -> Result<Response, ProblemResponse> {
    let before = page.before()?.map(fill_key);
    let rows = app.db.trades(&page.filter, before.as_ref(), page.rows()).await?;
    Ok(page.respond(rows, fill_place, |rows| readable(rows, trade_view)))
}

/// A page about one order; of the running session if the request names none.
pub(crate) struct OrderPage {
    order: (u64, u64),
    page: Page<OfOrder>,
}

impl FromRequestParts<AppState> for OrderPage {
    type Rejection = ProblemResponse;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, ProblemResponse> {
        let Path(id) = Path::<String>::from_request_parts(parts, app).await?;
        let page = Page::from_request_parts(parts, app).await?;
        Ok(Self { order: (page.filter.session.unwrap_or(app.session), number(&id)?), page })
    }
}

/// Returns the fills of an order, newest first.
#[utoipa::path(get, path = "/v1/trading/orders/{id}/fills", tag = "trading", params(("id" = u64, Path), PageParams, ("session" = Option<u64>, Query, maximum = 9_223_372_036_854_775_807_u64, description = "the order's session; the running one if absent")), responses((status = 200, body = Vec<TradeView>, headers(("Link" = String, description = "the address of the next page, rel=next; absent on the last page"))), (status = 400)))]
pub(crate) async fn fills(
    State(app): State<AppState>,
    _: Caller,
    OrderPage { order, page }: OrderPage,
) -> Result<Response, ProblemResponse> {
    let before = page.before()?.map(fill_key);
    let rows = app.db.order_fills(order, before.as_ref(), page.rows()).await?;
    Ok(page.respond(rows, fill_place, |rows| readable(rows, trade_view)))
}

/// Returns the states of an order, newest first.
#[utoipa::path(get, path = "/v1/trading/orders/{id}/events", tag = "trading", params(("id" = u64, Path), PageParams, ("session" = Option<u64>, Query, maximum = 9_223_372_036_854_775_807_u64, description = "the order's session; the running one if absent")), responses((status = 200, body = Vec<OrderEventView>, headers(("Link" = String, description = "the address of the next page, rel=next; absent on the last page"))), (status = 400)))]
pub(crate) async fn events(
    State(app): State<AppState>,
    _: Caller,
    OrderPage { order, page }: OrderPage,
) -> Result<Response, ProblemResponse> {
    let before: Option<(u64, String)> = page.before()?;
    let before = before.as_ref().map(|(seq, state)| (*seq, state.as_str()));
    let rows = app.db.order_events(order, before, page.rows()).await?;
    Ok(page.respond(rows, |row| (row.seq, row.state.clone()), |rows| readable(rows, event_view)))
}

/// Returns orders of all sessions, newest first, including those that are over.
///
/// Filters by time apply to the time of approval.
#[utoipa::path(get, path = "/v1/trading/orders/history", tag = "trading", params(PageParams, FilterParams, ("state" = Option<String>, Query, max_length = 200, description = "the state of the orders")), responses((status = 200, body = Vec<PastOrderView>, headers(("Link" = String, description = "the address of the next page, rel=next; absent on the last page"))), (status = 400)))]
pub(crate) async fn orders(
    State(app): State<AppState>,
    _: Caller,
    page: Page<Orders>,
) -> Result<Response, ProblemResponse> {
    let rows = app.db.orders(&page.filter, page.before()?, page.rows()).await?;
    let view = |row: store::db::OrderRow| Ok(PastOrderView { session: row.session, order: order_view(row)? });
    Ok(page.respond(rows, |row| (row.session, row.id), |rows| readable(rows, view)))
}

/// Returns refusals of all sessions, newest first.
///
/// Equal refusals within a minute are one row.
#[utoipa::path(get, path = "/v1/trading/refusals", tag = "trading", params(PageParams, FilterParams, ("rule" = Option<String>, Query, max_length = 200, description = "a rule of the gate")), responses((status = 200, body = Vec<PastRefusalView>, headers(("Link" = String, description = "the address of the next page, rel=next; absent on the last page"))), (status = 400)))]
pub(crate) async fn refusals(
    State(app): State<AppState>,
    _: Caller,
    page: Page<Refusals>,
) -> Result<Response, ProblemResponse> {
    let rows = app.db.refusals(&page.filter, page.before()?, page.rows()).await?;
    let views = |rows: Vec<RefusalRow>| rows.into_iter().map(refusal_view).collect();
    Ok(page.respond(rows, |row| (row.session, row.seq, row.place), views))
}

/// Returns the operators' actions, newest first.
///
/// Requires the admin role.
#[utoipa::path(get, path = "/v1/admin/audit", tag = "bot", params(PageParams, AuditParams), responses((status = 200, body = Vec<AuditView>, headers(("Link" = String, description = "the address of the next page, rel=next; absent on the last page"))), (status = 400)))]
pub(crate) async fn audit(
    State(app): State<AppState>,
    caller: Caller,
    page: Page<Audit>,
) -> Result<Response, ProblemResponse> {
    caller.must_be(Role::Admin)?;
    let rows = app.db.audit_entries(&page.filter, page.before()?, page.rows()).await?;
    let views = |rows: Vec<AuditEntry>| rows.into_iter().map(audit_view).collect();
    Ok(page.respond(rows, |entry| entry.id, views))
}

fn fill_place(row: &FillRow) -> (u64, u64, String) {
    (row.at_ms, row.session, row.id.clone())
}

fn fill_key((at_ms, session, id): (u64, u64, String)) -> FillKey {
    FillKey { at_ms, session, id }
}

fn refusal_view(row: RefusalRow) -> PastRefusalView {
    let RefusalRow {
        session, at_ms, last_at_ms, count, strategy, rule, market, outcome, value, allowed: limit, ..
    } = row;
    let text = RefusalView::sentence(&rule, value, limit);
    let refusal = RefusalView { at_ms, last_at_ms, count, strategy, rule, market, outcome, value, limit, text };
    PastRefusalView { session, refusal }
}

fn audit_view(AuditEntry { id, row, hash }: AuditEntry) -> AuditView {
    AuditView {
        id,
        at_ms: row.at_ms,
        who: row.who,
        role: row.role,
        origin: row.origin,
        old: row.old,
        new: row.new,
        hash,
        action: row.action,
        detail: row.detail,
        claimed_user: row.claimed_user,
        outcome: row.outcome,
    }
}
