//! Stores decisions that are already in effect: audit rows, tightened limits, disabled strategies. They are written in
//! the order in which they were made, each retried until the database has it.

use super::{AccountScope, AuditRow, Db, DbError, DecisionRow, STORED_WITHIN, SettingRow, TokenRow};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

/// The most decisions that wait. One more still takes effect; it is logged, counted and never stored.
const WAITING_MAX: usize = 4_096;
/// The delays before a decision is retried: the first, and the longest.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// The most names of waiting decisions that are shown.
const NAMES_MAX: usize = 8;

/// A decision to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// An action of an operator.
    Audit(AuditRow),
    /// A limit, for a mode and an account.
    Setting(AccountScope, SettingRow),
    /// A decision about a strategy, for a mode and an account.
    Strategy(AccountScope, DecisionRow),
    /// The revocation of the token with this hash.
    RevokedToken(String),
    /// The `admin.token` of a data folder.
    AdminToken(AccountScope, TokenRow),
}

impl Decision {
    /// Returns the name of the action: the path of its route.
    fn name(&self) -> String {
        match self {
            Self::Audit(row) => row.action.clone(),
            Self::Setting(_, row) => format!("config/{}", row.name),
            Self::Strategy(_, row) => format!("strategies/{}", row.name),
            Self::RevokedToken(_) => "tokens/revoke".to_owned(),
            Self::AdminToken(..) => "tokens/replace".to_owned(),
        }
    }
}

/// A position in the queue, to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket(Option<u64>);

/// Queues decisions without blocking. A cheap handle.
#[derive(Debug, Clone)]
pub struct DecisionWriter {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    waiting: Mutex<PendingDecision>,
    /// Wakes the writing task.
    wake: Notify,
    progress: watch::Sender<Progress>,
    /// The names of the waiting decisions if one is late; empty otherwise.
    late: watch::Sender<Vec<String>>,
}

#[derive(Debug, Default)]
struct PendingDecision {
    queue: VecDeque<Decision>,
    /// The number of the last queued decision.
    last: u64,
    closed: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    /// The number of the last finished decision.
    done: u64,
    /// The last one that the database refused permanently.
    refused: Option<u64>,
}

/// The result of an attempt.
enum Written {
    Stored,
    Refused,
    Closed,
}

