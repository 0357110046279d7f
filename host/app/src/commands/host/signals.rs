//! Why a session ends.

use crate::cli::HostArgs;
use crate::console::complain;
use alerts::{Alert, Alerts, Severity};
use anyhow::Context;
use control::clock;
use std::time::Duration;
use store::db::engines::Lease;
use tokio::signal::unix::{Signal, SignalKind, signal};
use trading::session::Session;

const FILE_SIZE: SignalKind = SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw());

/// The signals that end a session in order. Once listened for they never end the process by themselves.
pub(super) struct Told {
    interrupt: Signal,
    terminate: Signal,
    /// The terminal is gone.
    hangup: Signal,
    /// A file reached the system's limit of its size. Listened for, the write fails instead of the process.
    _file_size: Signal,
}

impl Told {
    pub(super) fn listen() -> anyhow::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).context("listening for Ctrl-C")?,
            terminate: signal(SignalKind::terminate()).context("listening for SIGTERM")?,
            hangup: signal(SignalKind::hangup()).context("listening for SIGHUP")?,
            _file_size: signal(FILE_SIZE).context("listening for SIGXFSZ")?,
        })
    }
}

/// Why a session ends, and how bad that is.
pub(super) struct Reason(&'static str, Severity);

/// Waits for a reason to end.
pub(super) async fn wait(session: &Session, mut told: Told, run_for: Option<Duration>, lease: &Lease) -> Reason {
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
        _ = told.interrupt.recv() => Reason("Ctrl-C", Severity::Info),
        _ = told.terminate.recv() => Reason("told to end", Severity::Info),
        _ = told.hangup.recv() => Reason("the terminal was closed", Severity::Warning),
        () = over => Reason("the time is over", Severity::Info),
        () = session.signer().gone() => Reason("the signer is gone", Severity::Critical),
        () = lease.lost() => Reason("another engine took the account in the database", Severity::Critical),
        () = engine_lost => Reason("the engine is lost", Severity::Critical),
    }
}

/// Reports that the session ends: to the terminal, and to the webhook. A future, so that it runs beside the end and after its beginning.
pub(super) async fn announce(alerts: &Alerts, Reason(why, severity): &Reason) {
    complain(&format!("{why}; cancelling all orders"));
    alerts.raise(Alert::new(clock::now(), *severity, "host_ends", "the host ends", why));
}

/// Tells those that do not look that the host could not begin, or failed at its end.
pub(super) async fn failed(args: &HostArgs, error: &anyhow::Error) {
    // What is wrong may be the configuration itself.
    if let Ok(config) = args.common.reload_config() {
        crate::commands::alert::now(&config, "host_failed", "the host failed", &format!("{error:#}")).await;
    }
}
