//! Strategies: their state, their versions, and operators' commands for them.

use super::bot::{Action, TAKEN};
use crate::auth::Role;
use crate::body::{ActionBody, FileBody};
use crate::decimals::dollars;
use crate::guard::Caller;
use crate::params::Path;
use crate::problem::ProblemResponse;
use crate::state::AppState;
use crate::tightening::{Cancelling, Tightening};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use control::{Control, StrategyCommand};
use model::{Budget, hex};
use readmodel::views::{
    ArmBody, BudgetBody, DurableView, ParametersBody, ParametersView, SkippedFileView, StrategyVersionView,
    StrategyView, VersionBody,
};
use sha2::Digest;

type Taken = Result<StatusCode, ProblemResponse>;

/// Returns all strategies.
#[utoipa::path(get, path = "/v1/strategies", tag = "strategies", responses((status = 200, body = Vec<StrategyView>)))]
pub(crate) async fn all(State(app): State<AppState>, _: Caller) -> Json<Vec<StrategyView>> {
    Json(app.picture.snapshot().strategies)
}

/// Returns the files in the strategies folder that are not loaded, with the reason: invalid names, links, folders.
#[utoipa::path(get, path = "/v1/skipped-files", tag = "strategies", responses((status = 200, body = Vec<SkippedFileView>)))]
pub(crate) async fn skipped(State(app): State<AppState>, _: Caller) -> Json<Vec<SkippedFileView>> {
    Json(app.picture.snapshot().skipped_files)
}

fn view(app: &AppState, name: &str) -> Result<StrategyView, ProblemResponse> {
    let found = app.picture.snapshot().strategies.into_iter().find(|strategy| strategy.name == name);
    found.ok_or_else(|| ProblemResponse::not_found(format!("there is no strategy `{name}`")))
}

/// Returns the loaded versions of a strategy, the last loaded first.
///
/// Only the versions kept for a rollback are listed (`reload.keep_versions`).
#[utoipa::path(get, path = "/v1/strategies/{name}/versions", tag = "strategies", params(("name" = String, Path)), responses((status = 200, body = Vec<StrategyVersionView>), (status = 404)))]
pub(crate) async fn versions(
    State(app): State<AppState>,
    Path(name): Path<String>,
    _: Caller,
) -> Result<Json<Vec<StrategyVersionView>>, ProblemResponse> {
    let now = view(&app, &name)?;
    let rows = app.db.strategy_versions(app.settings.scope(), &name, app.keep_versions).await?;
    let shown = rows.into_iter().map(|row| StrategyVersionView {
        running: row.hash == now.hash,
        hash: row.hash,
        version: row.version,
        source: row.source,
        bytes: row.bytes,
        first_seen_ms: row.first_seen_ms,
        loaded_at_ms: row.loaded_at_ms,
    });
    Ok(Json(shown.collect()))
}

/// Enables a strategy that was disabled or that failed too often.
///
/// Requires the trader role.
#[utoipa::path(post, path = "/v1/strategies/{name}/enable", tag = "strategies", params(("name" = String, Path)), request_body = Option<readmodel::views::ActionNote>, responses((status = 202), (status = 404), (status = 409)))]
pub(crate) async fn enable(
    State(app): State<AppState>,
    Path(name): Path<String>,
    caller: Caller,
    body: ActionBody,
) -> Taken {
    caller.must_be(Role::Trader)?;
    permit(&app, &caller, &name, "enable", StrategyCommand::Enable, &body).await
}

/// Stops a strategy and cancels its orders, until it is enabled.
///
/// The body is optional, and only a note whatever it contains. The guards still watch its positions. Requires the
/// trader role.
#[utoipa::path(post, path = "/v1/strategies/{name}/disable", tag = "strategies", params(("name" = String, Path)), request_body = Option<readmodel::views::NoteBody>, responses((status = 200, body = DurableView), (status = 404), (status = 409)))]
pub(crate) async fn disable(
    State(app): State<AppState>,
    Path(name): Path<String>,
    caller: Caller,
    body: Body,
) -> Cancelling {
    caller.must_be(Role::Trader)?;
    view(&app, &name)?;
    let (action, who) = (Tightening::new(&app, &caller, format!("strategies/{name}/disable")), caller.0.name);
    let disable =
        |control: Control| async move { control.strategy(&name, StrategyCommand::Disable, &who).await.map(drop) };
    let durable = action.run(disable, body).await?;
    Ok(Json(DurableView { durable }))
}

/// Rolls back to an earlier version: the previous one, if none is named.
///
/// That version runs until the file changes. Requires the trader role.
#[utoipa::path(post, path = "/v1/strategies/{name}/rollback", tag = "strategies", params(("name" = String, Path)), request_body = Option<VersionBody>, responses((status = 202), (status = 404), (status = 409)))]
pub(crate) async fn rollback(
    State(app): State<AppState>,
    Path(name): Path<String>,
    caller: Caller,
    body: ActionBody<VersionBody>,
) -> Taken {
    caller.must_be(Role::Trader)?;
    let hash = body.read()?.hash;
    permit(&app, &caller, &name, "rollback", StrategyCommand::RollBack { hash }, &body).await
}

