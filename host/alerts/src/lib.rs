//! Alerts: what somebody should hear of who does not look at the page, posted to a webhook within seconds. Whoever raises one never waits:
//! it goes into a bounded queue, repeats are folded, and a task of its own sends. Nothing here acts on trading.
//! Start reading in [`Alerts`]; `facts` is what the engine's facts say, `waiting` the queue, `sender` the way out.

mod delivery;
mod payload;
mod queue;
mod rules;
mod sender;
#[cfg(test)]
mod tests;
mod webhook;

pub use payload::Bot;
use rules::Fact;
pub use rules::RecordAlerts;
pub use webhook::Webhook;

use delivery::Door;
pub use delivery::Outcome;
use model::Time;
use model::hex;
use parking_lot::{Mutex, MutexGuard};
use queue::{Post, Put, Waiting};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// How long what is left may take to leave when the host ends.
pub const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// How much an alert matters; the larger, the more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know.
    Info,
    /// Something to look at: something was refused, or trades less than it should.
    Warning,
    /// Trading stopped, or something is wrong with the money.
    Critical,
}

impl Severity {
    /// The words of the configuration, the smallest first.
    pub const WORDS: [&str; 3] = ["info", "warning", "critical"];

    /// Returns the word.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// Returns the severity of that word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Info, Self::Warning, Self::Critical].into_iter().find(|severity| severity.as_str() == word)
    }
}

/// One alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// When it happened.
    pub(crate) at: Time,
    /// How much it matters.
    pub(crate) severity: Severity,
    /// What it is, one word for programs.
    pub(crate) kind: &'static str,
    /// Whom or what it is about: alerts of one kind about one subject are folded.
    pub(crate) subject: String,
    /// The strategy that it is about, if it is about one.
    pub(crate) strategy: String,
    /// What happened, for people.
    pub(crate) title: String,
    /// Why, with numbers, and what to do.
    pub(crate) detail: String,
}

impl Alert {
    /// Returns an alert about the whole host.
    pub fn new(at: Time, severity: Severity, kind: &'static str, title: &str, detail: &str) -> Self {
        let (title, detail) = (title.to_owned(), detail.to_owned());
        Self { at, severity, kind, subject: String::new(), strategy: String::new(), title, detail }
    }

    /// Returns the alert as one about a strategy.
    pub(crate) fn about(self, strategy: &str) -> Self {
        Self { subject: strategy.to_owned(), strategy: strategy.to_owned(), ..self }
    }
}

/// Delivers one alert at once, without a queue: for commands that end right after.
///
/// # Errors
/// If no client can be built.
pub async fn send_once(webhook: &Webhook, bot: &Bot, alert: Alert) -> anyhow::Result<Outcome> {
    let post = Post { alert, tries: 0, count: 1, missed: 0 };
    Ok(Door::new(webhook)?.post(&payload::body(bot, &post)).await)
}

/// What is configured.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where alerts go; nowhere if nobody said.
    pub webhook: Option<Webhook>,
    /// What matters less is not sent.
    pub level: Severity,
}

/// The counts of alerts since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Whether a webhook is configured. Without one, no alert is sent.
    pub configured: bool,
    /// Alerts that the webhook took.
    pub sent: u64,
    /// Alerts that the webhook refused, or had not taken when the host ended.
    pub failed: u64,
    /// Alerts for which there was no room.
    pub dropped: u64,
    /// Alerts in the queue.
    pub waiting: u64,
    /// Those of them that were tried already.
    pub retrying: u64,
    /// For how many seconds yet all but critical alerts wait because the webhook asked for it.
    pub held_s: u64,
    /// Why the last one has not got through; empty if it did.
    pub error: String,
}

/// What the handles and the sender share.
#[derive(Debug)]
struct Shared {
    waiting: Mutex<Waiting>,
    figures: Mutex<Figures>,
    wake_critical: Notify,
    wake_other: Notify,
    closing: watch::Sender<bool>,
    began: Instant,
    level: Severity,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Shared {
    /// Milliseconds since the start.
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock()
    }

    fn figures(&self) -> MutexGuard<'_, Figures> {
        self.figures.lock()
    }
}

/// Takes alerts. A cheap handle; one that is not configured takes them and does nothing.
#[derive(Debug, Clone, Default)]
pub struct Alerts {
    shared: Option<Arc<Shared>>,
}

