//! All alert channels. Each has its own queue and sender, so that a slow or failed channel delays no other.

use super::delivery::{Outcome, Route, WebhookClient};
use super::email::EmailClient;
use super::ntfy::NtfyClient;
use super::payload::Bot;
use super::queue::{Enqueued, Post};
use super::recent::Recent;
use super::telegram::TelegramClient;
use super::{Alert, Figures, Settings, Severity, Shared, sender};
use model::Time;
use parking_lot::{Mutex, MutexGuard};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};

/// The channels and the list of alerts.
#[derive(Debug)]
pub(super) struct Hub {
    channels: Vec<Arc<Shared>>,
    recent: Mutex<Recent>,
    level: Severity,
}

/// Delivers one alert at once over each channel, without a queue: for commands that exit afterwards. Returns the
/// channels with their hosts and outcomes.
///
/// # Errors
/// If an HTTP client cannot be built.
pub async fn send_once(
    settings: &Settings,
    bot: &Bot,
    alert: &Alert,
) -> anyhow::Result<Vec<(&'static str, String, Outcome)>> {
    let post = Post { alert: alert.clone(), tries: 0, count: 1, missed: 0 };
    let mut answers = Vec::new();
    for (channel, place, route) in routes(settings)? {
        answers.push((channel, place, route.deliver(bot, &post).await));
    }
    Ok(answers)
}

/// Returns each channel with the part of its address that may be shown. Each Telegram chat is a channel.
fn routes(settings: &Settings) -> anyhow::Result<Vec<(&'static str, String, Route)>> {
    let mut routes = Vec::new();
    if let Some(webhook) = &settings.webhook {
        routes.push(("webhook", webhook.to_string(), Route::Webhook(WebhookClient::new(webhook)?)));
    }
    if let Some(telegram) = &settings.telegram {
        let client = TelegramClient::new(telegram)?;
        let chats = telegram.chats.iter();
        routes.extend(chats.map(|chat| ("telegram", format!("chat {chat}"), Route::Telegram(client.clone(), *chat))));
    }
    if let Some(ntfy) = &settings.ntfy {
        let host = ntfy.server().host_str().unwrap_or_default().to_owned();
        routes.push(("ntfy", host, Route::Ntfy(NtfyClient::new(ntfy)?)));
    }
    if let Some(email) = &settings.email {
        routes.push(("email", email.server().to_string(), Route::Email(EmailClient::new(email)?)));
    }
    Ok(routes)
}

impl Hub {
    pub(super) fn start(settings: &Settings, bot: &Bot, clock: fn() -> Time) -> anyhow::Result<Self> {
        let channels = routes(settings)?.into_iter().map(|(channel, _, route)| {
            let shared = Arc::new(Shared {
                channel,
                quiet: settings.quiet,
                clock,
                waiting: Mutex::default(),
                figures: Mutex::default(),
                wake_critical: Notify::new(),
                wake_other: Notify::new(),
                closing: watch::channel(false).0,
                began: Instant::now(),
                task: Mutex::default(),
            });
            let task = tokio::spawn(sender::run(Arc::clone(&shared), route, bot.clone()));
            *shared.task.lock() = Some(task);
            shared
        });
        Ok(Self { channels: channels.collect(), recent: Mutex::default(), level: settings.level })
    }

    pub(super) fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock()
    }

    /// Lists an alert and sends it, unless it is below the level or acknowledged.
    pub(super) fn enqueue(&self, alert: Alert, hold: Duration) {
        let send = self.recent().add(&alert);
        if send && alert.severity >= self.level {
            self.channels.iter().for_each(|channel| channel.enqueue(alert.clone(), hold));
        }
    }

    /// Sends an alert regardless of its severity.
    pub(super) fn enqueue_always(&self, alert: &Alert) {
        self.channels.iter().for_each(|channel| channel.enqueue(alert.clone(), Duration::ZERO));
    }

    /// Withdraws a held alert from the channels that have not sent it yet; on the others its end is sent.
    pub(super) fn calm(&self, kind: &'static str, over: Alert) {
        let send = self.recent().add(&over) && over.severity >= self.level;
        for channel in &self.channels {
            let held = channel.waiting().calm(kind, &over.subject);
            if !held && send {
                channel.enqueue(over.clone(), Duration::ZERO);
            }
        }
    }

    pub(super) fn channels(&self) -> Vec<(&'static str, Figures)> {
        let mut all: Vec<(&'static str, Figures)> = Vec::new();
        for shared in &self.channels {
            let figures = shared.all_figures();
            match all.last_mut().filter(|(channel, _)| *channel == shared.channel) {
                Some((_, sum)) => sum.add(figures),
                None => all.push((shared.channel, figures)),
            }
        }
        all
    }

    pub(super) fn figures(&self) -> Figures {
        let mut sum = Figures::default();
        for (channel, mut figures) in self.channels() {
            if channel != "webhook" && !figures.error.is_empty() {
                figures.error = format!("{channel}: {}", figures.error);
            }
            sum.add(figures);
        }
        sum
    }

    /// Sends the remaining alerts over all channels in parallel.
    pub(super) async fn close(&self, within: Duration) {
        let tasks: Vec<_> = self.channels.iter().map(|shared| (shared, shared.task.lock().take())).collect();
        self.channels.iter().for_each(|shared| {
            shared.closing.send_replace(true);
        });
        let end = tokio::time::Instant::now().checked_add(within).unwrap_or_else(tokio::time::Instant::now);
        for (shared, task) in tasks {
            let Some(mut task) = task else { continue };
            if tokio::time::timeout_at(end, &mut task).await.is_err() {
                task.abort();
                let (channel, left) = (shared.channel, shared.waiting().len());
                tracing::warn!(channel, left, "some alerts were not sent before shutdown");
            }
        }
    }
}

impl Shared {
    fn enqueue(&self, alert: Alert, hold: Duration) {
        let hold = u64::try_from(hold.as_millis()).unwrap_or(u64::MAX);
        let (now, critical) = (self.now(), alert.severity == Severity::Critical);
        let put = self.waiting().enqueue(alert, now, hold);
        if put == Enqueued::Dropped {
            let mut figures = self.figures();
            figures.dropped = figures.dropped.saturating_add(1);
        }
        if critical { self.wake_critical.notify_one() } else { self.wake_other.notify_one() }
    }

    fn all_figures(&self) -> Figures {
        let figures = self.figures().clone();
        let queue = self.waiting();
        let count = |alerts: usize| u64::try_from(alerts).unwrap_or(u64::MAX);
        let (waiting, retrying) = (count(queue.len()), count(queue.retrying()));
        let held_s = queue.held_for(self.now()).div_ceil(1_000);
        Figures { configured: true, waiting, retrying, held_s, ..figures }
    }
}

impl Figures {
    fn add(&mut self, other: Self) {
        self.configured |= other.configured;
        self.sent = self.sent.saturating_add(other.sent);
        self.failed = self.failed.saturating_add(other.failed);
        self.dropped = self.dropped.saturating_add(other.dropped);
        self.waiting = self.waiting.saturating_add(other.waiting);
        self.retrying = self.retrying.saturating_add(other.retrying);
        self.held_s = self.held_s.max(other.held_s);
        if self.error.is_empty() {
            self.error = other.error;
        }
    }
}
