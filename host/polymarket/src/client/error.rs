//! Errors of requests, and the questions that callers ask about them.

use super::Withheld;
use crate::parse::ParseError;
use model::event::Reason;
use std::time::Duration;

/// Reasons why a request has no valid response.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// There was no connection, or the request could not be built: nothing was sent.
    #[error("the request was not sent")]
    NotSent(#[source] reqwest::Error),
    /// The venue's rate limit has no room for it soon enough: nothing was sent.
    #[error("no room in the venue's rate limit for {} ms", wait.as_millis())]
    NoRoom {
        /// Time until there is room.
        wait: Duration,
    },
    /// An order was withheld: nothing of it was sent.
    #[error(transparent)]
    Withheld(#[from] Withheld),
    /// No response arrived in time.
    #[error("no response within {} ms", after.as_millis())]
    Timeout {
        /// The time waited.
        after: Duration,
    },
    /// The connection was lost after sending had begun.
    #[error("the connection failed")]
    Transport(#[source] reqwest::Error),
    /// The response exceeds the size limit.
    #[error("the response exceeds {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// The venue answered with an error.
    #[error("the venue answered {status}: {reason}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// The venue's error text, cut; empty if the body has none that we can parse.
        reason: Reason,
        /// True if the venue's own rate limiter responded, so that nothing behind it saw the request.
        limited: bool,
        /// The wait that the venue requests.
        retry_after: Option<Duration>,
        /// The heartbeat id that the venue expected, if the error is about that; empty otherwise.
        expected: String,
    },
    /// The response cannot be parsed.
    #[error("unexpected response from {path}")]
    Malformed {
        /// The requested path.
        path: String,
        /// The parse error.
        #[source]
        source: ParseError,
    },
    /// A row that could be about the requested order failed to parse.
    #[error("a row of {path} that could be about the order cannot be parsed")]
    Unread {
        /// Path of the list.
        path: &'static str,
    },
    /// A list did not end.
    #[error("{path} has more than {limit} pages, or repeats one")]
    Endless {
        /// Path of the list.
        path: &'static str,
        /// The limit.
        limit: usize,
    },
}

/// Reasons why a heartbeat was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum HeartbeatError {
    /// Its id is not the expected one; the deadline stands.
    #[error("wrong heartbeat id; the venue expects {expected}")]
    WrongId {
        /// The id to send.
        expected: String,
    },
    /// There is no valid response.
    #[error(transparent)]
    Request(#[from] RequestError),
}

impl RequestError {
    /// Returns true if the request may have taken effect at the venue.
    pub const fn may_have_arrived(&self) -> bool {
        !matches!(self, Self::NotSent(_) | Self::NoRoom { .. } | Self::Withheld(_))
    }

    /// Returns true if this counts towards the error rate: transport errors, 5xx, 429, authentication failures and
    /// malformed responses. An expected refusal does not.
    pub const fn is_failure(&self) -> bool {
        match self {
            Self::NoRoom { .. } | Self::Unread { .. } | Self::Withheld(Withheld::Held | Withheld::TooOld) => false,
            Self::Status { status, .. } => matches!(status, 401 | 403 | 429 | 500..),
            _ => true,
        }
    }

    /// Returns true if the venue's response cannot be parsed: an early retry would return the same.
    pub const fn is_not_understood(&self) -> bool {
        matches!(self, Self::Malformed { .. } | Self::Unread { .. })
    }

    /// Returns true if a request for another item may succeed: the venue has answered, or was reached and did not
    /// answer this request. False for a refused login, a rate limit, and without a connection.
    pub const fn is_about_one_item(&self) -> bool {
        match self {
            Self::NotSent(_) | Self::NoRoom { .. } | Self::Withheld(_) => false,
            Self::Status { status, .. } => !matches!(status, 401 | 403 | 429),
            _ => true,
        }
    }

    /// Returns true if the venue does not know the requested item.
    pub const fn is_not_found(&self) -> bool {
        matches!(self, Self::Status { status: 404, .. })
    }
}
