//! Commands from the chats of a Telegram bot. They call the handlers of the REST routes, with the same audit, as an admin
//! named after the chat. A command that was sent before this host began to listen, or more than 60 s ago by Telegram's
//! clock, is answered and not executed, so that a queued stop or start never acts after a restart.
//! Start reading in `Listener::run`; `commands` executes commands, `answers` has the texts.

mod answers;
mod commands;

use crate::state::AppState;
use alerts::telegram::{ChatMessage, TelegramClient, TelegramError, Updates};
use alerts::{Alert, Outcome, Severity, Telegram};
pub use commands::Reload;
use commands::{Command, Commands};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Maximum age of a command, in seconds.
const FRESH_S: u64 = 60;
/// Maximum time for which Telegram holds a request open without a message.
const POLL: Duration = Duration::from_secs(25);
/// Maximum number of queued commands.
const WAITING_MAX: usize = 16;
/// Minimum interval between alerts of the same kind.
const ALERT_EVERY: Duration = Duration::from_secs(3_600);
/// Pauses after a failed request.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);
const CONFLICT_PAUSE: Duration = Duration::from_secs(10);
/// Pause before the second and last attempt to send an answer.
const AGAIN: Duration = Duration::from_secs(2);

/// A queued command.
#[derive(Debug)]
struct QueuedCommand {
    chat: i64,
    sender: String,
    command: Command,
    /// The time at which it is too old.
    until: Instant,
}

/// Limits an alert to one per hour.
#[derive(Debug, Default)]
struct Hourly(Option<Instant>);

impl Hourly {
    fn is_due(&mut self, now: Instant) -> bool {
        let due = self.0.is_none_or(|last| now.duration_since(last) >= ALERT_EVERY);
        if due {
            self.0 = Some(now);
        }
        due
    }
}

/// Receives messages and queues their commands.
struct Listener {
    app: AppState,
    client: TelegramClient,
    chats: Vec<i64>,
    commands: Arc<Commands>,
    jobs: mpsc::Sender<QueuedCommand>,
    /// The number of the next update.
    offset: i64,
    /// Telegram's time of the first response, in seconds: earlier messages are from before the start.
    began_s: Option<u64>,
    strangers: Hourly,
    conflict: Hourly,
    refused: Hourly,
}

/// Starts to listen on the current runtime, if the bot accepts commands.
///
/// # Errors
/// If the HTTP client cannot be built.
pub fn start(parts: &AppState, telegram: &Telegram, reload: Reload) -> anyhow::Result<Option<JoinHandle<()>>> {
    if !telegram.commands {
        return Ok(None);
    }
    let client = TelegramClient::new(telegram)?;
    let commands = Arc::new(Commands::new(AppState::clone(parts), reload));
    let (jobs, waiting) = mpsc::channel(WAITING_MAX);
    tokio::spawn(work(waiting, Arc::clone(&commands), client.clone()));
    let listener = Listener {
        app: AppState::clone(parts),
        client,
        chats: telegram.chats.clone(),
        commands,
        jobs,
        offset: 0,
        began_s: None,
        strangers: Hourly::default(),
        conflict: Hourly::default(),
        refused: Hourly::default(),
    };
    Ok(Some(tokio::spawn(listener.run())))
}

/// Executes commands one at a time, except emergency stops.
async fn work(mut waiting: mpsc::Receiver<QueuedCommand>, commands: Arc<Commands>, client: TelegramClient) {
    while let Some(job) = waiting.recv().await {
        let text = if Instant::now() > job.until {
            answers::stale(1)
        } else {
            commands.run(job.chat, &job.sender, job.command).await
        };
        answer(client.clone(), job.chat, text);
    }
}

/// Sends an answer in the background, with at most two attempts.
fn answer(client: TelegramClient, chat: i64, text: String) {
    tokio::spawn(async move {
        if let Outcome::Later(..) = client.send(chat, &text, false).await {
            tokio::time::sleep(AGAIN).await;
            if let Outcome::Refused(why) | Outcome::Later(why, _) = client.send(chat, &text, false).await {
                tracing::warn!(chat, why, "answer to a Telegram command not delivered");
            }
        }
    });
}

