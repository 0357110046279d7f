//! Whether all is well, for people, probes and Prometheus.

use crate::guard::Caller;
use crate::parts::App;
use alerts::Figures;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use readmodel::EventWait;
use readmodel::views::{
    AlertsView, BotStateView, ConnectionView, DatabaseView, FolderWatchView, HealthStatusView, HealthView,
    RestrictionLevelView, Snapshot, WaitView,
};
use serde_json::json;
use store::db::DbKind;

/// Whether the host answers. Needs no token. A browser that goes there gets the page of that name.
#[utoipa::path(get, path = "/health", tag = "health", responses((status = 200)))]
pub(crate) async fn health(headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if accept.contains("text/html") {
        return crate::page::index();
    }
    Json(json!({"status": "ok"})).into_response()
}

/// Connections, breakers, database and what waits.
#[utoipa::path(get, path = "/health/detailed", tag = "health", responses((status = 200, body = HealthView), (status = 503, body = HealthView)))]
pub(crate) async fn detailed(State(app): State<App>, _: Caller) -> (StatusCode, Json<HealthView>) {
    let snapshot = app.picture.snapshot();
    let rows = app.db.writer().health();
    let tripped: Vec<String> =
        snapshot.breakers.iter().filter(|breaker| breaker.tripped).map(|breaker| breaker.name.clone()).collect();
    let channels = snapshot.bot.market_channel_up && snapshot.bot.user_channel_up;
    let free = snapshot.bot.restriction == RestrictionLevelView::None;
    let healthy = channels && tripped.is_empty() && rows.lost == 0 && free;
    let view = HealthView {
        status: if healthy { HealthStatusView::Ok } else { HealthStatusView::Degraded },
        bot: snapshot.bot.state,
        restriction: snapshot.bot.restriction,
        market_channel_up: snapshot.bot.market_channel_up,
        user_channel_up: snapshot.bot.user_channel_up,
        market_connections: app.picture.connections(),
        records: app.picture.records(),
        tripped_breakers: tripped,
        database: match app.db.kind() {
            DbKind::Sqlite => DatabaseView::Sqlite,
            DbKind::Postgres => DatabaseView::Postgres,
        },
        rows_written: rows.written,
        rows_lost: rows.lost,
        rows_waiting: u64::try_from(rows.waiting).unwrap_or(u64::MAX),
        events: snapshot.bot.events,
        event_wait: wait_view(app.picture.event_wait()),
        alerts: alerts_view(app.alerts.figures()),
        strategies_folder: if app.picture.folder_events() { FolderWatchView::Events } else { FolderWatchView::Scan },
    };
    // Probes look at the status; a bot that an operator stopped is well.
    let status = if channels { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(view))
}

fn wait_view(wait: EventWait) -> WaitView {
    WaitView { mean_micros: wait.mean_micros, worst_micros: wait.worst_micros }
}

fn alerts_view(figures: Figures) -> AlertsView {
    let Figures { configured, sent, failed, dropped, waiting, error } = figures;
    AlertsView { configured, sent, failed, dropped, waiting, error }
}

/// The figures of the picture in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", tag = "health", responses((status = 200, description = "Prometheus text")))]
pub(crate) async fn metrics(State(app): State<App>, _: Caller) -> ([(HeaderName, &'static str); 1], String) {
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        write_metrics(
            &app.picture.snapshot(),
            &app.picture.connections(),
            wait_view(app.picture.event_wait()),
            &alerts_view(app.alerts.figures()),
        ),
    )
}

fn write_metrics(snapshot: &Snapshot, connections: &[ConnectionView], wait: WaitView, alerts: &AlertsView) -> String {
    let mut text = String::new();
    let mut gauge = |name: &str, help: &str, value: i64| {
        let name = format!("polytrader_{name}");
        text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}\n"));
    };
    let count = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
    gauge("running", "1 while the bot is RUNNING.", i64::from(snapshot.bot.state == BotStateView::Running));
    gauge("market_channel_up", "1 while the market channel is up.", i64::from(snapshot.bot.market_channel_up));
    gauge("user_channel_up", "1 while the user channel is up.", i64::from(snapshot.bot.user_channel_up));
    let (up, parts) = connections.iter().fold((0i64, 0i64), |(up, parts), line| {
        (up.saturating_add(line.up.into()), parts.saturating_add(line.parts.into()))
    });
    gauge("market_connections", "Connections of the market channel.", parts);
    gauge("market_connections_up", "Connections of the market channel that are up.", up);
    gauge("market_events", "Market events since the start.", i64::try_from(snapshot.bot.events).unwrap_or(i64::MAX));
    let micros = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let waited = "How long market events waited for the engine in the last second";
    gauge("event_wait_mean_micros", &format!("{waited}, on average."), micros(wait.mean_micros));
    gauge("event_wait_worst_micros", &format!("{waited}, at worst."), micros(wait.worst_micros));
    gauge("open_orders", "Orders that are not over.", count(snapshot.orders.len()));
    gauge("positions", "Tokens held.", count(snapshot.positions.len()));
    gauge("cash_micro_usd", "All cash.", snapshot.pnl.cash_micro_usd);
    gauge("portfolio_micro_usd", "Cash and positions.", snapshot.pnl.portfolio_micro_usd);
    gauge("realised_micro_usd", "Profit realised since the session began.", snapshot.pnl.realised_micro_usd);
    gauge("unrealised_micro_usd", "Positions at the bid less their cost.", snapshot.pnl.unrealised_micro_usd);
    gauge("fees_micro_usd", "Fees paid.", snapshot.pnl.fees_micro_usd);
    gauge("today_micro_usd", "Gain since 00:00 UTC.", snapshot.pnl.today_micro_usd);
    let tripped = snapshot.breakers.iter().filter(|breaker| breaker.tripped).count();
    gauge("tripped_breakers", "Breakers that are tripped.", count(tripped));
    let whole = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    gauge("alerts_sent", "Alerts that the webhook took since the start.", whole(alerts.sent));
    gauge("alerts_failed", "Alerts that did not get through since the start.", whole(alerts.failed));
    gauge("alerts_dropped", "Alerts for which there was no room since the start.", whole(alerts.dropped));
    gauge("alerts_waiting", "Alerts that wait.", whole(alerts.waiting));
    text
}
