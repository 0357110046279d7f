//! Supervision of strategies: the watched folder of modules, and one thread per running strategy. A slow strategy
//! delays only itself, and a failing one ends alone. The owner of the supervisor decides which instances start, and
//! with which session.

mod call_permits;
mod file_stamp;
mod folder;
mod intents;
mod loading;
mod log_limit;
mod name;
mod queue;
mod rate;
mod refusals;
mod runner;
mod states;
mod unjudged;
mod wake;

use crate::instance::Usage;
use crate::module::{Module, Sandbox};
use crate::session::Session;
use crate::state::LogLine;
use call_permits::CallPermits;
use folder::Folder;
pub use folder::WatchKind;
pub(crate) use intents::{OVER as INTENTS_OVER, fold, only_cancels};
pub(crate) use log_limit::OVER as LOG_OVER;
use model::input::StrategyAnswer;
use model::{MarketNote, OwnEvent, StrategyId, Time};
pub use name::is_name;
use parking_lot::{Mutex, MutexGuard};
pub(crate) use queue::Item;
pub(crate) use refusals::Refusals;
pub use runner::BATCH_MAX;
pub(crate) use runner::unsaved;
use runner::{Runner, RunnerJob};
use states::States;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
pub use unjudged::Unjudged;

/// A file in the folder that is not loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedFile {
    /// The file name, with special characters escaped.
    pub file: String,
    /// The reason.
    pub reason: String,
}

/// A report from the supervisor to its owner.
#[derive(Debug)]
pub enum Report {
    /// A new or changed file was checked and compiled; start it with [`Supervisor::start`].
    Ready {
        /// The file's stem.
        name: String,
        /// The module.
        module: Module,
    },
    /// A file cannot be loaded. An instance running under its name continues.
    Rejected {
        /// The file's stem.
        name: String,
        /// The reason.
        error: String,
    },
    /// After a rejected version, the file is the last loaded version again.
    Same {
        /// The file's stem.
        name: String,
    },
    /// A module's settings file appeared, changed or was removed. Those present at the start are reported before any
    /// module.
    Settings {
        /// The file's stem.
        name: String,
        /// Its content; none if it was removed.
        text: Option<String>,
    },
    /// A settings file exists but cannot be used: it is a link, unreadable, or not text. Its strategy must not run as
    /// if there were none.
    SettingsUnusable {
        /// The file's stem.
        name: String,
        /// The reason.
        error: String,
    },
    /// The list of files that are not loaded changed.
    Skipped {
        /// All of them, by name.
        files: Vec<SkippedFile>,
    },
    /// The folder has been missing or unreadable for some seconds. Each of its files is reported as removed next.
    FolderLost {
        /// The system's error.
        error: String,
    },
    /// The folder is readable again; its files are reported as new.
    FolderBack,
    /// A file was removed.
    Removed {
        /// The file's stem.
        name: String,
    },
    /// An instance accepted its session and receives events.
    Started {
        /// The strategy's number.
        strategy: StrategyId,
        /// The instance number.
        instance: u32,
    },
    /// An instance answered a batch. It receives the next one when the permit is dropped, after the engine has
    /// processed the answer.
    Answer(StrategyAnswer, Unjudged),
    /// An instance did not start. Its predecessor continues under the new number, with the events that arrived
    /// meanwhile.
    Kept {
        /// The strategy's number.
        strategy: StrategyId,
        /// The number of the instance that did not start.
        instance: u32,
        /// The reason.
        error: String,
    },
    /// An instance saved its state: periodically, because it is replaced, or because it ends.
    Saved {
        /// The strategy's number.
        strategy: StrategyId,
        /// The file's stem.
        name: String,
        /// The instance number.
        instance: u32,
        /// The state; none if it is unchanged since the last save.
        state: Option<Arc<[u8]>>,
    },
    /// An instance failed and was dropped.
    Faulted {
        /// The strategy's number.
        strategy: StrategyId,
        /// The instance number.
        instance: u32,
        /// The reason.
        error: String,
        /// True if it counts against the strategy, which is not the case if this machine was too slow.
        strike: bool,
        /// True if it failed in a periodic save, of which there is at most one a minute.
        saving: bool,
    },
    /// An instance wrote to its log.
    Log {
        /// The strategy's number.
        strategy: StrategyId,
        /// The lines, within the per-second limits of [`Rates`](crate::Rates).
        lines: Vec<LogLine>,
        /// The number of lines discarded since it was last above zero; reported at most once a second.
        lost: u64,
    },
}

/// Identity of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceId {
    /// The strategy's number.
    pub strategy: StrategyId,
    /// The file's stem.
    pub name: String,
    /// The instance number.
    pub instance: u32,
}

