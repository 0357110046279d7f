//! Why a session ends.

use super::Session;
use anyhow::Context;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that end a session in order. Once listened for they never end the process by themselves.
pub(super) struct Told {
    interrupt: Signal,
    terminate: Signal,
}

impl Told {
    pub(super) fn listen() -> anyhow::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).context("listening for Ctrl-C")?,
            terminate: signal(SignalKind::terminate()).context("listening for SIGTERM")?,
        })
    }
}

/// Waits for a reason to end, and says it.
pub(super) async fn wait(session: &Session, mut told: Told, run_for: Option<Duration>) -> &'static str {
    let over = async {
        match run_for {
            Some(time) => tokio::time::sleep(time).await,
            None => std::future::pending().await,
        }
    };
    let engine_ended = async {
        while !session.engine.is_finished() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        _ = told.interrupt.recv() => "Ctrl-C",
        _ = told.terminate.recv() => "told to end",
        () = over => "the time is over",
        () = session.signer.gone() => "the signer is gone",
        () = engine_ended => "the engine's thread ended",
    }
}
