//! The bot's state and the breakers. Restricting actions are executed first and audited afterwards ([`Tightening`]);
//! permitting ones are audited first ([`Action`]).

use crate::auth::Role;
use crate::body::{ActionBody, ReasonAndUser, plain, says_something};
use crate::guard::Caller;
use crate::params::Path;
use crate::problem::{ProblemResponse, unavailable};
use crate::state::AppState;
use crate::tightening::{Stopped, Tightening, changed, stopped};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use control::ControlError;
use model::input::{Breaker, Command};
use readmodel::views::{BotView, BreakerView, StoppedView};
use store::db::{AuditRow, DbError, Decision, STORED_WITHIN};
use tokio::time::timeout;

type Done = Result<Json<BotView>, ProblemResponse>;

/// An action that may permit the host to do more.
pub(crate) struct Action<'a> {
    app: &'a AppState,
    caller: &'a Caller,
    name: String,
    attribution: ReasonAndUser,
    /// The state before and after the action.
    changed: (String, String),
}

impl<'a> Action<'a> {
    pub(crate) fn new<T>(
        app: &'a AppState,
        caller: &'a Caller,
        name: impl Into<String>,
        body: &ActionBody<T>,
    ) -> Result<Self, ProblemResponse> {
        let ReasonAndUser { reason, user } = body.reason_and_user()?;
        let attribution = ReasonAndUser { reason: plain(&reason), user: plain(&user) };
        Ok(Self { app, caller, name: name.into(), attribution, changed: Default::default() })
    }

    /// Puts this in front of the reason in the audit.
    pub(crate) fn about(mut self, what: &str) -> Self {
        self.attribution.reason = format!("{what}: {}", self.attribution.reason);
        self
    }

    /// Sends a permitting command, if the request can be recorded.
    pub(crate) async fn permit(self, command: Command) -> Result<(), ProblemResponse> {
        let app = self.app;
        self.permitted(app.control.command(command)).await
    }

    /// As [`Action::permit`], for actions that are not engine commands.
    pub(crate) async fn permitted(
        self,
        act: impl Future<Output = Result<(), ControlError>>,
    ) -> Result<(), ProblemResponse> {
        self.permitted_about(async { act.await.map(|()| String::new()) }).await
    }

    /// As [`Action::permitted`], for actions whose details are known only afterwards: the returned text is put in front
    /// of the reason. Nothing is executed unless the database and the journal record the request.
    pub(crate) async fn permitted_about(
        mut self,
        act: impl Future<Output = Result<String, ControlError>>,
    ) -> Result<(), ProblemResponse> {
        self.audit().await?;
        let before = self.app.picture.bot();
        let done = match act.await {
            Ok(what) => {
                self = if what.is_empty() { self } else { self.about(&what) };
                Ok(())
            }
            Err(error) => Err(error),
        };
        self.changed = changed(&before, &self.app.picture.bot());
        let decisions = self.app.db.decisions();
        let ticket = decisions.write(Decision::Audit(self.row(&done)));
        let (journaled, _late) =
            tokio::join!(self.app.control.is_journaled(), decisions.is_stored(ticket, STORED_WITHIN));
        done?;
        if journaled {
            Ok(())
        } else {
            Err(unavailable("the action was executed but is not in the journal; a restart may not find it"))
        }
    }

    /// Records the request, after all earlier decisions.
    async fn audit(&self) -> Result<(), ProblemResponse> {
        let asked = AuditRow { outcome: "asked".to_owned(), ..self.row(&Ok(())) };
        let db = &self.app.db;
        let stored = async {
            if !db.decisions().flush(STORED_WITHIN).await {
                return Err(DbError::Behind);
            }
            db.audit(&asked).await
        };
        match timeout(STORED_WITHIN, stored).await {
            Ok(stored) => stored?,
            Err(_) => return Err(unavailable("the database did not store it within a second; nothing has changed")),
        }
        if self.app.control.is_journaled().await {
            return Ok(());
        }
        Err(unavailable("the journal did not store it within a second; nothing has changed"))
    }

    fn row(&self, done: &Result<(), ControlError>) -> AuditRow {
        AuditRow {
            at_ms: (self.app.clock)().millis(),
            who: self.caller.0.name.clone(),
            role: self.caller.0.role.as_str().to_owned(),
            origin: self.caller.2.to_string(),
            action: self.name.clone(),
            // It may contain names from the caller, and a database may refuse a NUL.
            detail: self.attribution.reason.replace('\0', " "),
            old: self.changed.0.clone(),
            new: self.changed.1.clone(),
            claimed_user: self.attribution.user.clone(),
            outcome: done.as_ref().map_or_else(ToString::to_string, |()| "ok".to_owned()),
        }
    }
}

/// Returns the bot's state.
#[utoipa::path(get, path = "/v1/admin/bot/state", tag = "bot", responses((status = 200, body = BotView)))]
pub(crate) async fn state(State(app): State<AppState>, _: Caller) -> Json<BotView> {
    Json(app.picture.bot())
}

/// Starts the bot: STOPPED to RUNNING.
///
/// Requires the trader role.
#[utoipa::path(post, path = "/v1/admin/bot/start", tag = "bot", request_body = Option<readmodel::views::ActionNote>, responses((status = 200, body = BotView), (status = 409), (status = 503)))]
pub(crate) async fn start(State(app): State<AppState>, caller: Caller, body: ActionBody) -> Done {
    caller.must_be(Role::Trader)?;
    Action::new(&app, &caller, "start", &body)?.permit(Command::Start).await?;
    Ok(Json(app.picture.bot()))
}

