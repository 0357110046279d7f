//! Decisions that are in effect but not in the database yet: their alerts, their lines on the page, and the wait at the
//! end of a session.

use crate::row_writer::EMERGENCY_STOP;
use alerts::{Alert, Alerts, Severity};
use control::clock;
use readmodel::{ReadModel, Unstored};
use std::time::Duration;
use store::db::{Db, Delay, Halts};

/// Time that the end of a session waits for unstored decisions: an emergency stop or its release, and others.
const STORED_AT_END_WITHIN: Duration = Duration::from_secs(10);

/// Stores the emergency stop of `account` in the database. If that is delayed, an alert is raised and the page shows a
/// line.
pub(crate) fn persist_halts(db: &Db, account: &str, alerts: &Alerts, picture: &ReadModel) -> Halts {
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
            "the emergency stop is in effect but not in the database",
            "the write is retried; until it succeeds, a restart finds the stop in the journal only",
        ),
        Delay::Ended => (Severity::Warning, "halt_stored", "the emergency stop is now in the database", ""),
        Delay::Released => return None,
    };
    Some(Alert::new(clock::now(), severity, kind, title, detail))
}

/// Raises an alert when other decisions are delayed on their way into the database, and shows their names on the page.
pub(crate) fn watch(db: &Db, alerts: &Alerts, picture: &ReadModel) {
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
    let title = "decisions are in effect but not in the database";
    let detail = format!("{}; the writes are retried", names.join(", "));
    Alert::new(clock::now(), Severity::Warning, "decisions_not_stored", title, &detail)
}

/// Waits at the end of a session until the database has the last emergency stop or release and every other decision;
/// raises an alert for what it does not have. Returns true if it has the emergency stop or release.
pub(crate) async fn finish(halts: &Halts, db: &Db, alerts: &Alerts) -> bool {
    let decisions = db.decisions();
    let (halt, others) = tokio::join!(halts.are_stored(STORED_AT_END_WITHIN), decisions.flush(STORED_AT_END_WITHIN));
    if !others {
        let names = decisions.late().borrow().join(", ");
        tracing::error!(names, "decisions not stored at session end; the next start does not find them");
        let title = "the host ends with decisions missing from the database";
        alerts.raise(Alert::new(clock::now(), Severity::Critical, "decisions_lost", title, &names));
    }
    if !halt {
        let title = "the host ends without its emergency stop or release in the database";
        let detail = "the next start can read it from the journal only; check the bot's state";
        tracing::error!(detail, "emergency stop or release not stored at session end");
        alerts.raise(Alert::new(clock::now(), Severity::Critical, "halt_lost", title, detail));
    }
    halt
}