impl DecisionWriter {
    pub(super) fn new() -> Self {
        let shared = Shared {
            waiting: Mutex::default(),
            wake: Notify::new(),
            progress: watch::channel(Progress::default()).0,
            late: watch::channel(Vec::new()).0,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Starts the writing task on the current runtime. It ends when the database is closed.
    pub(super) fn start(&self, db: Db) {
        tokio::spawn(Arc::clone(&self.shared).run(db));
    }

    /// Queues a decision after all earlier ones. Never blocks.
    pub fn write(&self, decision: Decision) -> Ticket {
        let mut waiting = self.shared.waiting.lock();
        if waiting.closed || waiting.queue.len() >= WAITING_MAX {
            drop(waiting);
            tracing::error!(?decision, limit = WAITING_MAX, "queueing a decision failed; a restart would not find it");
            return Ticket(None);
        }
        waiting.queue.push_back(decision);
        waiting.last = waiting.last.saturating_add(1);
        let ticket = Ticket(Some(waiting.last));
        drop(waiting);
        if !self.shared.late.borrow().is_empty() {
            self.shared.show_late();
        }
        self.shared.wake.notify_one();
        ticket
    }

    /// Waits until the database has a decision and all earlier ones; returns true if that happened within `time`.
    pub async fn is_stored(&self, ticket: Ticket, time: Duration) -> bool {
        let Ticket(Some(number)) = ticket else { return false };
        let mut progress = self.shared.progress.subscribe();
        let reached = timeout(time, progress.wait_for(|progress| progress.done >= number)).await;
        matches!(reached, Ok(Ok(progress)) if progress.refused != Some(number))
    }

    /// Waits until everything queued so far is finished; returns true if that happened within `time`.
    pub async fn flush(&self, time: Duration) -> bool {
        let last = self.shared.waiting.lock().last;
        let mut progress = self.shared.progress.subscribe();
        timeout(time, progress.wait_for(|progress| progress.done >= last)).await.is_ok()
    }

    /// Returns the names of the waiting decisions if one is late, as they change; empty while all are stored in time.
    pub fn late(&self) -> watch::Receiver<Vec<String>> {
        self.shared.late.subscribe()
    }

    /// Ends the task; decisions that wait are not stored.
    pub(super) fn close(&self) {
        self.shared.waiting.lock().closed = true;
        self.shared.wake.notify_one();
    }
}

impl Shared {
    async fn run(self: Arc<Self>, db: Db) {
        loop {
            let (next, closed) = {
                let waiting = self.waiting.lock();
                (waiting.queue.front().cloned(), waiting.closed)
            };
            match next {
                _ if closed => return,
                None => self.wake.notified().await,
                Some(decision) => match self.store(&db, &decision).await {
                    Written::Stored => self.done(false),
                    Written::Refused => self.done(true),
                    Written::Closed => return,
                },
            }
        }
    }

    /// Writes a decision until the database has it, or will never accept it.
    async fn store(&self, db: &Db, decision: &Decision) -> Written {
        let mut pause = PAUSE_MIN;
        loop {
            let written = write(db, decision);
            tokio::pin!(written);
            let written = match timeout(STORED_WITHIN, &mut written).await {
                Ok(written) => written,
                Err(_) => {
                    self.show_late();
                    // The statement may still complete: a second one sent now could be applied before it.
                    written.await
                }
            };
            let Err(error) = written else { return Written::Stored };
            if error.is_about_the_row() {
                tracing::error!(%error, ?decision, "decision refused by the database; not retried");
                return Written::Refused;
            }
            if self.waiting.lock().closed {
                return Written::Closed;
            }
            tracing::error!(%error, decision = decision.name(), "storing a decision failed; it is in effect, retrying");
            self.show_late();
            sleep(pause).await;
            pause = pause.saturating_mul(2).min(PAUSE_MAX);
        }
    }

    /// Removes the first decision from the queue.
    fn done(&self, refused: bool) {
        let mut waiting = self.waiting.lock();
        waiting.queue.pop_front();
        let is_empty = waiting.queue.is_empty();
        drop(waiting);
        self.progress.send_modify(|progress| {
            progress.done = progress.done.saturating_add(1);
            progress.refused = if refused { Some(progress.done) } else { progress.refused };
        });
        if !self.late.borrow().is_empty() {
            if is_empty {
                tracing::info!("decisions stored after a delay");
                self.late.send_replace(Vec::new());
            } else {
                self.show_late();
            }
        }
    }

    fn show_late(&self) {
        let mut names: Vec<String> = Vec::new();
        for decision in &self.waiting.lock().queue {
            let name = decision.name();
            if names.len() < NAMES_MAX && !names.contains(&name) {
                names.push(name);
            }
        }
        self.late.send_if_modified(|late| {
            let changed = *late != names;
            *late = names;
            changed
        });
    }
}

async fn write(db: &Db, decision: &Decision) -> Result<(), DbError> {
    match decision {
        Decision::Audit(row) => db.audit(row).await,
        Decision::Setting(scope, row) => db.set_setting(scope, row).await,
        Decision::Strategy(scope, row) => db.set_decision(scope, row).await,
        Decision::RevokedToken(hash) => db.remove_token(hash).await,
        Decision::AdminToken(scope, row) => {
            if !db.add_token(scope, row).await? {
                tracing::error!(
                    token = row.name,
                    "admin token not stored, its name is taken; the next start creates another"
                );
            }
            Ok(())
        }
    }
}
