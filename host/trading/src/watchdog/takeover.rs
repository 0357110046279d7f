//! Cancelling everything without the engine, until the venue itself says that nothing is open.

use polymarket::AccountClient;
use std::time::{Duration, Instant};

/// Between two tries while something is open or the venue does not answer.
const AGAIN: Duration = Duration::from_millis(500);
/// How long one request may take before the next is sent.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// The looks after the list was first found empty, counted from then: an order that was under way may still arrive.
const LOOKS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(15)];
/// How long the venue is asked before the takeover gives up and the host ends; heartbeats have ended long before.
const GIVE_UP: Duration = Duration::from_secs(300);
/// Between two heartbeats.
const BEAT: Duration = Duration::from_secs(5);
/// How long heartbeats go on while something is open. After that the venue's own cancel, which follows the last heartbeat, is the better hope.
const BEATS_FOR: Duration = Duration::from_secs(30);

/// How far a takeover is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// There is none: the engine is well.
    Watching,
    /// The signer is locked, and everything is being cancelled.
    Cancelling,
    /// The venue says that nothing is open.
    Empty,
    /// The venue did not say so within five minutes.
    Failed,
}

impl Phase {
    /// Says whether nothing more will be done.
    pub(crate) const fn is_over(self) -> bool {
        matches!(self, Self::Empty | Self::Failed)
    }
}

/// Cancels everything on a runtime of its own; `report` is called once the first request is under way.
pub(super) fn run(venue: &AccountClient, heartbeat: bool, report: impl FnOnce()) -> Phase {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            report();
            tracing::error!(%error, "the watchdog has no runtime");
            return Phase::Failed;
        }
    };
    runtime.block_on(async {
        let mut report = Some(report);
        let beats = async {
            if heartbeat {
                beat(venue).await;
            }
            std::future::pending().await
        };
        let cancels = until_empty(venue, || {
            if let Some(report) = report.take() {
                report();
            }
        });
        tokio::select! {
            end = cancels => end,
            () = beats => Phase::Failed,
        }
    })
}

/// Sends heartbeats for a while, so that nothing but our own cancels decides what happens.
async fn beat(venue: &AccountClient) {
    let started = Instant::now();
    let mut id = String::new();
    while started.elapsed() < BEATS_FOR {
        let next = venue.heartbeat_put_right(std::mem::take(&mut id));
        if let Ok(Ok(next)) = tokio::time::timeout(ANSWER_WITHIN, next).await {
            id = next;
        }
        tokio::time::sleep(BEAT).await;
    }
}

async fn until_empty(venue: &AccountClient, mut sent: impl FnMut()) -> Phase {
    let started = Instant::now();
    while started.elapsed() < GIVE_UP {
        if !try_once(venue, &mut sent).await {
            tokio::time::sleep(AGAIN).await;
            continue;
        }
        let empty = Instant::now();
        let mut stays_empty = true;
        for look in LOOKS {
            tokio::time::sleep(look.saturating_sub(empty.elapsed())).await;
            stays_empty = stays_empty && is_empty(venue).await;
        }
        if stays_empty {
            return Phase::Empty;
        }
    }
    Phase::Failed
}

/// Cancels everything once; says whether the venue's list is empty after it.
async fn try_once(venue: &AccountClient, sent: &mut impl FnMut()) -> bool {
    let mut cancel = std::pin::pin!(tokio::time::timeout(ANSWER_WITHIN, venue.cancel_all()));
    let first = tokio::select! {
        biased;
        answer = &mut cancel => Some(answer),
        () = tokio::task::yield_now() => None,
    };
    sent();
    let answer = match first {
        Some(answer) => answer,
        None => cancel.await,
    };
    match answer {
        Ok(Ok(answer)) => tracing::warn!(cancelled = answer.cancelled.len(), "everything on the account is cancelled"),
        Ok(Err(error)) => tracing::error!(%error, "cancelling everything failed; it is tried again"),
        Err(_) => tracing::error!("cancelling everything got no answer; it is tried again"),
    }
    is_empty(venue).await
}

async fn is_empty(venue: &AccountClient) -> bool {
    match tokio::time::timeout(ANSWER_WITHIN, venue.open_orders()).await {
        Ok(Ok(open)) => open.is_empty(),
        Ok(Err(error)) => {
            tracing::error!(%error, "reading the open orders failed");
            false
        }
        Err(_) => false,
    }
}
