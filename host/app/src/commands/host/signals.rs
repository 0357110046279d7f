//! Shutdown reasons: signals and conditions that end a session.

use crate::cli::HostArgs;
use crate::console::eprintln;
use crate::platform::{End, ShutdownSignals, TERMINATED};
use alerts::{Alert, Alerts, Severity};
use control::clock;
use std::time::Duration;
use store::db::engines::Lease;
use trading::session::Session;

/// Reason for a shutdown, and the severity of its alert.
pub(super) struct Reason(&'static str, Severity);

/// Waits until the session must end, and returns the reason.
pub(super) async fn wait(
    session: &Session,
    mut signals: ShutdownSignals,
    run_for: Option<Duration>,
    lease: &Lease,
) -> Reason {
    let over = async {
        match run_for {
            Some(time) => tokio::time::sleep(time).await,
            None => std::future::pending().await,
        }
    };
    let engine_lost = async {
        while !session.engine_is_lost() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        end = signals.next() => match end {
            End::Interrupt => Reason("Ctrl-C", Severity::Info),
            End::Terminate => Reason(TERMINATED, Severity::Info),
            End::Hangup => Reason("the terminal was closed", Severity::Warning),
        },
        () = over => Reason("the `--for` time is over", Severity::Info),
        () = session.signer().gone() => Reason("the signer has ended", Severity::Critical),
        () = lease.lost() => Reason("another engine took the account in the database", Severity::Critical),
        () = engine_lost => Reason("the engine thread was lost", Severity::Critical),
    }
}

/// Reports the shutdown to the terminal and the webhook. A separate future, so that it runs while the shutdown is in
/// progress.
pub(super) async fn announce(alerts: &Alerts, Reason(why, severity): &Reason) {
    eprintln(&format!("{why}; cancelling all orders"));
    alerts.raise(Alert::new(clock::now(), *severity, "host_ends", "the host ends", why));
}

/// Sends an alert that the host failed to start or to shut down.
pub(super) async fn failed(args: &HostArgs, error: &anyhow::Error) {
    // The configuration itself may be the cause.
    if let Ok(config) = args.common.reload_config() {
        crate::commands::alert::now(&config, "host_failed", "the host failed", &format!("{error:#}")).await;
    }
}
