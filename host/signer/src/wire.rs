//! Frames on the socket: length (u16), kind (u8), request id (u32), body; big-endian, every field written out. Parsing is
//! total: any bytes become a message or an error, and no frame is longer than [`FRAME_BYTES`].

mod field;
mod requests;
mod responses;

use crate::message::{Request, Response};

/// The most that the length field of a frame may say: what follows it. A full wallet batch has 5,010.
pub const FRAME_BYTES: usize = 5_120;

/// Why bytes are no message. The connection is of no use after that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The frame says that it is longer than any may be.
    #[error("a frame of {bytes} bytes is over the limit of {FRAME_BYTES}")]
    TooLong {
        /// What it says.
        bytes: usize,
    },
    /// No message has this number.
    #[error("no message is of kind {kind}")]
    UnknownKind {
        /// The number.
        kind: u8,
    },
    /// The fields do not fit the kind.
    #[error("the fields of a message of kind {kind} make no sense")]
    Malformed {
        /// The kind.
        kind: u8,
    },
    /// The frame is too short for its own head.
    #[error("a frame of {bytes} bytes has no head")]
    TooShort {
        /// What it says.
        bytes: usize,
    },
}

/// A message that can stand in a frame.
pub trait Message: Sized {
    /// Writes kind, request id and fields.
    fn write(&self, id: u32, out: &mut Vec<u8>);

    /// Reads the fields of a kind.
    ///
    /// # Errors
    /// If there is no such kind or the fields are not its fields.
    fn read(kind: u8, body: &[u8]) -> Result<Self, WireError>;
}

/// Appends a whole frame to `out`.
pub fn encode(message: &impl Message, id: u32, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend([0; 2]);
    message.write(id, out);
    let length = out.len().saturating_sub(start).saturating_sub(2);
    // All messages are far below the limit; were one not, the other end would refuse it.
    let length = u16::try_from(length).unwrap_or(u16::MAX);
    if let Some(slot) = out.get_mut(start..).and_then(<[u8]>::first_chunk_mut) {
        *slot = length.to_be_bytes();
    }
}

/// Bytes as they come, cut into frames.
#[derive(Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
}

impl Frames {
    /// Takes bytes from the socket. Call [`Frames::take`] until it is dry before the next ones: less than a frame is kept
    /// then.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Returns the next message with its request id, or `None` until more bytes come.
    ///
    /// # Errors
    /// If the bytes are no message; then no later ones can be trusted.
    pub fn take<M: Message>(&mut self) -> Result<Option<(u32, M)>, WireError> {
        let Some((length, rest)) = self.bytes.split_first_chunk() else { return Ok(None) };
        let bytes = usize::from(u16::from_be_bytes(*length));
        if bytes > FRAME_BYTES {
            return Err(WireError::TooLong { bytes });
        }
        let Some(frame) = rest.get(..bytes) else { return Ok(None) };
        let (Some((kind, frame)), true) = (frame.split_first(), bytes >= HEAD_BYTES) else {
            return Err(WireError::TooShort { bytes });
        };
        let Some((id, body)) = frame.split_first_chunk() else { return Err(WireError::TooShort { bytes }) };
        let message = (u32::from_be_bytes(*id), M::read(*kind, body)?);
        self.bytes.drain(..bytes.saturating_add(2));
        Ok(Some(message))
    }
}

/// Kind and request id.
const HEAD_BYTES: usize = 5;

/// Which kinds there are: requests below 128, responses from there on.
mod kind {
    pub(super) const HELLO: u8 = 1;
    pub(super) const BEGIN: u8 = 2;
    pub(super) const SIGN_ORDER: u8 = 3;
    pub(super) const SIGN_AUTH: u8 = 4;
    pub(super) const LOCK: u8 = 5;
    pub(super) const UNLOCK: u8 = 6;
    pub(super) const STATUS: u8 = 7;
    pub(super) const SIGN_BATCH: u8 = 8;
    pub(super) const WELCOME: u8 = 129;
    pub(super) const DONE: u8 = 130;
    pub(super) const ORDER_SIGNED: u8 = 131;
    pub(super) const AUTH_SIGNED: u8 = 132;
    pub(super) const STATUS_IS: u8 = 133;
    pub(super) const REFUSED: u8 = 134;
    pub(super) const BATCH_SIGNED: u8 = 135;
}

/// Reads one message from bytes that hold nothing else; for tests and fuzzing.
///
/// # Errors
/// If the bytes are no request.
pub fn decode_request(bytes: &[u8]) -> Result<Option<(u32, Request)>, WireError> {
    let mut frames = Frames::default();
    frames.push(bytes);
    frames.take()
}

/// Reads one message from bytes that hold nothing else; for tests and fuzzing.
///
/// # Errors
/// If the bytes are no response.
pub fn decode_response(bytes: &[u8]) -> Result<Option<(u32, Response)>, WireError> {
    let mut frames = Frames::default();
    frames.push(bytes);
    frames.take()
}

#[cfg(test)]
mod tests;
