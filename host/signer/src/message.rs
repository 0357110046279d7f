//! What host and signer say to each other. How it looks on the socket is in [`crate::wire`].

use crate::refusal::Refusal;
use model::{SessionId, Time, VenueOrderId};
use order::{Account, Batch, Exchange, Signature65, UnsignedOrder};

/// The version of this contract. Both ends come from one binary, so another version is a mistake of the operator.
pub const VERSION: u16 = 4;

/// Bytes of a lock's reason; a longer one is cut.
pub const REASON_BYTES: usize = 120;

/// An order that is to be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderRequest {
    /// The session that it was approved in.
    pub session: SessionId,
    /// Our number of the order. Rises strictly within a session; gaps are fine.
    pub sequence: u64,
    /// The end of the approval, in time since the machine started: host and signer read the same clock, and nothing sets it.
    pub deadline: Time,
    /// The contract that settles it; the chain is the signer's own.
    pub exchange: Exchange,
    /// The order.
    pub order: UnsignedOrder,
}

/// A batch of a deposit wallet that is to be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchRequest {
    /// The live session.
    pub session: SessionId,
    /// The batch; the chain is the signer's own.
    pub batch: Batch,
}

/// What the host asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// The first word: which version the client speaks.
    Hello {
        /// The version.
        version: u16,
    },
    /// A session begins; its number is above that of the last. Numbers of orders start again.
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
        /// Which of the venue's API keys, 0 as a rule.
        nonce: u64,
    },
    /// Sign a wallet batch.
    SignBatch(BatchRequest),
    /// Sign nothing more.
    Lock {
        /// Why, for the log; at most [`REASON_BYTES`].
        reason: String,
    },
    /// Sign again.
    Unlock,
    /// How are you.
    Status,
}

/// How the signer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// Whether it is locked.
    pub locked: bool,
    /// The live session; 0 if none has begun.
    pub session: SessionId,
    /// The last number of an order that it took in this session.
    pub sequence: u64,
    /// Orders signed since it started.
    pub signed: u64,
    /// Requests refused since it started.
    pub refused: u64,
}

/// What the signer answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Response {
    /// The first answer.
    Welcome {
        /// The version that the signer speaks.
        version: u16,
        /// The account that it signs for.
        account: Account,
    },
    /// It is done.
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
    /// How it is.
    Status(Status),
    /// It is not done.
    Refused(Refusal),
}
