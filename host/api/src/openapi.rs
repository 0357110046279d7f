//! The API's description, made from the routes and types themselves.

use super::routes::{
    bot, claims, config, health, history, restrictions, session, signals, strategies, stream, tokens, trading,
};
use crate::problem::ProblemResponse;
use axum::body::Bytes;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::OnceLock;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{ContentBuilder, OpenApi as Document, Ref, RefOr, ResponseBuilder};
use utoipa::{Modify, OpenApi};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "PolyTrader",
        description = "Everything needs a bearer token or a login but what says so. Money, prices and shares are whole millionths \
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
        session::login_code,
        session::offer,
        session::redeem,
        tokens::all,
        tokens::create,
        tokens::revoke,
        health::health,
        health::detailed,
        health::metrics,
    ),
    modifiers(&Access),
    components(schemas(readmodel::views::Problem))
)]
struct Api;

/// The name of the scheme of bearer tokens, and of the page's cookie.
const BEARER: &str = "token";
const COOKIE: &str = "login";

/// Adds how callers show who they are, what those are answered who may not, and the form of every error.
struct Access;

impl Modify for Access {
    fn modify(&self, document: &mut Document) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
        let bearer =
            bearer.description(Some("A token of `polytrader tokens create`, or that of `admin.token`.")).build();
        let cookie = ApiKeyValue::with_description(
            "polytrader_session_INSTANCE",
            "The cookie of a login. Requests that change something need the header X-PolyTrader: 1 beside it.",
        );
        let components = document.components.get_or_insert_default();
        components.add_security_scheme(BEARER, SecurityScheme::Http(bearer));
        components.add_security_scheme(COOKIE, SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
        for path in document.paths.paths.values_mut() {
            let methods = [&mut path.get, &mut path.put, &mut path.post, &mut path.delete];
            for operation in methods.into_iter().flatten() {
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

/// Notes that an operation needs a caller, unless it says what it needs.
fn protect(operation: &mut Operation) {
    if operation.security.is_some() {
        return;
    }
    let schemes = [BEARER, COOKIE].map(|scheme| SecurityRequirement::new(scheme, [""; 0]));
    operation.security = Some(schemes.to_vec());
    for (status, what) in [
        ("401", "no token or login, or one that is unknown, revoked or expired"),
        ("403", "the token's role is too small, or a login's request has no X-PolyTrader header"),
        ("429", "too many wrong tokens in the last minute"),
    ] {
        let response = ResponseBuilder::new().description(what).build();
        operation.responses.responses.entry(status.to_owned()).or_insert(RefOr::T(response));
    }
}

/// Says that an error is a problem document, unless its answer is a page.
fn describe_error(status: &str, response: &mut RefOr<utoipa::openapi::Response>) {
    if let RefOr::T(response) = response
        && response.content.is_empty()
        && (status.starts_with('4') || status.starts_with('5'))
    {
        let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        response.content.insert("application/problem+json".to_owned(), RefOr::T(problem));
    }
}

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
