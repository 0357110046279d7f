//! Serves the API and the page on their two ports, and writes their addresses to `run.json`.

use crate::connections::most_for;
use crate::{AppParts, router};
use anyhow::Context;
use config::Config;
use serde_json::json;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

mod listener;

/// The file with the host's addresses.
const STATE: &str = "run.json";

/// Removes the file of a run that did not end in order: its addresses are invalid.
pub fn forget_last_run(data_dir: &std::path::Path) -> anyhow::Result<()> {
    let path = data_dir.join(STATE);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing the old {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// The running server.
pub struct Served {
    /// The API's address.
    pub api: String,
    /// The dashboard's address.
    pub dashboard: String,
    /// A link that logs in once.
    pub login: String,
    state: PathBuf,
    tasks: [JoinHandle<()>; 3],
}

impl std::fmt::Debug for Served {
    /// Omits the link.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Served").field("api", &self.api).field("dashboard", &self.dashboard).finish_non_exhaustive()
    }
}

impl Served {
    /// Starts serving on `runtime`, which is separate from trading, so that readers never delay an order. Each port
    /// accepts as many connections as leave enough file descriptors for the host in a process that may open `files`.
    ///
    /// # Errors
    /// If a port is taken or `run.json` cannot be written.
    pub async fn start(
        config: &Config,
        parts: Arc<AppParts>,
        exchange: &str,
        code: &str,
        (runtime, files): (&Handle, u64),
    ) -> anyhow::Result<Self> {
        let most = most_for(files);
        let kept = Arc::clone(&parts);
        let token_task =
            runtime.spawn(async move { crate::auth::keep_admin_token(&kept.auth, &kept.db, kept.clock).await });
        let (api, api_task) = serve(runtime, config.api_listen, Arc::clone(&parts), ("api.listen", most)).await?;
        let (dashboard, dashboard_task) =
            serve(runtime, config.dashboard_listen, parts, ("dashboard.listen", most)).await?;
        let login = format!("{dashboard}/login?code={code}");
        let state = config.data_dir.join(STATE);
        let text = json!({
            "api": api,
            "dashboard": dashboard,
            "exchange": exchange,
            "login": login,
            "pid": std::process::id(),
            "signer": crate::platform::parent_id(),
        });
        store::private_file::replace(&state, text.to_string().as_bytes())
            .with_context(|| format!("writing {}", state.display()))?;
        Ok(Self { api, dashboard, login, state, tasks: [token_task, api_task, dashboard_task] })
    }

    /// Stops serving and removes `run.json`.
    pub fn stop(self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        if let Err(error) = std::fs::remove_file(&self.state) {
            tracing::warn!(%error, "removing run.json failed");
        }
    }
}

async fn serve(
    runtime: &Handle,
    listen: SocketAddr,
    parts: Arc<AppParts>,
    (key, most): (&str, usize),
) -> anyhow::Result<(String, JoinHandle<()>)> {
    let bound = runtime.spawn(TcpListener::bind(listen)).await.context("opening the port")?;
    let listener = bound.with_context(|| format!("serving on {listen}; set {key} to a free port, or 0 for any"))?;
    let address = listener.local_addr().context("reading the port")?;
    let task = runtime.spawn(listener::accept(listener, router(parts), most));
    Ok((format!("http://{address}"), task))
}

#[cfg(test)]
mod tests;
