//! Why a session ends.

use crate::cli::HostArgs;
use alerts::{Alert, Severity};
use anyhow::Context;
use control::clock;
use std::time::Duration;
use store::db::engines::Lease;
use tokio::signal::unix::{Signal, SignalKind, signal};
use trading::session::Session;

/// The signals that end a session in order. Once listened for they never end the process by themselves.
pub(super) struct Told {
    interrupt: Signal,
    terminate: Signal,
    /// The terminal is gone.
    hangup: Signal,
}

impl Told {
    pub(super) fn listen() -> anyhow::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).context("listening for Ctrl-C")?,
            terminate: signal(SignalKind::terminate()).context("listening for SIGTERM")?,
            hangup: signal(SignalKind::hangup()).context("listening for SIGHUP")?,
        })
    }
}

/// Waits for a reason to end, and says it. Tells those that do not look.
pub(super) async fn wait(session: &Session, mut told: Told, run_for: Option<Duration>, lease: &Lease) -> &'static str {
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
    let (why, severity) = tokio::select! {
        _ = told.interrupt.recv() => ("Ctrl-C", Severity::Info),
        _ = told.terminate.recv() => ("told to end", Severity::Info),
        _ = told.hangup.recv() => ("the terminal was closed", Severity::Warning),
        () = over => ("the time is over", Severity::Info),
        () = session.signer().gone() => ("the signer is gone", Severity::Critical),
        () = lease.lost() => ("another engine took the account in the database", Severity::Critical),
        () = engine_lost => ("the engine is lost", Severity::Critical),
    };
    session.alerts().raise(Alert::new(clock::now(), severity, "host_ends", "the host ends", why));
    why
}

/// Tells those that do not look that the host could not begin, or failed at its end.
pub(super) async fn failed(args: &HostArgs, error: &anyhow::Error) {
    // What is wrong may be the configuration itself.
    if let Ok(config) = args.common.load_config() {
        crate::commands::alert::now(&config, "host_failed", "the host failed", &format!("{error:#}")).await;
    }
}
