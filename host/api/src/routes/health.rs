//! Health and metrics, for operators, probes and Prometheus.

use crate::guard::Caller;
use crate::problem::ProblemResponse;
use crate::state::AppState;
use alerts::Figures;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use readmodel::EventWait;
use readmodel::views::{
    AlertsView, DatabaseView, FolderWatchView, HealthStatusView, HealthView, RestrictionLevelView, WaitView,
};
use serde_json::json;
use store::db::{DbKind, WAL_WARN};

/// Answers if the host is running.
///
/// Needs no token. A browser that opens it gets the page with that name.
#[utoipa::path(get, path = "/health", security(()), tag = "health", responses((status = 200)))]
pub(crate) async fn health(headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if accept.contains("text/html") {
        return crate::page::index();
    }
    Json(json!({"status": "ok"})).into_response()
}

/// Returns the state of connections, breakers, database and queues.
#[utoipa::path(get, path = "/health/detailed", tag = "health", responses((status = 200, body = HealthView), (status = 503, body = HealthView)))]
pub(crate) async fn detailed(State(app): State<AppState>, _: Caller) -> (StatusCode, Json<HealthView>) {
    let snapshot = app.picture.snapshot();
    let rows = app.db.writer().health();
    let tripped: Vec<String> =
        snapshot.breakers.iter().filter(|breaker| breaker.tripped).map(|breaker| breaker.name.clone()).collect();
    let channels = snapshot.bot.market_channel_up && snapshot.bot.user_channel_up;
    let free = snapshot.bot.restriction == RestrictionLevelView::None;
    let log = app.db.wal_bytes();
    let alerts = app.alerts.figures();
    let quiet = alerts.error.is_empty() && log <= WAL_WARN;
    let healthy = channels && tripped.is_empty() && rows.lost == 0 && free && quiet;
    let view = HealthView {
        status: if healthy { HealthStatusView::Ok } else { HealthStatusView::Degraded },
        bot: snapshot.bot.state,
        restriction: snapshot.bot.restriction,
        market_channel_up: snapshot.bot.market_channel_up,
        user_channel_up: snapshot.bot.user_channel_up,
        market_connections: app.picture.connections(),
        left_out: app.picture.left_out(),
        records: app.picture.records(),
        tripped_breakers: tripped,
        database: match app.db.kind() {
            DbKind::Sqlite => DatabaseView::Sqlite,
            DbKind::Postgres => DatabaseView::Postgres,
        },
        database_log_bytes: log,
        database_log_problem: log_problem(log),
        rows_written: rows.written,
        rows_lost: rows.lost,
        rows_waiting: rows.waiting,
        events: snapshot.bot.events,
        event_wait: wait_view(app.picture.event_wait()),
        alerts: alerts_view(alerts),
        strategies_folder: if app.picture.folder_events() { FolderWatchView::Events } else { FolderWatchView::Scan },
    };
    // Probes check the status; a bot that an operator stopped is healthy.
    let status = if channels { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(view))
}

fn log_problem(bytes: u64) -> String {
    if bytes <= WAL_WARN {
        return String::new();
    }
    let mebibytes = bytes.checked_div(1024 * 1024).unwrap_or(0);
    format!(
        "the database's log has {mebibytes} MiB: an open read, such as a backup or a shell, prevents its truncation"
    )
}

fn wait_view(wait: EventWait) -> WaitView {
    WaitView { mean_micros: wait.mean_micros, worst_micros: wait.worst_micros }
}

fn alerts_view(figures: Figures) -> AlertsView {
    let Figures { configured, sent, failed, dropped, waiting, retrying, held_s, error } = figures;
    AlertsView { configured, sent, failed, dropped, waiting, retrying, held_s, error }
}

/// Returns the Prometheus metrics: counters, gauges and histograms in base units (dollars, seconds).
#[utoipa::path(get, path = "/metrics", tag = "health", responses((status = 200, description = "OpenMetrics text", body = String, content_type = "application/openmetrics-text")))]
pub(crate) async fn metrics(
    State(app): State<AppState>,
    _: Caller,
    headers: HeaderMap,
) -> Result<([(HeaderName, &'static str); 1], String), ProblemResponse> {
    let text = crate::metrics::text(&app).map_err(|error| {
        ProblemResponse::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the metrics could not be serialized: {error}"))
    })?;
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if crate::metrics::wants_classic(accept) {
        return Ok(([(header::CONTENT_TYPE, crate::metrics::CLASSIC)], crate::metrics::classic(&text)));
    }
    Ok(([(header::CONTENT_TYPE, crate::metrics::CONTENT_TYPE)], text))
}
