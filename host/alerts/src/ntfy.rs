//! ntfy: a topic on a server. Its name is a secret, because it is all that is needed to read or send.

use super::delivery::{Outcome, outcome};
use super::payload::{self, Bot};
use super::queue::Post;
use super::{Severity, http};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

/// Maximum length of a topic's name.
const TOPIC_MAX: usize = 64;

/// A topic and, if the server requires one, an access token.
#[derive(Clone)]
pub struct Ntfy {
    server: Url,
    topic: SecretString,
    token: Option<SecretString>,
}

impl Ntfy {
    /// Parses `https://SERVER/TOPIC`; plain http only on this machine. An empty token means none.
    ///
    /// # Errors
    /// If the address is invalid; the message does not contain the topic.
    pub fn parse(address: &str, token: &str) -> Result<Self, &'static str> {
        let mut server = Url::parse(address).map_err(|_hidden| "it is not a web address")?;
        if !polymarket::tls::is_private(&server, "https", "http") {
            return Err("it must be https, or http on this machine");
        }
        let path = server.path().trim_matches('/').to_owned();
        let (folder, topic) = path.rsplit_once('/').unwrap_or(("", &path));
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if topic.is_empty() || topic.len() > TOPIC_MAX || !topic.bytes().all(plain) {
            return Err("its path must end with a topic of letters, digits, `-` and `_`");
        }
        server.set_path(folder);
        server.set_query(None);
        let token = Some(token).filter(|token| !token.is_empty()).map(SecretString::from);
        Ok(Self { server, topic: topic.into(), token })
    }

    pub(super) const fn server(&self) -> &Url {
        &self.server
    }
}

impl std::fmt::Debug for Ntfy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ntfy").field("server", &self.server.host_str()).finish_non_exhaustive()
    }
}

/// HTTP client of a topic.
#[derive(Debug, Clone)]
pub(super) struct NtfyClient {
    client: reqwest::Client,
    ntfy: Ntfy,
}

impl NtfyClient {
    pub(super) fn new(ntfy: &Ntfy) -> anyhow::Result<Self> {
        Ok(Self { client: http::client()?, ntfy: ntfy.clone() })
    }

    /// Makes one attempt to send.
    pub(super) async fn post(&self, bot: &Bot, post: &Post) -> Outcome {
        let mut request = self.client.post(self.ntfy.server.clone()).json(&body(bot, post, &self.ntfy));
        if let Some(token) = &self.ntfy.token {
            request = request.bearer_auth(token.expose_secret());
        }
        match request.send().await {
            Ok(answer) => outcome(answer).await,
            Err(error) => Outcome::Later(http::describe(error), None),
        }
    }
}

fn body(bot: &Bot, post: &Post, ntfy: &Ntfy) -> Value {
    let priority = match post.alert.severity {
        Severity::Info => 2,
        Severity::Warning => 3,
        Severity::Critical => 5,
    };
    json!({
        "topic": ntfy.topic.expose_secret(),
        "title": format!("polytrader {}", bot.mode),
        "message": payload::text(bot, post),
        "priority": priority,
        "tags": [post.alert.severity.as_str(), post.alert.kind],
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code may fail loudly")]

    use super::*;

    #[test]
    fn an_address_is_a_server_and_a_topic() {
        let ntfy = Ntfy::parse("https://ntfy.example.com/push/my_Topic-1?x=1", "tk_secret").unwrap();
        assert_eq!((ntfy.server.as_str(), ntfy.topic.expose_secret()), ("https://ntfy.example.com/push", "my_Topic-1"));
        let shown = format!("{ntfy:?}");
        assert!(!shown.contains("Topic") && !shown.contains("secret"), "{shown}");
        for bad in ["http://ntfy.example.com/topic", "https://ntfy.example.com", "https://ntfy.example.com/a%20b", "x"]
        {
            assert!(Ntfy::parse(bad, "").is_err(), "{bad}");
        }
    }
}
