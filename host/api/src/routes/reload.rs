//! Reading the configuration again while the host runs.

use crate::auth::Role;
use crate::guard::Caller;
use crate::problem::ProblemResponse;
use crate::runtime_limits::Reloader;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use readmodel::views::ReloadedView;

/// Reads the configuration again from the sources of the start, and returns each key whose value differs. Limits take
/// effect at once, up to their ceiling; other keys after a restart. Nothing changes if the configuration is invalid.
///
/// Requires the admin role.
#[utoipa::path(post, path = "/v1/config/reload", tag = "configuration", responses((status = 200, body = Vec<ReloadedView>), (status = 400), (status = 503)))]
pub(crate) async fn reload(
    State(app): State<AppState>,
    caller: Caller,
) -> Result<Json<Vec<ReloadedView>>, ProblemResponse> {
    caller.must_be(Role::Admin)?;
    let parts = AppState::clone(&app);
    let read = tokio::task::spawn_blocking(move || (parts.reread.0)()).await.map_err(|error| {
        ProblemResponse::new(StatusCode::INTERNAL_SERVER_ERROR, format!("reading the configuration failed: {error}"))
    })?;
    let read = read.map_err(|error| ProblemResponse::bad(format!("nothing has changed: {error:#}")))?;
    let by = Reloader {
        who: &caller.0.name,
        role: caller.0.role.as_str(),
        origin: &caller.2,
        at_ms: (app.clock)().millis(),
    };
    let changed = app.settings.reload(&read, by, &app.control, &app.db).await?;
    for ReloadedView { key, old, new, outcome, .. } in &changed {
        tracing::info!(key, old, new, ?outcome, "configuration key reloaded");
    }
    Ok(Json(changed))
}
