//! Delivery of one alert, and its outcome.

use super::email::EmailClient;
use super::ntfy::NtfyClient;
use super::payload::{Bot, body, text};
use super::queue::Post;
use super::telegram::TelegramClient;
use super::{Severity, Webhook, http};
use reqwest::header::RETRY_AFTER;
use reqwest::{Response, StatusCode};
use serde_json::Value;
use std::time::Duration;

/// Maximum number of bytes read from an error response.
const WORDS_MAX: usize = 200;
/// Maximum wait that a server may ask for.
const AFTER_MAX: Duration = Duration::from_secs(300);

/// Outcome of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Accepted, with this status.
    Taken(u16),
    /// Rejected permanently, for this reason.
    Refused(String),
    /// Not accepted now, for this reason; retry after this time, if the server gave one.
    Later(String, Option<Duration>),
}

/// HTTP client of a webhook.
#[derive(Debug, Clone)]
pub(super) struct WebhookClient {
    client: reqwest::Client,
    webhook: Webhook,
}

impl WebhookClient {
    pub(super) fn new(webhook: &Webhook) -> anyhow::Result<Self> {
        let client = http::client()?;
        Ok(Self { client, webhook: webhook.clone() })
    }

    /// Sends one request.
    pub(super) async fn post(&self, body: &Value) -> Outcome {
        let sent = self.client.post(self.webhook.url().clone()).json(body).send().await;
        match sent {
            Ok(answer) => outcome(answer).await,
            Err(error) => Outcome::Later(http::describe(error), None),
        }
    }
}

/// Delivery route of a channel.
#[derive(Debug, Clone)]
pub(super) enum Route {
    /// A webhook.
    Webhook(WebhookClient),
    /// One chat of a Telegram bot.
    Telegram(TelegramClient, i64),
    /// An ntfy topic.
    Ntfy(NtfyClient),
    /// E-mail.
    Email(EmailClient),
}

impl Route {
    /// Makes one attempt to deliver an alert.
    pub(super) async fn deliver(&self, bot: &Bot, post: &Post) -> Outcome {
        match self {
            Self::Webhook(client) => client.post(&body(bot, post)).await,
            Self::Telegram(client, chat) => {
                client.send(*chat, &text(bot, post), post.alert.severity == Severity::Info).await
            }
            Self::Ntfy(client) => client.post(bot, post).await,
            Self::Email(client) => client.post(bot, post).await,
        }
    }
}

/// Returns the outcome of an HTTP response.
pub(super) async fn outcome(answer: Response) -> Outcome {
    let status = answer.status();
    if status.is_success() {
        return Outcome::Taken(status.as_u16());
    }
    let after = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).and_then(seconds);
    let excerpt = beginning(answer).await;
    let why = if excerpt.is_empty() { status.to_string() } else { format!("{status}: {excerpt}") };
    let again =
        status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
    if again { Outcome::Later(why, after) } else { Outcome::Refused(why) }
}

/// Reads the beginning of a response; the rest is ignored.
async fn beginning(mut answer: Response) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < WORDS_MAX {
        let Ok(Some(chunk)) = answer.chunk().await else { break };
        bytes.extend(chunk.iter().take(WORDS_MAX.saturating_sub(bytes.len())));
    }
    String::from_utf8_lossy(&bytes).chars().filter(|char| !char.is_control()).collect()
}

/// Parses a wait in seconds, which some servers write with decimals. A date is ignored; the queue's own pauses apply.
fn seconds(text: &str) -> Option<Duration> {
    let (whole, rest) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let whole: u64 = whole.parse().ok()?;
    let more = u64::from(rest.bytes().any(|digit| digit != b'0'));
    Some(Duration::from_secs(whole.saturating_add(more)).min(AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_to_wait_is_read_and_bounded() {
        for (text, wait) in
            [("3", Some(3)), (" 0 ", Some(0)), ("0.25", Some(1)), ("2.0", Some(2)), ("99999999999", Some(300))]
        {
            assert_eq!(seconds(text), wait.map(Duration::from_secs), "{text}");
        }
        for text in ["", "-1", "soon", "Wed, 21 Oct 2026 07:28:00 GMT", "99999999999999999999999"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
