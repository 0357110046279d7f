//! The API's description, made from the routes and types themselves.

use super::routes::{
    bot, claims, config, health, history, restrictions, session, signals, strategies, stream, trading,
};
use crate::problem::ProblemResponse;
use axum::body::Bytes;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::OnceLock;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "PolyTrader",
        description = "Everything but /health needs a bearer token or a login. Money, prices and shares are whole millionths \
                       (_micro_usd, _micros), times Unix milliseconds. Errors are problem documents (RFC 9457)."
    ),
    paths(
        bot::state,
        bot::start,
        bot::stop,
        bot::pause,
        bot::resume,
        bot::emergency_stop,
        bot::release,
        bot::reset_breaker,
        config::all,
        config::set,
        trading::snapshot,
        trading::positions,
        trading::pnl,
        trading::close,
        trading::assign,
        restrictions::restrict,
        restrictions::transfer,
        trading::orders,
        trading::order,
        trading::cancel,
        trading::cancel_all,
        history::trades,
        history::orders,
        history::events,
        history::fills,
        history::refusals,
        history::audit,
        trading::venue_orders,
        claims::claims,
        claims::runs,
        claims::execute,
        strategies::all,
        strategies::skipped,
        strategies::versions,
        strategies::enable,
        strategies::disable,
        strategies::rollback,
        strategies::arm,
        strategies::upload,
        strategies::parameters,
        strategies::set_parameters,
        signals::signal,
        trading::markets,
        stream::stream,
        session::show,
        session::login,
        session::logout,
        health::health,
        health::detailed,
        health::metrics,
    ),
    components(schemas(readmodel::views::Problem))
)]
struct Api;

/// Returns the description of the API.
pub fn document() -> Document {
    Api::openapi()
}

/// The description itself; needs no token, as it tells nothing of this host.
pub(crate) async fn serve() -> Result<Response, ProblemResponse> {
    // It is the same for every request, and strangers may ask for it.
    static TEXT: OnceLock<Option<Bytes>> = OnceLock::new();
    let text = TEXT.get_or_init(|| serde_json::to_vec(&document()).map(Bytes::from).ok()).clone();
    let Some(text) = text else {
        return Err(ProblemResponse::new(StatusCode::INTERNAL_SERVER_ERROR, "the description cannot be written"));
    };
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}
