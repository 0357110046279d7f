//! The tokens of this mode and account: created, listed and revoked by an admin.

use super::bot::Action;
use super::session::role_view;
use crate::auth::{AuthError, NewToken, Role, TokenInfo};
use crate::body::ActionBody;
use crate::guard::Caller;
use crate::params::Path;
use crate::problem::ProblemResponse;
use crate::state::AppState;
use crate::tightening::{Cancelling, Tightening};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use control::ControlError;
use readmodel::views::{ApiTokenView, DurableView, NewTokenView, TokenBody};

/// The longest lifetime of a token, in seconds: ten years.
const LASTS_MAX_S: u64 = 3_653 * 86_400;

fn view(info: &TokenInfo) -> ApiTokenView {
    ApiTokenView {
        name: info.identity.name.clone(),
        role: role_view(info.identity.role),
        created_at_ms: info.created_at_ms,
        expires_at_ms: info.expires_at_ms,
        of_folder: info.of_folder,
    }
}

/// Returns the tokens that are valid for this host, by name, without their secrets.
///
/// Requires the admin role.
#[utoipa::path(get, path = "/v1/tokens", tag = "tokens", responses((status = 200, body = Vec<ApiTokenView>)))]
pub(crate) async fn all(
    State(app): State<AppState>,
    caller: Caller,
) -> Result<Json<Vec<ApiTokenView>>, ProblemResponse> {
    caller.must_be(Role::Admin)?;
    Ok(Json(app.auth.tokens().iter().map(view).collect()))
}

/// Creates a token: `{"name": "grafana", "role": "viewer", "expires_in_s": 86400}`.
///
/// The answer has its only copy. Requires the admin role.
#[utoipa::path(post, path = "/v1/tokens", tag = "tokens", request_body = TokenBody, responses((status = 200, body = NewTokenView), (status = 400), (status = 409), (status = 503)))]
pub(crate) async fn create(
    State(app): State<AppState>,
    caller: Caller,
    body: ActionBody<TokenBody>,
) -> Result<Response, ProblemResponse> {
    caller.must_be(Role::Admin)?;
    let TokenBody { name, role, expires_in_s, .. } = body.read()?;
    let known = || ProblemResponse::bad(format!("`{role}` is not a role; expected viewer, trader or admin"));
    let role = Role::parse(&role).ok_or_else(known)?;
    if expires_in_s.is_some_and(|lasts| lasts == 0 || lasts > LASTS_MAX_S) {
        return Err(ProblemResponse::bad(format!(
            "expires_in_s must be 1 to {LASTS_MAX_S}; without it a token does not expire"
        )));
    }
    let now = (app.clock)();
    let expires_at = expires_in_s.map(|lasts| now.plus_millis(lasts.saturating_mul(1_000)));
    let about = format!("{name} {}", role.as_str());
    let action = Action::new(&app, &caller, "tokens/create", &body)?.about(&about);
    let wanted = NewToken { name: &name, role, expires_at };
    let mut made: Result<String, AuthError> = Err(AuthError::Unknown);
    let done = action.permitted(async {
        made = app.auth.create_token(&app.db, &wanted, now).await;
        made.as_ref().map(drop).map_err(|error| ControlError::Refused(error.to_string()))
    });
    match (done.await, made) {
        // It was not attempted.
        (Err(problem), Err(AuthError::Unknown)) => Err(problem),
        (_, Err(error)) => Err(error.into()),
        (_, Ok(token)) => {
            let expires_at_ms = expires_at.map(model::Time::millis);
            let view = NewTokenView { name, role: role_view(role), token, expires_at_ms };
            Ok(([(header::CACHE_CONTROL, "no-store")], Json(view)).into_response())
        }
    }
}

/// Revokes a token at once, and ends its streams and logins.
///
/// The body is optional, and only a note whatever it contains. If it is the `admin.token` of the host's data folder, a
/// new one replaces it in that file. Requires the admin role.
#[utoipa::path(delete, path = "/v1/tokens/{name}", tag = "tokens", params(("name" = String, Path, description = "the token's name")), request_body = Option<readmodel::views::NoteBody>, responses((status = 200, body = DurableView), (status = 404)))]
pub(crate) async fn revoke(
    State(app): State<AppState>,
    caller: Caller,
    Path(name): Path<String>,
    body: Body,
) -> Cancelling {
    caller.must_be(Role::Admin)?;
    if !app.auth.has_token(&name) {
        return Err(ProblemResponse::not_found(format!("there is no token `{name}`")));
    }
    let (revoking, who) = (AppState::clone(&app), caller.0.name.clone());
    let tightening = Tightening::new(&app, &caller, format!("tokens/revoke/{name}"));
    let act = move |_| async move {
        let revoked = revoking.auth.revoke_token(&revoking.db, &name, &who, (revoking.clock)());
        if let Err(error) = revoked {
            tracing::error!(%error, "admin token of the data folder revoked; replacing it failed");
        }
        Ok(())
    };
    let durable = tightening.run(act, body).await?;
    Ok(Json(DurableView { durable }))
}
