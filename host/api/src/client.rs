//! A running host, as the command line talks to it: its address is in `run.json`, and whoever can read `admin.token` may.

use anyhow::{Context, bail};
use files::Links;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(35);

/// The most bytes of `run.json` and of a token's file.
const FILE_MAX: u64 = 64 * 1024;

/// A host, and what is asked of it.
pub struct Remote {
    runtime: tokio::runtime::Runtime,
    client: reqwest::Client,
    api: String,
    dashboard: String,
    token: String,
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
    /// If none does, or its token cannot be read.
    pub fn of(data_dir: &Path) -> anyhow::Result<Self> {
        let path = data_dir.join("run.json");
        let text = files::read(&path, Links::Refuse, FILE_MAX)
            .with_context(|| format!("no host runs in {}", data_dir.display()))?;
        let told: Value = serde_json::from_slice(&text).with_context(|| format!("{} is no JSON", path.display()))?;
        let address =
            |key| told.get(key).and_then(Value::as_str).map(str::to_owned).context("run.json names no address");
        let (api, dashboard) = (address("api")?, address("dashboard")?);
        let token = crate::auth::admin_token_path(data_dir);
        let token = files::read_text(&token, Links::Refuse, FILE_MAX)
            .with_context(|| format!("reading {}", token.display()))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let tls = polymarket::tls::client_config()?.as_ref().clone();
        let client = reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().timeout(PATIENCE).build()?;
        Ok(Self { runtime, client, api, dashboard, token: token.trim().to_owned() })
    }

    /// Asks for something.
    ///
    /// # Errors
    /// If the host does not answer, or says no: then in its words.
    pub fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.send(self.client.get(format!("{}{path}", self.api)))
    }

    /// Has something done.
    ///
    /// # Errors
    /// As [`Remote::get`].
    pub fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.send(self.client.post(format!("{}{path}", self.api)).json(body))
    }

    /// Has something taken away.
    ///
    /// # Errors
    /// As [`Remote::get`].
    pub fn delete(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.send(self.client.delete(format!("{}{path}", self.api)).json(body))
    }

    /// Returns the dashboard's address.
    pub fn dashboard(&self) -> &str {
        &self.dashboard
    }

    fn send(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
        self.runtime.block_on(async {
            let answer = request.bearer_auth(&self.token).send().await.context("asking the host")?;
            let status = answer.status();
            let text = answer.text().await.context("reading the host's answer")?;
            let said: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
            if !status.is_success() {
                let detail = said.get("detail").and_then(Value::as_str).unwrap_or(&text);
                bail!("{detail} ({status})");
            }
            Ok(said)
        })
    }
}
