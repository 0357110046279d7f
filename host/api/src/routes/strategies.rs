//! Strategies: what runs, which versions there are, and what operators say about them.

use super::bot::{Action, TAKEN};
use crate::auth::Role;
use crate::body::{ActionBody, FileBody};
use crate::guard::Caller;
use crate::params::Path;
use crate::parts::App;
use crate::problem::ProblemResponse;
use crate::tightening::{Cancelling, Tightening};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use control::{Control, Word};
use model::{Budget, Usd, hex};
use readmodel::views::{
    ArmBody, BudgetBody, DurableView, ParametersBody, ParametersView, ReasonBody, SkippedFileView, StrategyVersionView,
    StrategyView, VersionBody,
};
use sha2::Digest;

type Taken = Result<StatusCode, ProblemResponse>;

/// Strategies.
#[utoipa::path(get, path = "/v1/strategies", tag = "strategies", responses((status = 200, body = Vec<StrategyView>)))]
pub(crate) async fn all(State(app): State<App>, _: Caller) -> Json<Vec<StrategyView>> {
    Json(app.picture.snapshot().strategies)
}

/// Files in the strategies folder that are not loaded, with the reason: names that no strategy can have, links, folders.
#[utoipa::path(get, path = "/v1/skipped-files", tag = "strategies", responses((status = 200, body = Vec<SkippedFileView>)))]
pub(crate) async fn skipped(State(app): State<App>, _: Caller) -> Json<Vec<SkippedFileView>> {
    Json(app.picture.snapshot().skipped_files)
}

fn view(app: &App, name: &str) -> Result<StrategyView, ProblemResponse> {
    let found = app.picture.snapshot().strategies.into_iter().find(|strategy| strategy.name == name);
    found.ok_or_else(|| ProblemResponse::not_found(format!("there is no strategy `{name}`")))
}

