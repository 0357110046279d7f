//! The bot's state and the breakers. What makes the host do less is done first and audited after; what
//! makes it do more is audited first.

use crate::auth::Role;
use crate::body::{ActionBody, ReasonAndUser};
use crate::guard::Caller;
use crate::parts::App;
use crate::problem::ProblemResponse;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use control::ControlError;
use model::event::{REASON_MAX, Reason};
use model::input::{Breaker, Command};
use readmodel::views::{BotView, EmergencyStopView};
use store::db::{AuditRow, STORED_WITHIN};

type Done = Result<Json<BotView>, ProblemResponse>;

/// An action on its way.
pub(crate) struct Action<'a> {
    app: &'a App,
    caller: &'a Caller,
    name: String,
    said: ReasonAndUser,
}

impl<'a> Action<'a> {
    pub(crate) fn new<T>(
        app: &'a App,
        caller: &'a Caller,
        name: impl Into<String>,
        body: &ActionBody<T>,
    ) -> Result<Self, ProblemResponse> {
        let mut said = body.reason_and_user()?;
        said.reason.truncate(said.reason.floor_char_boundary(REASON_MAX));
        said.user.truncate(said.user.floor_char_boundary(REASON_MAX));
        Ok(Self { app, caller, name: name.into(), said })
    }

    /// Puts this in front of the reason in the audit.
    pub(crate) fn about(mut self, what: &str) -> Self {
        self.said.reason = format!("{what}: {}", self.said.reason);
        self
    }

    fn reason(&self) -> Reason {
        self.said.reason.clone()
    }

    /// Does what makes the host do less. A database that is down does not keep it.
    pub(crate) async fn restrict(self, command: Command) -> Result<(), ProblemResponse> {
        let app = self.app;
        self.restricted(app.control.command(command)).await
    }

    /// As [`Action::restrict`], for what is no command.
    pub(crate) async fn restricted(
        self,
        act: impl Future<Output = Result<(), ControlError>>,
    ) -> Result<(), ProblemResponse> {
        let done = act.await;
        if let Err(error) = self.app.db.audit(&self.row(&done)).await {
            tracing::error!(%error, action = self.name, "an action is not in the audit");
        }
        Ok(done?)
    }

    /// Does an emergency stop, and says whether the database has it. A database that is slow keeps neither the stop nor its answer: what is
    /// not written after a second is written later.
    async fn halt(self, command: Command) -> Result<bool, ProblemResponse> {
        let done = self.app.control.command(command).await;
        let (db, row, action) = (self.app.db.clone(), self.row(&done), self.name);
        let audited = tokio::spawn(async move {
            if let Err(error) = db.audit(&row).await {
                tracing::error!(%error, action, "an action is not in the audit");
            }
        });
        let (durable, _late) =
            tokio::join!(self.app.control.is_halt_stored(), tokio::time::timeout(STORED_WITHIN, audited));
        done?;
        Ok(durable)
    }

    /// Does what makes the host do more, if it can be written down who wanted it.
    pub(crate) async fn permit(self, command: Command) -> Result<(), ProblemResponse> {
        let app = self.app;
        self.permitted(app.control.command(command)).await
    }

    /// As [`Action::permit`], for what is no command. Nothing is done before it is written down.
    pub(crate) async fn permitted(
        self,
        act: impl Future<Output = Result<(), ControlError>>,
    ) -> Result<(), ProblemResponse> {
        let asked = AuditRow { outcome: "asked".to_owned(), ..self.row(&Ok(())) };
        self.app.db.audit(&asked).await?;
        let done = act.await;
        self.app.db.audit(&self.row(&done)).await?;
        Ok(done?)
    }

    /// As [`Action::permitted`], for what is known better when it is done: its words stand in front of the reason then.
    pub(crate) async fn permitted_about(
        mut self,
        act: impl Future<Output = Result<String, ControlError>>,
    ) -> Result<(), ProblemResponse> {
        let asked = AuditRow { outcome: "asked".to_owned(), ..self.row(&Ok(())) };
        self.app.db.audit(&asked).await?;
        let done = match act.await {
            Ok(what) => {
                self = self.about(&what);
                Ok(())
            }
            Err(error) => Err(error),
        };
        self.app.db.audit(&self.row(&done)).await?;
        Ok(done?)
    }

    fn row(&self, done: &Result<(), ControlError>) -> AuditRow {
        AuditRow {
            at_ms: (self.app.clock)().millis(),
            who: self.caller.0.name.clone(),
            action: self.name.clone(),
            detail: self.said.reason.clone(),
            claimed_user: self.said.user.clone(),
            outcome: done.as_ref().map_or_else(ToString::to_string, |()| "ok".to_owned()),
        }
    }
}

/// The bot's state.
#[utoipa::path(get, path = "/v1/admin/bot/state", tag = "bot", responses((status = 200, body = BotView)))]
pub(crate) async fn state(State(app): State<App>, _: Caller) -> Json<BotView> {
    Json(app.picture.bot())
}

