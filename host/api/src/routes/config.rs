//! The configuration, and the limits in it that can be changed while the host runs.

use crate::auth::Role;
use crate::body::ActionBody;
use crate::etag::tag_of;
use crate::guard::Caller;
use crate::params::Path;
use crate::problem::{ProblemResponse, unavailable};
use crate::runtime_limits::{LimitChange, SettingError};
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use config::limits::{is_key, is_limit};
use config::{ConfigEntry, Source};
use readmodel::views::{ChangedView, ConfigSourceView, ConfigView, SettingBody};
use serde::{Serialize, Serializer};

fn view(entry: &ConfigEntry) -> ConfigView {
    ConfigView {
        value: entry.value.clone(),
        default: entry.default.to_owned(),
        description: entry.description.clone(),
        source: source(entry.source),
        group: group(entry.key).to_owned(),
        live: is_limit(entry.key),
    }
}

/// The runbook's keys in its order. They are listed first.
const RUNBOOK: [&str; 6] = [
    "portfolio_trade_pct",
    "max_market_usd",
    "daily_loss_limit_usd",
    "take_profit_pct",
    "stop_loss_pct",
    "max_open_positions",
];

/// Returns the group of a key: the runbook's, the other limits, or the part before its point.
fn group(key: &str) -> &str {
    match key.split_once('.') {
        _ if RUNBOOK.contains(&key) => "risk",
        _ if is_limit(key) => "limits",
        Some((group, _)) => group,
        None => "general",
    }
}

/// The configuration in display order.
#[derive(Debug)]
pub(crate) struct Ordered(Vec<(&'static str, ConfigView)>);

impl Ordered {
    fn new(entries: &[ConfigEntry]) -> Self {
        let place = |key: &str| RUNBOOK.iter().position(|first| *first == key).unwrap_or(RUNBOOK.len());
        let rank = |key: &'static str| (place(key), !is_limit(key), group(key) != "general", group(key));
        let mut all: Vec<_> = entries.iter().map(|entry| (entry.key, view(entry))).collect();
        // Within a group, the keys keep the order of their definition.
        all.sort_by_key(|(key, _)| rank(key));
        Self(all)
    }
}

impl Serialize for Ordered {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, view)| (key, view)))
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

/// Returns every configuration key with its value and source, in groups.
///
/// The six keys of the runbook are first, then the other limits. The `ETag` header names this version; a `PUT` with it
/// as `If-Match` changes no other version.
#[utoipa::path(get, path = "/v1/config/", tag = "configuration", responses((status = 200, body = std::collections::BTreeMap<String, ConfigView>, headers(("ETag" = String, description = "the version of the whole configuration")))))]
pub(crate) async fn all(State(app): State<AppState>, _: Caller) -> Response {
    let entries = app.settings.entries().await;
    ([(header::ETAG, tag_of(&entries))], Json(Ordered::new(&entries))).into_response()
}

/// Returns one configuration key, and the version of the whole configuration in `ETag`.
#[utoipa::path(get, path = "/v1/config/{key}", tag = "configuration", params(("key" = String, Path, description = "the key")), responses((status = 200, body = ConfigView, headers(("ETag" = String, description = "the version of the whole configuration"))), (status = 404)))]
pub(crate) async fn one(
    State(app): State<AppState>,
    Path(key): Path<String>,
    _: Caller,
) -> Result<Response, ProblemResponse> {
    let entries = app.settings.entries().await;
    let entry = entries.iter().find(|entry| entry.key == key).ok_or_else(|| no_key(&key))?;
    Ok(([(header::ETAG, tag_of(&entries))], Json(view(entry))).into_response())
}

/// The longest part of an unknown key that an error repeats, in characters.
const SHOWN_MAX: usize = 100;

fn no_key(key: &str) -> ProblemResponse {
    ProblemResponse::not_found(format!("there is no key `{}`", key.chars().take(SHOWN_MAX).collect::<String>()))
}

/// Changes a limit at once and for later starts: `{"value": 10.5, "user": "who"}`.
///
/// Tightening is always allowed and takes effect first; loosening is stored first, and is limited to four times the
/// default or to the value configured at the start. With `If-Match`, only the named version is changed. Requires the
/// admin role.
#[utoipa::path(put, path = "/v1/config/{key}", tag = "configuration", params(("key" = String, Path, description = "the limit"), ("If-Match" = Option<String>, Header, description = "the `ETag` of the version to change")), request_body = SettingBody, responses((status = 200, body = ChangedView, headers(("ETag" = String, description = "the new version of the whole configuration"))), (status = 400), (status = 404), (status = 412)))]
pub(crate) async fn set(
    State(app): State<AppState>,
    Path(key): Path<String>,
    caller: Caller,
    headers: HeaderMap,
    body: ActionBody<SettingBody>,
) -> Result<([(HeaderName, String); 1], Json<ChangedView>), ProblemResponse> {
    caller.must_be(Role::Admin)?;
    // A header that is not text names no version.
    let seen = headers.get(header::IF_MATCH).map(|seen| seen.to_str().unwrap_or_default());
    if !is_key(&key) {
        return Err(no_key(&key));
    }
    let request = body.read_setting()?;
    // A number is read as text, so that no decimal passes through floating point.
    let value = match &request.value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Number(number) => number.to_string(),
        other => return Err(ProblemResponse::bad(format!("`{other}` is not a value; expected a number or a text"))),
    };
    let at_ms = (app.clock)().millis();
    let wish = LimitChange {
        name: &key,
        value: &value,
        who: &caller.0.name,
        role: caller.0.role.as_str(),
        origin: &caller.2,
        claimed_user: &request.user,
        at_ms,
        seen,
    };
    let (entry, durable) = app.settings.set(wish, &app.control, &app.db).await?;
    let tag = tag_of(&app.settings.entries().await);
    Ok(([(header::ETAG, tag)], Json(ChangedView { entry: view(&entry), durable })))
}

impl From<SettingError> for ProblemResponse {
    fn from(error: SettingError) -> Self {
        match error {
            SettingError::Refused(words) => Self::new(StatusCode::BAD_REQUEST, words),
            SettingError::Control(error) => error.into(),
            SettingError::Db(error) => error.into(),
            stale @ SettingError::Stale { .. } => Self::new(StatusCode::PRECONDITION_FAILED, stale.to_string()),
            late @ SettingError::Late => unavailable(&late.to_string()),
        }
    }
}