/// The versions of a strategy that were loaded here, the last one first; as many as are kept to go back to (`reload.keep_versions`).
#[utoipa::path(get, path = "/v1/strategies/{name}/versions", tag = "strategies", params(("name" = String, Path)), responses((status = 200, body = Vec<StrategyVersionView>), (status = 404)))]
pub(crate) async fn versions(
    State(app): State<App>,
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

/// Lets a strategy run again that was disabled or failed too often. Needs a trader.
#[utoipa::path(post, path = "/v1/strategies/{name}/enable", tag = "strategies", params(("name" = String, Path)), responses((status = 202), (status = 404), (status = 409)))]
pub(crate) async fn enable(
    State(app): State<App>,
    Path(name): Path<String>,
    caller: Caller,
    body: ActionBody,
) -> Taken {
    caller.must_be(Role::Trader)?;
    permit(&app, &caller, &name, "enable", Word::Enable, &body).await
}

/// Ends a strategy and cancels its orders, whatever the body is, until it is enabled. Its positions stay under the guards. Needs a trader.
#[utoipa::path(post, path = "/v1/strategies/{name}/disable", tag = "strategies", params(("name" = String, Path)), request_body = Option<ReasonBody>, responses((status = 200, body = DurableView), (status = 404), (status = 409)))]
pub(crate) async fn disable(
    State(app): State<App>,
    Path(name): Path<String>,
    caller: Caller,
    body: Body,
) -> Cancelling {
    caller.must_be(Role::Trader)?;
    view(&app, &name)?;
    let (action, who) = (Tightening::new(&app, &caller, format!("strategies/{name}/disable")), caller.0.name);
    let disable = |control: Control| async move { control.strategy(&name, Word::Disable, &who).await.map(drop) };
    let durable = action.run(disable, body).await?;
    Ok(Json(DurableView { durable }))
}

/// Goes back to a version that ran before: the one before this, if none is named. It runs until the file changes. Needs a trader.
#[utoipa::path(post, path = "/v1/strategies/{name}/rollback", tag = "strategies", params(("name" = String, Path)), request_body = Option<VersionBody>, responses((status = 202), (status = 404), (status = 409)))]
pub(crate) async fn rollback(
    State(app): State<App>,
    Path(name): Path<String>,
    caller: Caller,
    body: ActionBody<VersionBody>,
) -> Taken {
    caller.must_be(Role::Trader)?;
    let hash = body.read()?.hash;
    permit(&app, &caller, &name, "rollback", Word::RollBack { hash }, &body).await
}

/// Lets the version that would run trade real money, within a budget if one is given. Where a hash is given it must be that version's.
/// Needs an admin.
#[utoipa::path(post, path = "/v1/strategies/{name}/arm", tag = "strategies", params(("name" = String, Path)), request_body = Option<ArmBody>, responses((status = 202), (status = 400), (status = 404), (status = 409)))]
pub(crate) async fn arm(
    State(app): State<App>,
    Path(name): Path<String>,
    caller: Caller,
    body: ActionBody<ArmBody>,
) -> Taken {
    caller.must_be(Role::Admin)?;
    view(&app, &name)?;
    let ArmBody { hash, budget, .. } = body.read()?;
    let budget = budget.map(budget_of).transpose()?;
    let mut action = Action::new(&app, &caller, format!("strategies/{name}/arm"), &body)?;
    if let Some(hash) = &hash {
        action = action.about(hash);
    }
    let word = Word::Arm { hash, budget };
    // The answer says which version was armed and with what, and so does the audit.
    let armed = async { app.control.strategy(&name, word, &caller.0.name).await };
    action.permitted_about(async { armed.await.map(|said| said.as_str().unwrap_or_default().to_owned()) }).await?;
    Ok(TAKEN)
}

/// Reads a budget.
fn budget_of(said: BudgetBody) -> Result<Budget, ProblemResponse> {
    let dollars = |key: &str, value: Option<serde_json::Value>| {
        let Some(value) = value else { return Ok(None) };
        let text = match &value {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let amount = Usd::parse(&text).filter(|amount| *amount >= Usd::ZERO);
        let wrong = || ProblemResponse::bad(format!("budget.{key} is {value}, expected dollars, such as 250 or 12.5"));
        amount.map(Some).ok_or_else(wrong)
    };
    Ok(Budget {
        capital: dollars("capital_usd", said.capital_usd)?,
        daily_loss: dollars("daily_loss_usd", said.daily_loss_usd)?,
        orders_per_minute: said.orders_per_minute,
    })
}

/// Does what may make the host do more.
async fn permit<T>(app: &App, caller: &Caller, name: &str, what: &str, word: Word, body: &ActionBody<T>) -> Taken {
    view(app, name)?;
    let mut action = Action::new(app, caller, format!("strategies/{name}/{what}"), body)?;
    if let Word::RollBack { hash: Some(hash) } = &word {
        action = action.about(hash);
    }
    action.permitted(async { app.control.strategy(name, word, &caller.0.name).await.map(drop) }).await?;
    Ok(TAKEN)
}

/// Puts a module into the strategies folder under this name, if the host would take it: the body is the file. What ran under the name is
/// replaced as if the file had been dropped. Needs an admin.
#[utoipa::path(put, path = "/v1/strategies/{name}", tag = "strategies", params(("name" = String, Path)), request_body(content = String, content_type = "application/wasm"), responses((status = 202), (status = 409), (status = 413)))]
pub(crate) async fn upload(
    State(app): State<App>,
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

/// The parameters of a strategy that hold, and their JSON Schema.
#[utoipa::path(get, path = "/v1/strategies/{name}/parameters", tag = "strategies", params(("name" = String, Path)), responses((status = 200, body = ParametersView), (status = 404)))]
pub(crate) async fn parameters(
    State(app): State<App>,
    Path(name): Path<String>,
    caller: Caller,
) -> Result<Json<serde_json::Value>, ProblemResponse> {
    view(&app, &name)?;
    Ok(Json(app.control.strategy(&name, Word::Parameters, &caller.0.name).await?))
}

/// Sets all parameters of a strategy: they are held against its schema and written to `NAME.toml` beside its module, from where they are
/// applied. Needs a trader.
#[utoipa::path(put, path = "/v1/strategies/{name}/parameters", tag = "strategies", params(("name" = String, Path)), request_body = ParametersBody, responses((status = 202), (status = 400), (status = 404), (status = 409)))]
pub(crate) async fn set_parameters(
    State(app): State<App>,
    Path(name): Path<String>,
    caller: Caller,
    body: ActionBody<ParametersBody>,
) -> Taken {
    caller.must_be(Role::Trader)?;
    view(&app, &name)?;
    let said = body.read()?;
    let serde_json::Value::Object(parameters) = said.parameters else {
        return Err(ProblemResponse::bad(format!("`parameters` is {}, and no object", said.parameters)));
    };
    let shown = serde_json::Value::Object(parameters.clone()).to_string();
    let action =
        Action::new(&app, &caller, format!("strategies/{name}/parameters"), &ActionBody::empty())?.about(&shown);
    let word = Word::SetParameters(parameters);
    action.permitted(async { app.control.strategy(&name, word, &caller.0.name).await.map(drop) }).await?;
    Ok(TAKEN)
}
