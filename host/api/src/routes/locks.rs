//! Locks of markets, in which strategies may only reduce for a time.

use super::bot::Action;
use crate::auth::Role;
use crate::body::ActionBody;
use crate::guard::Caller;
use crate::params::Path;
use crate::problem::ProblemResponse;
use crate::state::AppState;
use crate::tightening::Tightening;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use model::input::{Command, Scope};
use model::{MarketIx, Time};
use readmodel::views::{LockBody, LockView, LockedView};
use serde_json::json;

/// The longest duration of a lock: a year.
const SECONDS_MAX: u64 = 31_536_000;

/// Returns the locked markets, each with the end of its lock.
#[utoipa::path(get, path = "/v1/admin/locks", tag = "bot", responses((status = 200, body = Vec<LockView>)))]
pub(crate) async fn all(State(app): State<AppState>, _: Caller) -> Json<Vec<LockView>> {
    Json(app.picture.locks())
}

/// Locks a market for a time: strategies may only reduce there. Replaces an earlier lock, and is kept over restarts. A
/// shorter lock is stored before it takes effect; any other takes effect first.
///
/// Requires the trader role.
#[utoipa::path(put, path = "/v1/admin/locks/{market}", tag = "bot", params(("market" = String, Path, description = "the market's slug")), request_body = LockBody, responses((status = 200, body = LockedView), (status = 400), (status = 404), (status = 409), (status = 503)))]
pub(crate) async fn lock(
    State(app): State<AppState>,
    Path(slug): Path<String>,
    caller: Caller,
    body: ActionBody<LockBody>,
) -> Result<Json<LockedView>, ProblemResponse> {
    caller.must_be(Role::Trader)?;
    let market = market_of(&app, &slug)?;
    let request = body.read()?;
    if !(1..=SECONDS_MAX).contains(&request.seconds) {
        return Err(ProblemResponse::bad(format!(
            "`{}` is not a duration of a lock; expected 1 to {SECONDS_MAX} seconds",
            request.seconds
        )));
    }
    let until = (app.clock)().plus_millis(request.seconds.saturating_mul(1_000));
    let command = Command::Lock { market, until };
    let name = format!("locks/{slug}");
    let is_shorter = app.picture.locks().iter().any(|lock| lock.market == slug && lock.until_ms > until.millis());
    let durable = if is_shorter {
        Action::new(&app, &caller, name, &body)?.about(&format!("until {}", until.iso())).permit(command).await?;
        true
    } else {
        let note = json!({ "reason": format!("until {}: {}", until.iso(), request.reason) });
        Tightening::new(&app, &caller, name).command(command, Body::from(note.to_string())).await?
    };
    app.picture.show_lock(&slug, Some(until.millis()));
    Ok(Json(LockedView { lock: LockView { market: slug, until_ms: until.millis() }, durable }))
}

/// Ends the lock of a market.
///
/// Requires the trader role.
#[utoipa::path(delete, path = "/v1/admin/locks/{market}", tag = "bot", params(("market" = String, Path, description = "the market's slug")), request_body = Option<readmodel::views::ReasonBody>, responses((status = 204), (status = 404), (status = 409), (status = 503)))]
pub(crate) async fn unlock(
    State(app): State<AppState>,
    Path(slug): Path<String>,
    caller: Caller,
    body: ActionBody,
) -> Result<StatusCode, ProblemResponse> {
    caller.must_be(Role::Trader)?;
    let market = market_of(&app, &slug)?;
    let action = Action::new(&app, &caller, format!("locks/{slug}/delete"), &body)?;
    action.permit(Command::Lock { market, until: Time(0) }).await?;
    app.picture.show_lock(&slug, None);
    Ok(StatusCode::NO_CONTENT)
}

fn market_of(app: &AppState, slug: &str) -> Result<MarketIx, ProblemResponse> {
    match app.picture.scope(&format!("market:{slug}")) {
        Some(Scope::Market(market)) => Ok(market),
        _ => Err(ProblemResponse::not_found(format!("there is no market `{slug}` here; `GET /v1/markets` lists them"))),
    }
}