/// Allows the version that would run to trade real money, within a budget if one is given.
///
/// If a hash is given, it must match that version. If a run is given, it must be a backtest of that version on recent
/// data, and the version must have run on paper for a time; the audit names the run. Requires the admin role.
#[utoipa::path(post, path = "/v1/strategies/{name}/arm", tag = "strategies", params(("name" = String, Path)), request_body = Option<ArmBody>, responses((status = 202), (status = 400), (status = 404), (status = 409)))]
pub(crate) async fn arm(
    State(app): State<AppState>,
    Path(name): Path<String>,
    caller: Caller,
    body: ActionBody<ArmBody>,
) -> Taken {
    caller.must_be(Role::Admin)?;
    view(&app, &name)?;
    let ArmBody { hash, budget, run, .. } = body.read()?;
    let budget = budget.map(budget_of).transpose()?;
    let mut action = Action::new(&app, &caller, format!("strategies/{name}/arm"), &body)?;
    if let Some(hash) = &hash {
        action = action.about(hash);
    }
    let word = StrategyCommand::Arm { hash, budget, run };
    // The answer names the armed version and its budget, and so does the audit.
    let armed = async { app.control.strategy(&name, word, &caller.0.name).await };
    action.permitted_about(async { armed.await.map(|output| output.as_str().unwrap_or_default().to_owned()) }).await?;
    Ok(TAKEN)
}

/// The most placements a minute that a budget can allow, as in the configuration.
const PER_MINUTE_MAX: u32 = 100_000;

/// Reads a budget.
fn budget_of(request: BudgetBody) -> Result<Budget, ProblemResponse> {
    let amount = |key: &str, value: Option<serde_json::Value>| {
        let Some(value) = value else { return Ok(None) };
        let text = match &value {
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Number(number) if number.is_u64() => number.to_string(),
            _ => String::new(),
        };
        let wrong =
            || ProblemResponse::bad(format!("budget.{key} is {value}, expected dollars, such as 250 or \"12.5\""));
        dollars(&text).map(Some).ok_or_else(wrong)
    };
    if let Some(orders) = request.orders_per_minute.filter(|orders| *orders > PER_MINUTE_MAX) {
        let detail = format!("budget.orders_per_minute is {orders}, expected at most {PER_MINUTE_MAX}");
        return Err(ProblemResponse::bad(detail));
    }
    Ok(Budget {
        capital: amount("capital_usd", request.capital_usd)?,
        daily_loss: amount("daily_loss_usd", request.daily_loss_usd)?,
        orders_per_minute: request.orders_per_minute,
    })
}

/// Executes an action that may permit the host to do more.
async fn permit<T>(
    app: &AppState,
    caller: &Caller,
    name: &str,
    what: &str,
    word: StrategyCommand,
    body: &ActionBody<T>,
) -> Taken {
    view(app, name)?;
    let mut action = Action::new(app, caller, format!("strategies/{name}/{what}"), body)?;
    if let StrategyCommand::RollBack { hash: Some(hash) } = &word {
        action = action.about(hash);
    }
    action.permitted(async { app.control.strategy(name, word, &caller.0.name).await.map(drop) }).await?;
    Ok(TAKEN)
}

/// Writes a module to the strategies folder under this name, if it is valid; the body is the file.
///
/// The strategy running under that name is replaced, as if the file had been dropped into the folder. Requires the
/// admin role.
#[utoipa::path(put, path = "/v1/strategies/{name}", tag = "strategies", params(("name" = String, Path)), request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "the module; its content type does not matter"), responses((status = 202), (status = 409), (status = 413)))]
pub(crate) async fn upload(
    State(app): State<AppState>,
    Path(name): Path<String>,
    caller: Caller,
    FileBody(body): FileBody,
) -> Taken {
    caller.must_be(Role::Admin)?;
    let action = Action::new(&app, &caller, format!("strategies/{name}/upload"), &ActionBody::empty())?;
    let hash = hex::encode(&sha2::Sha256::digest(&body));
    action.about(&hash).permitted(app.control.upload(&name, body)).await?;
    Ok(TAKEN)
}

/// Returns the parameters of a strategy in effect, and their JSON Schema.
#[utoipa::path(get, path = "/v1/strategies/{name}/parameters", tag = "strategies", params(("name" = String, Path)), responses((status = 200, body = ParametersView), (status = 404)))]
pub(crate) async fn parameters(
    State(app): State<AppState>,
    Path(name): Path<String>,
    caller: Caller,
) -> Result<Json<serde_json::Value>, ProblemResponse> {
    view(&app, &name)?;
    Ok(Json(app.control.strategy(&name, StrategyCommand::Parameters, &caller.0.name).await?))
}

/// Sets all parameters of a strategy.
///
/// They are validated against its schema, written to `NAME.toml` beside its module, and applied from there. Requires
/// the trader role.
#[utoipa::path(put, path = "/v1/strategies/{name}/parameters", tag = "strategies", params(("name" = String, Path)), request_body = ParametersBody, responses((status = 202), (status = 400), (status = 404), (status = 409)))]
pub(crate) async fn set_parameters(
    State(app): State<AppState>,
    Path(name): Path<String>,
    caller: Caller,
    body: ActionBody<ParametersBody>,
) -> Taken {
    caller.must_be(Role::Trader)?;
    view(&app, &name)?;
    let request = body.read()?;
    let serde_json::Value::Object(parameters) = request.parameters else {
        return Err(ProblemResponse::bad(format!("`parameters` is {}, expected an object", request.parameters)));
    };
    let shown = serde_json::Value::Object(parameters.clone()).to_string();
    let action =
        Action::new(&app, &caller, format!("strategies/{name}/parameters"), &ActionBody::empty())?.about(&shown);
    let word = StrategyCommand::SetParameters(parameters);
    action.permitted(async { app.control.strategy(&name, word, &caller.0.name).await.map(drop) }).await?;
    Ok(TAKEN)
}
