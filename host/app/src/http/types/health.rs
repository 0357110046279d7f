//! What `GET /health/detailed` tells.

use serde::Serialize;
use ts_rs::TS;
use utoipa::ToSchema;

/// How the host is: `GET /health/detailed`.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub struct HealthView {
    /// `ok` or `degraded`.
    pub status: String,
    pub bot: String,
    pub restriction: String,
    pub market_channel_up: bool,
    pub user_channel_up: bool,
    /// The connections that bring the same market data, over all tokens.
    pub market_connections: Vec<ConnectionView>,
    pub tripped_breakers: Vec<String>,
    /// `sqlite` or `postgres`.
    pub database: String,
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
