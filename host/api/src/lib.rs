//! The API and the page (DESIGN 9). One router, served on two ports. Handlers read the picture and the database, and act
//! through [`control::Control`]; there is no other way from here to the engine.
//! Start reading in [`router`], then `guard` for who may do what.

pub mod auth;
mod body;
pub mod client;
mod connections;
mod guard;
mod metrics;
mod openapi;
mod page;
mod page_of;
mod parts;
mod problem;
mod routes;
pub mod runtime_limits;
pub mod server;
#[cfg(test)]
mod tests;
mod tightening;

pub use openapi::document;
pub use parts::Parts;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post, put};
use routes::{bot, claims, config, health, history, restrictions, session, signals, strategies, stream, trading};
use std::sync::Arc;

/// The largest body of a request.
const BODY_MAX: usize = 64 * 1024;

/// Returns all routes.
pub fn router(parts: Arc<Parts>) -> Router {
    let api = Router::new()
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
        .route("/v1/config/{key}", put(config::set))
        .route("/v1/positions", get(trading::positions))
        .route("/v1/positions/pnl", get(trading::pnl))
        .route("/v1/positions/claims", get(claims::claims))
        .route("/v1/positions/claims/runs", get(claims::runs))
        .route("/v1/positions/claims/execute", post(claims::execute))
        .route("/v1/positions/assign", post(trading::assign))
        .route("/v1/positions/{token}/close", post(trading::close))
        .route("/v1/admin/audit", get(history::audit))
        .route("/v1/admin/restrictions", put(restrictions::restrict))
        .route("/v1/admin/transfers", post(restrictions::transfer))
        .route("/v1/trading/orders", get(trading::orders))
        .route("/v1/trading/orders/cancel-all", post(trading::cancel_all))
        .route("/v1/trading/orders/{id}", get(trading::order).delete(trading::cancel))
        .route("/v1/trading/orders/history", get(history::orders))
        .route("/v1/trading/orders/{id}/events", get(history::events))
        .route("/v1/trading/orders/{id}/fills", get(history::fills))
        .route("/v1/trading/trades", get(history::trades))
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
        .route("/v1/session", get(session::show).post(session::login).delete(session::logout))
        .route("/login", get(session::redeem))
        .route("/health", get(health::health))
        .route("/health/detailed", get(health::detailed))
        .route("/metrics", get(health::metrics))
        .route("/openapi.json", get(openapi::serve));
    api.fallback(page::serve)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(middleware::from_fn_with_state(Arc::clone(&parts), guard::known_host))
        .layer(middleware::map_response(page::protect))
        .with_state(parts)
}
