//! Client of a running host for the command line: the address is in `run.json`, and read access to `admin.token` grants
//! access to the host.

use anyhow::Context;
use files::Links;
use reqwest::StatusCode;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(35);

/// The most bytes of `run.json` and of a token file.
const FILE_MAX: u64 = 64 * 1024;

/// The most bytes of an answer that an error repeats.
const SHOWN_MAX: usize = 500;

/// Reason for which a host did not do what a command asked for.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// No host serves this data folder.
    #[error(
        "no host runs in {}; start one with `polytrader run --data-dir {}`, or name the folder of a running one with --data-dir",
        .folder.display(), .folder.display()
    )]
    NotRunning {
        /// The data folder.
        folder: PathBuf,
    },
    /// A host exists, or may exist, and does not answer.
    #[error(
        "the host at {address} does not answer: {why}; if its process hangs, `polytrader kill` ends trading without it"
    )]
    Unreachable {
        /// Its address.
        address: String,
        /// The cause.
        why: String,
    },
    /// The token cannot be read, is unknown, or does not permit this.
    #[error(
        "the token was refused: {detail}; use the admin.token of the host's own data folder, or `polytrader tokens replace` to renew it"
    )]
    TokenRefused {
        /// The reason.
        detail: String,
    },
    /// The host refused the request.
    #[error("{detail} ({status})")]
    Refused {
        /// The status of the answer.
        status: StatusCode,
        /// The host's message.
        detail: String,
    },
}

/// A running host.
pub struct Remote {
    runtime: tokio::runtime::Runtime,
    client: reqwest::Client,
    api: String,
    dashboard: String,
    token: String,
    /// Its data folder, if it is of this machine.
    folder: Option<PathBuf>,
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remote").field("api", &self.api).finish_non_exhaustive()
    }
}

impl Remote {
    /// Returns the host that runs in a data folder.
    ///
    /// # Errors
    /// If none does, or its token cannot be read: a [`HostError`].
    pub fn of(data_dir: &Path) -> anyhow::Result<Self> {
        let path = data_dir.join("run.json");
        let text = files::read(&path, Links::Refuse, FILE_MAX)
            .map_err(|_missing| HostError::NotRunning { folder: data_dir.to_owned() })?;
        let run_info: Value =
            serde_json::from_slice(&text).with_context(|| format!("{} is not JSON", path.display()))?;
        let address =
            |key| run_info.get(key).and_then(Value::as_str).map(str::to_owned).context("run.json names no address");
        let (api, dashboard) = (address("api")?, address("dashboard")?);
        let token = read_token(&crate::auth::admin_token_path(data_dir))?;
        Self::new(api, dashboard, token, Some(data_dir.to_owned()), PATIENCE)
    }

    /// Returns the host at an address, such as `https://trading.example:8000`, with the token in a file. `patience` is
    /// the longest wait for an answer.
    ///
    /// # Errors
    /// If the token cannot be read: a [`HostError`].
    pub fn at(address: &str, token_file: &Path, patience: Duration) -> anyhow::Result<Self> {
        let address = address.trim_end_matches('/').to_owned();
        Self::new(address.clone(), address, read_token(token_file)?, None, patience)
    }