impl Alerts {
    /// Starts the sender on this runtime, if there is a webhook.
    ///
    /// # Errors
    /// If no client can be built.
    pub fn start(settings: &Settings, bot: Bot) -> anyhow::Result<Self> {
        let Some(webhook) = &settings.webhook else { return Ok(Self::default()) };
        let door = Door::new(webhook)?;
        let shared = Arc::new(Shared {
            waiting: Mutex::default(),
            figures: Mutex::default(),
            wake_critical: Notify::new(),
            wake_other: Notify::new(),
            closing: watch::channel(false).0,
            began: Instant::now(),
            level: settings.level,
            task: Mutex::default(),
        });
        let task = tokio::spawn(sender::run(Arc::clone(&shared), door, bot));
        *shared.task.lock() = Some(task);
        Ok(Self { shared: Some(shared) })
    }

    /// Says whether alerts go anywhere.
    pub(crate) const fn is_on(&self) -> bool {
        self.shared.is_some()
    }

    /// Sends an alert, soon. Never waits.
    pub fn raise(&self, alert: Alert) {
        self.put(alert, Duration::ZERO);
    }

    /// Does what a fact of the engine asks for.
    fn tell(&self, fact: Fact) {
        match fact {
            Fact::Raise(alert) => self.raise(alert),
            Fact::Hold(alert, for_) => self.put(alert, for_),
            Fact::Calm { kind, over } => {
                let held = self.shared.as_ref().is_some_and(|shared| shared.waiting().calm(kind, &over.subject));
                // Nobody heard of what is over.
                if !held {
                    self.raise(over);
                }
            }
        }
    }

    fn put(&self, alert: Alert, hold: Duration) {
        let Some(shared) = self.shared.as_ref().filter(|shared| alert.severity >= shared.level) else { return };
        let hold = u64::try_from(hold.as_millis()).unwrap_or(u64::MAX);
        let (now, critical) = (shared.now(), alert.severity == Severity::Critical);
        let put = shared.waiting().put(alert, now, hold);
        if put == Put::Dropped {
            let mut figures = shared.figures();
            figures.dropped = figures.dropped.saturating_add(1);
        }
        if critical { shared.wake_critical.notify_one() } else { shared.wake_other.notify_one() }
    }

    /// Returns what became of alerts so far.
    pub fn figures(&self) -> Figures {
        let Some(shared) = &self.shared else { return Figures::default() };
        let figures = shared.figures().clone();
        let queue = shared.waiting();
        let count = |alerts: usize| u64::try_from(alerts).unwrap_or(u64::MAX);
        let (waiting, retrying) = (count(queue.len()), count(queue.retrying()));
        let held_s = queue.held_for(shared.now()).div_ceil(1_000);
        Figures { configured: true, waiting, retrying, held_s, ..figures }
    }

    /// Sends what is left, as far as that takes no longer than this, and ends.
    pub async fn close(&self, within: Duration) {
        let Some(shared) = &self.shared else { return };
        let task = shared.task.lock().take();
        shared.closing.send_replace(true);
        let Some(mut task) = task else { return };
        if tokio::time::timeout(within, &mut task).await.is_err() {
            task.abort();
            let left = shared.waiting().len();
            tracing::warn!(left, "some alerts were not sent before the end");
        }
    }
}

/// A strategy did something that somebody should hear of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// It failed too often and stays down.
    Quarantined,
    /// It failed and starts again.
    Restarted,
    /// Its file cannot be loaded.
    Unloadable,
    /// A version of it did not start.
    NotStarted,
    /// Its file of settings does not fit.
    Settings,
    /// A version of it waits to be armed.
    Unarmed([u8; 32]),
}

impl Trouble {
    /// Returns the alert. `runs` says whether something of it goes on.
    pub fn alert(&self, at: Time, strategy: &str, runs: bool, why: &str) -> Alert {
        let goes_on = if runs { "; what ran before goes on" } else { "; nothing of it runs" };
        let (severity, kind, title) = match self {
            Self::Quarantined => {
                (Severity::Critical, "strategy_quarantined", "is quarantined: its orders are cancelled")
            }
            Self::Restarted => (Severity::Warning, "strategy_restarted", "failed and starts again from its state"),
            Self::Unloadable => (Severity::Warning, "version_refused", "has a file that cannot be loaded"),
            Self::NotStarted => (Severity::Warning, "version_refused", "has a version that did not start"),
            Self::Settings => (Severity::Warning, "settings_refused", "has settings that do not fit"),
            Self::Unarmed(_) => (Severity::Info, "version_unarmed", "has a version that waits to be armed"),
        };
        let detail = match self {
            Self::Quarantined => format!("{why}; it stays down until its file changes or `strategy enable {strategy}`"),
            Self::Restarted => why.to_owned(),
            Self::Unloadable | Self::NotStarted | Self::Settings => format!("{why}{goes_on}"),
            Self::Unarmed(hash) => format!("{}{goes_on}; `polytrader strategy arm {strategy}`", hex::encode(hash)),
        };
        Alert::new(at, severity, kind, &format!("{strategy} {title}"), &detail).about(strategy)
    }
}
