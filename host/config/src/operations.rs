//! Settings of logs, backups and restarts.

use super::layers::Layers;
use super::{MEGABYTE, fit};

/// Logs, backups and restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operations {
    /// True if log lines are JSON objects.
    pub logs_json: bool,
    /// Size of a log file, in bytes, at which it is archived.
    pub logs_max: u64,
    /// Retention of archived log files, in days.
    pub logs_keep_days: u32,
    /// Retention of database backups, in days.
    pub backups_keep_days: u32,
    /// Retention of refusals and order events in the database, in days.
    pub rows_keep_days: u32,
    /// True if the bot starts in the state in which the last session ended.
    pub same_state: bool,
}

pub(super) fn read(layers: &Layers) -> anyhow::Result<Operations> {
    Ok(Operations {
        logs_json: layers.get("logs.format")?.text == "json",
        logs_max: fit::<u64>(layers.get("logs.max_mb")?)?.saturating_mul(MEGABYTE),
        logs_keep_days: fit(layers.get("logs.keep_days")?)?,
        backups_keep_days: fit(layers.get("backups.keep_days")?)?,
        rows_keep_days: fit(layers.get("database.keep_days")?)?,
        same_state: layers.get("start.state")?.text == "same",
    })
}
