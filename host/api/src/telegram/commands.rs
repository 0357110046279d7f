//! Parsing and execution of commands.

use super::answers;
use crate::auth::{Identity, Proof, Role};
use crate::body::ActionBody;
use crate::guard::Caller;
use crate::problem::ProblemResponse;
use crate::routes::bot;
use crate::runtime_limits::LimitChange;
use crate::state::AppState;
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use config::limits::is_limit;
use config::{ConfigEntry, Source};
use parking_lot::Mutex;
use readmodel::views::{BotView, StoppedView};
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;
use tokio::time::Instant;

/// Validity of a code.
const CODE_FOR: Duration = Duration::from_secs(60);
/// Number of possible codes.
const CODES: u32 = 1_000_000;

/// Reads the configuration from its sources, or returns a message.
type ReadConfig = dyn Fn() -> Result<Vec<ConfigEntry>, String> + Send + Sync;

/// Reloads the configuration.
pub struct Reload(Box<ReadConfig>);

impl Reload {
    /// Creates a reload by this function.
    pub fn new(read: impl Fn() -> Result<Vec<ConfigEntry>, String> + Send + Sync + 'static) -> Self {
        Self(Box::new(read))
    }
}

impl fmt::Debug for Reload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reload")
    }
}

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    Status,
    Profit,
    Daily,
    Positions,
    Orders,
    Pause,
    Resume,
    Stop,
    EmergencyStop,
    Reload,
    Help,
    /// With a code, or an empty text.
    Start(String),
    /// With a code or a reason, or an empty text.
    Release(String),
    /// Another text that begins with a slash.
    Unknown,
}

impl Command {
    /// Parses a text; none if it is not a command.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let word = word.strip_prefix('/')?;
        // In groups a command may name the bot.
        let word = word.split('@').next().unwrap_or_default().to_ascii_lowercase();
        let rest = rest.trim().to_owned();
        Some(match word.as_str() {
            "status" => Self::Status,
            "profit" => Self::Profit,
            "daily" => Self::Daily,
            "positions" => Self::Positions,
            "orders" => Self::Orders,
            "pause" => Self::Pause,
            "resume" => Self::Resume,
            "stop" => Self::Stop,
            "emergency_stop" => Self::EmergencyStop,
            "reload" => Self::Reload,
            "help" => Self::Help,
            "start" => Self::Start(rest),
            "release" => Self::Release(rest),
            _ => Self::Unknown,
        })
    }
}

/// A command that waits for its code.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pending {
    what: &'static str,
    code: String,
    reason: String,
    until: Instant,
}

/// Executes commands.
#[derive(Debug)]
pub(super) struct Commands {
    app: AppState,
    reload: Reload,
    /// The configuration as last read.
    read: tokio::sync::Mutex<Option<Vec<ConfigEntry>>>,
    /// At most one for each listed chat.
    pending: Mutex<BTreeMap<i64, Pending>>,
}

impl Commands {
    pub(super) fn new(app: AppState, reload: Reload) -> Self {
        let read = (reload.0)().ok();
        Self { app, reload, read: tokio::sync::Mutex::new(read), pending: Mutex::default() }
    }

    /// Executes a command and returns the answer.
    pub(super) async fn run(&self, chat: i64, sender: &str, command: Command) -> String {
        let snapshot = || self.app.picture.snapshot();
        match command {
            Command::Status => answers::status(&snapshot(), &self.app.account),
            Command::Profit => answers::profit(&snapshot()),
            Command::Daily => answers::daily(&snapshot()),
            Command::Positions => answers::positions(&snapshot()),
            Command::Orders => answers::orders(&snapshot()),
            Command::Help => answers::HELP.to_owned(),
            Command::Unknown => format!("unknown command; {}", answers::HELP),
            Command::Reload => self.reload(chat, sender).await,
            Command::Pause | Command::Stop | Command::EmergencyStop => self.tighten(chat, sender, &command).await,
            Command::Resume => self.resume(chat, sender).await,
            Command::Start(code) => self.start(chat, sender, &code).await,
            Command::Release(text) => self.release(chat, sender, &text).await,
        }
    }

    /// Discards all pending codes: no start or release is confirmed after a stop.
    pub(super) fn void_codes(&self) {
        self.pending.lock().clear();
    }

    async fn tighten(&self, chat: i64, sender: &str, command: &Command) -> String {
        let Some(caller) = caller(chat) else { return answers::NO_CALLER.to_owned() };
        let (app, body) = (State(AppState::clone(&self.app)), Body::from(note(sender, "by Telegram")));
        self.void_codes();
        let done = match command {
            Command::EmergencyStop => bot::emergency_stop(app, caller, body).await,
            Command::Stop => bot::stop(app, caller, body).await,
            _ => bot::pause(app, caller, body).await,
        };
        stopped(done)
    }

    async fn resume(&self, chat: i64, sender: &str) -> String {
        let Some(caller) = caller(chat) else { return answers::NO_CALLER.to_owned() };
        done(bot::resume(State(AppState::clone(&self.app)), caller, action(sender, "by Telegram")).await)
    }

    async fn start(&self, chat: i64, sender: &str, code: &str) -> String {
        let Some(_) = self.confirmed(chat, "start", code) else { return self.ask_for_code(chat, "start", "") };
        let Some(caller) = caller(chat) else { return answers::NO_CALLER.to_owned() };
        done(bot::start(State(AppState::clone(&self.app)), caller, action(sender, "by Telegram")).await)
    }

