//! Operator alerts, delivered over all configured channels within seconds. Raising an alert never blocks: it enters a bounded queue,
//! repeats are folded, and a background task delivers it. Nothing here affects trading. Start reading in [`Alerts`];
//! `rules` maps engine records to alerts, `queue` holds them, `sender` delivers them.

mod dead_man;
mod delivery;
mod email;
mod http;
mod hub;
mod ntfy;
mod payload;
mod queue;
mod quiet;
mod recent;
mod rules;
mod sender;
pub mod telegram;
#[cfg(test)]
mod tests;
mod webhook;

pub use dead_man::DeadMan;
pub use email::{Email, SmtpServer, mailboxes};
use hub::Hub;
pub use hub::send_once;
pub use ntfy::Ntfy;
pub use payload::Bot;
pub use quiet::{Minute, QuietHours};
pub use recent::{Acknowledgement, ListedAlert};
use rules::AlertEvent;
pub use rules::RecordAlerts;
pub use telegram::Telegram;
pub use webhook::Webhook;

pub use delivery::Outcome;
use model::Time;
use model::hex;
use parking_lot::{Mutex, MutexGuard};
use queue::AlertQueue;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// Time limit for sending the remaining alerts when the host ends.
pub const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// Severity of an alert, in ascending order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// For information.
    Info,
    /// Needs attention: something was rejected, or trades less than it should.
    #[default]
    Warning,
    /// Trading stopped, or there is a problem with the funds.
    Critical,
}

impl Severity {
    /// The values of the configuration key, in ascending order.
    pub const WORDS: [&str; 3] = ["info", "warning", "critical"];

    /// Returns the name of the severity.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// Parses the name of a severity.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Info, Self::Warning, Self::Critical].into_iter().find(|severity| severity.as_str() == word)
    }
}

/// An alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// The time of the event.
    pub(crate) at: Time,
    /// The severity.
    pub(crate) severity: Severity,
    /// The kind, as a single word for programs.
    pub(crate) kind: &'static str,
    /// The subject: alerts of the same kind and subject are folded.
    pub(crate) subject: String,
    /// The strategy that it is about; empty if none.
    pub(crate) strategy: String,
    /// The event, for people.
    pub(crate) title: String,
    /// The reason with numbers, and what to do.
    pub(crate) detail: String,
}

impl Alert {
    /// Returns an alert about the whole host.
    pub fn new(at: Time, severity: Severity, kind: &'static str, title: &str, detail: &str) -> Self {
        let (title, detail) = (title.to_owned(), detail.to_owned());
        Self { at, severity, kind, subject: String::new(), strategy: String::new(), title, detail }
    }

    /// Returns the alert with a strategy as its subject.
    pub(crate) fn about(self, strategy: &str) -> Self {
        Self { subject: strategy.to_owned(), strategy: strategy.to_owned(), ..self }
    }
}

/// Configuration of alerts.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The webhook.
    pub webhook: Option<Webhook>,
    /// Minimum severity of alerts that are sent.
    pub level: Severity,
    /// The Telegram bot.
    pub telegram: Option<Telegram>,
    /// The ntfy topic.
    pub ntfy: Option<Ntfy>,
    /// E-mail.
    pub email: Option<Email>,
    /// The hours in which all but critical alerts wait.
    pub quiet: Option<QuietHours>,
    /// The minute of the day at which a summary is sent.
    pub summary_at: Option<Minute>,
    /// The dead man's switch, which gets pings while the host is healthy.
    pub dead_man: Option<DeadMan>,
}

/// Counts of alerts since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// True if a channel is configured. Without one, no alert is sent.
    pub configured: bool,
    /// Alerts accepted by a channel.
    pub sent: u64,
    /// Alerts rejected by a channel, or not accepted before the host ended.
    pub failed: u64,
    /// Alerts dropped because the queue was full.
    pub dropped: u64,
    /// Alerts in the queue.
    pub waiting: u64,
    /// Queued alerts that were already tried.
    pub retrying: u64,
    /// Remaining seconds for which all but critical alerts are held back at a channel's request.
    pub held_s: u64,
    /// Reason why the last delivery failed; empty if it succeeded.
    pub error: String,
}

/// State shared by the handles and the sender of one channel.
#[derive(Debug)]
struct Shared {
    /// The name of the channel: `webhook`, `telegram`, `ntfy` or `email`.
    channel: &'static str,
    quiet: Option<QuietHours>,
    clock: fn() -> Time,
    waiting: Mutex<AlertQueue>,
    figures: Mutex<Figures>,
    wake_critical: Notify,
    wake_other: Notify,
    closing: watch::Sender<bool>,
    began: Instant,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Shared {
    /// Returns the milliseconds since the start.
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Returns the remaining time of the quiet hours, if they apply now.
    fn quiet_rest(&self) -> Option<Duration> {
        self.quiet.and_then(|quiet| quiet.rest((self.clock)()))
    }

    fn waiting(&self) -> MutexGuard<'_, AlertQueue> {
        self.waiting.lock()
    }

    fn figures(&self) -> MutexGuard<'_, Figures> {
        self.figures.lock()
    }
}

/// Accepts alerts. A cheap handle; without a webhook it discards them.
#[derive(Debug, Clone, Default)]
pub struct Alerts {
    hub: Option<Arc<Hub>>,
}

