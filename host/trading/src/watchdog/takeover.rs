//! Cancels everything without the engine, until the venue itself lists no open order.

use polymarket::AccountClient;
use std::time::{Duration, Instant};

/// The interval between attempts while orders are open or the venue does not answer.
const AGAIN: Duration = Duration::from_millis(500);
/// The timeout of one request.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// The delays of the re-checks after the list was first empty: an order that was under way may still arrive.
const LOOKS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(15)];
/// The time that it takes with a venue that responds: the last re-check and its response.
pub(super) const EMPTY_WITHIN: Duration = LOOKS[2].saturating_add(ANSWER_WITHIN);
/// The time after which the takeover gives up and the host ends; heartbeats have ended long before.
const GIVE_UP: Duration = Duration::from_secs(300);
/// The interval between heartbeats.
const BEAT: Duration = Duration::from_secs(5);
/// The time that heartbeats continue while orders are open. After that, the venue's own cancel, which follows the last
/// heartbeat, is more likely to help.
const BEATS_FOR: Duration = Duration::from_secs(30);

/// The phase of a takeover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No takeover: the engine is running.
    Watching,
    /// The signer is locked, and everything is being cancelled.
    Cancelling,
    /// The venue lists no open order.
    Empty,
    /// The venue did not confirm that within five minutes.
    Failed,
}

impl Phase {
    /// Returns true if the takeover is over.
    pub(crate) const fn is_over(self) -> bool {
        matches!(self, Self::Empty | Self::Failed)
    }
}

/// Cancels everything on its own runtime; `report` is called once the first request is under way.
pub(super) fn run(venue: &AccountClient, heartbeat: bool, report: impl FnOnce()) -> Phase {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            report();
            tracing::error!(%error, "starting the watchdog's runtime failed");
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

/// Sends heartbeats for a limited time, so that only our own cancels decide what happens.
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

/// Cancels everything once; returns true if the venue's list is empty afterwards.
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
        Ok(Ok(answer)) => tracing::warn!(cancelled = answer.cancelled.len(), "cancelled everything on the account"),
        Ok(Err(error)) => tracing::error!(%error, "cancelling everything failed; retrying"),
        Err(_) => tracing::error!("cancelling everything timed out; retrying"),
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
