//! What the database has of all sessions, page by page.

use super::trading::{event_view, number, order_view, readable, trade_view};
use crate::auth::Role;
use crate::guard::Caller;
use crate::page_of::Page;
use crate::params::Path;
use crate::parts::App;
use crate::problem::ProblemResponse;
use axum::extract::State;
use axum::response::Response;
use readmodel::views::{AuditView, OrderEventView, PastOrderView, PastRefusalView, TradeView};
use store::db::{AuditEntry, FillKey, FillRow, RefusalRow};

/// Trades of all sessions, newest first.
#[utoipa::path(get, path = "/v1/trading/trades", tag = "trading", params(("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "rows of the page; 100 if absent"), ("before" = Option<String>, Query, description = "where the page begins, from the header Link of the page before"), ("session" = Option<u64>, Query, description = "of this session alone")), responses((status = 200, body = Vec<TradeView>, headers(("Link" = String, description = "the address of the page that follows, rel=next; absent on the last page"))), (status = 400)))]
pub(crate) async fn trades(State(app): State<App>, _: Caller, page: Page) -> Result<Response, ProblemResponse> {
    let before = page.before()?.map(fill_key);
    let rows = app.db.trades(page.session, before.as_ref(), page.rows()).await?;
    Ok(page.answer(rows, fill_place, |rows| readable(rows, trade_view)))
}

/// The fills of an order, newest first.
#[utoipa::path(get, path = "/v1/trading/orders/{id}/fills", tag = "trading", params(("id" = u64, Path), ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "rows of the page; 100 if absent"), ("before" = Option<String>, Query, description = "where the page begins, from the header Link of the page before"), ("session" = Option<u64>, Query, description = "the order's session; the one that runs if absent")), responses((status = 200, body = Vec<TradeView>, headers(("Link" = String, description = "the address of the page that follows, rel=next; absent on the last page"))), (status = 400)))]
pub(crate) async fn fills(
    State(app): State<App>,
    Path(id): Path<String>,
    _: Caller,
    page: Page,
) -> Result<Response, ProblemResponse> {
    let order = (page.session.unwrap_or(app.session), number(&id)?);
    let before = page.before()?.map(fill_key);
    let rows = app.db.order_fills(order, before.as_ref(), page.rows()).await?;
    Ok(page.answer(rows, fill_place, |rows| readable(rows, trade_view)))
}

/// The states of an order, newest first.
#[utoipa::path(get, path = "/v1/trading/orders/{id}/events", tag = "trading", params(("id" = u64, Path), ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "rows of the page; 100 if absent"), ("before" = Option<String>, Query, description = "where the page begins, from the header Link of the page before"), ("session" = Option<u64>, Query, description = "the order's session; the one that runs if absent")), responses((status = 200, body = Vec<OrderEventView>, headers(("Link" = String, description = "the address of the page that follows, rel=next; absent on the last page"))), (status = 400)))]
pub(crate) async fn events(
    State(app): State<App>,
    Path(id): Path<String>,
    _: Caller,
    page: Page,
) -> Result<Response, ProblemResponse> {
    let order = (page.session.unwrap_or(app.session), number(&id)?);
    let before: Option<(u64, String)> = page.before()?;
    let before = before.as_ref().map(|(seq, state)| (*seq, state.as_str()));
    let rows = app.db.order_events(order, before, page.rows()).await?;
    Ok(page.answer(rows, |row| (row.seq, row.state.clone()), |rows| readable(rows, event_view)))
}

/// Orders of all sessions, newest first, also those that are over.
#[utoipa::path(get, path = "/v1/trading/orders/history", tag = "trading", params(("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "rows of the page; 100 if absent"), ("before" = Option<String>, Query, description = "where the page begins, from the header Link of the page before"), ("session" = Option<u64>, Query, description = "of this session alone")), responses((status = 200, body = Vec<PastOrderView>, headers(("Link" = String, description = "the address of the page that follows, rel=next; absent on the last page"))), (status = 400)))]
pub(crate) async fn orders(State(app): State<App>, _: Caller, page: Page) -> Result<Response, ProblemResponse> {
    let rows = app.db.orders(page.session, page.before()?, page.rows()).await?;
    let view = |row: store::db::OrderRow| Ok(PastOrderView { session: row.session, order: order_view(row)? });
    Ok(page.answer(rows, |row| (row.session, row.id), |rows| readable(rows, view)))
}

/// Refusals of all sessions, newest first. Equal ones of a minute are one row.
#[utoipa::path(get, path = "/v1/trading/refusals", tag = "trading", params(("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "rows of the page; 100 if absent"), ("before" = Option<String>, Query, description = "where the page begins, from the header Link of the page before"), ("session" = Option<u64>, Query, description = "of this session alone")), responses((status = 200, body = Vec<PastRefusalView>, headers(("Link" = String, description = "the address of the page that follows, rel=next; absent on the last page"))), (status = 400)))]
pub(crate) async fn refusals(State(app): State<App>, _: Caller, page: Page) -> Result<Response, ProblemResponse> {
    let rows = app.db.refusals(page.session, page.before()?, page.rows()).await?;
    let views = |rows: Vec<RefusalRow>| rows.into_iter().map(refusal_view).collect();
    Ok(page.answer(rows, |row| (row.session, row.seq, row.place), views))
}

/// What operators did, newest first. Needs an admin.
#[utoipa::path(get, path = "/v1/admin/audit", tag = "bot", params(("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "rows of the page; 100 if absent"), ("before" = Option<String>, Query, description = "where the page begins, from the header Link of the page before")), responses((status = 200, body = Vec<AuditView>, headers(("Link" = String, description = "the address of the page that follows, rel=next; absent on the last page"))), (status = 400)))]
pub(crate) async fn audit(State(app): State<App>, caller: Caller, page: Page) -> Result<Response, ProblemResponse> {
    caller.must_be(Role::Admin)?;
    let rows = app.db.audit_entries(page.before()?, page.rows()).await?;
    let views = |rows: Vec<AuditEntry>| rows.into_iter().map(audit_view).collect();
    Ok(page.answer(rows, |entry| entry.id, views))
}

fn fill_place(row: &FillRow) -> (u64, u64, String) {
    (row.at_ms, row.session, row.id.clone())
}

fn fill_key((at_ms, session, id): (u64, u64, String)) -> FillKey {
    FillKey { at_ms, session, id }
}

fn refusal_view(row: RefusalRow) -> PastRefusalView {
    PastRefusalView {
        session: row.session,
        at_ms: row.at_ms,
        last_at_ms: row.last_at_ms,
        count: row.count,
        strategy: row.strategy,
        rule: row.rule,
        market: row.market,
        outcome: row.outcome,
        value: row.value,
        limit: row.allowed,
    }
}

fn audit_view(AuditEntry { id, row }: AuditEntry) -> AuditView {
    AuditView {
        id,
        at_ms: row.at_ms,
        who: row.who,
        action: row.action,
        detail: row.detail,
        claimed_user: row.claimed_user,
        outcome: row.outcome,
    }
}
