//! Login and logout: a token or a one-time code is exchanged for a cookie.

use crate::auth::{Identity, NewSession, Role, SESSION_MILLIS};
use crate::body::ActionBody;
use crate::guard::{Caller, cookie, cookie_name, is_by_tls};
use crate::origin::peer;
use crate::params::{Bytes, Query};
use crate::problem::ProblemResponse;
use crate::state::AppState;
use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use readmodel::views::{Login, LoginLinkView, RoleView, SessionView};
use serde::Deserialize;
use std::convert::Infallible;
use std::net::IpAddr;

/// Returns true if a text has only the characters of a login code.
fn is_code(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

pub(crate) const fn role_view(role: Role) -> RoleView {
    match role {
        Role::Viewer => RoleView::Viewer,
        Role::Trader => RoleView::Trader,
        Role::Admin => RoleView::Admin,
    }
}

fn view(identity: &Identity) -> SessionView {
    SessionView { name: identity.name.clone(), role: role_view(identity.role) }
}

/// The headers and the peer of a request.
pub(crate) struct From {
    headers: HeaderMap,
    peer: Option<IpAddr>,
}

impl<S: Send + Sync> FromRequestParts<S> for From {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self { headers: parts.headers.clone(), peer: peer(&parts.extensions) })
    }
}

/// Returns the header that sets the cookie; `Secure` only if the browser used TLS, since on loopback the page has none.
fn set_cookie(app: &AppState, from: &From, value: &str, seconds: u64) -> [(HeaderName, String); 1] {
    let secure = if is_by_tls(app, from.peer, &from.headers) { "; Secure" } else { "" };
    let name = cookie_name(app);
    let cookie = format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    [(header::SET_COOKIE, cookie)]
}

fn begun(app: &AppState, from: &From, session: &NewSession) -> [(HeaderName, String); 1] {
    set_cookie(app, from, &session.cookie, SESSION_MILLIS / 1_000)
}

/// Returns the current login.
#[utoipa::path(get, path = "/v1/session", tag = "session", responses((status = 200, body = SessionView)))]
pub(crate) async fn show(State(_): State<AppState>, caller: Caller) -> Json<SessionView> {
    Json(view(&caller.0))
}

/// Exchanges a token for a cookie session.
#[utoipa::path(post, path = "/v1/session", tag = "session", request_body = Login, responses((status = 200, body = SessionView), (status = 400), (status = 401), (status = 429)), security(()))]
pub(crate) async fn login(
    State(app): State<AppState>,
    from: From,
    body: ActionBody<Login>,
) -> Result<Response, ProblemResponse> {
    let login = body.read()?;
    let session = app.auth.login(login.token.trim(), (app.clock)())?;
    Ok((begun(&app, &from, &session), Json(view(&session.identity))).into_response())
}

/// Ends the session.
#[utoipa::path(delete, path = "/v1/session", tag = "session", responses((status = 204)))]
pub(crate) async fn logout(State(app): State<AppState>, _: Caller, from: From) -> Response {
    if let Some(cookie) = cookie(&app, &from.headers) {
        app.auth.logout(cookie);
    }
    (StatusCode::NO_CONTENT, set_cookie(&app, &from, "", 0)).into_response()
}

/// Creates a code that logs in once as the caller, within ten minutes.
///
/// Open `/login?code=CODE` on the dashboard's address.
#[utoipa::path(post, path = "/v1/session/codes", tag = "session", responses((status = 200, body = LoginLinkView)))]
pub(crate) async fn login_code(
    State(app): State<AppState>,
    caller: Caller,
) -> Result<Json<LoginLinkView>, ProblemResponse> {
    let code = app.auth.login_code(caller.0, (app.clock)())?;
    Ok(Json(LoginLinkView { path: format!("/login?code={code}") }))
}

/// The query of a login link.
#[derive(Deserialize)]
pub(crate) struct Code {
    #[serde(default)]
    code: String,
}

/// Returns a page with a button that logs in with the code.
///
/// The request itself does not use up the code, because messengers and other programs prefetch links.
#[utoipa::path(get, path = "/login", tag = "session", params(("code" = Option<String>, Query)), responses((status = 200, content_type = "text/html"), (status = 303, description = "no code: redirects to the page's login form"), (status = 401, content_type = "text/html"), (status = 429)), security(()))]
pub(crate) async fn offer(State(app): State<AppState>, Query(query): Query<Code>) -> Response {
    if query.code.is_empty() {
        return Redirect::to("/").into_response();
    }
    let known = is_code(&query.code) && app.auth.check_code(&query.code, (app.clock)()).is_ok();
    if known { page(StatusCode::OK, &form(&query.code)) } else { page(StatusCode::UNAUTHORIZED, SPENT) }
}

/// Exchanges the code for a cookie session, and redirects the browser to the page.
#[utoipa::path(post, path = "/login", tag = "session", request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "code=CODE"), responses((status = 303), (status = 401, content_type = "text/html"), (status = 429)), security(()))]
pub(crate) async fn redeem(State(app): State<AppState>, from: From, Bytes(body): Bytes) -> Response {
    let code = std::str::from_utf8(&body).ok().and_then(|body| body.trim().strip_prefix("code="));
    let session = code.filter(|code| is_code(code)).and_then(|code| app.auth.redeem(code, (app.clock)()).ok());
    match session {
        Some(session) => (begun(&app, &from, &session), Redirect::to("/")).into_response(),
        None => page(StatusCode::UNAUTHORIZED, SPENT),
    }
}

/// The answer to an expired code.
const SPENT: &str = "<p>This login link was used already, or it has expired: a link works once, within ten minutes.</p>\
    <p><code>polytrader login</code> prints another one. <a href=\"/\">Log in with a token</a></p>";

fn form(code: &str) -> String {
    format!(
        "<form method=\"post\" action=\"/login\"><input type=\"hidden\" name=\"code\" value=\"{code}\">\
         <button type=\"submit\" autofocus>Log in</button></form>"
    )
}

fn page(status: StatusCode, content: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <meta name=\"color-scheme\" content=\"light dark\"><link rel=\"icon\" href=\"/favicon.svg\"><title>PolyTrader: log in</title></head>\
         <body><h1>PolyTrader</h1>{content}</body></html>\n"
    );
    (status, [(header::CACHE_CONTROL, "no-store")], Html(html)).into_response()
}
