//! Complete lists as CSV, sent as they are read: times in RFC 3339 UTC; money, prices and shares as exact decimals. A
//! text that a spreadsheet would evaluate as a formula is prefixed with `'`.

use crate::auth::{Proof, Role};
use crate::guard::Caller;
use crate::page_of::{Audit, Filtered, Orders, Refusals, Trades};
use crate::problem::ProblemResponse;
use crate::state::AppState;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use model::{Size, Time, Usd};
use std::borrow::Cow;
use std::io;
use store::db::reads::PAGE_MAX;
use store::db::{AuditEntry, DbError, FillKey, FillRow, Filter, OrderRow, RefusalRow};

/// Returns the trades of all sessions as CSV, newest first.
#[utoipa::path(get, path = "/v1/trading/trades.csv", tag = "trading", params(crate::page_of::FilterParams, ("side" = Option<String>, Query, max_length = 200, description = "`BUY` or `SELL`")), responses((status = 200, body = String, content_type = "text/csv"), (status = 400)))]
pub(crate) async fn trades(
    State(app): State<AppState>,
    caller: Caller,
    Filtered { filter, .. }: Filtered<Trades>,
) -> Result<Response, ProblemResponse> {
    export(app, caller, filter, Table::Trades(None)).await
}

/// Returns the orders of all sessions as CSV, newest first.
#[utoipa::path(get, path = "/v1/trading/orders.csv", tag = "trading", params(crate::page_of::FilterParams, ("state" = Option<String>, Query, max_length = 200, description = "the state of the orders")), responses((status = 200, body = String, content_type = "text/csv"), (status = 400)))]
pub(crate) async fn orders(
    State(app): State<AppState>,
    caller: Caller,
    Filtered { filter, .. }: Filtered<Orders>,
) -> Result<Response, ProblemResponse> {
    export(app, caller, filter, Table::Orders(None)).await
}

/// Returns the refusals of all sessions as CSV, newest first.
///
/// Values and limits are in the rule's unit.
#[utoipa::path(get, path = "/v1/trading/refusals.csv", tag = "trading", params(crate::page_of::FilterParams, ("rule" = Option<String>, Query, max_length = 200, description = "a rule of the gate")), responses((status = 200, body = String, content_type = "text/csv"), (status = 400)))]
pub(crate) async fn refusals(
    State(app): State<AppState>,
    caller: Caller,
    Filtered { filter, .. }: Filtered<Refusals>,
) -> Result<Response, ProblemResponse> {
    export(app, caller, filter, Table::Refusals(None)).await
}

/// Returns the audit as CSV, newest first.
///
/// Requires the admin role.
#[utoipa::path(get, path = "/v1/admin/audit.csv", tag = "bot", params(crate::page_of::AuditParams), responses((status = 200, body = String, content_type = "text/csv"), (status = 400)))]
pub(crate) async fn audit(
    State(app): State<AppState>,
    caller: Caller,
    Filtered { filter, .. }: Filtered<Audit>,
) -> Result<Response, ProblemResponse> {
    caller.must_be(Role::Admin)?;
    export(app, caller, filter, Table::Audit(None)).await
}

/// A table, and the position of the last row sent.
enum Table {
    Trades(Option<FillKey>),
    Orders(Option<(u64, u64)>),
    Refusals(Option<(u64, u64, u32)>),
    Audit(Option<u64>),
}

impl Table {
    const fn name(&self) -> &'static str {
        match self {
            Self::Trades(_) => "trades",
            Self::Orders(_) => "orders",
            Self::Refusals(_) => "refusals",
            Self::Audit(_) => "audit",
        }
    }

    const fn columns(&self) -> &'static str {
        match self {
            Self::Trades(_) => {
                "at,session,order,id,strategy,token,market,outcome,side,price_usd,shares,cost_usd,fee_usd,maker,settlement"
            }
            Self::Orders(_) => {
                "created_at,updated_at,session,id,venue_id,strategy,token,market,outcome,side,kind,price_usd,shares,filled_shares,state,reason"
            }
            Self::Refusals(_) => "at,last_at,count,session,strategy,rule,market,outcome,value,limit",
            Self::Audit(_) => "at,id,who,role,origin,action,detail,old,new,claimed_user,outcome,hash",
        }
    }

    /// Reads the next rows, and returns them as records; no records at the end.
    async fn more(&mut self, app: &AppState, filter: &Filter) -> Result<Vec<Vec<String>>, DbError> {
        Ok(match self {
            Self::Trades(last) => {
                let rows = app.db.trades(filter, last.as_ref(), PAGE_MAX).await?;
                *last = rows.last().map(FillKey::from);
                rows.into_iter().map(trade).collect()
            }
            Self::Orders(last) => {
                let rows = app.db.orders(filter, *last, PAGE_MAX).await?;
                *last = rows.last().map(|row| (row.session, row.id));
                rows.into_iter().map(order).collect()
            }
            Self::Refusals(last) => {
                let rows = app.db.refusals(filter, *last, PAGE_MAX).await?;
                *last = rows.last().map(|row| (row.session, row.seq, row.place));
                rows.into_iter().map(refusal).collect()
            }
            Self::Audit(last) => {
                let rows = app.db.audit_entries(filter, *last, PAGE_MAX).await?;
                *last = rows.last().map(|row| row.id);
                rows.into_iter().map(entry).collect()
            }
        })
    }
}

