//! The views of `GET /health/detailed`.

use super::{BotStateView, RestrictionLevelView};
use serde::Serialize;
use ts_rs::TS;
use utoipa::ToSchema;

/// The overall health.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatusView {
    /// Channels are up, no breaker is tripped, no restriction is set, no row was lost and the webhook accepts alerts.
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

/// The health of the host: `GET /health/detailed`.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub struct HealthView {
    pub status: HealthStatusView,
    pub bot: BotStateView,
    pub restriction: RestrictionLevelView,
    pub market_channel_up: bool,
    pub user_channel_up: bool,
    /// The redundant connections for market data, over all tokens.
    pub market_connections: Vec<ConnectionView>,
    /// Venue data of this session that could not be parsed or read and was left out, by list.
    pub left_out: Vec<LeftOutView>,
    /// Account activity reads from the venue's data API; `null` in paper mode and before the first read.
    pub records: Option<RecordsView>,
    pub tripped_breakers: Vec<String>,
    pub database: DatabaseView,
    /// Bytes of SQLite's write-ahead log; 0 on PostgreSQL.
    #[ts(type = "number")]
    pub database_log_bytes: u64,
    /// The reason why the log cannot be truncated while it has more than 64 MiB; empty otherwise.
    pub database_log_problem: String,
    #[ts(type = "number")]
    pub rows_written: u64,
    #[ts(type = "number")]
    pub rows_lost: u64,
    #[ts(type = "number")]
    pub rows_waiting: u64,
    #[ts(type = "number")]
    pub events: u64,
    /// Time that market events waited for the engine after they were received, in the last full second.
    pub event_wait: WaitView,
    /// Delivery of alerts.
    pub alerts: AlertsView,
    /// The trigger of the strategies folder's watcher.
    pub strategies_folder: FolderWatchView,
}

/// The trigger of the strategies folder's watcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FolderWatchView {
    /// File system events, and a scan every second.
    Events,
    /// Scans only: the system provides no events for this folder.
    Scan,
}

/// Delivery of this session's alerts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, TS, ToSchema)]
pub struct AlertsView {
    /// True if a channel is configured. Without one, no alert is sent.
    pub configured: bool,
    /// Posts that were accepted.
    #[ts(type = "number")]
    pub sent: u64,
    /// Alerts that were refused.
    #[ts(type = "number")]
    pub failed: u64,
    /// Alerts dropped for lack of room.
    #[ts(type = "number")]
    pub dropped: u64,
    #[ts(type = "number")]
    pub waiting: u64,
    /// Waiting alerts that were tried already.
    #[ts(type = "number")]
    pub retrying: u64,
    /// Seconds for which all but critical alerts still wait because the webhook requested it.
    #[ts(type = "number")]
    pub held_s: u64,
    /// The reason why the last one was not delivered; empty if it was.
    pub error: String,
}

/// A waiting time, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, TS, ToSchema)]
pub struct WaitView {
    /// The mean.
    #[ts(type = "number")]
    pub mean_micros: u64,
    /// The maximum.
    #[ts(type = "number")]
    pub worst_micros: u64,
}

/// One of the redundant connections for market data. Tokens are split into groups, so each has one part per group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, TS, ToSchema)]
pub struct ConnectionView {
    /// Parts that are up.
    pub up: u32,
    /// All parts.
    pub parts: u32,
    /// Events that it was the first to deliver.
    #[ts(type = "number")]
    pub first: u64,
    /// Events that another connection had delivered before.
    #[ts(type = "number")]
    pub later: u64,
}

/// Entries of one venue list that could not be parsed or read and were left out: rows of an answer, frames of a
/// channel, or their parts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, TS, ToSchema)]
pub struct LeftOutView {
    /// The list: a path of the venue, or a channel.
    pub list: String,
    /// The number of entries left out.
    #[ts(type = "number")]
    pub count: u64,
    /// The name of the last such entry, or its position in the list.
    pub name: String,
    /// The reason why it was left out.
    pub reason: String,
}

/// The state of account activity reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordsStatusView {
    /// Read, and the positions match our books.
    #[default]
    Ok,
    /// Not readable.
    Unread,
    /// Read, but the positions differ from our books.
    Differs,
}

/// Account activity reads from the venue's data API: movements without a trade, and positions as a third source to
/// check against.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, TS, ToSchema)]
pub struct RecordsView {
    pub status: RecordsStatusView,
    /// The time of the last read, in Unix milliseconds; 0 if never.
    #[ts(type = "number")]
    pub read_at_ms: u64,
    /// The reason why it cannot be read.
    pub error: String,
    /// Positions that differed in several consecutive answers.
    pub differences: Vec<String>,
    /// Reported activities that the account does not show yet; one that explains no difference is dropped after ten
    /// minutes.
    #[ts(type = "number")]
    pub waiting: u64,
    /// Movements in unwatched markets since the start; none of them is booked.
    #[ts(type = "number")]
    pub elsewhere: u64,
    /// Activity kinds that the host does not know; none of them is booked.
    pub unknown_kinds: Vec<String>,
    /// Unknown fields in the last answers.
    #[ts(type = "number")]
    pub unknown_fields: u64,
    /// Rows of the last answers that could not be parsed.
    #[ts(type = "number")]
    pub unreadable: u64,
}
