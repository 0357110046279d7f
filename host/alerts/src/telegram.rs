//! Two calls of Telegram's Bot API: one sends a message, the other waits for messages. The bot's token is part of each
//! address, so no error shows an address.

use super::delivery::Outcome;
use super::http;
use anyhow::ensure;
use model::Time;
use reqwest::header::DATE;
use reqwest::{Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

/// Maximum number of chats.
pub const CHATS_MAX: usize = 8;
/// Maximum length of a message, in characters.
const TEXT_MAX: usize = 4_000;
/// Timeout of a request for messages, in addition to the time that Telegram waits for one.
const UPDATES_GRACE: Duration = Duration::from_secs(10);
/// Maximum length of the reason of a refusal.
const WORDS_MAX: usize = 200;
/// Maximum wait that Telegram may ask for.
const AFTER_MAX: Duration = Duration::from_secs(300);

/// A bot and its chats.
#[derive(Debug, Clone)]
pub struct Telegram {
    base: Url,
    token: SecretString,
    /// The chats that alerts go to and commands come from.
    pub chats: Vec<i64>,
    /// True if commands from these chats are accepted.
    pub commands: bool,
}

/// Returns true if a text has the form of a bot's token: its number, a colon, and letters, digits, `-` and `_`.
pub fn is_token(text: &str) -> bool {
    text.split_once(':').is_some_and(|(bot, secret)| {
        !bot.is_empty()
            && bot.bytes().all(|byte| byte.is_ascii_digit())
            && secret.len() >= 16
            && text.len() <= 128
            && secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    })
}

/// Parses chats: comma-separated whole numbers; those of groups are negative.
pub fn chats(text: &str) -> Option<Vec<i64>> {
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    let chats: Vec<i64> = words
        .map(|word| {
            let digits = word.strip_prefix('-').unwrap_or(word);
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| word.parse().ok()).flatten()
        })
        .collect::<Option<_>>()?;
    (chats.len() <= CHATS_MAX).then_some(chats)
}

impl Telegram {
    /// Creates the bot of a token, reached at `base`.
    ///
    /// # Errors
    /// If an argument is invalid; the message does not contain the token.
    pub fn new(base: &str, token: &str, chats: Vec<i64>, commands: bool) -> anyhow::Result<Self> {
        ensure!(is_token(token), "expected a bot's token: digits, a colon, and letters, digits, `-` or `_`");
        ensure!(!chats.is_empty(), "a Telegram bot needs the numbers of the chats that it writes to");
        let base = Url::parse(base)?;
        ensure!(
            polymarket::tls::is_private(&base, "https", "http"),
            "the address of Telegram must be https, or http on this machine"
        );
        Ok(Self { base, token: token.into(), chats, commands })
    }
}

/// A message that was sent to the bot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatMessage {
    /// Its number; the next request asks for those after it.
    pub update: i64,
    /// The chat that contains it.
    pub chat: i64,
    /// The sender's name and number, for the audit.
    pub sender: String,
    /// The time at which Telegram received it, in seconds of Unix time.
    pub date_s: u64,
    /// Its text; empty for a picture and the like.
    pub text: String,
}

/// The answer to a request for messages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Updates {
    /// Telegram's clock, in seconds of Unix time, if the answer has it.
    pub now_s: Option<u64>,
    /// The number of the last update, understood or not.
    pub last: Option<i64>,
    /// The messages among the updates.
    pub messages: Vec<ChatMessage>,
}

/// Failure of a request for messages.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TelegramError {
    /// Another program or a webhook receives the same bot's messages.
    #[error("another program receives this bot's messages: {0}")]
    Conflict(String),
    /// The token is not valid.
    #[error("Telegram refuses the bot: {0}")]
    Refused(String),
    /// It may succeed later; after this time, if the response gives one.
    #[error("Telegram did not answer: {0}")]
    Later(String, Option<Duration>),
}

