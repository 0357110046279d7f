//! What `GET /health/detailed` tells.

use super::{BotStateView, RestrictionLevelView};
use serde::Serialize;
use ts_rs::TS;
use utoipa::ToSchema;

/// Whether all is well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatusView {
    /// Channels are up, no breaker is tripped, nothing is restricted, no row was lost and the webhook takes alerts.
    Ok,
    /// Anything else.
    Degraded,
}

/// Kind of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DatabaseView {
    /// A file in the data folder.
    Sqlite,
    /// A server.
    Postgres,
}

/// How the host is: `GET /health/detailed`.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub struct HealthView {
    pub status: HealthStatusView,
    pub bot: BotStateView,
    pub restriction: RestrictionLevelView,
    pub market_channel_up: bool,
    pub user_channel_up: bool,
    /// The connections that bring the same market data, over all tokens.
    pub market_connections: Vec<ConnectionView>,
    /// What of the venue's words was not understood in this session and so left out, by the list in which it stood.
    pub left_out: Vec<LeftOutView>,
    /// The venue's public records of the account; none on paper, and none before they were read for the first time.
    pub records: Option<RecordsView>,
    pub tripped_breakers: Vec<String>,
    pub database: DatabaseView,
    /// Bytes of SQLite's write-ahead log; 0 on PostgreSQL.
    #[ts(type = "number")]
    pub database_log_bytes: u64,
    /// What keeps the log from becoming small again, once it has more than 64 MiB; empty otherwise.
    pub database_log_problem: String,
    #[ts(type = "number")]
    pub rows_written: u64,
    #[ts(type = "number")]
    pub rows_lost: u64,
    #[ts(type = "number")]
    pub rows_waiting: u64,
    #[ts(type = "number")]
    pub events: u64,
    /// How long market events waited for the engine from the moment they were received, in the last whole second.
    pub event_wait: WaitView,
    /// What became of alerts.
    pub alerts: AlertsView,
    /// What wakes the watcher of the strategies folder.
    pub strategies_folder: FolderWatchView,
}

/// What wakes the watcher of the strategies folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FolderWatchView {
    /// Events of the file system, beside a scan each second.
    Events,
    /// A scan alone: the system gives no events for this folder.
    Scan,
}

/// What became of the alerts of this session.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, TS, ToSchema)]
pub struct AlertsView {
    /// Whether there is a webhook; nobody is told of anything otherwise.
    pub configured: bool,
    /// Posts that were taken.
    #[ts(type = "number")]
    pub sent: u64,
    /// Those that were refused.
    #[ts(type = "number")]
    pub failed: u64,
    /// Those for which there was no room.
    #[ts(type = "number")]
    pub dropped: u64,
    #[ts(type = "number")]
    pub waiting: u64,
    /// Those of the waiting ones that were tried already.
    #[ts(type = "number")]
    pub retrying: u64,
    /// For how many seconds yet all but critical ones wait because the webhook asked for it.
    #[ts(type = "number")]
    pub held_s: u64,
    /// Why the last one has not got through; empty if it did.
    pub error: String,
}

/// How long something waited, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, TS, ToSchema)]
pub struct WaitView {
    /// On average.
    #[ts(type = "number")]
    pub mean_micros: u64,
    /// At worst.
    #[ts(type = "number")]
    pub worst_micros: u64,
}

/// One of the connections that bring the same market data. Tokens are spread, so each is made of several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, TS, ToSchema)]
pub struct ConnectionView {
    /// How many of its parts are up.
    pub up: u32,
    /// How many parts it has.
    pub parts: u32,
    /// Events that it was the first to bring.
    #[ts(type = "number")]
    pub first: u64,
    /// Events that another one had brought before.
    #[ts(type = "number")]
    pub later: u64,
}

/// What of one list of the venue was not understood, and so left out: rows of an answer, frames of a channel, their parts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, TS, ToSchema)]
pub struct LeftOutView {
    /// The list: an address of the venue, or a channel.
    pub list: String,
    /// How often something was left out of it.
    #[ts(type = "number")]
    pub count: u64,
    /// What the last such thing calls itself, or its place in the list.
    pub name: String,
    /// Why it was not understood.
    pub reason: String,
}

/// Whether the venue's public records of the account can be read and agree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordsStatusView {
    /// They were read and show the positions of our books.
    #[default]
    Ok,
    /// They cannot be read.
    Unread,
    /// They show other positions than our books.
    Differs,
}

/// How the venue's public records of the account are read: what moved without a trade, and positions as a third witness.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, TS, ToSchema)]
pub struct RecordsView {
    pub status: RecordsStatusView,
    /// When they were last read, in Unix milliseconds; 0 if never.
    #[ts(type = "number")]
    pub read_at_ms: u64,
    /// Why they cannot be read.
    pub error: String,
    /// Positions that differed in several answers running.
    pub differences: Vec<String>,
    /// What the records told and the account does not show yet; what explains no difference goes after ten minutes.
    #[ts(type = "number")]
    pub waiting: u64,
    /// What moved in markets that are not watched, since the start: nothing is booked for it.
    #[ts(type = "number")]
    pub elsewhere: u64,
    /// Kinds of activities that nobody here knows: nothing is booked for them.
    pub unknown_kinds: Vec<String>,
    /// Fields of the last answers that nobody here knows.
    #[ts(type = "number")]
    pub unknown_fields: u64,
    /// Rows of the last answers that could not be read.
    #[ts(type = "number")]
    pub unreadable: u64,
}