/// Receiver of reports. Called from several threads; must not block for long.
pub type Sink = Arc<dyn Fn(Report) + Send + Sync>;

/// Error: starting the supervisor or a strategy's thread failed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder does not exist and cannot be created.
    #[error("creating the strategies folder {dir}")]
    Folder {
        /// The folder.
        dir: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The system cannot create a thread.
    #[error("starting a thread for strategies")]
    Thread(#[from] std::io::Error),
}

/// Owns the folder watcher and the running strategies. Cheap to clone.
#[derive(Clone)]
pub struct Supervisor {
    sandbox: Sandbox,
    sink: Sink,
    running: Arc<Mutex<BTreeMap<StrategyId, Runner>>>,
    states: States,
    turns: CallPermits,
    folder: Arc<Folder>,
}

impl std::fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Supervisor").field("running", &self.running).finish_non_exhaustive()
    }
}

impl Supervisor {
    /// Starts watching `dir`, which is created if missing. Every module in it is reported as [`Report::Ready`] or
    /// [`Report::Rejected`], now and whenever it changes.
    ///
    /// # Errors
    /// If the folder or the thread cannot be created.
    pub fn open(sandbox: Sandbox, dir: PathBuf, sink: Sink) -> Result<Self, OpenError> {
        std::fs::create_dir_all(&dir).map_err(|source| OpenError::Folder { dir: dir.clone(), source })?;
        let folder = Folder::watch(sandbox.clone(), dir, Arc::clone(&sink))?;
        Ok(Self {
            sandbox,
            sink,
            running: Arc::default(),
            states: States::default(),
            turns: CallPermits::new(),
            folder: Arc::new(folder),
        })
    }

    /// Starts an instance from the strategy's last saved state. A running instance of the same strategy first consumes
    /// the events queued before this call, saves its state and ends; if the new one does not start, it continues
    /// instead ([`Report::Kept`]). Returns at once: the instance starts in its own thread, and receives the events from
    /// this call on.
    ///
    /// # Errors
    /// If the thread cannot be created; the old instance is dropped in that case.
    pub fn start(&self, who: InstanceId, module: Module, session: Session) -> Result<(), OpenError> {
        let strategy = who.strategy;
        let before = self.lock().remove(&strategy);
        let (sandbox, sink, states) = (self.sandbox.clone(), Arc::clone(&self.sink), self.states.clone());
        let runner = Runner::start(
            RunnerJob { sandbox, module, session, who, sink, states, turns: self.turns.clone() },
            before,
        )?;
        self.lock().insert(strategy, runner);
        Ok(())
    }

    /// Sets the state that a strategy saved in an earlier session; its next instance starts from it if none is running
    /// now.
    pub fn restore(&self, strategy: StrategyId, state: &[u8]) {
        self.states.store(strategy, state);
    }

    /// Ends a strategy after its current call, and saves its state. Its last answers may still be reported.
    pub fn stop(&self, strategy: StrategyId) {
        // It stays in the map: the next instance waits for its state.
        if let Some(runner) = self.lock().get(&strategy) {
            runner.end();
        }
    }

    /// Fails a strategy's instance as if by its own fault: it ends, and that counts against the strategy.
    pub fn fail(&self, strategy: StrategyId, fault: &str) {
        if let Some(runner) = self.lock().get(&strategy) {
            runner.queue().fail(fault);
        }
    }

    /// Returns the current way of detecting changes in the folder. Cheap enough to call for each request.
    pub fn watch_kind(&self) -> WatchKind {
        self.folder.watch_kind()
    }

    /// Returns a strategy's resource usage after its last call; none if it does not run.
    pub fn usage(&self, strategy: StrategyId) -> Option<Usage> {
        self.lock().get(&strategy).map(Runner::usage)
    }

    /// Queues a market event for a strategy. If it lags, a later top of a token replaces an earlier one.
    pub fn notify_market(&self, strategy: StrategyId, note: MarketNote) {
        if let Some(runner) = self.lock().get(&strategy) {
            runner.queue().market(note);
        }
    }

    /// Queues an own event for a strategy. Own events are never dropped: a strategy that lags too far fails.
    pub fn notify_own(&self, strategy: StrategyId, at: Time, event: OwnEvent) {
        if let Some(runner) = self.lock().get(&strategy) {
            runner.queue().own(at, event);
        }
    }

    /// Ends the watcher and all strategies, and waits for their threads.
    pub fn shutdown(&self) {
        self.folder.end();
        let running = std::mem::take(&mut *self.lock());
        // All are signalled first, so that they end in parallel.
        running.values().for_each(Runner::end);
        running.into_values().for_each(Runner::join);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<StrategyId, Runner>> {
        self.running.lock()
    }
}
