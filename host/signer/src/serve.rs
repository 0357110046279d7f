//! The signer's end of the socket.

use crate::core::Signer;
use crate::message::{Request, Response};
use crate::moment::Clock;
use crate::refusal::Refusal;
use crate::signing_log::Damage;
use crate::wire::{Frames, WireError, encode};
use model::SessionId;
use order::{Address, Exchange};
use std::fmt;
use std::io::{self, Read, Write};

/// The read buffer in bytes, enough for several orders.
const CHUNK_BYTES: usize = 4_096;

/// An event for the signer's log. Never contains a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The signer is ready.
    Ready {
        /// The address of its key.
        address: Address,
    },
    /// A session began.
    Began {
        /// The session.
        session: SessionId,
    },
    /// A login was signed, for which the venue gives out API keys.
    SignedLogin {
        /// Index of the API keys.
        nonce: u64,
    },
    /// A wallet batch was signed.
    SignedBatch {
        /// The number of its calls.
        calls: usize,
    },
    /// The signer was locked.
    Locked {
        /// The reason.
        reason: String,
    },
    /// The signer starts locked: counter or log are not what it wrote.
    Damaged {
        /// The damage.
        damage: Damage,
    },
    /// A signal locked the signer for as long as its process lives.
    Held,
    /// The system has no system call filter; the signer runs without it.
    Unconfined {
        /// The system's error.
        reason: String,
    },
    /// The signer was unlocked.
    Unlocked,
    /// A request was refused.
    Refused {
        /// The refusal.
        refusal: Refusal,
        /// The exchange contract, if it was an order.
        exchange: Option<Exchange>,
    },
    /// A signal was passed on to the host.
    Forwarded {
        /// The signal.
        signal: &'static str,
    },
    /// The host closed the connection.
    HungUp,
    /// The connection was closed because of an invalid request, or because it broke.
    Broken {
        /// The reason.
        reason: String,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready { address } => write!(f, "the signer signs for {address}"),
            Self::Began { session } => write!(f, "session {session} began"),
            Self::SignedLogin { nonce } => write!(f, "signed a login with nonce {nonce}"),
            Self::SignedBatch { calls } => write!(f, "signed a wallet batch of {calls} calls"),
            Self::Locked { reason } => write!(f, "the signer is locked: {reason}"),
            Self::Damaged { damage } => write!(f, "locked, and signs nothing until its records are renewed: {damage}"),
            Self::Held => f.write_str("locked by a signal; it signs nothing until it is restarted"),
            Self::Unconfined { reason } => write!(f, "the signer runs without a system call filter: {reason}"),
            Self::Unlocked => f.write_str("the signer was unlocked by the host"),
            Self::Refused { refusal, exchange: None } => write!(f, "{refusal}"),
            Self::Refused { refusal, exchange: Some(exchange) } => write!(f, "{refusal} (order for {exchange:?})"),
            Self::Forwarded { signal } => write!(f, "passed {signal} on to the host"),
            Self::HungUp => f.write_str("the host closed the connection"),
            Self::Broken { reason } => write!(f, "closed the connection to the host: {reason}"),
        }
    }
}

/// The error that ended serving. The host closing the connection is not an error.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The host sent bytes that are not a request.
    #[error("invalid request from the host: {0}")]
    Wire(#[from] WireError),
    /// The socket failed.
    #[error("the socket to the host failed")]
    Socket(#[from] io::Error),
}

/// Answers requests until the other end closes the connection. Blocks its thread; nothing else runs on it, because a
/// runtime would only add to the round trip. There is no timeout: the host may be silent for as long as it lives.
///
/// # Errors
/// If the host sends an invalid request or the socket fails. The caller closes the socket, which the host treats as the
/// signer's end.
pub fn serve(
    signer: &mut Signer,
    clock: Clock,
    mut socket: impl Read + Write,
    notify: &mut dyn FnMut(Notice),
) -> Result<(), ServeError> {
    let mut frames = Frames::default();
    let mut chunk = [0; CHUNK_BYTES];
    let mut answers = Vec::with_capacity(CHUNK_BYTES);
    loop {
        let count = match socket.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        frames.push(chunk.get(..count).unwrap_or_default());
        while let Some((id, request)) = frames.next_message::<Request>()? {
            let response = signer.handle(clock.now(), &request);
            encode(&response, id, &mut answers);
            // One at a time: the first order of a burst does not wait for the signature of the second.
            socket.write_all(&answers)?;
            answers.clear();
            if let Some(notice) = notice(&request, &response) {
                notify(notice);
            }
        }
    }
}

fn notice(request: &Request, response: &Response) -> Option<Notice> {
    let exchange = match request {
        Request::SignOrder(order) => Some(order.exchange),
        _ => None,
    };
    match (request, response) {
        (_, Response::Refused(refusal)) => Some(Notice::Refused { refusal: *refusal, exchange }),
        (Request::Begin { session }, _) => Some(Notice::Began { session: *session }),
        (Request::SignAuth { nonce, .. }, _) => Some(Notice::SignedLogin { nonce: *nonce }),
        (Request::SignBatch(request), _) => Some(Notice::SignedBatch { calls: request.batch.calls.len() }),
        (Request::Lock { reason }, _) => Some(Notice::Locked { reason: reason.clone() }),
        (Request::Unlock, Response::Done) => Some(Notice::Unlocked),
        _ => None,
    }
}
