//! The HTTP client of all channels.

use anyhow::Context;
use std::time::Duration;

/// Timeouts of a request, and of connecting.
const TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT: Duration = Duration::from_secs(3);
/// Maximum length of the text of an error, in bytes.
const WORDS_MAX: usize = 200;
/// Maximum number of bytes read from a response.
const ANSWER_MAX: usize = 1024 * 1024;

/// Builds the client.
pub(super) fn client() -> anyhow::Result<reqwest::Client> {
    let tls = polymarket::tls::client_config()?.as_ref().clone();
    // No redirects and no proxy: a secret address must only go to the configured host.
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("polytrader/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .timeout(TIMEOUT)
        .connect_timeout(CONNECT);
    client.build().context("building the HTTP client for alerts")
}

/// Formats an error with its sources, because its own message is short, and without the address, which may be a
/// secret.
pub(super) fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text.truncate(text.floor_char_boundary(WORDS_MAX));
    text
}

/// Reads a response of at most [`ANSWER_MAX`] bytes.
pub(super) async fn body(mut answer: reqwest::Response) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) if bytes.len().saturating_add(chunk.len()) <= ANSWER_MAX => bytes.extend_from_slice(&chunk),
            Ok(Some(_)) => return Err(format!("the response has more than {ANSWER_MAX} bytes")),
            Ok(None) => return Ok(bytes),
            Err(error) => return Err(describe(error)),
        }
    }
}