impl Listener {
    /// Receives until the runtime ends.
    async fn run(mut self) {
        let mut failures = 0_u32;
        loop {
            // The first request is answered at once: with Telegram's time, and the messages from before the start.
            let wait = if self.began_s.is_some() { POLL } else { Duration::ZERO };
            let pause = match self.client.updates(self.offset, wait).await {
                Ok(updates) => {
                    failures = 0;
                    self.on_updates(&updates);
                    continue;
                }
                Err(error) => self.on_error(&error, failures),
            };
            failures = failures.saturating_add(1);
            tokio::time::sleep(pause).await;
        }
    }

    /// Raises an alert for an error, if operators must act; returns the pause before the next request.
    fn on_error(&mut self, error: &TelegramError, failures: u32) -> Duration {
        let now = Instant::now();
        match error {
            TelegramError::Conflict(_) => {
                if self.conflict.is_due(now) {
                    let title = "another program receives the commands of this bot, so it has the bot's token";
                    self.raise(Severity::Critical, "telegram_conflict", title, &error.to_string());
                }
                CONFLICT_PAUSE
            }
            TelegramError::Refused(_) => {
                if self.refused.is_due(now) {
                    self.raise(Severity::Warning, "telegram_refused", "no commands from Telegram", &error.to_string());
                }
                PAUSE_MAX
            }
            TelegramError::Later(why, after) => {
                if failures.saturating_add(1).is_power_of_two() {
                    tracing::warn!(why, failures, "no messages from Telegram; retrying");
                }
                let pause = PAUSE.saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX)).min(PAUSE_MAX);
                pause.max(after.unwrap_or_default())
            }
        }
    }

    /// Processes a batch: emergency stops first.
    fn on_updates(&mut self, updates: &Updates) {
        if let Some(last) = updates.last {
            self.offset = self.offset.max(last.saturating_add(1));
        }
        let now_s = updates.now_s((self.app.clock)());
        let first = self.began_s.is_none();
        let began_s = *self.began_s.get_or_insert(now_s);
        let is_fresh = |message: &ChatMessage| {
            !first && message.date_s >= began_s && now_s.saturating_sub(message.date_s) <= FRESH_S
        };
        let known = updates.messages.iter().filter(|message| self.chats.contains(&message.chat));
        let parsed = known.filter_map(|message| Some((message, Command::parse(&message.text)?)));
        let (fresh, stale): (Vec<_>, Vec<_>) = parsed.partition(|(message, _)| is_fresh(message));
        for (message, _) in fresh.iter().filter(|(_, command)| *command == Command::EmergencyStop) {
            self.stop_everything(message);
        }
        for (message, command) in fresh {
            if command != Command::EmergencyStop {
                self.hand_on(message, command, now_s);
            }
        }
        for chat in &self.chats {
            let count = stale.iter().filter(|(message, _)| message.chat == *chat).count();
            if count > 0 {
                answer(self.client.clone(), *chat, answers::stale(count));
            }
        }
        self.report_strangers(updates);
    }

    fn stop_everything(&self, message: &ChatMessage) {
        // Ahead of the queued commands: one of them may be a release with its code.
        self.commands.void_codes();
        let (commands, client, chat, sender) =
            (Arc::clone(&self.commands), self.client.clone(), message.chat, message.sender.clone());
        tokio::spawn(async move {
            let text = commands.run(chat, &sender, Command::EmergencyStop).await;
            answer(client, chat, text);
        });
    }

    fn hand_on(&self, message: &ChatMessage, command: Command, now_s: u64) {
        let left = FRESH_S.saturating_sub(now_s.saturating_sub(message.date_s));
        let now = Instant::now();
        let until = now.checked_add(Duration::from_secs(left)).unwrap_or(now);
        let job = QueuedCommand { chat: message.chat, sender: message.sender.clone(), command, until };
        if self.jobs.try_send(job).is_err() {
            answer(self.client.clone(), message.chat, answers::BUSY.to_owned());
        }
    }

    /// Reports messages from other chats, which get no answer: one alert per hour.
    fn report_strangers(&mut self, updates: &Updates) {
        let stranger = updates.messages.iter().find(|message| !self.chats.contains(&message.chat));
        let Some(stranger) = stranger else { return };
        if self.strangers.is_due(Instant::now()) {
            let detail = format!("chat {}, sender {}", stranger.chat, stranger.sender);
            let title = "the bot got a message from a chat that is not listed";
            self.raise(Severity::Warning, "telegram_unknown_chat", title, &detail);
        }
    }

    fn raise(&self, severity: Severity, kind: &'static str, title: &str, detail: &str) {
        self.app.alerts.raise(Alert::new((self.app.clock)(), severity, kind, title, detail));
    }
}
