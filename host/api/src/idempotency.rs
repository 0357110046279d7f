//! Requests with an `Idempotency-Key`: a repeated request gets the stored response and is not executed again, for 24
//! hours and across restarts. Restricting actions are executed each time and ignore the key: nothing may prevent or
//! delay a stop.

use crate::body::BODY_MAX;
use crate::guard::Caller;
use crate::problem::{ProblemResponse, unavailable};
use crate::state::AppState;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use model::hex;
use sha2::{Digest, Sha256};
use std::time::Duration;
use store::db::STORED_WITHIN;
use store::db::request_keys::{KEYS_MAX, KeptAnswer, KeyClaim, KeyedRequest};
use tokio::time::timeout;

/// The header.
pub(crate) const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The header of a stored response.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// The longest key.
const KEY_MAX: usize = 255;
/// The largest response that is stored.
const ANSWER_MAX: usize = 256 * 1024;
/// The longest time for a body to arrive.
const BODY_WITHIN: Duration = Duration::from_secs(60);

/// Restricting actions. They ignore the key.
const ACTS_AT_ONCE: [(&str, &str); 8] = [
    ("POST", "/v1/admin/emergency-stop"),
    ("POST", "/v1/admin/bot/stop"),
    ("POST", "/v1/admin/bot/pause"),
    ("POST", "/v1/trading/orders/cancel-all"),
    ("DELETE", "/v1/trading/orders/{id}"),
    ("POST", "/v1/positions/{token}/close"),
    ("POST", "/v1/strategies/{name}/disable"),
    ("DELETE", "/v1/tokens/{name}"),
];
/// Restrictions, limits and locks: some changes tighten. They are applied without the key if the database does not store
/// it; applying them again has the same result.
const SETS: [(&str, &str); 3] =
    [("PUT", "/v1/admin/restrictions"), ("PUT", "/v1/config/{key}"), ("PUT", "/v1/admin/locks/{market}")];

/// Returns true if this route uses a key.
pub(crate) fn takes_keys(method: &str, path: &str) -> bool {
    let changes = ["POST", "PUT", "DELETE"].contains(&method);
    changes && !path.starts_with("/v1/session") && path != "/login" && !is_of(&ACTS_AT_ONCE, method, path)
}

/// Returns true if a path matches a route in a list, with any values for its parameters.
fn is_of(routes: &[(&str, &str)], method: &str, path: &str) -> bool {
    let is = |route: &str| {
        let mut parts = path.split('/');
        let mut wanted = route.split('/');
        loop {
            match (wanted.next(), parts.next()) {
                (None, None) => return true,
                (Some(wanted), Some(part)) if wanted == part || wanted.starts_with('{') => {}
                _ => return false,
            }
        }
    };
    routes.iter().any(|(known, route)| *known == method && is(route))
}

/// A request with a key, as it is stored.
struct Keyed {
    app: AppState,
    who: String,
    name: String,
    request: String,
    at_ms: u64,
}

impl Keyed {
    fn row(&self) -> KeyedRequest<'_> {
        let Self { who, name, request, at_ms, app } = self;
        KeyedRequest { who, name, request, session: app.session, at_ms: *at_ms }
    }
}

