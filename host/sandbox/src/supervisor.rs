//! Running strategies: the folder they are dropped into, and a thread for each that runs. A slow strategy delays only itself;
//! one that fails ends alone. Whoever owns the supervisor decides what is started, and with what.

mod folder;
mod intents;
mod loading;
mod log_limit;
mod mark;
mod name;
mod queue;
mod rate;
mod refusals;
mod runner;
mod states;
mod turns;
mod unjudged;
mod wake;

use crate::instance::Usage;
use crate::module::{Module, Sandbox};
use crate::session::Session;
use crate::state::LogLine;
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
pub(crate) use runner::unsaved;
use runner::{Job, Runner};
use states::States;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use turns::Turns;
pub use unjudged::Unjudged;

/// A file of the folder that is not loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedFile {
    /// Its name, with what is not plain text escaped.
    pub file: String,
    /// Why, as a sentence.
    pub reason: String,
}

/// What the supervisor has to tell.
#[derive(Debug)]
pub enum Report {
    /// A file came or changed, was checked and compiled; start it with [`Supervisor::start`].
    Ready {
        /// The file's stem.
        name: String,
        /// The module.
        module: Module,
    },
    /// A file cannot be loaded. What ran under its name goes on.
    Rejected {
        /// The file's stem.
        name: String,
        /// Why, as a sentence.
        error: String,
    },
    /// After a file that could not be loaded the one that was loaded last is back.
    Same {
        /// The file's stem.
        name: String,
    },
    /// A file of settings beside a module came, changed or went. Those that are there at the start are told before any module.
    Settings {
        /// The file's stem.
        name: String,
        /// What it says; none if it is gone.
        text: Option<String>,
    },
    /// A file of settings is there and cannot be used: a link, unreadable, no text. Its strategy must not run as if there were none.
    SettingsUnusable {
        /// The file's stem.
        name: String,
        /// Why, as a sentence.
        error: String,
    },
    /// The files of the folder that are not loaded changed.
    Skipped {
        /// All of them, by name.
        files: Vec<SkippedFile>,
    },
    /// The folder has been gone or unreadable for some seconds. Each of its files is reported as removed next.
    FolderLost {
        /// Why, in the system's words.
        error: String,
    },
    /// The folder can be read again; its files are reported as new ones.
    FolderBack,
    /// A file is gone.
    Removed {
        /// The file's stem.
        name: String,
    },
    /// An instance took its session and hears events now.
    Started {
        /// Who.
        strategy: StrategyId,
        /// Which instance of it.
        instance: u32,
    },
    /// An instance answered a batch. The next one is shown to it when the permit beside it is dropped: once the answer is judged.
    Answer(StrategyAnswer, Unjudged),
    /// An instance did not start. The one before it goes on, under the new one's number, with what came meanwhile.
    Kept {
        /// Who.
        strategy: StrategyId,
        /// The number of the instance that did not start.
        instance: u32,
        /// Why it did not, as a sentence.
        error: String,
    },
    /// An instance gave its state: some time passed, it is being replaced, or it ends.
    Saved {
        /// Who.
        strategy: StrategyId,
        /// The file's stem.
        name: String,
        /// Which instance of it.
        instance: u32,
        /// The state; none if it is the one that was saved last.
        state: Option<Arc<[u8]>>,
    },
    /// An instance failed and is gone.
    Faulted {
        /// Who.
        strategy: StrategyId,
        /// Which instance of it.
        instance: u32,
        /// Why, as a sentence.
        error: String,
        /// Whether it counts against the strategy; it does not where this machine was too slow.
        strike: bool,
        /// Whether it was asked for its state while it ran. That comes once a minute, so a minute does not have many.
        saving: bool,
    },
    /// An instance wrote to its log.
    Log {
        /// Who.
        strategy: StrategyId,
        /// The lines, no more a second than [`Rates`](crate::Rates) has.
        lines: Vec<LogLine>,
        /// How many more there were since this was last above zero; told once a second at most.
        lost: u64,
    },
}

/// An instance that is to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The strategy's number.
    pub strategy: StrategyId,
    /// The file's stem.
    pub name: String,
    /// Which instance of it.
    pub instance: u32,
}

/// Where reports go. Called from several threads; must not wait long.
pub type Sink = Arc<dyn Fn(Report) + Send + Sync>;

