//! The bot's state and the breakers. What makes the host do less is done first and audited after ([`Tightening`]); what makes it do more is
//! audited first ([`Action`]).

use crate::auth::Role;
use crate::body::{ActionBody, ReasonAndUser, plain};
use crate::guard::Caller;
use crate::params::Path;
use crate::parts::App;
use crate::problem::{ProblemResponse, unavailable};
use crate::tightening::{Stopped, Tightening, stopped};
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

/// An action on its way that may make the host do more.
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
        let ReasonAndUser { reason, user } = body.reason_and_user()?;
        let said = ReasonAndUser { reason: plain(&reason), user: plain(&user) };
        Ok(Self { app, caller, name: name.into(), said })
    }

    /// Puts this in front of the reason in the audit.
    pub(crate) fn about(mut self, what: &str) -> Self {
        self.said.reason = format!("{what}: {}", self.said.reason);
        self
    }

    /// Does what makes the host do more, if it can be written down who wanted it.
    pub(crate) async fn permit(self, command: Command) -> Result<(), ProblemResponse> {
        let app = self.app;
        self.permitted(app.control.command(command)).await
    }

    /// As [`Action::permit`], for what is no command.
    pub(crate) async fn permitted(
        self,
        act: impl Future<Output = Result<(), ControlError>>,
    ) -> Result<(), ProblemResponse> {
        self.permitted_about(async { act.await.map(|()| String::new()) }).await
    }

    /// As [`Action::permitted`], for what is known better when it is done: its words stand in front of the reason then. Nothing is done
    /// unless the database and the journal take what was asked for.
    pub(crate) async fn permitted_about(
        mut self,
        act: impl Future<Output = Result<String, ControlError>>,
    ) -> Result<(), ProblemResponse> {
        self.ask().await?;
        let done = match act.await {
            Ok(what) => {
                self = if what.is_empty() { self } else { self.about(&what) };
                Ok(())
            }
            Err(error) => Err(error),
        };
        let decisions = self.app.db.decisions();
        let ticket = decisions.write(Decision::Audit(self.row(&done)));
        let (journaled, _late) =
            tokio::join!(self.app.control.is_journaled(), decisions.is_stored(ticket, STORED_WITHIN));
        done?;
        if journaled {
            Ok(())
        } else {
            Err(unavailable("it is done, but the journal does not have it: a restart may not find it"))
        }
    }

    /// Writes down that it was asked for, after all that was decided before.
    async fn ask(&self) -> Result<(), ProblemResponse> {
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
            Err(_) => return Err(unavailable("the database did not take it within a second; nothing has changed")),
        }
        if self.app.control.is_journaled().await {
            return Ok(());
        }
        Err(unavailable("the journal did not take it within a second; nothing has changed"))
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
#[utoipa::path(post, path = "/v1/admin/bot/start", tag = "bot", responses((status = 200, body = BotView), (status = 409), (status = 503)))]
pub(crate) async fn start(State(app): State<App>, caller: Caller, body: ActionBody) -> Done {
    caller.must_be(Role::Trader)?;
    Action::new(&app, &caller, "start", &body)?.permit(Command::Start).await?;
    Ok(Json(app.picture.bot()))
}

/// To STOPPED: all our orders are cancelled, whatever the body is. Answers when that is on its way, and says whether it is stored. Needs a
/// trader.
#[utoipa::path(post, path = "/v1/admin/bot/stop", tag = "bot", request_body = Option<readmodel::views::ReasonBody>, responses((status = 200, body = StoppedView)))]
pub(crate) async fn stop(State(app): State<App>, caller: Caller, body: Body) -> Stopped {
    caller.must_be(Role::Trader)?;
    let durable = Tightening::new(&app, &caller, "stop").command(Command::Stop, body).await?;
    Ok(stopped(&app, durable))
}

/// RUNNING to PAUSED: no orders but the guards', whatever the body is. Needs a trader.
#[utoipa::path(post, path = "/v1/admin/bot/pause", tag = "bot", request_body = Option<readmodel::views::ReasonBody>, responses((status = 200, body = StoppedView), (status = 409)))]
pub(crate) async fn pause(State(app): State<App>, caller: Caller, body: Body) -> Stopped {
    caller.must_be(Role::Trader)?;
    let durable = Tightening::new(&app, &caller, "pause").command(Command::Pause, body).await?;
    Ok(stopped(&app, durable))
}

/// PAUSED to RUNNING. Needs a trader.
#[utoipa::path(post, path = "/v1/admin/bot/resume", tag = "bot", responses((status = 200, body = BotView), (status = 409), (status = 503)))]
pub(crate) async fn resume(State(app): State<App>, caller: Caller, body: ActionBody) -> Done {
    caller.must_be(Role::Trader)?;
    Action::new(&app, &caller, "resume", &body)?.permit(Command::Resume).await?;
    Ok(Json(app.picture.bot()))
}

/// Locks the signer and cancels everything on the account until nothing is open, before a byte of the body is read and whatever it is. Any
/// valid token may. The answer says whether the stop is stored.
#[utoipa::path(post, path = "/v1/admin/emergency-stop", tag = "bot", request_body = Option<readmodel::views::ReasonBody>, responses((status = 200, body = StoppedView)))]
pub(crate) async fn emergency_stop(State(app): State<App>, caller: Caller, body: Body) -> Stopped {
    let durable = Tightening::new(&app, &caller, "emergency-stop").emergency_stop(body).await?;
    Ok(stopped(&app, durable))
}

/// Ends an emergency stop; the bot is STOPPED then. Needs an admin and a reason.
#[utoipa::path(post, path = "/v1/admin/emergency-stop/release", tag = "bot", request_body = readmodel::views::ReasonBody, responses((status = 200, body = BotView), (status = 400), (status = 409), (status = 503)))]
pub(crate) async fn release(State(app): State<App>, caller: Caller, body: ActionBody) -> Done {
    caller.must_be(Role::Admin)?;
    let action = Action::new(&app, &caller, "emergency-stop/release", &body)?;
    let reason = action.said.reason.clone();
    if reason.trim().is_empty() {
        return Err(ProblemResponse::bad("a release needs a reason: {\"reason\": \"what was found and done\"}"));
    }
    action.permit(Command::Release { reason }).await?;
    if !app.control.is_halt_stored().await {
        // A restart would find it halted: so it is, until the database can be told otherwise.
        app.control.command(Command::EmergencyStop { reason: "its release could not be stored".to_owned() }).await?;
        return Err(unavailable("the database still has the emergency stop; it holds"));
    }
    Ok(Json(app.picture.bot()))
}

/// Closes a breaker, unless it is not tripped or its cause still stands. Needs a trader.
#[utoipa::path(post, path = "/v1/admin/circuit-breakers/{name}/reset", tag = "bot", params(("name" = String, Path, description = "the breaker")), responses((status = 200, body = BotView), (status = 404), (status = 409), (status = 503)))]
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

/// The answer to what was taken and needs no more words.
pub(crate) const TAKEN: StatusCode = StatusCode::ACCEPTED;
