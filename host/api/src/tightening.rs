//! Actions that restrict the host: stops, cancels, restrictions, disabled strategies. They are executed as soon as the
//! caller's token has been checked. The body is only a note for the audit and is read afterwards; neither the body nor
//! the database can prevent or delay the action.

use crate::body::read_note;
use crate::guard::Caller;
use crate::problem::ProblemResponse;
use crate::state::AppState;
use axum::Json;
use axum::body::Body;
use axum::http::StatusCode;
use control::{Control, ControlError};
use model::input::Command;
use readmodel::views::{BotView, DurableView, StoppedView};
use std::time::Duration;
use store::db::{AuditRow, Decision, STORED_WITHIN};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// The longest wait for storage before the answer, counted from the action: one second minus time for transmission.
const ANSWER_WITHIN: Duration = Duration::from_millis(900);

/// The answer to cancels: whether the action is stored.
pub(crate) type Cancelling = Result<Json<DurableView>, ProblemResponse>;
/// The answer to stops: the bot's state, and whether the action is stored.
pub(crate) type Stopped = Result<Json<StoppedView>, ProblemResponse>;

/// Returns the answer to a stop.
pub(crate) fn stopped(app: &AppState, durable: bool) -> Json<StoppedView> {
    Json(StoppedView { bot: app.picture.bot(), durable })
}

/// Returns the bot's state before and after an action; two empty texts if it is the same.
pub(crate) fn changed(before: &BotView, after: &BotView) -> (String, String) {
    let word = |value: Result<serde_json::Value, _>| value.unwrap_or_default().as_str().unwrap_or_default().to_owned();
    let shown = |bot: &BotView| {
        let (state, restriction) = (serde_json::to_value(bot.state), serde_json::to_value(bot.restriction));
        format!("{} {}", word(state), word(restriction))
    };
    let (old, new) = (shown(before), shown(after));
    if old == new { (String::new(), String::new()) } else { (old, new) }
}

/// A restricting action.
pub(crate) struct Tightening {
    app: AppState,
    row: AuditRow,
    halts: bool,
}

impl Tightening {
    /// Returns the action with this name, authorized for `caller`.
    pub(crate) fn new(app: &AppState, caller: &Caller, action: impl Into<String>) -> Self {
        let row = AuditRow {
            at_ms: (app.clock)().millis(),
            who: caller.0.name.clone(),
            role: caller.0.role.as_str().to_owned(),
            origin: caller.2.to_string(),
            action: action.into(),
            ..AuditRow::default()
        };
        Self { app: AppState::clone(app), row, halts: false }
    }

    /// Executes an emergency stop. It counts as stored when the database has it.
    pub(crate) async fn emergency_stop(self, body: Body) -> Result<bool, ProblemResponse> {
        Self { halts: true, ..self }.command(Command::EmergencyStop { reason: String::new() }, body).await
    }

    /// Sends the engine a command; returns true if it is stored within a second.
    ///
    /// # Errors
    /// If the engine refuses it, or does not answer.
    pub(crate) async fn command(self, command: Command, body: Body) -> Result<bool, ProblemResponse> {
        self.run(|control| async move { control.command(command).await }, body).await
    }

    /// As [`Tightening::command`], for actions that are not engine commands.
    pub(crate) async fn run<F>(self, act: impl FnOnce(Control) -> F, body: Body) -> Result<bool, ProblemResponse>
    where
        F: Future<Output = Result<(), ControlError>> + Send + 'static,
    {
        let (acted, outcome) = oneshot::channel();
        let act = act(self.app.control.clone());
        // A separate task: a caller that disconnects prevents neither the stop nor its audit row.
        let stored = tokio::spawn(self.act_and_store(act, acted, body));
        let Ok(done) = outcome.await else {
            return Err(ProblemResponse::new(StatusCode::INTERNAL_SERVER_ERROR, "the action panicked"));
        };
        let stored = timeout(ANSWER_WITHIN, stored).await;
        done?;
        Ok(matches!(stored, Ok(Ok(true))))
    }

    /// Acts, then reads the note and stores the action; returns true if all of it is stored.
    async fn act_and_store(
        mut self,
        act: impl Future<Output = Result<(), ControlError>>,
        acted: oneshot::Sender<Result<(), ControlError>>,
        body: Body,
    ) -> bool {
        let before = self.app.picture.bot();
        let done = act.await;
        self.row.outcome = done.as_ref().map_or_else(ToString::to_string, |()| "ok".to_owned());
        if acted.send(done).is_err() {
            tracing::debug!(action = self.row.action, "caller disconnected before the answer");
        }
        (self.row.old, self.row.new) = changed(&before, &self.app.picture.bot());
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
