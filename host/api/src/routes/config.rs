//! The configuration, and the limits in it that change while the host runs.

use crate::auth::Role;
use crate::body::ActionBody;
use crate::guard::Caller;
use crate::params::Path;
use crate::parts::App;
use crate::problem::{ProblemResponse, unavailable};
use crate::runtime_limits::{SettingError, Wish};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use config::limits::is_limit;
use config::{ConfigEntry, Source};
use readmodel::views::{ChangedView, ConfigSourceView, ConfigView, SettingBody};
use std::collections::BTreeMap;

fn view(entry: &ConfigEntry) -> ConfigView {
    ConfigView {
        value: entry.value.clone(),
        default: entry.default.to_owned(),
        description: entry.description.clone(),
        source: source(entry.source),
        live: is_limit(entry.key),
    }
}

const fn source(source: Source) -> ConfigSourceView {
    match source {
        Source::Default => ConfigSourceView::Default,
        Source::DemoProfile => ConfigSourceView::DemoProfile,
        Source::File => ConfigSourceView::File,
        Source::Environment => ConfigSourceView::Environment,
        Source::Flag => ConfigSourceView::Flag,
        Source::Operator => ConfigSourceView::Operator,
    }
}

/// Every key of the configuration, what holds and where it comes from.
#[utoipa::path(get, path = "/v1/config/", tag = "configuration", responses((status = 200, body = BTreeMap<String, ConfigView>)))]
pub(crate) async fn all(State(app): State<App>, _: Caller) -> Json<BTreeMap<String, ConfigView>> {
    let entries = app.settings.entries().await;
    Json(entries.iter().map(|entry| (entry.key.to_owned(), view(entry))).collect())
}

/// Changes a limit at once and for later starts: `{"value": 10.5, "user": "who"}`. Tightening is free and acts first; loosening is stored
/// first and goes up to four times
/// the default, or to what the configuration said at the start. Needs an admin.
#[utoipa::path(put, path = "/v1/config/{key}", tag = "configuration", params(("key" = String, Path, description = "the limit")), request_body = SettingBody, responses((status = 200, body = ChangedView), (status = 400), (status = 503)))]
pub(crate) async fn set(
    State(app): State<App>,
    Path(key): Path<String>,
    caller: Caller,
    body: ActionBody<SettingBody>,
) -> Result<Json<ChangedView>, ProblemResponse> {
    caller.must_be(Role::Admin)?;
    let said = body.read_setting()?;
    // A number is taken by its text: no decimal passes through floating point.
    let value = match &said.value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Number(number) => number.to_string(),
        other => return Err(ProblemResponse::bad(format!("`{other}` is no value; write a number or a text"))),
    };
    let at_ms = (app.clock)().millis();
    let wish = Wish { name: &key, value: &value, who: &caller.0.name, claimed_user: &said.user, at_ms };
    let (entry, durable) = app.settings.set(wish, &app.control, &app.db).await?;
    Ok(Json(ChangedView { entry: view(&entry), durable }))
}

impl From<SettingError> for ProblemResponse {
    fn from(error: SettingError) -> Self {
        match error {
            SettingError::Refused(words) => Self::new(StatusCode::BAD_REQUEST, words),
            SettingError::Control(error) => error.into(),
            SettingError::Db(error) => error.into(),
            late @ SettingError::Late => unavailable(&late.to_string()),
        }
    }
}
