//! Who asks, and whether they may.

use super::problem::ProblemResponse;
use crate::auth::{Identity, Proof, Role};
use crate::connections::Connection;
use crate::parts::App;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;
use std::sync::Arc;

/// A header that other origins' pages cannot send without being allowed to; the page sends it with what changes something.
const MARK: &str = "x-polytrader";

/// What the cookie's name begins with.
const COOKIE: &str = "polytrader_session_";

/// A caller with a valid token or session.
#[derive(Debug, Clone)]
pub(crate) struct Caller(pub(crate) Identity, pub(crate) Proof);

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

/// Judges the caller of a route before anything else of the request is looked at. [`Caller`] is there for the handler then.
pub(crate) async fn known_caller(State(app): State<App>, mut request: Request, next: Next) -> Response {
    match judge(&app, request.headers(), request.method()) {
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

fn judge(app: &App, headers: &HeaderMap, method: &Method) -> Result<Caller, ProblemResponse> {
    let now = (app.clock)();
    if let Some(token) = bearer(headers) {
        let (identity, proof) = app.auth.judge(Proof::of_token(token), now)?;
        return Ok(Caller(identity, proof));
    }
    let Some(cookie) = cookie(app, headers) else {
        let detail = "this needs a token (`Authorization: Bearer …`) or a login";
        return Err(ProblemResponse::new(StatusCode::UNAUTHORIZED, detail));
    };
    let (identity, proof) = app.auth.judge(Proof::of_cookie(cookie), now)?;
    let reads = matches!(*method, Method::GET | Method::HEAD);
    if !reads && !headers.contains_key(MARK) {
        let detail = "a login's requests that change something need the header X-PolyTrader: 1";
        return Err(ProblemResponse::new(StatusCode::FORBIDDEN, detail));
    }
    Ok(Caller(identity, proof))
}

impl FromRequestParts<App> for Caller {
    type Rejection = ProblemResponse;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ProblemResponse> {
        match parts.extensions.get::<Self>() {
            Some(caller) => Ok(caller.clone()),
            None => judge(app, &parts.headers, &parts.method),
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Returns the name of the session's cookie. It has the instance in it: browsers send cookies to every port of a machine, and another
/// host's must neither be overwritten nor be taken for ours.
pub(crate) fn cookie_name(app: &App) -> String {
    format!("{COOKIE}{}", app.auth.instance())
}

/// Returns the session's cookie.
pub(crate) fn cookie<'a>(app: &App, headers: &'a HeaderMap) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let wanted = cookie_name(app);
    all.flat_map(|line| line.split(';')).find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == wanted).then_some(value)
    })
}

/// Returns whether the browser came by TLS, which only a proxy in front of us can know. A caller that claims it without a proxy keeps its own
/// cookie from being sent in the clear, and nothing more.
pub(crate) fn is_by_tls(headers: &HeaderMap) -> bool {
    let first = |name: &str| {
        let value = headers.get(name)?.to_str().ok()?;
        value.split(',').next().map(|first| first.trim().to_ascii_lowercase())
    };
    let forwarded = first("forwarded")
        .is_some_and(|first| first.split(';').any(|part| matches!(part.trim(), "proto=https" | "proto=\"https\"")));
    forwarded || first("x-forwarded-proto").is_some_and(|proto| proto == "https")
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
