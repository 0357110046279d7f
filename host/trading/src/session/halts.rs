//! What operators are told of an emergency stop that the database does not take.

use alerts::{Alert, Alerts, Severity};
use control::clock;
use std::time::Duration;
use store::db::{Db, Delay, Halts};

/// How long the end of a session waits for an emergency stop that is not stored yet, or for its release.
const STORED_AT_END_WITHIN: Duration = Duration::from_secs(10);

/// Keeps the emergency stop of `account` in the database, and raises an alert where that is delayed.
pub(crate) fn keep(db: &Db, account: &str, alerts: Alerts) -> Halts {
    Halts::start(db, account.to_owned(), move |delay| alerts.raise(of_delay(delay)))
}

fn of_delay(delay: Delay) -> Alert {
    let (severity, kind, title, detail) = match delay {
        Delay::Began => (
            Severity::Critical,
            "halt_not_stored",
            "the emergency stop holds but is not in the database",
            "a restart of the host would not find it; it is written again until it is there",
        ),
        Delay::Ended => (Severity::Warning, "halt_stored", "the emergency stop is in the database after all", ""),
    };
    Alert::new(clock::now(), severity, kind, title, detail)
}

/// Waits at the end of a session until the database has the last emergency stop or release, and tells loudly if it has not. Says
/// whether it has.
pub(crate) async fn finish(halts: &Halts, alerts: &Alerts) -> bool {
    if halts.are_stored(STORED_AT_END_WITHIN).await {
        return true;
    }
    let title = "the host ends and its emergency stop, or the release, is not in the database";
    let detail =
        "the next start does not know of it: look at the bot's state, and stop it again if it should be halted";
    tracing::error!(detail, "emergency stop not stored at the end; the next start does not know of it");
    alerts.raise(Alert::new(clock::now(), Severity::Critical, "halt_lost", title, detail));
    false
}
