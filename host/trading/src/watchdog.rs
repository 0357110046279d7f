//! The watchdog, the host's last resort. If the engine thread dies or stalls, it locks the signer and cancels
//! everything at the venue, on its own thread, runtime and connections: it uses neither the engine, its inbox and
//! locks, nor the read model or the database. Only a restart releases the lock.

mod pulse;
mod takeover;

pub(crate) use pulse::{Beat, Pulse};
pub(crate) use takeover::Phase;

use alerts::{Alert, Alerts, Severity};
use control::service_manager::{Feeder, ServiceManager};
use control::{LastResort, clock};
use polymarket::AccountClient;
use pulse::{Engine, Silence};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Thread;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The interval between checks of the engine.
const LOOK: Duration = Duration::from_millis(100);
/// Time that the rest of the host has for an orderly end after a takeover, before the process is terminated.
const END_WITHIN: Duration = Duration::from_secs(45);

/// The longest time that a host takes to end by itself once its engine is lost and the venue responds.
pub const ENDS_WITHOUT_ENGINE_WITHIN: Duration =
    pulse::SILENT_AFTER.saturating_add(takeover::EMPTY_WITHIN).saturating_add(END_WITHIN);

/// The reason for a takeover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// The engine's thread panicked.
    Dead,
    /// The engine completed no round for two seconds.
    Silent,
    /// The engine did not answer an operator's emergency stop.
    Asked,
}

impl Cause {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Dead => "the engine thread panicked",
            Self::Silent => "the engine completed no round for 2 s",
            Self::Asked => "the engine did not answer an emergency stop",
        }
    }
}

/// The resources of the watchdog.
pub(crate) struct Means {
    /// Locks the signer until it is restarted. It must not wait for anything in this process.
    pub(crate) lock_signer: Box<dyn Fn() -> io::Result<()> + Send>,
    /// A client that shares no connections, rates or locks with any other; `None` in paper mode, where no order is open
    /// at the venue.
    pub(crate) venue: Option<AccountClient>,
    /// The queue of alerts, used after the takeover.
    pub(crate) alerts: Alerts,
    /// True if heartbeats are sent to the venue.
    pub(crate) heartbeat: bool,
}

/// A cheap handle on the watchdog.
#[derive(Debug, Clone)]
pub(crate) struct Watchdog {
    pulse: Pulse,
    asked: Arc<AtomicBool>,
    phase: watch::Receiver<Phase>,
    thread: Thread,
}

impl Watchdog {
    /// Starts the watchdog's thread. It ends when the engine thread has ended in order.
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub(crate) fn start(pulse: Pulse, means: Means) -> io::Result<Self> {
        let (announce, phase) = watch::channel(Phase::Watching);
        let asked = Arc::new(AtomicBool::new(false));
        let feeder = ServiceManager::of_this_process().feeder();
        let dog = Dog { pulse: pulse.clone(), asked: Arc::clone(&asked), phase: announce, means, feeder };
        let thread = std::thread::Builder::new().name("watchdog".to_owned()).spawn(move || dog.watch())?;
        Ok(Self { pulse, asked, phase, thread: thread.thread().clone() })
    }

    /// Returns true if the host acts without its engine, which died or stalled.
    pub(crate) fn engine_is_lost(&self) -> bool {
        *self.phase.borrow() != Phase::Watching && self.pulse.engine() != Engine::Closed
    }

    /// Waits until the takeover is over; returns its last phase.
    pub(crate) async fn takeover_ended(&self) -> Phase {
        let mut phase = self.phase.clone();
        // The sender lives as long as the watchdog's thread, which ends the process after a takeover.
        phase.wait_for(|phase| phase.is_over()).await.map_or(Phase::Watching, |phase| *phase)
    }

    /// Waits until the engine is lost.
    pub(crate) async fn engine_lost(&self) {
        let mut phase = self.phase.clone();
        if phase.wait_for(|phase| *phase != Phase::Watching).await.is_err() {
            // The engine ended in order.
            std::future::pending::<()>().await;
        }
    }
}

impl LastResort for Watchdog {
    fn cancel_everything(&self) {
        self.asked.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// The state of the watchdog's thread.
struct Dog {
    pulse: Pulse,
    asked: Arc<AtomicBool>,
    phase: watch::Sender<Phase>,
    means: Means,
    /// Feeds the service manager's watchdog, if there is one.
    feeder: Feeder,
}

impl Dog {
    fn watch(mut self) {
        self.pulse.wake_on_death(std::thread::current());
        let started = Instant::now();
        let mut silence = Silence::default();
        loop {
            std::thread::park_timeout(LOOK);
            let rounds = self.pulse.rounds();
            self.feeder.feed(rounds);
            let silent = silence.check(started.elapsed(), rounds);
            let cause = match self.pulse.engine() {
                Engine::Closed => return,
                Engine::Dead => Cause::Dead,
                Engine::Running if silent => Cause::Silent,
                Engine::Running if self.asked.swap(false, Ordering::AcqRel) => Cause::Asked,
                Engine::Running => continue,
            };
            self.take_over(cause);
            if cause == Cause::Asked {
                // The engine may only be slow; if it has stalled, the next checks find out.
                continue;
            }
            std::thread::sleep(END_WITHIN);
            tracing::error!("orderly end failed after the engine was lost; terminating the process");
            std::process::exit(1);
        }
    }

    /// Locks the signer and cancels everything: the lock signal is sent and the cancel is under way before anything is
    /// logged.
    fn take_over(&self, cause: Cause) {
        let locked = (self.means.lock_signer)();
        let announce = |phase| {
            if cause != Cause::Asked {
                self.phase.send_replace(phase);
            }
        };
        announce(Phase::Cancelling);
        let venue = self.means.venue.as_ref();
        let report = || self.report(cause, &locked);
        let end = match venue {
            // The host's own heartbeats continue if the engine is running.
            Some(venue) => takeover::run(venue, self.means.heartbeat && cause != Cause::Asked, report),
            None => {
                report();
                Phase::Empty
            }
        };
        announce(end);
        let title = match end {
            Phase::Empty => "the host cancelled everything without its engine",
            _ => "ORDERS MAY BE OPEN: the venue did not confirm that none is",
        };
        tracing::error!(cause = cause.as_str(), ?end, "watchdog takeover ended; restart to release the signer");
        self.alert("engine_lost_end", title, "restart the host when the cause is known");
    }

    fn report(&self, cause: Cause, locked: &io::Result<()>) {
        tracing::error!(cause = cause.as_str(), "engine lost; locking the signer and cancelling everything");
        self.alert("engine_lost", "the host cancels everything without its engine", cause.as_str());
        if let Err(error) = locked {
            tracing::error!(%error, "locking the signer failed");
            self.alert("signer_lock", "the signer is NOT locked", &error.to_string());
        }
    }

    fn alert(&self, kind: &'static str, title: &str, detail: &str) {
        self.means.alerts.raise(Alert::new(clock::now(), Severity::Critical, kind, title, detail));
    }
}

impl std::fmt::Debug for Means {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Means").field("venue", &self.venue.is_some()).finish_non_exhaustive()
    }
}