    fn new(
        api: String,
        dashboard: String,
        token: String,
        folder: Option<PathBuf>,
        patience: Duration,
    ) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let tls = polymarket::tls::client_config()?.as_ref().clone();
        let client = reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().timeout(patience).build()?;
        Ok(Self { runtime, client, api, dashboard, token, folder })
    }

    /// Sends a GET request.
    ///
    /// # Errors
    /// If the host does not answer, or refuses: then with its message. A [`HostError`].
    pub fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.send(self.client.get(self.url(path)))
    }

    /// Sends a GET request whose answer is used whatever its status is, such as the health of an unhealthy host.
    ///
    /// # Errors
    /// If the host does not answer, or refuses the token.
    pub fn get_any(&self, path: &str) -> anyhow::Result<Value> {
        let (_, _, document, _) = self.exchange(self.client.get(self.url(path)))?;
        Ok(document)
    }

    /// Returns the rows of a paged list, newest first, as long as `wanted` accepts them; at most `most`.
    ///
    /// # Errors
    /// As [`Remote::get`].
    pub fn rows(&self, path: &str, most: usize, mut wanted: impl FnMut(&Value) -> bool) -> anyhow::Result<Vec<Value>> {
        let (mut rows, mut next) = (Vec::new(), Some(path.to_owned()));
        while let Some(path) = next.take() {
            let (status, link, document, text) = self.exchange(self.client.get(self.url(&path)))?;
            let Value::Array(page) = checked(status, document, &text)? else {
                anyhow::bail!("the host's answer to {path} is not a list");
            };
            for row in page {
                if rows.len() >= most || !wanted(&row) {
                    return Ok(rows);
                }
                rows.push(row);
            }
            next = link.as_deref().and_then(next_page);
        }
        Ok(rows)
    }

    /// Sends a POST request.
    ///
    /// # Errors
    /// As [`Remote::get`].
    pub fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.send(self.client.post(self.url(path)).json(body))
    }

    /// Sends a PUT request.
    ///
    /// # Errors
    /// As [`Remote::get`].
    pub fn put(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.send(self.client.put(self.url(path)).json(body))
    }

    /// Sends a DELETE request.
    ///
    /// # Errors
    /// As [`Remote::get`].
    pub fn delete(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.send(self.client.delete(self.url(path)).json(body))
    }

    /// Returns the dashboard's address.
    pub fn dashboard(&self) -> &str {
        &self.dashboard
    }

    /// Returns the API's address.
    pub fn api(&self) -> &str {
        &self.api
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.api)
    }

    fn send(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
        let (status, _, document, text) = self.exchange(request)?;
        Ok(checked(status, document, &text)?)
    }

    /// Returns status, the header `Link`, the answer as JSON, and as text.
    fn exchange(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<(StatusCode, Option<String>, Value, String), HostError> {
        self.runtime.block_on(async {
            let answer = request.bearer_auth(&self.token).send().await.map_err(|error| self.lost(&error))?;
            let status = answer.status();
            let link = answer.headers().get("link").and_then(|link| link.to_str().ok()).map(str::to_owned);
            let text = answer.text().await.map_err(|error| self.lost(&error))?;
            let document: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
            if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS) {
                return Err(HostError::TokenRefused { detail: detail(&document, &text) });
            }
            Ok((status, link, document, text))
        })
    }

    /// Returns the error of a request without an answer. Nothing listens at the address in `run.json` once its host has
    /// ended, in whatever way.
    fn lost(&self, error: &reqwest::Error) -> HostError {
        match &self.folder {
            Some(folder) if is_refused(error) => HostError::NotRunning { folder: folder.clone() },
            _ => HostError::Unreachable { address: self.api.clone(), why: cause(error) },
        }
    }
}

fn read_token(path: &Path) -> Result<String, HostError> {
    let text = files::read_text(path, Links::Refuse, FILE_MAX);
    let text =
        text.map_err(|error| HostError::TokenRefused { detail: format!("reading {}: {error}", path.display()) })?;
    Ok(text.trim().to_owned())
}

fn checked(status: StatusCode, document: Value, text: &str) -> Result<Value, HostError> {
    if status.is_success() {
        return Ok(document);
    }
    Err(HostError::Refused { status, detail: detail(&document, text) })
}

/// Returns the detail of a problem document, or the beginning of any other answer.
fn detail(document: &Value, text: &str) -> String {
    let whole = document.get("detail").and_then(Value::as_str).unwrap_or(text);
    whole.get(..whole.floor_char_boundary(SHOWN_MAX)).unwrap_or_default().to_owned()
}

/// Returns the path of the next page.
fn next_page(link: &str) -> Option<String> {
    let of = |part: &str| {
        let (address, rel) = part.trim().split_once(';')?;
        let path = address.trim().strip_prefix('<')?.strip_suffix('>')?;
        rel.contains("rel=\"next\"").then(|| path.to_owned())
    };
    link.split(',').find_map(of)
}

/// Returns true if nothing listens at the address.
fn is_refused(error: &reqwest::Error) -> bool {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(one) = source {
        if one.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == std::io::ErrorKind::ConnectionRefused) {
            return true;
        }
        source = one.source();
    }
    false
}

/// Returns the innermost cause, which is more specific than "error sending request".
fn cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut last: &dyn std::error::Error = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_the_one_with_that_relation() {
        let link = "</a/events>; rel=\"events\", </a?limit=5&before=07>; rel=\"next\"";
        assert_eq!(next_page(link).as_deref(), Some("/a?limit=5&before=07"));
        assert_eq!(next_page("</a>; rel=\"events\""), None);
        assert_eq!(next_page(""), None);
    }

    #[test]
    fn a_long_answer_is_shortened_between_characters() {
        let text = "ü".repeat(SHOWN_MAX);
        assert_eq!(detail(&Value::Null, &text), "ü".repeat(SHOWN_MAX / 2));
        assert_eq!(detail(&serde_json::json!({"detail": "no"}), &text), "no");
    }
}
