//! Who hears what the supervisor reports.

use config::{Config, Mode};
use control::clock;
use control::inbox::Inbox;
use model::Body;
use model::event::{REASON_MAX, Reason};
use model::input::{Blob, StrategyChange};
use sandbox::{Report, Sandbox, Supervisor};
use std::sync::Arc;
use store::strategy_state::SavedStates;
use tokio::sync::mpsc;

/// Watches the strategies folder. What strategies say goes straight to the engine, from their own threads and so in their order; the
/// rest to whoever looks after strategies.
pub fn supervise(
    config: &Config,
    sandbox: Sandbox,
    inbox: &Inbox,
    states: SavedStates,
    reports: mpsc::Sender<Report>,
) -> anyhow::Result<Supervisor> {
    if config.mode == Mode::Live {
        crate::folder_permissions::must_be_ours(&config.strategies_dir)?;
    }
    let inbox = inbox.clone();
    let sink = move |report| {
        let Some(report) = straight(&inbox, &states, report) else { return };
        // Called from the sandbox's own threads, which may wait for a moment.
        if reports.blocking_send(report).is_err() {
            tracing::debug!("a report of a strategy came after the end");
        }
    };
    Ok(Supervisor::open(sandbox, config.strategies_dir.clone(), Arc::new(sink))?)
}

/// Gives the engine what it must hear in order, and returns what others must hear.
fn straight(inbox: &Inbox, states: &SavedStates, report: Report) -> Option<Report> {
    let tell = |body| inbox.account(clock::now(), body);
    match report {
        Report::Answer(answer) => tell(Body::Intents(answer)),
        Report::Saved { strategy, name, instance, state } => {
            if let Some(state) = &state {
                states.keep(&name, state);
            }
            let state = state.map(|state| Blob(state.to_vec()));
            tell(Body::Strategy(StrategyChange::Saved { strategy, instance, state }));
        }
        Report::Kept { strategy, instance, error } => {
            let reason = cut(format!("a new version did not start, and the one before goes on: {error}"));
            tell(Body::Strategy(StrategyChange::Kept { strategy, instance, reason }));
            return Some(Report::Kept { strategy, instance, error });
        }
        other => return Some(other),
    }
    None
}

/// Cuts a reason to what the journal takes.
pub(super) fn cut(mut reason: Reason) -> Reason {
    reason.truncate(reason.floor_char_boundary(REASON_MAX));
    reason
}
