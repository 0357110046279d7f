//! The state of all handlers.

use crate::auth::Auth;
use crate::runtime_limits::Settings;
use alerts::Alerts;
use control::Control;
use readmodel::Picture;
use std::sync::Arc;
use store::db::Db;

/// What handlers work with.
#[derive(Debug)]
pub struct Parts {
    /// What is shown.
    pub picture: Picture,
    /// The counts of alerts.
    pub alerts: Alerts,
    /// What acts.
    pub control: Control,
    /// Who may.
    pub auth: Auth,
    /// What was.
    pub db: Db,
    /// What is configured.
    pub settings: Settings,
    /// The chain that the account is on, if its contracts are known.
    pub chain: Option<order::Chain>,
    /// The wallet that holds the money.
    pub account: String,
    /// How many versions of a strategy one can go back to.
    pub keep_versions: u32,
    /// The session's number.
    pub session: u64,
    /// Whether other names than this machine's may be asked for.
    pub remote: bool,
    /// The lines of output that were lost.
    pub lost_lines: fn() -> u64,
    /// The host's clock.
    pub clock: fn() -> model::Time,
}

/// The state of all handlers.
pub(crate) type App = Arc<Parts>;
