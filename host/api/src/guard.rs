//! Who asks, and whether they may.

use super::problem::ProblemResponse;
use crate::auth::{Identity, Role};
use crate::connections::Connection;
use crate::parts::App;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;
use std::sync::Arc;

/// The session's cookie.
pub(crate) const COOKIE: &str = "polytrader_session";
/// A header that other origins' pages cannot send without being allowed to; the page sends it with what changes something.
const MARK: &str = "x-polytrader";

/// Whoever asks, with a valid token or session.
#[derive(Debug)]
pub(crate) struct Caller(pub(crate) Identity);

impl Caller {
    /// Refuses those whose role is less than `role`.
    pub(crate) fn must_be(&self, role: Role) -> Result<(), ProblemResponse> {
        if self.0.role >= role {
            return Ok(());
        }
        let detail =
            format!("this needs the role {}; the token `{}` is a {}", role.as_str(), self.0.name, self.0.role.as_str());
        Err(ProblemResponse::new(StatusCode::FORBIDDEN, detail))
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = ProblemResponse;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ProblemResponse> {
        let caller = Self::of(parts, app)?;
        if let Some(connection) = parts.extensions.get::<Arc<Connection>>() {
            connection.know();
        }
        Ok(caller)
    }
}

impl Caller {
    fn of(parts: &Parts, app: &App) -> Result<Self, ProblemResponse> {
        let now = (app.clock)();
        if let Some(token) = bearer(&parts.headers) {
            return Ok(Self(app.auth.bearer(token, now)?));
        }
        let Some(cookie) = cookie(&parts.headers) else {
            let detail = "this needs a token (`Authorization: Bearer …`) or a login";
            return Err(ProblemResponse::new(StatusCode::UNAUTHORIZED, detail));
        };
        let identity = app.auth.session(cookie, now)?;
        let reads = matches!(parts.method, Method::GET | Method::HEAD);
        if !reads && !parts.headers.contains_key(MARK) {
            let detail = "a login's requests that change something need the header X-PolyTrader: 1";
            return Err(ProblemResponse::new(StatusCode::FORBIDDEN, detail));
        }
        Ok(Self(identity))
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Returns the session's cookie.
pub(crate) fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|line| line.split(';')).find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == COOKIE).then_some(value)
    })
}

/// Refuses requests for names that are not this machine's: another site's name that was made to point here (DNS rebinding).
pub(crate) async fn known_host(State(app): State<App>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if app.remote || is_local(host) {
        return next.run(request).await;
    }
    let detail = format!("`{host}` is not this machine; set api.allow_remote = true to be asked by other names");
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
