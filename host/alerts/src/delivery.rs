//! One post, and what came of it.

use super::Webhook;
use anyhow::Context;
use reqwest::header::RETRY_AFTER;
use reqwest::{Response, StatusCode};
use serde_json::Value;
use std::time::Duration;

/// How long a post may take, and connecting.
const TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT: Duration = Duration::from_secs(3);
/// The most bytes that are read of why a post was refused.
const WORDS_MAX: usize = 200;
/// The longest that a server may ask us to wait.
const AFTER_MAX: Duration = Duration::from_secs(300);

/// What came of a post.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was taken, with this status.
    Taken(u16),
    /// It will not be taken, however often it is sent.
    Refused(String),
    /// It may be taken later; after so long, if the server said so.
    Later(String, Option<Duration>),
}

/// The way to a webhook.
#[derive(Debug, Clone)]
pub(super) struct Door {
    client: reqwest::Client,
    webhook: Webhook,
}

impl Door {
    pub(super) fn new(webhook: &Webhook) -> anyhow::Result<Self> {
        let tls = polymarket::tls::client_config()?.as_ref().clone();
        // No redirects: the secret goes to the host that was configured.
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(concat!("polytrader/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .timeout(TIMEOUT)
            .connect_timeout(CONNECT);
        let client = client.build().context("building the client for alerts")?;
        Ok(Self { client, webhook: webhook.clone() })
    }

    /// Posts once.
    pub(super) async fn post(&self, body: &Value) -> Outcome {
        let sent = self.client.post(self.webhook.url().clone()).json(body).send().await;
        match sent {
            Ok(answer) => outcome(answer).await,
            Err(error) => Outcome::Later(words(&error.without_url()), None),
        }
    }
}

/// Returns an error with what it comes from, for it says little itself.
fn words(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text.truncate(text.floor_char_boundary(WORDS_MAX));
    text
}

async fn outcome(answer: Response) -> Outcome {
    let status = answer.status();
    if status.is_success() {
        return Outcome::Taken(status.as_u16());
    }
    let after = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).and_then(seconds);
    let said = beginning(answer).await;
    let why = if said.is_empty() { status.to_string() } else { format!("{status}: {said}") };
    let again =
        status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
    if again { Outcome::Later(why, after) } else { Outcome::Refused(why) }
}

/// Reads the beginning of an answer; the rest is nobody's business.
async fn beginning(mut answer: Response) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < WORDS_MAX {
        let Ok(Some(chunk)) = answer.chunk().await else { break };
        bytes.extend(chunk.iter().take(WORDS_MAX.saturating_sub(bytes.len())));
    }
    String::from_utf8_lossy(&bytes).chars().filter(|char| !char.is_control()).collect()
}

/// Reads how long to wait: seconds, which some servers write with decimals. A date is left to our own patience.
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