/// HTTP client of a bot.
#[derive(Debug, Clone)]
pub struct TelegramClient {
    client: reqwest::Client,
    telegram: Telegram,
}

impl TelegramClient {
    /// Creates the client of a bot.
    ///
    /// # Errors
    /// If the HTTP client cannot be built.
    pub fn new(telegram: &Telegram) -> anyhow::Result<Self> {
        Ok(Self { client: http::client()?, telegram: telegram.clone() })
    }

    fn address(&self, method: &str) -> Url {
        let mut url = self.telegram.base.clone();
        let path = format!("{}/bot{}/{method}", url.path().trim_end_matches('/'), self.telegram.token.expose_secret());
        url.set_path(&path);
        url
    }

    /// Makes one attempt to send a message; `silent` notifies without a sound.
    pub async fn send(&self, chat: i64, text: &str, silent: bool) -> Outcome {
        let text: String = text.chars().take(TEXT_MAX).collect();
        let body = json!({ "chat_id": chat, "text": text, "disable_notification": silent, "link_preview_options": { "is_disabled": true } });
        match self.client.post(self.address("sendMessage")).json(&body).send().await {
            Ok(answer) => {
                let status = answer.status();
                match self.read(answer).await {
                    Ok(_) => Outcome::Taken(status.as_u16()),
                    Err(TelegramError::Later(why, after)) => Outcome::Later(why, after),
                    Err(TelegramError::Conflict(why) | TelegramError::Refused(why)) => Outcome::Refused(why),
                }
            }
            Err(error) => Outcome::Later(self.hidden(http::describe(error)), None),
        }
    }

    /// Waits at most `wait` for messages after the update `offset - 1`, and confirms the earlier ones.
    ///
    /// # Errors
    /// [`TelegramError`].
    pub async fn updates(&self, offset: i64, wait: Duration) -> Result<Updates, TelegramError> {
        let body = json!({ "offset": offset, "timeout": wait.as_secs(), "limit": 100, "allowed_updates": ["message"] });
        let request = self.client.post(self.address("getUpdates")).json(&body);
        let sent = request.timeout(wait.saturating_add(UPDATES_GRACE)).send().await;
        let answer = sent.map_err(|error| TelegramError::Later(self.hidden(http::describe(error)), None))?;
        let now_s = answer.headers().get(DATE).and_then(|value| value.to_str().ok()).and_then(seconds);
        let Value::Array(updates) = self.read(answer).await? else {
            return Err(TelegramError::Later("expected a list of updates".to_owned(), None));
        };
        let last = updates.iter().filter_map(number).max();
        // An update that is not a message with a chat and a date is confirmed and left out.
        Ok(Updates { now_s, last, messages: updates.iter().filter_map(message).collect() })
    }

    async fn read(&self, answer: Response) -> Result<Value, TelegramError> {
        let status = answer.status();
        let later = |why: String, after| Err(TelegramError::Later(self.hidden(why), after));
        let bytes = match http::body(answer).await {
            Ok(bytes) => bytes,
            Err(why) => return later(why, None),
        };
        let Ok(mut response) = serde_json::from_slice::<Value>(&bytes) else {
            return later(format!("{status}: the answer is not JSON"), None);
        };
        if status.is_success() && response.get("ok") == Some(&Value::Bool(true)) {
            return Ok(response.get_mut("result").map(Value::take).unwrap_or_default());
        }
        let words = response.get("description").and_then(Value::as_str).unwrap_or_default();
        let words: String = words.chars().filter(|char| !char.is_control()).take(WORDS_MAX).collect();
        let why = self.hidden(if words.is_empty() { status.to_string() } else { format!("{status}: {words}") });
        let after = response.get("parameters").and_then(|more| more.get("retry_after")).and_then(Value::as_u64);
        match status {
            StatusCode::CONFLICT => Err(TelegramError::Conflict(why)),
            StatusCode::TOO_MANY_REQUESTS => later(why, after.map(|after| Duration::from_secs(after).min(AFTER_MAX))),
            status if status.is_client_error() => Err(TelegramError::Refused(why)),
            _ => later(why, None),
        }
    }

