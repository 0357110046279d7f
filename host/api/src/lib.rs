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
mod params;
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
use axum::routing::{delete, get, post, put};
use parts::App;
use routes::{
    bot, claims, config, health, history, restrictions, session, signals, strategies, stream, tokens, trading,
};
use std::sync::Arc;

/// The largest body of a request.
const BODY_MAX: usize = 64 * 1024;

/// Returns all routes.
pub fn router(parts: Arc<Parts>) -> Router {
    // The caller is judged before anything else of a request is looked at; what is open to all stands apart.
    let known = middleware::from_fn_with_state(Arc::clone(&parts), guard::known_caller);
    open_routes()
        .merge(routes_for_callers().route_layer(known))
        .fallback(page::serve)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(middleware::from_fn_with_state(Arc::clone(&parts), guard::known_host))
        .layer(middleware::map_response(page::protect))
        .with_state(parts)
}

/// Returns the routes that need no token.
fn open_routes() -> Router<App> {
    Router::new()
        .route("/login", get(session::offer).post(session::redeem))
        .route("/v1/session", post(session::login))
        .route("/health", get(health::health))
        .route("/openapi.json", get(openapi::serve))
}

/// Returns the routes that need a token or a login.
fn routes_for_callers() -> Router<App> {
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
        .route("/v1/session", get(session::show).delete(session::logout))
        .route("/v1/session/codes", post(session::login_code))
        .route("/v1/tokens", get(tokens::all).post(tokens::create))
        .route("/v1/tokens/{name}", delete(tokens::revoke))
        .route("/health/detailed", get(health::detailed))
        .route("/metrics", get(health::metrics))
}
