//! The API and the page (DESIGN 9): one router, served on two ports. Handlers read the read model and the database, and
//! act through [`control::Control`]; they have no other access to the engine.
//! Start reading in [`router`], then `guard` for authorization.

pub mod auth;
mod body;
pub mod client;
mod connections;
mod decimals;
mod etag;
mod guard;
mod held;
mod idempotency;
mod metrics;
mod openapi;
mod origin;
mod page;
mod page_of;
mod params;
mod platform;
mod problem;
mod routes;
pub mod runtime_limits;
pub mod server;
mod state;
pub mod telegram;
#[cfg(test)]
mod tests;
mod tightening;

pub use openapi::document;
pub use state::{AppParts, Reread};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{delete, get, post, put};
use body::BODY_MAX;
use routes::{
    alert_list, bot, claims, config, export, health, history, locks, reload, restrictions, session, signals,
    strategies, stream, tokens, trading, websocket,
};
use state::AppState;
use std::sync::Arc;

/// Returns all routes.
pub fn router(parts: Arc<AppParts>) -> Router {
    // The caller is checked before anything else of a request is read; open routes are separate.
    let known = middleware::from_fn_with_state(Arc::clone(&parts), guard::known_caller);
    let once = middleware::from_fn_with_state(Arc::clone(&parts), idempotency::once);
    open_routes()
        .merge(routes_for_callers().route_layer(once).route_layer(known))
        .fallback(page::serve)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(middleware::from_fn_with_state(Arc::clone(&parts), guard::known_host))
        .layer(middleware::map_response(page::protect))
        .with_state(parts)
}

/// Returns the routes that need no token.
fn open_routes() -> Router<AppState> {
    Router::new()
        .route("/login", get(session::offer).post(session::redeem))
        .route("/v1/session", post(session::login))
        .route("/health", get(health::health))
        .route("/openapi.json", get(openapi::serve))
}

/// Returns the routes that need a token or a login.
fn routes_for_callers() -> Router<AppState> {
    Router::new()
        .route("/v1/admin/bot/state", get(bot::state))
        .route("/v1/admin/bot/start", post(bot::start))
        .route("/v1/admin/bot/stop", post(bot::stop))
        .route("/v1/admin/bot/pause", post(bot::pause))
        .route("/v1/admin/bot/resume", post(bot::resume))
        .route("/v1/admin/emergency-stop", post(bot::emergency_stop))
        .route("/v1/admin/emergency-stop/release", post(bot::release))
        .route("/v1/admin/circuit-breakers/{name}/reset", post(bot::reset_breaker))
        .route("/v1/config", get(config::all))
        .route("/v1/config/", get(config::all))
        .route("/v1/config/reload", post(reload::reload))
        .route("/v1/config/{key}", get(config::one).put(config::set))
        .route("/v1/positions", get(trading::positions))
        .route("/v1/positions/pnl", get(trading::pnl))
        .route("/v1/positions/claims", get(claims::claims))
        .route("/v1/positions/claims/runs", get(claims::runs))
        .route("/v1/positions/claims/execute", post(claims::execute))
        .route("/v1/positions/assign", post(trading::assign))
        .route("/v1/positions/{token}/close", post(trading::close))
        .route("/v1/admin/audit", get(history::audit))
        .route("/v1/admin/restrictions", put(restrictions::restrict))
        .route("/v1/admin/locks", get(locks::all))
        .route("/v1/admin/locks/{market}", put(locks::lock).delete(locks::unlock))
        .route("/v1/admin/transfers", post(restrictions::transfer))
        .route("/v1/trading/orders", get(trading::orders))
        .route("/v1/trading/orders/cancel-all", post(trading::cancel_all))
        .route("/v1/trading/orders/{id}", get(trading::order).delete(trading::cancel))
        .route("/v1/trading/orders/history", get(history::orders))
        .route("/v1/trading/orders/{id}/events", get(history::events))
        .route("/v1/trading/orders/{id}/fills", get(history::fills))
        .route("/v1/trading/trades", get(history::trades))
        .route("/v1/trading/trades.csv", get(export::trades))
        .route("/v1/trading/orders.csv", get(export::orders))
        .route("/v1/trading/refusals.csv", get(export::refusals))
        .route("/v1/admin/audit.csv", get(export::audit))
        .route("/v1/trading/refusals", get(history::refusals))
        .route("/v1/trading/venue-orders", get(trading::venue_orders))
        .route("/v1/strategies", get(strategies::all))
        .route("/v1/skipped-files", get(strategies::skipped))
        .route("/v1/strategies/{name}", put(strategies::upload).layer(DefaultBodyLimit::max(sandbox::MODULE_MAX)))
        .route("/v1/strategies/{name}/parameters", get(strategies::parameters).put(strategies::set_parameters))
        .route("/v1/strategies/{name}/versions", get(strategies::versions))
        .route("/v1/strategies/{name}/enable", post(strategies::enable))
        .route("/v1/strategies/{name}/disable", post(strategies::disable))
        .route("/v1/strategies/{name}/rollback", post(strategies::rollback))
        .route("/v1/strategies/{name}/arm", post(strategies::arm))
        .route("/v1/strategies/{name}/signal", post(signals::signal))
        .route("/v1/markets", get(trading::markets))
        .route("/v1/snapshot", get(trading::snapshot))
        .route("/v1/stream", get(stream::stream))
        .route("/v1/ws", get(websocket::websocket))
        .route("/v1/session", get(session::show).delete(session::logout))
        .route("/v1/session/codes", post(session::login_code))
        .route("/v1/tokens", get(tokens::all).post(tokens::create))
        .route("/v1/tokens/{name}", delete(tokens::revoke))
        .route("/v1/alerts", get(alert_list::all))
        .route("/v1/alerts/{id}/acknowledge", post(alert_list::acknowledge))
        .route("/health/detailed", get(health::detailed))
        .route("/metrics", get(health::metrics))
}