    /// Masks the token if a text contains it.
    fn hidden(&self, text: String) -> String {
        text.replace(self.telegram.token.expose_secret(), "***")
    }
}

fn number(update: &Value) -> Option<i64> {
    update.get("update_id").and_then(Value::as_i64)
}

fn message(update: &Value) -> Option<ChatMessage> {
    let message = update.get("message")?;
    let from = message.get("from");
    let field = |name: &str| from.and_then(|from| from.get(name)).and_then(Value::as_str);
    let id = from.and_then(|from| from.get("id")).and_then(Value::as_i64);
    let name = field("username").or_else(|| field("first_name")).unwrap_or("unknown");
    let name: String = name.chars().filter(|char| !char.is_control()).take(64).collect();
    Some(ChatMessage {
        update: number(update)?,
        chat: message.get("chat")?.get("id")?.as_i64()?,
        sender: format!("{name} ({})", id.unwrap_or_default()),
        date_s: message.get("date")?.as_u64()?,
        text: message.get("text").and_then(Value::as_str).unwrap_or_default().chars().take(TEXT_MAX).collect(),
    })
}

/// Parses the date of a response.
fn seconds(date: &str) -> Option<u64> {
    let at = httpdate::parse_http_date(date).ok()?;
    at.duration_since(SystemTime::UNIX_EPOCH).ok().map(|since| since.as_secs())
}

impl Updates {
    /// Returns Telegram's clock, or else `own`.
    pub fn now_s(&self, own: Time) -> u64 {
        self.now_s.unwrap_or(own.seconds())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code may fail loudly")]

    use super::*;

    const TOKEN: &str = "123456:ABC-DEF_ghi0123456789";

    #[test]
    fn a_token_and_chats_have_a_form() {
        assert!(is_token(TOKEN));
        for bad in ["", "123456", "x:ABC-DEF_ghi0123456789", "123:short", "123456:ABC/DEF_ghi0123456789"] {
            assert!(!is_token(bad), "{bad}");
            let error = Telegram::new("https://api.telegram.org", bad, vec![1], false).unwrap_err().to_string();
            assert!(bad.is_empty() || !error.contains(bad), "{error}");
        }
        assert_eq!(chats(" 1, -100200300 ,"), Some(vec![1, -100_200_300]));
        for bad in ["x", "1;2", "--1", "+1", "1,2,3,4,5,6,7,8,9", "99999999999999999999"] {
            assert_eq!(chats(bad), None, "{bad}");
        }
        assert!(
            Telegram::new("http://api.telegram.org", TOKEN, vec![1], false).is_err(),
            "it would leave in the clear"
        );
        let shown = format!("{:?}", Telegram::new("https://api.telegram.org", TOKEN, vec![1], false).unwrap());
        assert!(!shown.contains("ABC"), "{shown}");
    }

    #[test]
    fn an_update_that_is_not_understood_costs_no_other() {
        let good = json!({"update_id": 7, "message": {"date": 5, "chat": {"id": -3}, "from": {"id": 9, "username": "ann"}, "text": "/status"}});
        let read = message(&good).unwrap();
        let expected = ("ann (9)", -3, 5, "/status");
        assert_eq!((read.sender.as_str(), read.chat, read.date_s, read.text.as_str()), expected);
        for odd in [json!(null), json!({"update_id": 8}), json!({"update_id": 8, "message": {"chat": {"id": 1}}})] {
            assert_eq!(message(&odd), None, "{odd}");
        }
        assert_eq!(seconds("Wed, 21 Oct 2026 07:28:00 GMT"), Some(1_792_567_680));
        assert_eq!(seconds("yesterday"), None);
    }
}
