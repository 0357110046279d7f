//! The API and the page on their two ports, and `run.json`, which tells where they are.

use crate::{Parts, router};
use anyhow::Context;
use config::Config;
use serde_json::json;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The file that tells where the host is served.
const STATE: &str = "run.json";

/// Removes what a run left behind that did not end in order: its addresses are nobody's now.
pub fn forget_last_run(data_dir: &std::path::Path) -> anyhow::Result<()> {
    let path = data_dir.join(STATE);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing the old {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// What is served.
#[derive(Debug)]
pub struct Served {
    /// The API's address.
    pub api: String,
    /// A link that logs in once.
    pub login: String,
    state: PathBuf,
    tasks: [JoinHandle<()>; 2],
}

impl Served {
    /// Begins to serve.
    ///
    /// # Errors
    /// If a port is taken or `run.json` cannot be written.
    pub async fn start(config: &Config, parts: Arc<Parts>, exchange: &str, code: &str) -> anyhow::Result<Self> {
        let (api, api_task) = serve(config.api_listen, Arc::clone(&parts), "api.listen").await?;
        let (dashboard, dashboard_task) = serve(config.dashboard_listen, parts, "dashboard.listen").await?;
        let login = format!("{dashboard}/login?code={code}");
        let state = config.data_dir.join(STATE);
        let text = json!({
            "api": api,
            "dashboard": dashboard,
            "exchange": exchange,
            "login": login,
            "pid": std::process::id(),
            "signer": std::os::unix::process::parent_id(),
        });
        store::private_file::replace(&state, text.to_string().as_bytes())
            .with_context(|| format!("writing {}", state.display()))?;
        Ok(Self { api, login, state, tasks: [api_task, dashboard_task] })
    }

    /// Stops serving and takes `run.json` away.
    pub fn stop(self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        if let Err(error) = std::fs::remove_file(&self.state) {
            tracing::warn!(%error, "run.json stays behind");
        }
    }
}

async fn serve(listen: SocketAddr, parts: Arc<Parts>, key: &str) -> anyhow::Result<(String, JoinHandle<()>)> {
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("serving on {listen}; set {key} to a free port, or 0 for any"))?;
    let address = listener.local_addr().context("asking for the port")?;
    let task = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router(parts)).await {
            tracing::error!(%error, "the API stopped");
        }
    });
    Ok((format!("http://{address}"), task))
}