    async fn release(&self, chat: i64, sender: &str, text: &str) -> String {
        let Some(reason) = self.confirmed(chat, "release", text) else {
            let is_code = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit());
            if text.is_empty() || is_code {
                self.pending.lock().remove(&chat);
                return "a release needs a reason: /release what was found and done".to_owned();
            }
            return self.ask_for_code(chat, "release", text);
        };
        let Some(caller) = caller(chat) else { return answers::NO_CALLER.to_owned() };
        done(bot::release(State(AppState::clone(&self.app)), caller, action(sender, &reason)).await)
    }

    /// Returns the reason of the pending command of this chat if `code` is its code. A wrong code discards it.
    fn confirmed(&self, chat: i64, what: &str, code: &str) -> Option<String> {
        let pending = self.pending.lock().remove(&chat)?;
        let right = pending.what == what && pending.code == code && Instant::now() <= pending.until;
        right.then_some(pending.reason)
    }

    fn ask_for_code(&self, chat: i64, what: &'static str, reason: &str) -> String {
        let mut bytes = [0; 4];
        if getrandom::fill(&mut bytes).is_err() {
            return "the system gave no randomness for a code; nothing was done".to_owned();
        }
        let code = format!("{:06}", u32::from_be_bytes(bytes).checked_rem(CODES).unwrap_or_default());
        let now = Instant::now();
        let until = now.checked_add(CODE_FOR).unwrap_or(now);
        let text = format!("to do it, send within {} s: /{what} {code}", CODE_FOR.as_secs());
        self.pending.lock().insert(chat, Pending { what, code, reason: reason.to_owned(), until });
        text
    }

    /// Reloads the configuration: changed limits take effect at once, other changes are listed.
    async fn reload(&self, chat: i64, sender: &str) -> String {
        let mut read = self.read.lock().await;
        let now = match (self.reload.0)() {
            Ok(now) => now,
            Err(why) => return format!("the configuration was not read: {why}; nothing has changed"),
        };
        let before = read.replace(now.clone()).unwrap_or_default();
        let mut lines = Vec::new();
        for entry in now {
            let was = before.iter().find(|was| was.key == entry.key).map(|was| was.value.as_str()).unwrap_or_default();
            if was == entry.value || entry.source == Source::Operator {
                continue;
            }
            let change = format!("{}: {was} -> {}", entry.key, entry.value);
            if !is_limit(entry.key) {
                lines.push(format!("{change}; needs a restart"));
                continue;
            }
            let who = name(chat);
            let at_ms = (self.app.clock)().millis();
            let request = LimitChange {
                name: entry.key,
                value: &entry.value,
                who: &who,
                role: Role::Admin.as_str(),
                origin: ORIGIN,
                claimed_user: sender,
                at_ms,
                seen: None,
            };
            match self.app.settings.set(request, &self.app.control, &self.app.db).await {
                Ok(_) => lines.push(format!("{change}; holds now")),
                Err(error) => lines.push(format!("{change}; not changed: {error}")),
            }
        }
        if lines.is_empty() { "the configuration is as it was".to_owned() } else { lines.join("\n") }
    }
}

/// The origin of commands in the audit.
const ORIGIN: &str = "telegram";

/// Returns the name of a chat in the audit.
fn name(chat: i64) -> String {
    format!("telegram:{chat}")
}

/// Returns a chat as a caller of the handlers. Its proof grants nothing: it is the hash of a name.
fn caller(chat: i64) -> Option<Caller> {
    let name = name(chat);
    let proof = Proof::of_token(&name)?;
    Some(Caller(Identity { name, role: Role::Admin }, proof, ORIGIN.into()))
}

fn note(sender: &str, reason: &str) -> String {
    json!({ "reason": reason, "user": sender }).to_string()
}

fn action(sender: &str, reason: &str) -> ActionBody {
    ActionBody::from(Bytes::from(note(sender, reason)))
}

fn done(done: Result<Json<BotView>, ProblemResponse>) -> String {
    match done {
        Ok(Json(bot)) => answers::state(&bot),
        Err(problem) => format!("not done: {}", problem.detail()),
    }
}

fn stopped(done: Result<Json<StoppedView>, ProblemResponse>) -> String {
    match done {
        Ok(Json(StoppedView { bot, durable: true })) => answers::state(&bot),
        Ok(Json(StoppedView { bot, durable: false })) => {
            format!("{}; it holds, but the database does not have it yet", answers::state(&bot))
        }
        Err(problem) => format!("not done: {}", problem.detail()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_a_word_after_a_slash() {
        for (text, command) in [
            ("/status", Some(Command::Status)),
            (" /STOP@my_bot ", Some(Command::Stop)),
            ("/emergency_stop now", Some(Command::EmergencyStop)),
            ("/start 123456", Some(Command::Start("123456".into()))),
            ("/release looked at it", Some(Command::Release("looked at it".into()))),
            ("/emergency", Some(Command::Unknown)),
            ("/", Some(Command::Unknown)),
            ("stop", None),
            ("", None),
        ] {
            assert_eq!(Command::parse(text), command, "{text}");
        }
    }
}