/// STOPPED to RUNNING. Needs a trader.
#[utoipa::path(post, path = "/v1/admin/bot/start", tag = "bot", responses((status = 200, body = BotView), (status = 409)))]
pub(crate) async fn start(State(app): State<App>, caller: Caller, body: ActionBody) -> Done {
    caller.must_be(Role::Trader)?;
    Action::new(&app, &caller, "start", &body)?.permit(Command::Start).await?;
    Ok(Json(app.picture.bot()))
}

/// To STOPPED: all our orders are cancelled. Answers when that is on its way. Needs a trader.
#[utoipa::path(post, path = "/v1/admin/bot/stop", tag = "bot", responses((status = 200, body = BotView)))]
pub(crate) async fn stop(State(app): State<App>, caller: Caller, body: ActionBody) -> Done {
    caller.must_be(Role::Trader)?;
    Action::new(&app, &caller, "stop", &body)?.restrict(Command::Stop).await?;
    Ok(Json(app.picture.bot()))
}

/// RUNNING to PAUSED: no orders but the guards'. Needs a trader.
#[utoipa::path(post, path = "/v1/admin/bot/pause", tag = "bot", responses((status = 200, body = BotView), (status = 409)))]
pub(crate) async fn pause(State(app): State<App>, caller: Caller, body: ActionBody) -> Done {
    caller.must_be(Role::Trader)?;
    Action::new(&app, &caller, "pause", &body)?.restrict(Command::Pause).await?;
    Ok(Json(app.picture.bot()))
}

/// PAUSED to RUNNING. Needs a trader.
#[utoipa::path(post, path = "/v1/admin/bot/resume", tag = "bot", responses((status = 200, body = BotView), (status = 409)))]
pub(crate) async fn resume(State(app): State<App>, caller: Caller, body: ActionBody) -> Done {
    caller.must_be(Role::Trader)?;
    Action::new(&app, &caller, "resume", &body)?.permit(Command::Resume).await?;
    Ok(Json(app.picture.bot()))
}

/// Locks the signer and cancels everything on the account until nothing is open. Any valid token may. The answer says whether the
/// stop is in the database.
#[utoipa::path(post, path = "/v1/admin/emergency-stop", tag = "bot", request_body = Option<readmodel::views::ReasonBody>, responses((status = 200, body = EmergencyStopView)))]
pub(crate) async fn emergency_stop(
    State(app): State<App>,
    caller: Caller,
    body: ActionBody,
) -> Result<Json<EmergencyStopView>, ProblemResponse> {
    // A body that makes no sense does not keep an emergency stop.
    let action = Action::new(&app, &caller, "emergency-stop", &body)
        .or_else(|_| Action::new(&app, &caller, "emergency-stop", &ActionBody::empty()))?;
    let reason = action.reason();
    let durable = action.halt(Command::EmergencyStop { reason }).await?;
    Ok(Json(EmergencyStopView { bot: app.picture.bot(), durable }))
}

/// Ends an emergency stop; the bot is STOPPED then. Needs an admin and a reason.
#[utoipa::path(post, path = "/v1/admin/emergency-stop/release", tag = "bot", request_body = readmodel::views::ReasonBody, responses((status = 200, body = BotView), (status = 400), (status = 409)))]
pub(crate) async fn release(State(app): State<App>, caller: Caller, body: ActionBody) -> Done {
    caller.must_be(Role::Admin)?;
    let action = Action::new(&app, &caller, "emergency-stop/release", &body)?;
    let reason = action.reason();
    if reason.trim().is_empty() {
        return Err(ProblemResponse::bad("a release needs a reason: {\"reason\": \"what was found and done\"}"));
    }
    action.permit(Command::Release { reason }).await?;
    Ok(Json(app.picture.bot()))
}

/// Closes a breaker, unless its cause still stands. Needs a trader.
#[utoipa::path(post, path = "/v1/admin/circuit-breakers/{name}/reset", tag = "bot", params(("name" = String, Path, description = "the breaker")), responses((status = 200, body = BotView), (status = 404), (status = 409)))]
pub(crate) async fn reset_breaker(
    State(app): State<App>,
    Path(name): Path<String>,
    caller: Caller,
    body: ActionBody,
) -> Done {
    caller.must_be(Role::Trader)?;
    let Some(breaker) = Breaker::parse(&name) else {
        let known: Vec<&str> = Breaker::ALL.iter().map(|breaker| breaker.as_str()).collect();
        return Err(ProblemResponse::not_found(format!(
            "there is no breaker `{name}`; there are {}",
            known.join(", ")
        )));
    };
    let action = Action::new(&app, &caller, format!("circuit-breakers/{name}/reset"), &body)?;
    action.permit(Command::ResetBreaker { breaker }).await?;
    Ok(Json(app.picture.bot()))
}

/// The answer to what was taken and needs no more words.
pub(crate) const TAKEN: StatusCode = StatusCode::ACCEPTED;
