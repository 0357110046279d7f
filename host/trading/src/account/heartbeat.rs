//! The heartbeat to the venue: it cancels everything if we fall silent (PROTOCOL 11). So it is sent only while the engine, the
//! journal and the user channel have proved alive, and goes on for as long as this process does.

use crate::handles::Handles;
use crate::watchdog::Watchdog;
use alerts::{Alert, Severity};
use control::clock;
use model::input::Command;
use model::{Body, Time};
use polymarket::AccountClient;
use polymarket::client::HeartbeatError;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often it is sent; the venue waits for twice as long.
const EVERY: Duration = Duration::from_secs(5);
/// A proof of life older than this is none.
const PROOF_MICROS: u64 = 5_000_000;
/// Without an accepted one for so long, orders may be gone any moment.
const GOOD_FOR_MICROS: u64 = 9_000_000;
/// How long the id of another engine's heartbeats must stand still at a start: longer than three of them.
const STANDS_FOR: Duration = Duration::from_secs(16);

/// What is asked for proofs of life.
pub(crate) struct Heart {
    pub(crate) handles: Handles,
    pub(crate) client: AccountClient,
    pub(crate) watchdog: Watchdog,
    /// The id that the venue expects next.
    pub(crate) id: String,
    /// Where the id is kept for the next start.
    pub(crate) kept: LastBeat,
    /// The last one got no answer: the venue may have taken it.
    pub(crate) lost_answer: bool,
}

/// Why a session cannot begin to send heartbeats.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FirstError {
    /// The heartbeats of the account go on without us.
    #[error(
        "another engine sends heartbeats for the account, on another machine or out of sight of this one; stop it first"
    )]
    AnotherEngine,
    /// The venue does not take it.
    #[error("sending the first heartbeat")]
    Venue(#[from] HeartbeatError),
}

/// Sends the first heartbeat, before there is any order, and returns the id of the next one. `kept` has the one that would have been
/// sent next from this data folder: a session that was killed leaves the venue waiting for it. If the venue waits for another id, another engine may be
/// at work: the id must stand still for longer than three heartbeats.
///
/// # Errors
/// If the venue does not take it, or another engine is at work: nothing may be placed then.
pub(crate) async fn first(client: &AccountClient, kept: &LastBeat) -> Result<String, FirstError> {
    let next = first_of(client, kept.read()).await?;
    kept.write(&next);
    Ok(next)
}

async fn first_of(client: &AccountClient, last: Option<String>) -> Result<String, FirstError> {
    let expected = match client.heartbeat("").await {
        Err(HeartbeatError::WrongId { expected }) => expected,
        answer => return Ok(answer?),
    };
    if last.as_ref() == Some(&expected) {
        return Ok(client.heartbeat(&expected).await?);
    }
    tracing::warn!(seconds = STANDS_FOR.as_secs(), "heartbeats of this account not ours; waiting whether they go on");
    tokio::time::sleep(STANDS_FOR).await;
    match client.heartbeat("").await {
        Err(HeartbeatError::WrongId { expected: now }) if now == expected => Ok(client.heartbeat(&now).await?),
        Err(HeartbeatError::WrongId { .. }) => Err(FirstError::AnotherEngine),
        answer => Ok(answer?),
    }
}

/// The most bytes of the file with the id.
const BEAT_MAX: u64 = 4_096;

/// The id of the next heartbeat of an account, in the data folder: it outlives a host that is killed.
#[derive(Debug, Clone)]
pub(crate) struct LastBeat {
    path: PathBuf,
    account: String,
}

impl LastBeat {
    pub(crate) fn new(data_dir: &Path, account: &str) -> Self {
        Self { path: data_dir.join("heartbeat"), account: account.to_ascii_lowercase() }
    }

    /// Returns the id, if this account's is there.
    pub(crate) fn read(&self) -> Option<String> {
        let text = files::read_text(&self.path, files::Links::Refuse, BEAT_MAX).ok()?;
        let (account, id) = text.trim_end().split_once(' ')?;
        (account == self.account).then(|| id.to_owned())
    }

    /// Writes the id, beside everything else: a disk that stands still delays no heartbeat.
    fn write(&self, id: &str) {
        let (path, text) = (self.path.clone(), format!("{} {id}\n", self.account));
        tokio::task::spawn_blocking(move || {
            if let Err(error) = store::private_file::replace_unsynced(&path, text.as_bytes()) {
                tracing::debug!(%error, "heartbeat id not kept; a start after a kill waits for 16 s");
            }
        });
    }
}

/// What one of our heartbeats came to.
enum Sent {
    /// It was taken.
    Taken,
    /// The venue waited for another id although it had taken our last one: another engine sends heartbeats too.
    Foreign,
    /// It was not taken.
    Failed,
}

impl Heart {
    /// Beats until the process ends.
    pub(crate) async fn run(mut self) {
        let mut accepted = clock::since_boot();
        let mut alive = true;
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        // The first was sent before.
        ticks.tick().await;
        loop {
            ticks.tick().await;
            match self.silence().await {
                Some(reason) => tracing::error!(reason, "no heartbeat is sent: the venue will cancel all orders"),
                None => match self.send().await {
                    Sent::Taken => accepted = clock::since_boot(),
                    Sent::Foreign => {
                        accepted = clock::since_boot();
                        self.stop();
                    }
                    Sent::Failed => {}
                },
            }
            let good = clock::since_boot().since(accepted) < GOOD_FOR_MICROS;
            if good != alive {
                alive = good;
                self.handles.inbox.account(clock::now(), Body::Heartbeat { alive });
            }
        }
    }

    /// Sends one. A wrong id after one whose answer was lost is our own.
    async fn send(&mut self) -> Sent {
        let first = self.client.heartbeat(&self.id).await;
        let (answer, foreign) = match first {
            Err(HeartbeatError::WrongId { expected }) => {
                (self.client.heartbeat_put_right(expected).await, !self.lost_answer)
            }
            answer => (answer, false),
        };
        self.lost_answer = answer.is_err();
        match answer {
            Ok(next) => {
                self.kept.write(&next);
                self.id = next;
                if foreign { Sent::Foreign } else { Sent::Taken }
            }
            Err(error) => {
                tracing::warn!(%error, "the venue did not take the heartbeat");
                Sent::Failed
            }
        }
    }

    /// Ends trading on an account that another engine uses: each would take the other's orders for a stranger's.
    fn stop(&self) {
        let (now, title) = (clock::now(), "another engine trades on the account; the bot is stopped");
        self.handles.inbox.account(now, Body::Command(Command::Stop));
        tracing::error!("heartbeat of another engine at the venue; the bot is stopped");
        let detail = "the venue waited for a heartbeat that this host did not send";
        self.handles.alerts.raise(Alert::new(now, Severity::Critical, "another_engine", title, detail));
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
