//! What makes the host do less: stops, cancels, restrictions, disabled strategies. It is done as soon as the caller's token is judged. Its
//! body is only a note for the audit, which is read afterwards; nothing of it, and nothing about the database, keeps or delays the stop.

use crate::body::read_note;
use crate::guard::Caller;
use crate::parts::App;
use crate::problem::ProblemResponse;
use axum::Json;
use axum::body::Body;
use axum::http::StatusCode;
use control::{Control, ControlError};
use model::input::Command;
use readmodel::views::{DurableView, StoppedView};
use std::time::Duration;
use store::db::{AuditRow, Decision, STORED_WITHIN};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// How long an answer waits for what is stored, from the moment of the action: a second less some time for the way.
const ANSWER_WITHIN: Duration = Duration::from_millis(900);

/// The answer to what cancels: whether it is stored.
pub(crate) type Cancelling = Result<Json<DurableView>, ProblemResponse>;
/// The answer to what stops the bot: its state, and whether that is stored.
pub(crate) type Stopped = Result<Json<StoppedView>, ProblemResponse>;

/// Returns the answer to what stopped the bot.
pub(crate) fn stopped(app: &App, durable: bool) -> Json<StoppedView> {
    Json(StoppedView { bot: app.picture.bot(), durable })
}

/// What makes the host do less, on its way.
pub(crate) struct Tightening {
    app: App,
    row: AuditRow,
    halts: bool,
}

impl Tightening {
    /// Returns the action of this name, which `caller` may do.
    pub(crate) fn new(app: &App, caller: &Caller, action: impl Into<String>) -> Self {
        let row = AuditRow {
            at_ms: (app.clock)().millis(),
            who: caller.0.name.clone(),
            action: action.into(),
            detail: String::new(),
            claimed_user: String::new(),
            outcome: String::new(),
        };
        Self { app: App::clone(app), row, halts: false }
    }

    /// Does an emergency stop. It is stored when the database has it.
    pub(crate) async fn emergency_stop(self, body: Body) -> Result<bool, ProblemResponse> {
        Self { halts: true, ..self }.command(Command::EmergencyStop { reason: String::new() }, body).await
    }

    /// Gives the engine a command and returns whether it is stored, within a second.
    ///
    /// # Errors
    /// If the engine refuses it, or does not answer.
    pub(crate) async fn command(self, command: Command, body: Body) -> Result<bool, ProblemResponse> {
        self.run(|control| async move { control.command(command).await }, body).await
    }

    /// As [`Tightening::command`], for what is no command.
    pub(crate) async fn run<F>(self, act: impl FnOnce(Control) -> F, body: Body) -> Result<bool, ProblemResponse>
    where
        F: Future<Output = Result<(), ControlError>> + Send + 'static,
    {
        let (acted, outcome) = oneshot::channel();
        let act = act(self.app.control.clone());
        // A task of its own: a caller that hangs up keeps neither the stop nor its row in the audit.
        let stored = tokio::spawn(self.act_and_store(act, acted, body));
        let Ok(done) = outcome.await else {
            return Err(ProblemResponse::new(StatusCode::INTERNAL_SERVER_ERROR, "the action panicked"));
        };
        let stored = timeout(ANSWER_WITHIN, stored).await;
        done?;
        Ok(matches!(stored, Ok(Ok(true))))
    }

    /// Acts, then reads the note and stores what was done; returns whether all of it is stored.
    async fn act_and_store(
        mut self,
        act: impl Future<Output = Result<(), ControlError>>,
        acted: oneshot::Sender<Result<(), ControlError>>,
        body: Body,
    ) -> bool {
        let done = act.await;
        self.row.outcome = done.as_ref().map_or_else(ToString::to_string, |()| "ok".to_owned());
        if acted.send(done).is_err() {
            tracing::debug!(action = self.row.action, "caller did not wait for the answer");
        }
        let note = read_note(body).await;
        (self.row.detail, self.row.claimed_user) = (note.reason, note.user);
        if self.halts && !self.row.detail.is_empty() {
            self.app.picture.show_halt_reason(&self.row.detail);
        }
        let (control, decisions) = (&self.app.control, self.app.db.decisions());
        let ticket = decisions.write(Decision::Audit(self.row));
        let (audited, journaled, halted) =
            tokio::join!(decisions.is_stored(ticket, STORED_WITHIN), control.is_journaled(), async {
                !self.halts || control.is_halt_stored().await
            });
        audited && journaled && halted
    }
}