impl Alerts {
    /// Starts the senders of all channels on the current runtime. `clock` is the wall clock.
    ///
    /// # Errors
    /// If an HTTP client cannot be built.
    pub fn start(settings: &Settings, bot: &Bot, clock: fn() -> Time) -> anyhow::Result<Self> {
        Ok(Self { hub: Some(Arc::new(Hub::start(settings, bot, clock)?)) })
    }

    /// Returns true if alerts are listed or delivered.
    pub(crate) const fn is_on(&self) -> bool {
        self.hub.is_some()
    }

    /// Queues an alert for delivery. Never blocks.
    pub fn raise(&self, alert: Alert) {
        self.enqueue(alert, Duration::ZERO);
    }

    /// Sends an alert that was requested, such as a summary, regardless of the configured level.
    pub fn send_always(&self, alert: Alert) {
        if let Some(hub) = &self.hub {
            hub.enqueue_always(&alert);
        }
    }

    /// Processes an alert event derived from an engine record.
    fn on_event(&self, fact: AlertEvent) {
        match fact {
            AlertEvent::Raise(alert) => self.raise(alert),
            AlertEvent::Hold(alert, for_) => self.enqueue(alert, for_),
            AlertEvent::Calm { kind, over } => {
                // Unless the alert was withdrawn, its end is reported.
                if let Some(hub) = &self.hub {
                    hub.calm(kind, over);
                }
            }
        }
    }

    fn enqueue(&self, alert: Alert, hold: Duration) {
        if let Some(hub) = &self.hub {
            hub.enqueue(alert, hold);
        }
    }

    /// Returns the counts so far, over all channels.
    pub fn figures(&self) -> Figures {
        self.hub.as_ref().map(|hub| hub.figures()).unwrap_or_default()
    }

    /// Returns the counts so far, for each kind of configured channel.
    pub fn channels(&self) -> Vec<(&'static str, Figures)> {
        self.hub.as_ref().map(|hub| hub.channels()).unwrap_or_default()
    }

    /// Returns the latest alerts, newest first.
    pub fn list(&self, now: Time) -> Vec<ListedAlert> {
        self.hub.as_ref().map(|hub| hub.recent().list(now)).unwrap_or_default()
    }

    /// Acknowledges the alert of that number until then: repeats are counted and not sent. Returns the acknowledgement to
    /// store for a restart, or none if there is no such alert.
    pub fn acknowledge(&self, id: u64, who: &str, until: Time) -> Option<Acknowledgement> {
        let hub = self.hub.as_ref()?;
        let mut recent = hub.recent();
        let listed = recent.find(id)?;
        let (kind, subject, severity) = (listed.kind.to_owned(), listed.subject.clone(), listed.severity);
        let ack = Acknowledgement { kind, subject, severity, who: who.to_owned(), until };
        recent.acknowledge(ack.clone());
        Some(ack)
    }

    /// Restores acknowledgements from before a restart.
    pub fn restore(&self, acknowledgements: impl IntoIterator<Item = Acknowledgement>) {
        if let Some(hub) = &self.hub {
            let mut recent = hub.recent();
            acknowledgements.into_iter().for_each(|ack| recent.acknowledge(ack));
        }
    }

    /// Sends the remaining alerts within a time limit, and ends the sender.
    pub async fn close(&self, within: Duration) {
        if let Some(hub) = &self.hub {
            hub.close(within).await;
        }
    }
}

/// An incident of a strategy that an operator should know about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StrategyIncident {
    /// The strategy failed too often and stays stopped.
    Quarantined,
    /// The strategy failed and is restarted.
    Restarted,
    /// Its file cannot be loaded.
    Unloadable,
    /// A version of it failed to start.
    NotStarted,
    /// Its settings file is invalid.
    Settings,
    /// A version of it is waiting to be armed.
    Unarmed([u8; 32]),
}

impl StrategyIncident {
    /// Returns the alert for the incident. `runs` is true if a version of the strategy is still running.
    pub fn alert(&self, at: Time, strategy: &str, runs: bool, why: &str) -> Alert {
        let goes_on = if runs { "; the previous version keeps running" } else { "; no version is running" };
        let (severity, kind, title) = match self {
            Self::Quarantined => {
                (Severity::Critical, "strategy_quarantined", "is quarantined: its orders are cancelled")
            }
            Self::Restarted => (Severity::Warning, "strategy_restarted", "failed and restarts from its saved state"),
            Self::Unloadable => (Severity::Warning, "version_refused", "has a file that cannot be loaded"),
            Self::NotStarted => (Severity::Warning, "version_refused", "has a version that failed to start"),
            Self::Settings => (Severity::Warning, "settings_refused", "has invalid settings"),
            Self::Unarmed(_) => (Severity::Info, "version_unarmed", "has a version waiting to be armed"),
        };
        let detail = match self {
            Self::Quarantined => {
                format!("{why}; it stays stopped until its file changes or `strategy enable {strategy}` is run")
            }
            Self::Restarted => why.to_owned(),
            Self::Unloadable | Self::NotStarted | Self::Settings => format!("{why}{goes_on}"),
            Self::Unarmed(hash) => format!("{}{goes_on}; `polytrader strategy arm {strategy}`", hex::encode(hash)),
        };
        Alert::new(at, severity, kind, &format!("{strategy} {title}"), &detail).about(strategy)
    }
}