/// Why there is no supervisor, or no thread for a strategy.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder is not there and cannot be made.
    #[error("the strategies folder {dir}")]
    Folder {
        /// The folder.
        dir: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The system gives no thread.
    #[error("starting a thread for strategies")]
    Thread(#[from] std::io::Error),
}

/// Owns the folder's watcher and the running strategies. A cheap handle.
#[derive(Clone)]
pub struct Supervisor {
    sandbox: Sandbox,
    sink: Sink,
    running: Arc<Mutex<BTreeMap<StrategyId, Runner>>>,
    states: States,
    turns: Turns,
    folder: Arc<Folder>,
}

impl std::fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Supervisor").field("running", &self.running).finish_non_exhaustive()
    }
}

impl Supervisor {
    /// Starts watching `dir`, which is created if missing. Every file in it is reported [`Report::Ready`] or
    /// [`Report::Rejected`], now and whenever it changes.
    ///
    /// # Errors
    /// If the folder cannot be made or there is no thread.
    pub fn open(sandbox: Sandbox, dir: PathBuf, sink: Sink) -> Result<Self, OpenError> {
        std::fs::create_dir_all(&dir).map_err(|source| OpenError::Folder { dir: dir.clone(), source })?;
        let folder = Folder::watch(sandbox.clone(), dir, Arc::clone(&sink))?;
        Ok(Self {
            sandbox,
            sink,
            running: Arc::default(),
            states: States::default(),
            turns: Turns::new(),
            folder: Arc::new(folder),
        })
    }

    /// Starts an instance from what the strategy saved last. One that runs under the same number hears what it was told before this call,
    /// gives its state and ends; should the new one not start, it goes on instead ([`Report::Kept`]). Returns at once: the instance
    /// starts in its own thread, and hears what it is told from this call on.
    ///
    /// # Errors
    /// If there is no thread; the old instance is gone then.
    pub fn start(&self, who: Who, module: Module, session: Session) -> Result<(), OpenError> {
        let strategy = who.strategy;
        let before = self.lock().remove(&strategy);
        let (sandbox, sink, states) = (self.sandbox.clone(), Arc::clone(&self.sink), self.states.clone());
        let runner =
            Runner::start(Job { sandbox, module, session, who, sink, states, turns: self.turns.clone() }, before)?;
        self.lock().insert(strategy, runner);
        Ok(())
    }

    /// Tells what a strategy saved in an earlier session; its next instance starts from that if none runs now.
    pub fn restore(&self, strategy: StrategyId, state: &[u8]) {
        self.states.keep(strategy, state);
    }

    /// Ends a strategy after the call that is under way, and has it give its state. Its last answers may still be reported.
    pub fn stop(&self, strategy: StrategyId) {
        // It stays here: whoever comes next waits for its state.
        if let Some(runner) = self.lock().get(&strategy) {
            runner.end();
        }
    }

    /// Makes a strategy's instance fail, as if it had failed by itself: it ends, and that counts against the strategy.
    pub fn fail(&self, strategy: StrategyId, fault: &str) {
        if let Some(runner) = self.lock().get(&strategy) {
            runner.queue().fail(fault);
        }
    }

    /// Returns the way in which changes in the folder are noticed now. Cheap: may be called for each request.
    pub fn watch_kind(&self) -> WatchKind {
        self.folder.watch_kind()
    }

    /// Returns what a strategy used after its last call; none if it does not run.
    pub fn usage(&self, strategy: StrategyId) -> Option<Usage> {
        self.lock().get(&strategy).map(Runner::usage)
    }

    /// Tells a strategy about a market. If it lags, a later top of a token replaces an earlier one.
    pub fn notify_market(&self, strategy: StrategyId, note: MarketNote) {
        if let Some(runner) = self.lock().get(&strategy) {
            runner.queue().market(note);
        }
    }

    /// Tells a strategy what concerns it alone. Never dropped: a strategy that lags too far fails.
    pub fn notify_own(&self, strategy: StrategyId, at: Time, event: OwnEvent) {
        if let Some(runner) = self.lock().get(&strategy) {
            runner.queue().own(at, event);
        }
    }

    /// Ends the watcher and all strategies, and waits for their threads.
    pub fn shutdown(&self) {
        self.folder.end();
        let running = std::mem::take(&mut *self.lock());
        // All are told first, so that they end side by side.
        running.values().for_each(Runner::end);
        running.into_values().for_each(Runner::join);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<StrategyId, Runner>> {
        self.running.lock()
    }
}
