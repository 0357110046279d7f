//! One session in typed phases: [`Venue::open`] connects, [`Opened`] has a journal and the account of the last session,
//! [`Session`] runs.
//! The modules `session::connect`, `opening`, `carry_over`, `tasks` and `shutdown` are the phases in order.

mod carry_over;
mod connect;
mod opening;
mod shutdown;
mod storage;
mod tasks;
mod unstored;
mod without_engine;

pub use connect::{ORDER_VERSIONS, Venue, VenueAddresses};
pub use opening::{Opened, past};
pub use shutdown::{Outcome, STOPS_WITHIN};

use crate::engine_thread::Ended;
use crate::handles::Handles;
use crate::orders::execution_client::ExecutionClient;
use crate::watchdog::Watchdog;
use alerts::{Alerts, CLOSE_WITHIN};
use anyhow::{Context, bail};
use control::{Control, clock};
use engine::BotState;
use model::input::{Command, Mode};
use readmodel::ReadModel;
use sandbox::Supervisor;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use store::db::Db;
use store::db::engines::Lease;

/// Time to wait for both channels before the bot is started regardless; breakers then hold it back.
const CHANNELS_WITHIN: Duration = Duration::from_secs(15);
/// Time that the database has to write pending rows.
const ROWS_WITHIN: Duration = Duration::from_secs(5);

/// Time that the journal and the strategies have to close when the engine is lost.
const CLOSED_WITHIN: Duration = Duration::from_secs(5);

/// A running session.
pub struct Session {
    started: Instant,
    mode: Mode,
    handles: Handles,
    supervisor: Supervisor,
    access: ExecutionClient,
    control: Control,
    engine: JoinHandle<Ended>,
    watchdog: Watchdog,
    /// Closed when dropped; `None` in paper mode.
    _user_channel: Option<polymarket::Feed>,
}

impl Session {
    /// Returns the trading mode.
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Returns the handle that takes commands.
    pub const fn control(&self) -> &Control {
        &self.control
    }

    /// Returns the read model.
    pub const fn read_model(&self) -> &ReadModel {
        &self.handles.picture
    }

    /// Returns the queue of alerts.
    pub const fn alerts(&self) -> &Alerts {
        &self.handles.alerts
    }

    /// Returns the database.
    pub const fn db(&self) -> &Db {
        &self.handles.db
    }

    /// Returns the client of the signer process.
    pub const fn signer(&self) -> &Arc<signer::Client> {
        &self.handles.signer
    }

    /// Returns the supervisor, which reports how the strategies folder is watched.
    pub const fn supervisor(&self) -> &Supervisor {
        &self.supervisor
    }

    /// Returns true if the engine is lost: its thread ended, or it stalled and the watchdog has cancelled everything.
    pub fn engine_is_lost(&self) -> bool {
        self.engine.is_finished() || self.watchdog.engine_is_lost()
    }

    /// Starts the bot when both channels are up.
    pub async fn start_bot(&self) {
        let asked = Instant::now();
        loop {
            let bot = self.handles.picture.bot();
            if (bot.market_channel_up && bot.user_channel_up) || asked.elapsed() > CHANNELS_WITHIN {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if let Err(error) = self.control.command(Command::Start).await {
            tracing::warn!(%error, "start refused; the bot stays STOPPED");
        }
    }

    /// Brings the bot into the state in which operators left it in the last session. A pause follows its start before
    /// any strategy is called.
    pub async fn resume_bot(&self, left: BotState) {
        match left {
            BotState::Stopped => {}
            BotState::Running => self.start_bot().await,
            BotState::Paused => {
                let (started, paused) =
                    tokio::join!(self.control.command(Command::Start), self.control.command(Command::Pause));
                if let Err(error) = started.and(paused) {
                    tracing::warn!(%error, "pause refused; the bot stays STOPPED");
                }
            }
        }
    }

    /// Stops the bot, checks the account, closes everything in order, and releases the account's lease.
    ///
    /// # Errors
    /// If the engine is lost.
    pub async fn end(self, lease: Lease) -> anyhow::Result<Outcome> {
        if self.engine_is_lost() {
            return self.end_without_engine(lease).await;
        }
        shutdown::stop(&self.control, &self.handles.latest).await;
        if self.engine_is_lost() {
            return self.end_without_engine(lease).await;
        }
        let end = shutdown::check(&self.access, &self.handles.latest).await;
        let Self { started, mode, handles, supervisor, engine, watchdog, .. } = self;
        let Handles { inbox, alerts, journal, halts, valuations, db, .. } = handles;
        end.alert().into_iter().for_each(|alert| alerts.raise(alert));
        let closed = tokio::task::spawn_blocking(move || {
            supervisor.shutdown();
            inbox.close();
            let ended = engine.join();
            journal.close(clock::now());
            (ended, journal.failure())
        });
        let (ended, journal_failure) = tokio::select! {
            closed = closed => closed.context("closing the host")?,
            // The engine thread may never end.
            () = watchdog.engine_lost() => return without_engine::finish(&watchdog, &halts, (db, lease), &alerts).await,
        };
        let halt_stored = unstored::finish(&halts, &db, &alerts).await;
        if !valuations.are_stored(ROWS_WITHIN).await {
            tracing::error!("opening valuation not stored at session end; the next start takes it from the journal");
        }
        close(db, lease).await;
        alerts.close(CLOSE_WITHIN).await;
        let Ok(Ended { engine, counts }) = ended else { bail!("the engine thread panicked") };
        if let Some(failure) = journal_failure {
            tracing::error!(%failure, "journal failed");
        }
        Ok(Outcome::new(mode, started.elapsed(), &engine.summary(), &counts, end.with_halt(halt_stored)))
    }

    /// Ends a session whose engine is lost, after the watchdog has cancelled everything.
    async fn end_without_engine(self, lease: Lease) -> anyhow::Result<Outcome> {
        let Self { handles, supervisor, watchdog, .. } = self;
        let Handles { alerts, journal, halts, db, .. } = handles;
        // The engine thread may never release what it holds.
        let closed = tokio::task::spawn_blocking(move || {
            supervisor.shutdown();
            journal.close(clock::now());
        });
        if tokio::time::timeout(CLOSED_WITHIN, closed).await.is_err() {
            tracing::error!("journal and strategies not closed in time");
        }
        without_engine::finish(&watchdog, &halts, (db, lease), &alerts).await
    }
}

/// Releases the account's lease and closes the database.
async fn close(db: Db, lease: Lease) {
    match tokio::time::timeout(ROWS_WITHIN, lease.leave()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "releasing the account's lease failed; a start elsewhere waits"),
        Err(_) => tracing::warn!("releasing the account's lease timed out; a start elsewhere waits"),
    }
    db.close(ROWS_WITHIN).await;
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("mode", &self.mode).finish_non_exhaustive()
    }
}