/// Stops the bot and cancels all our orders.
///
/// The body is optional, and only a note whatever it contains. The answer is sent once the cancels are being sent, and
/// states whether the stop is stored. Requires the trader role.
#[utoipa::path(post, path = "/v1/admin/bot/stop", tag = "bot", request_body = Option<readmodel::views::NoteBody>, responses((status = 200, body = StoppedView)))]
pub(crate) async fn stop(State(app): State<AppState>, caller: Caller, body: Body) -> Stopped {
    caller.must_be(Role::Trader)?;
    let durable = Tightening::new(&app, &caller, "stop").command(Command::Stop, body).await?;
    Ok(stopped(&app, durable))
}

/// Pauses the bot: RUNNING to PAUSED, with no orders but the guards'.
///
/// The body is optional, and only a note whatever it contains. Requires the trader role.
#[utoipa::path(post, path = "/v1/admin/bot/pause", tag = "bot", request_body = Option<readmodel::views::NoteBody>, responses((status = 200, body = StoppedView), (status = 409)))]
pub(crate) async fn pause(State(app): State<AppState>, caller: Caller, body: Body) -> Stopped {
    caller.must_be(Role::Trader)?;
    let durable = Tightening::new(&app, &caller, "pause").command(Command::Pause, body).await?;
    Ok(stopped(&app, durable))
}

/// Resumes the bot: PAUSED to RUNNING.
///
/// Requires the trader role.
#[utoipa::path(post, path = "/v1/admin/bot/resume", tag = "bot", request_body = Option<readmodel::views::ActionNote>, responses((status = 200, body = BotView), (status = 409), (status = 503)))]
pub(crate) async fn resume(State(app): State<AppState>, caller: Caller, body: ActionBody) -> Done {
    caller.must_be(Role::Trader)?;
    Action::new(&app, &caller, "resume", &body)?.permit(Command::Resume).await?;
    Ok(Json(app.picture.bot()))
}

/// Locks the signer and cancels everything on the account until no order is open.
///
/// The stop takes effect before the body is read, whatever it contains. Any valid token is sufficient. The answer
/// states whether the stop is stored.
#[utoipa::path(post, path = "/v1/admin/emergency-stop", tag = "bot", request_body = Option<readmodel::views::NoteBody>, responses((status = 200, body = StoppedView)))]
pub(crate) async fn emergency_stop(State(app): State<AppState>, caller: Caller, body: Body) -> Stopped {
    let durable = Tightening::new(&app, &caller, "emergency-stop").emergency_stop(body).await?;
    Ok(stopped(&app, durable))
}

/// Releases an emergency stop; the bot is then STOPPED.
///
/// Requires the admin role and a reason.
#[utoipa::path(post, path = "/v1/admin/emergency-stop/release", tag = "bot", request_body = readmodel::views::ReasonBody, responses((status = 200, body = BotView), (status = 400), (status = 409), (status = 503)))]
pub(crate) async fn release(State(app): State<AppState>, caller: Caller, body: ActionBody) -> Done {
    caller.must_be(Role::Admin)?;
    let action = Action::new(&app, &caller, "emergency-stop/release", &body)?;
    let reason = action.attribution.reason.clone();
    if !says_something(&reason) {
        return Err(ProblemResponse::bad("a release needs a reason: {\"reason\": \"what was found and done\"}"));
    }
    action.permit(Command::Release { reason }).await?;
    if !app.control.is_halt_stored().await {
        // A restart would find the emergency stop: so it stays in force until its release can be stored.
        app.control.command(Command::EmergencyStop { reason: "its release could not be stored".to_owned() }).await?;
        return Err(unavailable("the database still has the emergency stop; it stays in force"));
    }
    Ok(Json(app.picture.bot()))
}

/// Closes a breaker, unless it is not tripped or its cause persists.
///
/// Requires the trader role.
#[utoipa::path(post, path = "/v1/admin/circuit-breakers/{name}/reset", tag = "bot", params(("name" = String, Path, description = "the breaker's name, as in the snapshot")), request_body = Option<readmodel::views::ActionNote>, responses((status = 200, body = BotView), (status = 404), (status = 409), (status = 503)))]
pub(crate) async fn reset_breaker(
    State(app): State<AppState>,
    Path(name): Path<String>,
    caller: Caller,
    body: ActionBody,
) -> Done {
    caller.must_be(Role::Trader)?;
    let Some(breaker) = Breaker::parse(&name) else {
        let known: Vec<&str> = Breaker::ALL.iter().map(|breaker| breaker.as_str()).collect();
        return Err(ProblemResponse::not_found(format!(
            "there is no breaker `{name}`; expected one of {}",
            known.join(", ")
        )));
    };
    let action = Action::new(&app, &caller, format!("circuit-breakers/{name}/reset"), &body)?;
    let tripped = |view: &BreakerView| view.name == breaker.as_str() && view.tripped;
    if !app.picture.snapshot().breakers.iter().any(tripped) {
        return Err(ProblemResponse::new(
            StatusCode::CONFLICT,
            format!("the breaker `{name}` is not tripped; nothing was changed"),
        ));
    }
    action.permit(Command::ResetBreaker { breaker }).await?;
    Ok(Json(app.picture.bot()))
}

/// The answer to an accepted action without a body.
pub(crate) const TAKEN: StatusCode = StatusCode::ACCEPTED;
