//! Decisions that hold and that the database does not have yet: the alerts and the lines on the page about them, and the wait at the end.

use crate::row_writer::EMERGENCY_STOP;
use alerts::{Alert, Alerts, Severity};
use control::clock;
use readmodel::{Picture, Unstored};
use std::time::Duration;
use store::db::{Db, Delay, Halts};

/// How long the end of a session waits for what is not stored yet: an emergency stop or its release, and other decisions.
const STORED_AT_END_WITHIN: Duration = Duration::from_secs(10);

/// Keeps the emergency stop of `account` in the database. Where that is delayed, an alert is raised and the page has a line.
pub(crate) fn keep_halts(db: &Db, account: &str, alerts: &Alerts, picture: &Picture) -> Halts {
    let (alerts, picture) = (alerts.clone(), picture.clone());
    Halts::start(db, account.to_owned(), move |delay| {
        let late = if delay == Delay::Began { vec![EMERGENCY_STOP.to_owned()] } else { Vec::new() };
        picture.show_unstored(Unstored::Halt, late);
        of_delay(delay).into_iter().for_each(|alert| alerts.raise(alert));
    })
}

fn of_delay(delay: Delay) -> Option<Alert> {
    let (severity, kind, title, detail) = match delay {
        Delay::Began => (
            Severity::Critical,
            "halt_not_stored",
            "the emergency stop holds but is not in the database",
            "it is written again until it is there; until then a restart finds it in the journal alone",
        ),
        Delay::Ended => (Severity::Warning, "halt_stored", "the emergency stop is in the database after all", ""),
        Delay::Released => return None,
    };
    Some(Alert::new(clock::now(), severity, kind, title, detail))
}

/// Raises an alert when other decisions are delayed on their way into the database, and shows their names on the page.
pub(crate) fn watch(db: &Db, alerts: &Alerts, picture: &Picture) {
    let (mut late, alerts, picture) = (db.decisions().late(), alerts.clone(), picture.clone());
    tokio::spawn(async move {
        let mut delayed = false;
        while late.changed().await.is_ok() {
            let names = late.borrow_and_update().clone();
            if !names.is_empty() && !delayed {
                alerts.raise(not_stored(&names));
            }
            delayed = !names.is_empty();
            picture.show_unstored(Unstored::Decisions, names);
        }
    });
}

fn not_stored(names: &[String]) -> Alert {
    let title = "decisions hold but are not in the database";
    let detail = format!("{}; written again until they are there", names.join(", "));
    Alert::new(clock::now(), Severity::Warning, "decisions_not_stored", title, &detail)
}

/// Waits at the end of a session until the database has the last emergency stop or release and every other decision. Raises an alert
/// where it has not. Returns whether it has the emergency stop or release.
pub(crate) async fn finish(halts: &Halts, db: &Db, alerts: &Alerts) -> bool {
    let decisions = db.decisions();
    let (halt, others) = tokio::join!(halts.are_stored(STORED_AT_END_WITHIN), decisions.flush(STORED_AT_END_WITHIN));
    if !others {
        let names = decisions.late().borrow().join(", ");
        tracing::error!(names, "decisions not stored at the end; the next start does not find them");
        let title = "the host ends and decisions are not in the database";
        alerts.raise(Alert::new(clock::now(), Severity::Critical, "decisions_lost", title, &names));
    }
    if !halt {
        let title = "the host ends and its emergency stop, or the release, is not in the database";
        let detail = "the next start has the journal alone to know it from: look at the bot's state";
        tracing::error!(detail, "emergency stop or release not stored at the end");
        alerts.raise(Alert::new(clock::now(), Severity::Critical, "halt_lost", title, detail));
    }
    halt
}
