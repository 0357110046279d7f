//! Frames on the socket: length (u16), kind (u8), request id (u32), body; big-endian, every field written out. Parsing
//! is total: any bytes become a message or an error, and no frame is longer than [`FRAME_BYTES`].

mod field;
mod requests;
mod responses;

use crate::message::{Request, Response};

/// The largest value of a frame's length field: the bytes after it. A full wallet batch has 5,010.
pub const FRAME_BYTES: usize = 5_120;

/// Errors of decoding. The connection is unusable after one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The frame's length exceeds the limit.
    #[error("a frame of {bytes} bytes is over the limit of {FRAME_BYTES}")]
    TooLong {
        /// The length.
        bytes: usize,
    },
    /// There is no message of this kind.
    #[error("unknown message kind {kind}")]
    UnknownKind {
        /// The number.
        kind: u8,
    },
    /// The fields do not fit the kind.
    #[error("invalid fields in a message of kind {kind}")]
    Malformed {
        /// The kind.
        kind: u8,
    },
    /// The frame is too short for its header.
    #[error("a frame of {bytes} bytes is shorter than its header")]
    TooShort {
        /// The length.
        bytes: usize,
    },
}

/// A message that can be sent in a frame.
pub trait Message: Sized {
    /// Writes kind, request id and fields.
    fn write(&self, id: u32, out: &mut Vec<u8>);

    /// Reads the fields of a kind.
    ///
    /// # Errors
    /// If there is no such kind or the fields are invalid.
    fn read(kind: u8, body: &[u8]) -> Result<Self, WireError>;
}

/// Appends a whole frame to `out`.
pub fn encode(message: &impl Message, id: u32, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend([0; 2]);
    message.write(id, out);
    let length = out.len().saturating_sub(start).saturating_sub(2);
    // All messages are far below the limit; the other end would refuse a longer one.
    let length = u16::try_from(length).unwrap_or(u16::MAX);
    if let Some(slot) = out.get_mut(start..).and_then(<[u8]>::first_chunk_mut) {
        *slot = length.to_be_bytes();
    }
}

/// A buffer of received bytes, split into frames.
#[derive(Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
}

impl Frames {
    /// Adds bytes from the socket. Call [`Frames::next_message`] until it returns `None` before adding more: then less than a
    /// frame is buffered.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Returns the next message with its request id, or `None` until more bytes arrive.
    ///
    /// # Errors
    /// If the bytes are not a message; no later bytes can be trusted then.
    pub fn next_message<M: Message>(&mut self) -> Result<Option<(u32, M)>, WireError> {
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

/// The message kinds: requests below 128, responses from 128.
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

/// Decodes one message from bytes that contain nothing else; for tests and fuzzing.
///
/// # Errors
/// If the bytes are not a request.
pub fn decode_request(bytes: &[u8]) -> Result<Option<(u32, Request)>, WireError> {
    let mut frames = Frames::default();
    frames.push(bytes);
    frames.next_message()
}

/// Decodes one message from bytes that contain nothing else; for tests and fuzzing.
///
/// # Errors
/// If the bytes are not a response.
pub fn decode_response(bytes: &[u8]) -> Result<Option<(u32, Response)>, WireError> {
    let mut frames = Frames::default();
    frames.push(bytes);
    frames.next_message()
}

#[cfg(test)]
mod tests;
