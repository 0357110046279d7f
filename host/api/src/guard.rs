//! Authentication and authorization of requests.

use super::problem::ProblemResponse;
use crate::auth::{Identity, Proof, Role};
use crate::connections::Connection;
use crate::origin::{is_trusted, origin};
use crate::state::AppState;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;
use std::sync::Arc;

/// A header that pages of other origins cannot send without permission; our page sends it with every change.
const MARK: &str = "x-polytrader";

/// The prefix of the cookie's name.
const COOKIE: &str = "polytrader_session_";

/// A caller with a valid token or session, and the origin of the request.
#[derive(Debug, Clone)]
pub(crate) struct Caller(pub(crate) Identity, pub(crate) Proof, pub(crate) Arc<str>);

impl Caller {
    /// Refuses a caller whose role is less than `role`.
    pub(crate) fn must_be(&self, role: Role) -> Result<(), ProblemResponse> {
        if self.0.role >= role {
            return Ok(());
        }
        let (name, own) = (&self.0.name, self.0.role.as_str());
        let detail = format!("this requires the role {}; the token `{name}` has the role {own}", role.as_str());
        Err(ProblemResponse::new(StatusCode::FORBIDDEN, detail))
    }
}

/// Authenticates the caller of a route before anything else of the request is read. The handler then receives
/// [`Caller`].
pub(crate) async fn known_caller(State(app): State<AppState>, mut request: Request, next: Next) -> Response {
    match judge(&app, &request) {
        Ok(caller) => {
            if let Some(connection) = request.extensions().get::<Arc<Connection>>() {
                connection.know();
            }
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refused) => refused.into_response(),
    }
}

fn judge(app: &AppState, request: &Request) -> Result<Caller, ProblemResponse> {
    let origin = origin(app, request.extensions(), request.headers());
    judge_headers(app, request.headers(), request.method(), origin)
}

fn judge_headers(
    app: &AppState,
    headers: &HeaderMap,
    method: &Method,
    origin: Arc<str>,
) -> Result<Caller, ProblemResponse> {
    let now = (app.clock)();
    if let Some(token) = bearer(headers) {
        let (identity, proof) = app.auth.judge(Proof::of_token(token), now)?;
        return Ok(Caller(identity, proof, origin));
    }
    let Some(cookie) = cookie(app, headers) else {
        let detail = "this requires a token (`Authorization: Bearer …`) or a login";
        return Err(ProblemResponse::new(StatusCode::UNAUTHORIZED, detail));
    };
    let (identity, proof) = app.auth.judge(Proof::of_cookie(cookie), now)?;
    let reads = matches!(*method, Method::GET | Method::HEAD);
    if !reads && !headers.contains_key(MARK) {
        let detail = "requests of a login that change something require the header X-PolyTrader: 1";
        return Err(ProblemResponse::new(StatusCode::FORBIDDEN, detail));
    }
    Ok(Caller(identity, proof, origin))
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = ProblemResponse;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, ProblemResponse> {
        match parts.extensions.get::<Self>() {
            Some(caller) => Ok(caller.clone()),
            None => {
                let origin = origin(app, &parts.extensions, &parts.headers);
                judge_headers(app, &parts.headers, &parts.method, origin)
            }
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Returns the name of the session cookie. It includes the instance: browsers send cookies to every port of a machine,
/// and another host's cookie must be neither overwritten nor mistaken for ours.
pub(crate) fn cookie_name(app: &AppState) -> String {
    format!("{COOKIE}{}", app.auth.instance())
}

/// Returns the session cookie.
pub(crate) fn cookie<'a>(app: &AppState, headers: &'a HeaderMap) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let wanted = cookie_name(app);
    all.flat_map(|line| line.split(';')).find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == wanted).then_some(value)
    })
}

/// Returns true if the browser used TLS, which only a proxy in front of the host can report. A peer that is not trusted
/// is not believed.
pub(crate) fn is_by_tls(app: &AppState, peer: Option<IpAddr>, headers: &HeaderMap) -> bool {
    if !is_trusted(app, peer) {
        return false;
    }
    let first = |name: &str| {
        let value = headers.get(name)?.to_str().ok()?;
        value.split(',').next().map(|first| first.trim().to_ascii_lowercase())
    };
    let forwarded = first("forwarded")
        .is_some_and(|first| first.split(';').any(|part| matches!(part.trim(), "proto=https" | "proto=\"https\"")));
    forwarded || first("x-forwarded-proto").is_some_and(|proto| proto == "https")
}

/// Refuses requests for host names other than this machine's: a foreign name that resolves to this machine (DNS
/// rebinding).
pub(crate) async fn known_host(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if app.remote || is_local(host) {
        return next.run(request).await;
    }
    let detail = format!("`{host}` is not this machine; set api.allow_remote = true to accept other host names");
    ProblemResponse::new(StatusCode::MISDIRECTED_REQUEST, detail).into_response()
}

fn is_local(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost") || bare.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_machine_are_known_and_others_are_not() {
        for good in ["localhost", "localhost:3000", "127.0.0.1:8000", "127.0.0.2", "[::1]:3000", "LOCALHOST:1"] {
            assert!(is_local(good), "{good}");
        }
        for bad in
            ["", "evil.example", "evil.example:3000", "localhost.evil.example", "10.0.0.1:3000", "127.0.0.1.nip.io"]
        {
            assert!(!is_local(bad), "{bad}");
        }
    }
}
