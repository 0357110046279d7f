//! Records: `kind u16 | version u8 | length u32 | payload | crc32`, little endian; the checksum covers all before it.

use crate::wire::{Bytes, DecodeError, Field, What, structure};
use crate::{PAYLOAD_MAX, TEXT_MAX, VERSION};
use alloc::string::String;
use alloc::vec::Vec;
use model::{Input, OrderId, SessionId, Time, VenueOrderId};

/// Bytes before the payload.
pub(crate) const HEAD: usize = 7;
/// Bytes after the payload.
pub(crate) const TAIL: usize = 4;

/// The first record of a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The program that wrote it, with its version.
    pub build: String,
    /// The session.
    pub session: SessionId,
    /// The number of this file within the session, from 1.
    pub segment: u32,
    /// The trading account: the address that holds the funds, in hexadecimal digits.
    pub account: String,
    /// The session that this one continues from; its state is in the `CarryOver` input. Without that input the session
    /// never started.
    pub follows: Option<SessionId>,
    /// SHA-256 of the configuration.
    pub config: [u8; 32],
    /// SHA-256 of the sandbox's settings.
    pub sandbox: [u8; 32],
    /// Creation time.
    pub created: Time,
}

/// An order that is about to be sent to the signer: recorded and synced before it leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// The host's order id.
    pub order: OrderId,
    /// The order's salt.
    pub salt: u64,
    /// The order's timestamp in Unix milliseconds.
    pub timestamp_ms: u64,
    /// The venue's order id, known before signing.
    pub venue: VenueOrderId,
}

structure!(Header { build, session, segment, account, follows, config, sandbox, created });
structure!(Placement { order, salt, timestamp_ms, venue });

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// The first of every journal.
    Header(Header),
    /// An input of the engine.
    Input(Input),
    /// The result of the preceding input: the number of effects, and a digest of them.
    Effects {
        /// Number of effects.
        count: u32,
        /// Digest of the effects.
        digest: u64,
    },
    /// An order that is about to be sent.
    Placement(Placement),
    /// A clean end, with its time.
    End(Time),
    /// The head of the audit's chain: the number of a row in the database, and its hash, which covers all rows before
    /// it.
    AuditHead {
        /// The row's number.
        entry: u64,
        /// The hash.
        hash: [u8; 32],
    },
}

const HEADER: u16 = 1;
const INPUT: u16 = 2;
const EFFECTS: u16 = 3;
const PLACEMENT: u16 = 4;
const END: u16 = 5;
const AUDIT_HEAD: u16 = 6;

/// Appends a record, unless it could not be read back.
///
/// # Errors
/// [`What::TooLong`] if the payload, a text or a list in it exceeds its limit; `out` is then unchanged.
pub fn encode(record: &Record, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    match record {
        Record::Header(header) => frame(HEADER, header, out),
        Record::Input(input) => encode_input(input, out),
        Record::Effects { count, digest } => frame(EFFECTS, &(*count, *digest), out),
        Record::Placement(placement) => frame(PLACEMENT, placement, out),
        Record::End(at) => frame(END, at, out),
        Record::AuditHead { entry, hash } => frame(AUDIT_HEAD, &(*entry, *hash), out),
    }
}

/// Appends an input's record without owning the input.
///
/// # Errors
/// As [`encode`].
pub fn encode_input(input: &Input, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    frame(INPUT, input, out)
}

fn frame(kind: u16, payload: &impl Field, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let start = out.len();
    kind.put(out);
    VERSION.put(out);
    0u32.put(out);
    let body = out.len();
    payload.put(out);
    let length = out.len().saturating_sub(body);
    if length > PAYLOAD_MAX {
        out.truncate(start);
        return Err(DecodeError { at: start, what: What::TooLong { got: length, limit: PAYLOAD_MAX } });
    }
    // Only a long payload can contain a text or a list that the reader would refuse. Such records are rare.
    if length > TEXT_MAX
        && let Err(error) = decode(kind, out.get(body..).unwrap_or_default(), body)
    {
        out.truncate(start);
        return Err(error);
    }
    let bytes = u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    if let Some(place) = out.get_mut(start.saturating_add(3)..body) {
        place.copy_from_slice(&bytes);
    }
    let sum = crc32fast::hash(out.get(start..).unwrap_or_default());
    sum.put(out);
    Ok(())
}

/// Decodes a payload whose checksum was correct.
pub(crate) fn decode(kind: u16, payload: &[u8], at: usize) -> Result<Record, DecodeError> {
    let mut bytes = Bytes::new(payload, at);
    let record = match kind {
        HEADER => Record::Header(Field::take(&mut bytes)?),
        INPUT => Record::Input(Field::take(&mut bytes)?),
        EFFECTS => {
            let (count, digest) = Field::take(&mut bytes)?;
            Record::Effects { count, digest }
        }
        PLACEMENT => Record::Placement(Field::take(&mut bytes)?),
        END => Record::End(Field::take(&mut bytes)?),
        AUDIT_HEAD => {
            let (entry, hash) = Field::take(&mut bytes)?;
            Record::AuditHead { entry, hash }
        }
        kind => return Err(bytes.error(What::Kind(kind))),
    };
    bytes.end()?;
    Ok(record)
}