/// Returns the stored response of a request whose key is known, or executes the request and stores its response.
pub(crate) async fn once(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let Some(key) = request.headers().get(KEY).cloned() else { return next.run(request).await };
    let path = request.uri().path().to_owned();
    let Some(Caller(identity, ..)) = request.extensions().get::<Caller>().cloned() else {
        return next.run(request).await;
    };
    if !takes_keys(request.method().as_str(), &path) {
        return next.run(request).await;
    }
    match answer(app, identity.name, &key, &path, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn answer(
    app: AppState,
    who: String,
    key: &HeaderValue,
    path: &str,
    request: Request,
    next: Next,
) -> Result<Response, ProblemResponse> {
    let name = name_of(key)?;
    let is_file = is_of(&[("PUT", "/v1/strategies/{name}")], request.method().as_str(), path);
    let most = if is_file { sandbox::MODULE_MAX } else { BODY_MAX };
    let (parts, body) = request.into_parts();
    let body = read(body, most).await?;
    let request = digest(&parts.method, parts.uri.path_and_query().map_or("", |path| path.as_str()), &body);
    let at_ms = (app.clock)().millis();
    let keyed = Keyed { app, who, name, request, at_ms };
    let request = Request::from_parts(parts, Body::from(body));
    let claim = match timeout(STORED_WITHIN, keyed.app.db.claim_key(keyed.app.settings.scope(), keyed.row())).await {
        Ok(Ok(claim)) => claim,
        failed if is_of(&SETS, request.method().as_str(), path) => {
            tracing::warn!(?failed, path, "storing the key of a request failed; the request is executed without it");
            return Ok(next.run(request).await);
        }
        Ok(Err(error)) => return Err(error.into()),
        Err(_) => return Err(unavailable("the database did not store the key within a second; nothing has changed")),
    };
    match claim {
        KeyClaim::New => {}
        KeyClaim::Answered(kept) => return again(&keyed, kept),
        KeyClaim::OfAnother => {
            let detail =
                format!("the key `{}` was used for another request; a new request needs a new key", keyed.name);
            return Err(ProblemResponse::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
        }
        KeyClaim::Running => {
            let detail =
                format!("the request with the key `{}` is still running; repeat it for its response", keyed.name);
            return Err(ProblemResponse::new(StatusCode::CONFLICT, detail));
        }
        KeyClaim::CutOff { session } => {
            let detail = format!(
                "session {session} ended while the request with the key `{}` was running: check its result, and send a new request with a \
                 new key",
                keyed.name
            );
            return Err(ProblemResponse::new(StatusCode::CONFLICT, detail));
        }
        KeyClaim::TooMany => {
            let detail = format!("`{}` has used {KEYS_MAX} keys within a day; send requests without a key", keyed.who);
            return Err(ProblemResponse::new(StatusCode::TOO_MANY_REQUESTS, detail));
        }
    }
    // A separate task: a caller that disconnects cancels neither the action nor the storing of its response.
    let done = tokio::spawn(do_and_keep(keyed, next, request)).await;
    done.map_err(|_panic| ProblemResponse::new(StatusCode::INTERNAL_SERVER_ERROR, "the request panicked"))
}

fn name_of(key: &HeaderValue) -> Result<String, ProblemResponse> {
    let is_name = |text: &&str| (1..=KEY_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    let name = key.to_str().ok().filter(is_name).map(str::to_owned);
    name.ok_or_else(|| {
        ProblemResponse::bad(format!(
            "expected 1 to {KEY_MAX} visible ASCII characters in Idempotency-Key, such as a UUID"
        ))
    })
}

async fn read(body: Body, most: usize) -> Result<Bytes, ProblemResponse> {
    match timeout(BODY_WITHIN, to_bytes(body, most)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => {
            let detail = format!("the body has more than {most} bytes, or is incomplete");
            Err(ProblemResponse::new(StatusCode::PAYLOAD_TOO_LARGE, detail))
        }
        Err(_) => {
            let detail = format!("the body did not arrive within {} s", BODY_WITHIN.as_secs());
            Err(ProblemResponse::new(StatusCode::REQUEST_TIMEOUT, detail))
        }
    }
}

/// Returns the digest that distinguishes a request from another one with the same key.
pub(crate) fn digest(method: &Method, path: &str, body: &[u8]) -> String {
    let digest = Sha256::new().chain_update(format!("{method} {path}\n")).chain_update(body).finalize();
    hex::encode(&digest)
}

/// Executes a request and stores its response. The key is released if the request was refused because of the caller's
/// role, or because its body did not arrive or is too large.
async fn do_and_keep(keyed: Keyed, next: Next, request: Request) -> Response {
    let (parts, body) = next.run(request).await.into_parts();
    let bytes = to_bytes(body, ANSWER_MAX).await.unwrap_or_default();
    let db = &keyed.app.db;
    let scope = keyed.app.settings.scope();
    let stored = if matches!(
        parts.status,
        StatusCode::FORBIDDEN | StatusCode::REQUEST_TIMEOUT | StatusCode::PAYLOAD_TOO_LARGE
    ) {
        db.release_key(scope, keyed.row()).await
    } else {
        db.keep_answer(scope, keyed.row(), &kept(parts.status, &parts.headers, &bytes)).await
    };
    if let Err(error) = stored {
        tracing::error!(%error, who = keyed.who, "storing the response to a request with a key failed; the key is refused for a day");
    }
    Response::from_parts(parts, Body::from(bytes))
}

/// Returns the stored form of a response. The body of a response that must not be cached is not stored.
fn kept(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> KeptAnswer {
    let text = |name: HeaderName| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let secret = text(header::CACHE_CONTROL).contains("no-store");
    let body = if secret { None } else { std::str::from_utf8(body).ok() };
    KeptAnswer {
        status: status.as_u16(),
        content_type: text(header::CONTENT_TYPE),
        etag: text(header::ETAG),
        body: body.unwrap_or_default().to_owned(),
        secret: i64::from(secret),
    }
}

/// Returns the stored response.
fn again(keyed: &Keyed, kept: KeptAnswer) -> Result<Response, ProblemResponse> {
    if kept.secret != 0 {
        let detail = format!(
            "the request with the key `{}` was executed; its response contained a secret and is not stored: revoke the result, and \
             repeat the request with a new key",
            keyed.name
        );
        return Err(ProblemResponse::new(StatusCode::CONFLICT, detail));
    }
    let status = StatusCode::from_u16(kept.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, kept.body).into_response();
    response.headers_mut().remove(header::CONTENT_TYPE);
    for (name, text) in [(header::CONTENT_TYPE, kept.content_type), (header::ETAG, kept.etag)] {
        if let (false, Ok(value)) = (text.is_empty(), HeaderValue::from_str(&text)) {
            response.headers_mut().insert(name, value);
        }
    }
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}
