//! The messages between host and signer. Their encoding on the socket is in [`crate::wire`].

use crate::refusal::Refusal;
use model::{SessionId, Time, VenueOrderId};
use order::{Account, Batch, Exchange, Signature65, UnsignedOrder};

/// The version of this contract. Both ends come from one binary, so a different version is an operator's mistake.
pub const VERSION: u16 = 4;

/// The most bytes of a lock's reason; a longer one is cut.
pub const REASON_BYTES: usize = 120;

/// An order to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderRequest {
    /// The session that it was approved in.
    pub session: SessionId,
    /// The order's number. Rises strictly within a session; gaps are allowed.
    pub sequence: u64,
    /// The end of the approval, in time since boot: host and signer read the same clock, and it cannot be set.
    pub deadline: Time,
    /// The exchange contract that settles it; the chain is the signer's own.
    pub exchange: Exchange,
    /// The order.
    pub order: UnsignedOrder,
}

/// A batch of a deposit wallet to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchRequest {
    /// The live session.
    pub session: SessionId,
    /// The batch; the chain is the signer's own.
    pub batch: Batch,
}

/// A request of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// The first request, with the client's version.
    Hello {
        /// The version.
        version: u16,
    },
    /// Begins a session; its id is above the last one's. Order numbers start again.
    Begin {
        /// The session.
        session: SessionId,
    },
    /// Sign an order.
    SignOrder(OrderRequest),
    /// Sign a login (L1) of the account's key.
    SignAuth {
        /// Seconds since the epoch.
        timestamp_s: u64,
        /// Index of the venue's API keys, usually 0.
        nonce: u64,
    },
    /// Sign a wallet batch.
    SignBatch(BatchRequest),
    /// Lock the signer: sign nothing more.
    Lock {
        /// The reason, for the log; at most [`REASON_BYTES`].
        reason: String,
    },
    /// Unlock the signer.
    Unlock,
    /// Return the signer's status.
    Status,
}

/// The status of the signer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// True if it is locked.
    pub locked: bool,
    /// The live session; 0 if none has begun.
    pub session: SessionId,
    /// The last order number used in this session.
    pub sequence: u64,
    /// Orders signed since it started.
    pub signed: u64,
    /// Requests refused since it started.
    pub refused: u64,
}

/// An answer of the signer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Response {
    /// The first answer.
    Welcome {
        /// The version that the signer speaks.
        version: u16,
        /// The account that it signs for.
        account: Account,
    },
    /// The request was carried out.
    Done,
    /// The order is signed.
    OrderSigned {
        /// The digest that was signed.
        id: VenueOrderId,
        /// The signature.
        signature: Signature65,
    },
    /// The login is signed.
    AuthSigned {
        /// The signature.
        signature: Signature65,
    },
    /// The batch is signed.
    BatchSigned {
        /// The signature.
        signature: Signature65,
    },
    /// The status.
    Status(Status),
    /// The request was refused.
    Refused(Refusal),
}