/// A file that is being sent.
struct Export {
    app: AppState,
    proof: Proof,
    filter: Filter,
    table: Table,
    /// The records that were read and not sent yet.
    next: Vec<Vec<String>>,
    begun: bool,
}

async fn export(app: AppState, caller: Caller, filter: Filter, mut table: Table) -> Result<Response, ProblemResponse> {
    let name = format!("attachment; filename=\"{}.csv\"", table.name());
    // A response that has begun cannot report that the database failed.
    let next = table.more(&app, &filter).await?;
    let export = Export { app, proof: caller.1, filter, table, next, begun: false };
    let pieces = stream::try_unfold(Some(export), |export| async move {
        match export {
            Some(export) => export.piece().await,
            None => Ok(None),
        }
    });
    let kind = [(header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((kind, Body::from_stream(pieces)).into_response())
}

impl Export {
    /// Returns the next piece of the file, and the rest of the export.
    async fn piece(mut self) -> io::Result<Option<(Bytes, Option<Self>)>> {
        if !self.app.auth.holds(self.proof, (self.app.clock)()) {
            return Err(io::Error::other("the token was revoked or has expired"));
        }
        let mut writer = csv::Writer::from_writer(Vec::new());
        if !self.begun {
            self.begun = true;
            writer.write_record(self.table.columns().split(','))?;
        }
        for row in std::mem::take(&mut self.next) {
            writer.write_record(&row)?;
        }
        let bytes = Bytes::from(writer.into_inner().map_err(|error| io::Error::other(error.to_string()))?);
        let more = self.table.more(&self.app, &self.filter).await;
        self.next = more.map_err(|error| {
            tracing::error!(%error, table = self.table.name(), "reading the database for an export failed; the file is incomplete");
            io::Error::other("the database failed")
        })?;
        let rest = if self.next.is_empty() { None } else { Some(self) };
        Ok(Some((bytes, rest)))
    }
}

/// Returns a time as RFC 3339 in UTC, with milliseconds.
fn at(millis: u64) -> String {
    let time = Time::from_millis(millis).iso();
    let whole = time.strip_suffix('Z').unwrap_or(&time);
    format!("{whole}.{:03}Z", millis.checked_rem(1_000).unwrap_or(0))
}

/// Returns a text that spreadsheets do not evaluate as a formula.
fn text(text: String) -> String {
    safe(&text).into_owned()
}

fn safe(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

fn price(micros: u32) -> String {
    Usd(i64::from(micros)).to_string()
}

fn trade(row: FillRow) -> Vec<String> {
    vec![
        at(row.at_ms),
        row.session.to_string(),
        row.order_id.to_string(),
        text(row.id),
        text(row.strategy),
        text(row.token),
        text(row.market),
        text(row.outcome),
        text(row.side),
        price(row.price_micro_usd),
        Size(row.size_micros).to_string(),
        Usd(row.cost_micro_usd).to_string(),
        Usd(row.fee_micro_usd).to_string(),
        (row.maker != 0).to_string(),
        text(row.settlement),
    ]
}

fn order(row: OrderRow) -> Vec<String> {
    vec![
        at(row.created_at_ms),
        at(row.updated_at_ms),
        row.session.to_string(),
        row.id.to_string(),
        text(row.venue_id),
        text(row.strategy),
        text(row.token),
        text(row.market),
        text(row.outcome),
        text(row.side),
        text(row.kind),
        price(row.price_micro_usd),
        Size(row.size_micros).to_string(),
        Size(row.filled_micros).to_string(),
        text(row.state),
        text(row.reason),
    ]
}

fn refusal(row: RefusalRow) -> Vec<String> {
    vec![
        at(row.at_ms),
        at(row.last_at_ms),
        row.count.to_string(),
        row.session.to_string(),
        text(row.strategy),
        text(row.rule),
        text(row.market),
        text(row.outcome),
        row.value.to_string(),
        row.allowed.to_string(),
    ]
}

fn entry(AuditEntry { id, row, hash }: AuditEntry) -> Vec<String> {
    vec![
        at(row.at_ms),
        id.to_string(),
        text(row.who),
        text(row.role),
        text(row.origin),
        text(row.action),
        text(row.detail),
        text(row.old),
        text(row.new),
        text(row.claimed_user),
        text(row.outcome),
        text(hash),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_and_formulas_are_texts() {
        assert_eq!(at(1_795_424_400_007), "2026-11-23T09:00:00.007Z");
        for odd in ["=1+1", "+1", "-1", "@a", "\tx", "\rx"] {
            assert_eq!(text(odd.to_owned()), format!("'{odd}"));
        }
        assert_eq!(text("a=b".to_owned()), "a=b");
    }
}
