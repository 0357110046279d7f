//! Reads a journal's bytes record by record.

use crate::record::{HEAD, TAIL, decode};
use crate::wire::{Bytes, DecodeError, Field, What};
use crate::{MAGIC, PAYLOAD_MAX, Record, VERSION};

/// The result of reading the next bytes.
#[derive(Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "made one at a time and taken apart at once")]
pub enum Step {
    /// A record.
    Record(Record),
    /// The bytes end inside a record: the last write was cut off. The records before it are valid.
    Torn {
        /// Offset of the incomplete record.
        at: usize,
    },
}

/// Reads records from the bytes of one journal.
#[derive(Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Number of the journal's bytes before `bytes`.
    base: usize,
}

impl<'a> Reader<'a> {
    /// Reads `bytes` from their start.
    ///
    /// # Errors
    /// If they do not begin with [`MAGIC`].
    pub fn new(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        if bytes.starts_with(&MAGIC) {
            Ok(Self { bytes, at: MAGIC.len(), base: 0 })
        } else {
            Err(DecodeError { at: 0, what: What::Kind(0) })
        }
    }

    /// Continues reading a journal whose first `base` bytes were already read; `bytes` begin with a record. If they end
    /// before the journal does, the last record may be reported as torn: read it again with more bytes.
    pub const fn resume(bytes: &'a [u8], base: usize) -> Self {
        Self { bytes, at: 0, base }
    }

    /// Returns the offset of the next record in the journal.
    pub const fn at(&self) -> usize {
        self.base.saturating_add(self.at)
    }

    /// Returns the next record, or `None` at a clean end.
    ///
    /// # Errors
    /// If the record is corrupt although more follows it, or cannot be decoded: the rest is not trustworthy.
    pub fn step(&mut self) -> Result<Option<Step>, DecodeError> {
        let at = self.at();
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(None);
        }
        let torn = Ok(Some(Step::Torn { at }));
        if rest.len() < HEAD {
            return torn;
        }
        let mut head = Bytes::new(rest, at);
        let (kind, version, length) = (u16::take(&mut head)?, u8::take(&mut head)?, u32::take(&mut head)?);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > PAYLOAD_MAX {
            return Err(DecodeError { at, what: What::TooLong { got: length, limit: PAYLOAD_MAX } });
        }
        let whole = length.saturating_add(HEAD);
        let end = whole.saturating_add(TAIL);
        let (Some(covered), Some(sum)) = (rest.get(..whole), rest.get(whole..end)) else { return torn };
        if crc32fast::hash(covered).to_le_bytes() != sum {
            // A cut-off write can leave a last record of the right length whose pages never reached the disk.
            let last = rest.len() == end;
            return if last { torn } else { Err(DecodeError { at, what: What::Checksum }) };
        }
        if version != VERSION {
            return Err(DecodeError { at, what: What::Version(version) });
        }
        let payload = covered.get(HEAD..).unwrap_or_default();
        let record = decode(kind, payload, at.saturating_add(HEAD))?;
        self.at = self.at.saturating_add(end);
        Ok(Some(Step::Record(record)))
    }
}
