//! Logging in and out: a token or a one-time code becomes a cookie.

use crate::auth::{Identity, NewSession, Role, SESSION_MILLIS};
use crate::body::ActionBody;
use crate::guard::{COOKIE, Caller, cookie};
use crate::parts::App;
use crate::problem::ProblemResponse;
use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use readmodel::views::{Login, RoleView, SessionView};
use serde::Deserialize;

fn view(identity: &Identity) -> SessionView {
    let role = match identity.role {
        Role::Viewer => RoleView::Viewer,
        Role::Trader => RoleView::Trader,
        Role::Admin => RoleView::Admin,
    };
    SessionView { name: identity.name.clone(), role }
}

/// Not `Secure`: the page is served on loopback without TLS, and a proxy with TLS in front sets it.
fn set_cookie(value: &str, seconds: u64) -> [(HeaderName, String); 1] {
    let cookie = format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}");
    [(header::SET_COOKIE, cookie)]
}

fn begun(session: &NewSession) -> [(HeaderName, String); 1] {
    set_cookie(&session.cookie, SESSION_MILLIS / 1_000)
}

/// Who is logged in.
#[utoipa::path(get, path = "/v1/session", tag = "session", responses((status = 200, body = SessionView), (status = 401)))]
pub(crate) async fn show(State(_): State<App>, caller: Caller) -> Json<SessionView> {
    Json(view(&caller.0))
}

/// A token becomes a cookie session.
#[utoipa::path(post, path = "/v1/session", tag = "session", request_body = Login, responses((status = 200, body = SessionView), (status = 401)))]
pub(crate) async fn login(State(app): State<App>, body: ActionBody<Login>) -> Result<Response, ProblemResponse> {
    let login = body.read()?;
    let session = app.auth.login(login.token.trim(), (app.clock)())?;
    Ok((begun(&session), Json(view(&session.identity))).into_response())
}

/// Ends the session.
#[utoipa::path(delete, path = "/v1/session", tag = "session", responses((status = 204)))]
pub(crate) async fn logout(State(app): State<App>, _: Caller, headers: HeaderMap) -> Response {
    if let Some(cookie) = cookie(&headers) {
        app.auth.logout(cookie);
    }
    (StatusCode::NO_CONTENT, set_cookie("", 0)).into_response()
}

/// A login link.
#[derive(Deserialize)]
pub(crate) struct Code {
    #[serde(default)]
    code: String,
}

/// A one-time code becomes a cookie session, and the browser goes to the page.
pub(crate) async fn redeem(State(app): State<App>, Query(query): Query<Code>) -> Response {
    // Without a code this is the page's own login form.
    let session = if query.code.is_empty() { None } else { app.auth.redeem(&query.code, (app.clock)()).ok() };
    match session {
        Some(session) => (begun(&session), Redirect::to("/")).into_response(),
        None => Redirect::to("/").into_response(),
    }
}
