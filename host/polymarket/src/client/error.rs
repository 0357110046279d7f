//! Why a request has no answer, and the questions that its caller has.

use super::Withheld;
use crate::parse::ParseError;
use model::event::Reason;
use std::time::Duration;

/// Why a request has no good answer.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// There was no connection, or the request could not even be made: nothing left this machine.
    #[error("the request was not sent")]
    NotSent(#[source] reqwest::Error),
    /// The venue's rate limit has no room for it soon enough: nothing left this machine.
    #[error("the venue's rate limit has no room for {} ms", wait.as_millis())]
    NoRoom {
        /// When there will be.
        wait: Duration,
    },
    /// An order was kept here: nothing of it left this machine.
    #[error(transparent)]
    Withheld(#[from] Withheld),
    /// Nothing came back in time.
    #[error("no answer within {} ms", after.as_millis())]
    Timeout {
        /// How long we waited.
        after: Duration,
    },
    /// The connection was lost after the request had begun to leave.
    #[error("the connection failed")]
    Transport(#[source] reqwest::Error),
    /// The answer is longer than we read.
    #[error("the answer has more than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// The venue answered with an error.
    #[error("the venue answered {status}: {reason}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// The venue's words, cut; empty if it gave none that we understand.
        reason: Reason,
        /// Whether the venue's own rate limiter answered, so that nothing behind it saw the request.
        limited: bool,
        /// How long it asks us to wait.
        retry_after: Option<Duration>,
        /// The heartbeat's id that it expected, if the error is about that; empty otherwise.
        expected: String,
    },
    /// The answer makes no sense.
    #[error("the answer to {path} makes no sense")]
    Malformed {
        /// What was asked.
        path: String,
        /// What is wrong.
        #[source]
        source: ParseError,
    },
    /// A row of a list that could be about what was asked for is not understood.
    #[error("a row of {path} that could be about it is not understood")]
    Unread {
        /// The list.
        path: &'static str,
    },
    /// A list did not end.
    #[error("{path} has more than {limit} pages, or repeats one")]
    Endless {
        /// What was asked.
        path: &'static str,
        /// The limit.
        limit: usize,
    },
}

/// Why a heartbeat was not taken.
#[derive(Debug, thiserror::Error)]
pub enum HeartbeatError {
    /// Its id is not the one that the venue waits for; the deadline stands.
    #[error("the venue waits for the heartbeat {expected}")]
    WrongId {
        /// The id to send.
        expected: String,
    },
    /// There is no good answer.
    #[error(transparent)]
    Request(#[from] RequestError),
}

impl RequestError {
    /// Says whether the request may have had its effect at the venue.
    pub const fn may_have_arrived(&self) -> bool {
        !matches!(self, Self::NotSent(_) | Self::NoRoom { .. } | Self::Withheld(_))
    }

    /// Says whether this counts towards the error rate: transport, 5xx, 429, authentication, and answers without sense. An
    /// expected refusal does not.
    pub const fn is_failure(&self) -> bool {
        match self {
            Self::NoRoom { .. } | Self::Unread { .. } | Self::Withheld(Withheld::Held | Withheld::TooOld) => false,
            Self::Status { status, .. } => matches!(status, 401 | 403 | 429 | 500..),
            _ => true,
        }
    }

    /// Says whether the venue answered with something that is not understood: to ask again soon brings the same.
    pub const fn is_not_understood(&self) -> bool {
        matches!(self, Self::Malformed { .. } | Self::Unread { .. })
    }

    /// Says whether the venue does not know what was asked for.
    pub const fn is_not_found(&self) -> bool {
        matches!(self, Self::Status { status: 404, .. })
    }
}
