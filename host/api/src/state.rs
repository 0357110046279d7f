//! The state of all handlers.

use crate::auth::Auth;
use crate::runtime_limits::RuntimeLimits;
use alerts::Alerts;
use config::Config;
use control::Control;
use readmodel::ReadModel;
use std::sync::Arc;
use store::db::Db;

/// Reads the configuration again.
pub struct Reread(pub Box<dyn Fn() -> anyhow::Result<Config> + Send + Sync>);

impl std::fmt::Debug for Reread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reread").finish_non_exhaustive()
    }
}

/// The resources of all handlers.
#[derive(Debug)]
pub struct AppParts {
    /// The read model.
    pub picture: ReadModel,
    /// The queue of alerts, for its figures.
    pub alerts: Alerts,
    /// The handle for commands.
    pub control: Control,
    /// Tokens, sessions and login codes.
    pub auth: Auth,
    /// The database.
    pub db: Db,
    /// The limits in effect, and the configuration.
    pub settings: RuntimeLimits,
    /// Reads the configuration again, from the sources that the host was started with.
    pub reread: Reread,
    /// The chain of the account, if its contracts are known.
    pub chain: Option<order::Chain>,
    /// The wallet that holds the funds.
    pub account: String,
    /// Versions of a strategy that are kept for a rollback.
    pub keep_versions: u32,
    /// The session's number.
    pub session: u64,
    /// True if host names other than this machine's are accepted.
    pub remote: bool,
    /// The trusted proxies, in addition to those on this machine.
    pub trusted_proxies: Vec<std::net::IpAddr>,
    /// Returns the number of lost output lines.
    pub lost_lines: fn() -> u64,
    /// The host's clock.
    pub clock: fn() -> model::Time,
}

/// The state of all handlers.
pub(crate) type AppState = Arc<AppParts>;
