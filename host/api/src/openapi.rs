//! The OpenAPI description, generated from the routes and types.

mod shapes;

use super::routes::{
    alert_list, bot, claims, config, export, health, history, locks, reload, restrictions, session, signals,
    strategies, stream, tokens, trading, websocket,
};
use crate::problem::ProblemResponse;
use axum::body::Bytes;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use std::sync::OnceLock;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};
use utoipa::{Modify, OpenApi};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "PolyTrader",
        description = "Every request requires a bearer token or a login unless noted otherwise. Money, prices and \
                       shares are whole millionths (_micro_usd, _micros), times Unix milliseconds. Errors are problem \
                       documents (RFC 9457)."
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
        config::one,
        config::set,
        trading::snapshot,
        trading::positions,
        trading::pnl,
        trading::close,
        trading::assign,
        reload::reload,
        locks::all,
        locks::lock,
        locks::unlock,
        restrictions::restrict,
        restrictions::transfer,
        trading::orders,
        trading::order,
        trading::cancel,
        trading::cancel_all,
        history::trades,
        export::trades,
        export::orders,
        export::refusals,
        export::audit,
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
        websocket::websocket,
        session::show,
        session::login,
        session::logout,
        session::login_code,
        session::offer,
        session::redeem,
        tokens::all,
        tokens::create,
        tokens::revoke,
        alert_list::all,
        alert_list::acknowledge,
        health::health,
        health::detailed,
        health::metrics,
    ),
    modifiers(&Access),
    components(schemas(readmodel::views::Problem))
)]
struct Api;

/// The names of the security schemes for bearer tokens and for the page's cookie.
const BEARER: &str = "token";
const COOKIE: &str = "login";

/// Adds the security schemes, the answers to unauthorized callers, and the form of every error.
struct Access;

impl Modify for Access {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
        let about = "A token created by `polytrader tokens create`, or the one in `admin.token`.";
        let bearer = bearer.description(Some(about)).build();
        let cookie = ApiKeyValue::with_description(
            "polytrader_session_INSTANCE",
            "The cookie of a login. Requests that change something also require the header X-PolyTrader: 1.",
        );
        let components = document.components.get_or_insert_default();
        components.add_security_scheme(BEARER, SecurityScheme::Http(bearer));
        components.add_security_scheme(COOKIE, SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
        for path in document.paths.paths.values_mut() {
            let methods = [&mut path.get, &mut path.put, &mut path.post, &mut path.delete];
            for operation in methods.into_iter().flatten() {
                add_common_answers(operation);
                protect(operation);
                operation
                    .responses
                    .responses
                    .iter_mut()
                    .for_each(|(status, response)| describe_error(status, response));
            }
        }
    }
}

/// Adds the answers that depend on the connection, the body's form or the host's state, and not on the operation.
fn add_common_answers(operation: &mut Operation) {
    let of_all = [
        ("421", "the request names another machine, and api.allow_remote is off"),
        ("503", "the database, the engine or the journal did not respond in time"),
    ];
    let of_bodies = [
        ("400", "a parameter or the body is invalid"),
        ("408", "the body did not arrive in time"),
        ("413", "the body is too large"),
    ];
    let has_body = operation.request_body.is_some();
    let has_parameters = operation.parameters.as_ref().is_some_and(|parameters| !parameters.is_empty());
    let own = of_bodies.iter().filter(|(status, _)| has_body || (has_parameters && *status == "400"));
    for (status, what) in of_all.iter().chain(own) {
        let response = ResponseBuilder::new().description(*what).build();
        operation.responses.responses.entry((*status).to_owned()).or_insert(RefOr::T(response));
    }
}

/// Marks an operation as requiring a caller, unless it defines its own security.
fn protect(operation: &mut Operation) {
    if operation.security.is_some() {
        return;
    }
    let schemes = [BEARER, COOKIE].map(|scheme| SecurityRequirement::new(scheme, [""; 0]));
    operation.security = Some(schemes.to_vec());
    for (status, what) in [
        ("401", "no token or login, or one that is unknown, revoked or expired"),
        ("403", "the token's role is insufficient, or a login's request has no X-PolyTrader header"),
        ("429", "too many wrong tokens in the last minute"),
    ] {
        let response = ResponseBuilder::new().description(what).build();
        operation.responses.responses.entry(status.to_owned()).or_insert(RefOr::T(response));
    }
}

/// Declares errors as problem documents, unless the answer is a page.
fn describe_error(status: &str, response: &mut RefOr<utoipa::openapi::Response>) {
    if let RefOr::T(response) = response
        && response.content.is_empty()
        && (status.starts_with('4') || status.starts_with('5'))
    {
        let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        response.content.insert("application/problem+json".to_owned(), RefOr::T(problem));
    }
}

/// Returns the OpenAPI document.
pub fn document() -> Value {
    let mut document = serde_json::to_value(Api::openapi()).unwrap_or_default();
    shapes::apply(&mut document);
    document
}

/// Serves the OpenAPI document; needs no token, as it reveals nothing about this host.
pub(crate) async fn serve() -> Result<Response, ProblemResponse> {
    // It is the same for every request, and unauthenticated callers may request it.
    static TEXT: OnceLock<Option<Bytes>> = OnceLock::new();
    let text = TEXT.get_or_init(|| serde_json::to_vec(&document()).map(Bytes::from).ok()).clone();
    let Some(text) = text else {
        return Err(ProblemResponse::new(StatusCode::INTERNAL_SERVER_ERROR, "the description could not be serialized"));
    };
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}
