//! The alerts of this session, and their acknowledgement.

use super::bot::Action;
use crate::auth::Role;
use crate::body::ActionBody;
use crate::guard::Caller;
use crate::params::Path;
use crate::problem::ProblemResponse;
use crate::state::AppState;
use alerts::{ListedAlert, Severity};
use axum::Json;
use axum::extract::State;
use control::ControlError;
use readmodel::views::{AcknowledgeBody, AlertView, SeverityView};
use store::db::AcknowledgementRow;

/// Duration of an acknowledgement, in seconds: minimum, maximum and default.
const FOR_MIN_S: u64 = 60;
const FOR_MAX_S: u64 = 7 * 86_400;
const FOR_S: u64 = 4 * 3_600;

fn view(listed: ListedAlert) -> AlertView {
    let ListedAlert { id, at, last_at, count, severity, kind, subject, title, detail, acknowledged } = listed;
    AlertView {
        id,
        at_ms: at.millis(),
        last_at_ms: last_at.millis(),
        count,
        severity: match severity {
            Severity::Info => SeverityView::Info,
            Severity::Warning => SeverityView::Warning,
            Severity::Critical => SeverityView::Critical,
        },
        kind: kind.to_owned(),
        subject,
        title,
        detail,
        acknowledged_until_ms: acknowledged.as_ref().map(|ack| ack.until.millis()),
        acknowledged_by: acknowledged.map(|ack| ack.who).unwrap_or_default(),
    }
}

/// The latest 256 alerts of this session, newest first, including those below the level.
#[utoipa::path(get, path = "/v1/alerts", tag = "health", responses((status = 200, body = Vec<AlertView>)))]
pub(crate) async fn all(State(app): State<AppState>, _: Caller) -> Json<Vec<AlertView>> {
    Json(app.alerts.list((app.clock)()).into_iter().map(view).collect())
}

/// Acknowledges an alert: repeats of its kind about its subject are counted and not sent for a time, unless they are more
/// severe or its condition ended in between. It survives a restart. Requires a trader.
#[utoipa::path(post, path = "/v1/alerts/{id}/acknowledge", tag = "health", params(("id" = u64, Path, description = "the alert's number")), request_body = Option<AcknowledgeBody>, responses((status = 200, body = AlertView), (status = 400), (status = 404), (status = 503)))]
pub(crate) async fn acknowledge(
    State(app): State<AppState>,
    Path(id): Path<String>,
    caller: Caller,
    body: ActionBody<AcknowledgeBody>,
) -> Result<Json<AlertView>, ProblemResponse> {
    caller.must_be(Role::Trader)?;
    let request = body.read()?;
    let lasts = request.for_s.unwrap_or(FOR_S);
    if !(FOR_MIN_S..=FOR_MAX_S).contains(&lasts) {
        return Err(ProblemResponse::bad(format!("`{lasts}` is not valid; for_s accepts {FOR_MIN_S} to {FOR_MAX_S}")));
    }
    let number: u64 =
        id.parse().map_err(|_odd| ProblemResponse::bad(format!("expected an alert's number, not `{id}`")))?;
    let now = (app.clock)();
    let find = || app.alerts.list(now).into_iter().find(|listed| listed.id == number);
    let missing = || ProblemResponse::not_found(format!("there is no alert {number} among the last of this session"));
    let listed = find().ok_or_else(missing)?;
    let who = caller.0.name.clone();
    let until = now.plus_millis(lasts.saturating_mul(1_000));
    let row = AcknowledgementRow {
        kind: listed.kind.to_owned(),
        subject: listed.subject.clone(),
        severity: listed.severity.as_str().to_owned(),
        who: who.clone(),
        at_ms: now.millis(),
        until_ms: until.millis(),
    };
    let about = format!("{} {} for {lasts} s", listed.kind, listed.subject);
    let action = Action::new(&app, &caller, format!("alerts/{number}/acknowledge"), &body)?.about(&about);
    let stored = async {
        let kept = app.db.acknowledge(app.settings.scope(), &row).await;
        kept.map_err(|error| {
            tracing::error!(%error, "acknowledgement not stored");
            ControlError::NotStored("the database did not store it; nothing has changed".to_owned())
        })?;
        app.alerts.acknowledge(number, &who, until);
        Ok(())
    };
    action.permitted(stored).await?;
    Ok(Json(view(find().ok_or_else(missing)?)))
}
