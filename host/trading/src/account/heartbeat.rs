//! The heartbeat to the venue: it cancels everything if we fall silent (PROTOCOL 11). So it is sent only while the engine, the
//! journal and the user channel have proved alive, and goes on for as long as this process does.

use crate::handles::Handles;
use crate::watchdog::Watchdog;
use control::clock;
use model::{Body, Time};
use polymarket::AccountClient;
use polymarket::client::HeartbeatError;
use std::time::Duration;

/// How often it is sent; the venue waits for twice as long.
const EVERY: Duration = Duration::from_secs(5);
/// A proof of life older than this is none.
const PROOF_MICROS: u64 = 5_000_000;
/// Without an accepted one for so long, orders may be gone any moment.
const GOOD_FOR_MICROS: u64 = 9_000_000;
/// Wrong ids that are put right in a row.
const TRIES: usize = 3;

/// What is asked for proofs of life.
pub(crate) struct Heart {
    pub(crate) handles: Handles,
    pub(crate) client: AccountClient,
    pub(crate) watchdog: Watchdog,
    /// The id that the venue expects next.
    pub(crate) id: String,
}

/// Sends the first heartbeat, before there is any order, and returns the id of the next one.
///
/// # Errors
/// If the venue does not take it: nothing may be placed then.
pub(crate) async fn first(client: &AccountClient) -> Result<String, HeartbeatError> {
    beat(client, String::new()).await
}

/// Sends one, and puts a wrong id right: another process of ours may have sent the last one.
pub(crate) async fn beat(client: &AccountClient, mut id: String) -> Result<String, HeartbeatError> {
    let mut last = client.heartbeat(&id).await;
    for _ in 1..TRIES {
        let Err(HeartbeatError::WrongId { expected }) = last else { break };
        id = expected;
        last = client.heartbeat(&id).await;
    }
    last
}

impl Heart {
    /// Beats until the process ends.
    pub(crate) async fn run(mut self) {
        let mut accepted = clock::now();
        let mut alive = true;
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        // The first was sent before.
        ticks.tick().await;
        loop {
            ticks.tick().await;
            match self.silence().await {
                Some(reason) => tracing::error!(reason, "no heartbeat is sent: the venue will cancel all orders"),
                None => match beat(&self.client, self.id.clone()).await {
                    Ok(next) => (self.id, accepted) = (next, clock::now()),
                    Err(error) => tracing::warn!(%error, "the venue did not take the heartbeat"),
                },
            }
            let now = clock::now();
            let good = now.since(accepted) < GOOD_FOR_MICROS;
            if good != alive {
                alive = good;
                self.handles.inbox.account(now, Body::Heartbeat { alive });
            }
        }
    }

    /// Says why no heartbeat may be sent, if there is a reason.
    async fn silence(&self) -> Option<&'static str> {
        if self.watchdog.engine_is_lost() {
            // It sends its own.
            return Some("the watchdog cancels everything");
        }
        let seen = self.handles.latest.get().as_ref().map_or(Time(0), |view| view.at);
        if clock::now().since(seen) > PROOF_MICROS {
            return Some("the engine does not move");
        }
        if !self.handles.picture.bot().user_channel_up {
            return Some("the user channel is down");
        }
        let synced = self.handles.journal.synced(self.handles.journal.mark());
        match tokio::time::timeout(Duration::from_micros(PROOF_MICROS), synced).await {
            Ok(Ok(())) => None,
            Ok(Err(_)) => Some("the journal is broken"),
            Err(_) => Some("the disk stands still"),
        }
    }
}
