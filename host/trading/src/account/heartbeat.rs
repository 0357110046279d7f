//! Heartbeats to the venue, which cancels everything if they stop (PROTOCOL 11). So they are sent only while the
//! engine, the journal and the user channel have proved alive, and continue as long as this process runs.

use crate::handles::Handles;
use crate::watchdog::Watchdog;
use alerts::{Alert, Severity};
use control::clock;
use model::input::Command;
use model::{InputKind, Time};
use polymarket::AccountClient;
use polymarket::client::HeartbeatError;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The heartbeat interval; the venue waits twice as long.
const EVERY: Duration = Duration::from_secs(5);
/// The age from which a proof of life no longer counts.
const PROOF_MICROS: u64 = 5_000_000;
/// Without an accepted heartbeat for this long, orders may be cancelled at any moment.
const GOOD_FOR_MICROS: u64 = 9_000_000;
/// Time that the id of another engine's heartbeats must stay unchanged at a start: longer than three of their
/// intervals.
const STANDS_FOR: Duration = Duration::from_secs(16);

/// Sends heartbeats, after checking the proofs of life.
pub(crate) struct Heart {
    pub(crate) handles: Handles,
    pub(crate) client: AccountClient,
    pub(crate) watchdog: Watchdog,
    /// The id that the venue expects next.
    pub(crate) id: String,
    /// The file that keeps the id for the next start.
    pub(crate) kept: LastBeat,
    /// True if the last heartbeat got no answer: the venue may have accepted it.
    pub(crate) lost_answer: bool,
}

/// The reason why a session cannot start sending heartbeats.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FirstError {
    /// The account's heartbeats continue without us.
    #[error(
        "another engine sends heartbeats for the account, on another machine or out of sight of this one; stop it first"
    )]
    AnotherEngine,
    /// The venue refused the heartbeat.
    #[error("sending the first heartbeat")]
    Venue(#[from] HeartbeatError),
}

/// Sends the first heartbeat, before there is any order, and returns the id of the next one. `kept` has the id that
/// this data folder would have sent next: after a session that was killed, the venue still expects it. If the venue
/// expects another id, another engine may be running: the id must stay unchanged for longer than three heartbeats.
///
/// # Errors
/// If the venue refuses it, or another engine is running: no order may be placed then.
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
    tracing::warn!(seconds = STANDS_FOR.as_secs(), "unknown heartbeats on the account; checking whether they continue");
    tokio::time::sleep(STANDS_FOR).await;
    match client.heartbeat("").await {
        Err(HeartbeatError::WrongId { expected: now }) if now == expected => Ok(client.heartbeat(&now).await?),
        Err(HeartbeatError::WrongId { .. }) => Err(FirstError::AnotherEngine),
        answer => Ok(answer?),
    }
}

/// The most bytes of the file with the id.
const BEAT_MAX: u64 = 4_096;

/// The file in the data folder with the id of an account's next heartbeat; it survives a kill of the host.
#[derive(Debug, Clone)]
pub(crate) struct LastBeat {
    path: PathBuf,
    account: String,
}

impl LastBeat {
    pub(crate) fn new(data_dir: &Path, account: &str) -> Self {
        Self { path: data_dir.join("heartbeat"), account: account.to_ascii_lowercase() }
    }

    /// Returns the id, if the file holds this account's.
    pub(crate) fn read(&self) -> Option<String> {
        let text = files::read_text(&self.path, files::Links::Refuse, BEAT_MAX).ok()?;
        let (account, id) = text.trim_end().split_once(' ')?;
        (account == self.account).then(|| id.to_owned())
    }

    /// Writes the id in the background: a stalled disk delays no heartbeat.
    fn write(&self, id: &str) {
        let (path, text) = (self.path.clone(), format!("{} {id}\n", self.account));
        tokio::task::spawn_blocking(move || {
            if let Err(error) = store::private_file::replace_unsynced(&path, text.as_bytes()) {
                tracing::debug!(%error, "heartbeat id not stored; a start after a kill waits for 16 s");
            }
        });
    }
}

/// The result of one heartbeat.
enum Sent {
    /// It was accepted.
    Taken,
    /// The venue expected another id although it had accepted our last one: another engine sends heartbeats too.
    Foreign,
    /// It was not accepted.
    Failed,
}

impl Heart {
    /// Sends heartbeats until the process ends.
    pub(crate) async fn run(mut self) {
        let mut accepted = clock::since_boot();
        let mut alive = true;
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        // The first was sent at the start.
        ticks.tick().await;
        loop {
            ticks.tick().await;
            match self.silence().await {
                Some(reason) => tracing::error!(reason, "heartbeat withheld; the venue will cancel all orders"),
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
                self.handles.inbox.account(clock::now(), InputKind::Heartbeat { alive });
            }
        }
    }

    /// Sends one. A wrong id after a lost answer is our own.
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
                tracing::warn!(%error, "heartbeat refused by the venue");
                Sent::Failed
            }
        }
    }

    /// Ends trading on an account that another engine uses: each would treat the other's orders as external.
    fn stop(&self) {
        let (now, title) = (clock::now(), "another engine trades on the account; the bot is stopped");
        self.handles.inbox.account(now, InputKind::Command(Command::Stop));
        tracing::error!("another engine sends heartbeats at the venue; stopping the bot");
        let detail = "the venue expected a heartbeat that this host did not send";
        self.handles.alerts.raise(Alert::new(now, Severity::Critical, "another_engine", title, detail));
    }

    /// Returns the reason why no heartbeat may be sent, if there is one.
    async fn silence(&self) -> Option<&'static str> {
        if self.watchdog.engine_is_lost() {
            // The watchdog sends its own.
            return Some("the watchdog cancels everything");
        }
        let seen = self.handles.latest.get().as_ref().map_or(Time(0), |view| view.at);
        if clock::now().since(seen) > PROOF_MICROS {
            return Some("the engine has stalled");
        }
        if !self.handles.picture.bot().user_channel_up {
            return Some("the user channel is down");
        }
        let synced = self.handles.journal.synced(self.handles.journal.mark());
        match tokio::time::timeout(Duration::from_micros(PROOF_MICROS), synced).await {
            Ok(Ok(())) => None,
            Ok(Err(_)) => Some("the journal has failed"),
            Err(_) => Some("the disk has stalled"),
        }
    }
}
