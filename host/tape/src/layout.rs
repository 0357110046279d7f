//! Layout of the file. Everything but records is in skippable zstd frames, which every zstd decoder passes over:
//!
//! | magic | content |
//! |---|---|
//! | `0x184D2A50` | manifest: `PTm1`, crc32, a zstd frame with JSON. The first one begins the file; later ones replace what they name |
//! | `0x184D2A51` | header of the zstd frame of records that follows: `PTv1`, lengths, number of records, times, crc32 |
//! | `0x184D2A52` | seek table: `PTs1`, crc32, identity, all headers with their offsets; at the end its length and `PTend1` |

use sha2::{Digest, Sha256};

pub(crate) const MANIFEST: u32 = 0x184D_2A50;
pub(crate) const HEADER: u32 = 0x184D_2A51;
pub(crate) const TABLE: u32 = 0x184D_2A52;

/// Bytes before the content of a skippable frame: magic and length.
pub(crate) const SKIP_HEAD: usize = 8;
/// Length of a header's content.
pub(crate) const HEADER_BYTES: usize = 4 + 4 + 4 + 4 + 8 + 8 + 4 + 4;
/// Length of a seek table's entry.
const ENTRY_BYTES: usize = 8 + HEADER_BYTES;
/// The last bytes of a complete file: length of the seek table's frame, and a mark.
pub(crate) const TAIL_BYTES: usize = 4 + 6;
const END: &[u8; 6] = b"PTend1";
/// Maximum compressed and uncompressed bytes of a frame of records.
pub(crate) const FRAME_MAX: usize = 8 * 1024 * 1024;
/// Maximum bytes of a manifest, compressed or not.
pub(crate) const MANIFEST_MAX: usize = 256 * 1024 * 1024;

/// SHA-256 of a tape's uncompressed records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity(pub [u8; 32]);

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&model::hex::encode(&self.0))
    }
}

/// Description of a zstd frame of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameEntry {
    /// Offset of its header in the file.
    pub offset: u64,
    /// Length of the zstd frame.
    pub compressed: u32,
    /// Length of its records.
    pub uncompressed: u32,
    /// Number of records.
    pub records: u32,
    /// Highest time of the tape up to its first record.
    pub first_us: u64,
    /// Highest time of the tape up to its last record.
    pub last_us: u64,
    /// CRC-32 of the zstd frame.
    pub crc: u32,
}

impl FrameEntry {
    /// Returns the content of its header.
    fn content(&self) -> Vec<u8> {
        let mut content = b"PTv1".to_vec();
        content.extend(self.compressed.to_le_bytes());
        content.extend(self.uncompressed.to_le_bytes());
        content.extend(self.records.to_le_bytes());
        content.extend(self.first_us.to_le_bytes());
        content.extend(self.last_us.to_le_bytes());
        content.extend(self.crc.to_le_bytes());
        content.extend(crc32fast::hash(&content).to_le_bytes());
        content
    }

    pub(crate) fn header(&self) -> Vec<u8> {
        skippable(HEADER, &self.content())
    }

    /// Reads the content of a header that begins at `offset` of the file.
    pub(crate) fn parse(content: &[u8], offset: u64) -> Option<Self> {
        let (body, crc) = content.split_last_chunk::<4>()?;
        if content.len() != HEADER_BYTES || crc32fast::hash(body) != u32::from_le_bytes(*crc) {
            return None;
        }
        let rest = body.strip_prefix(b"PTv1")?;
        let (compressed, rest) = rest.split_first_chunk()?;
        let (uncompressed, rest) = rest.split_first_chunk()?;
        let (records, rest) = rest.split_first_chunk()?;
        let (first, rest) = rest.split_first_chunk()?;
        let (last, crc) = rest.split_first_chunk()?;
        let entry = Self {
            offset,
            compressed: u32::from_le_bytes(*compressed),
            uncompressed: u32::from_le_bytes(*uncompressed),
            records: u32::from_le_bytes(*records),
            first_us: u64::from_le_bytes(*first),
            last_us: u64::from_le_bytes(*last),
            crc: u32::from_le_bytes(*crc.first_chunk()?),
        };
        let fits = |length: u32| usize::try_from(length).is_ok_and(|length| length <= FRAME_MAX);
        (fits(entry.compressed) && fits(entry.uncompressed)).then_some(entry)
    }

    /// Returns the offset of the zstd frame.
    pub(crate) fn data(&self) -> u64 {
        self.offset.saturating_add(u64::try_from(SKIP_HEAD.saturating_add(HEADER_BYTES)).unwrap_or(u64::MAX))
    }

    /// Returns the offset of what follows the zstd frame.
    pub(crate) fn end(&self) -> u64 {
        self.data().saturating_add(u64::from(self.compressed))
    }
}

/// Returns a skippable zstd frame.
pub(crate) fn skippable(magic: u32, content: &[u8]) -> Vec<u8> {
    let mut frame = magic.to_le_bytes().to_vec();
    frame.extend(u32::try_from(content.len()).unwrap_or(u32::MAX).to_le_bytes());
    frame.extend_from_slice(content);
    frame
}

/// Returns the seek table with the file's tail.
pub(crate) fn table(entries: &[FrameEntry], identity: Identity) -> Vec<u8> {
    let mut body = identity.0.to_vec();
    for entry in entries {
        body.extend(entry.offset.to_le_bytes());
        body.extend(entry.content());
    }
    let mut content = b"PTs1".to_vec();
    content.extend(crc32fast::hash(&body).to_le_bytes());
    content.extend(body);
    let length = content.len().saturating_add(TAIL_BYTES).saturating_add(SKIP_HEAD);
    content.extend(u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    content.extend_from_slice(END);
    skippable(TABLE, &content)
}

/// Returns the length of the seek table's frame from the last bytes of a file.
pub(crate) fn table_length(tail: &[u8]) -> Option<u64> {
    let length = tail.strip_suffix(END)?;
    Some(u64::from(u32::from_le_bytes(*length.last_chunk()?)))
}

/// Reads the content of a seek table's frame.
pub(crate) fn parse_table(content: &[u8]) -> Option<(Vec<FrameEntry>, Identity)> {
    let rest = content.strip_prefix(b"PTs1")?;
    let (crc, rest) = rest.split_first_chunk()?;
    let (body, _tail) = rest.split_last_chunk::<TAIL_BYTES>()?;
    if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
        return None;
    }
    let (identity, entries) = body.split_first_chunk()?;
    let (entries, rest) = entries.as_chunks::<ENTRY_BYTES>();
    if !rest.is_empty() {
        return None;
    }
    let entries = entries.iter().map(|entry| {
        let (offset, content) = entry.split_first_chunk()?;
        FrameEntry::parse(content, u64::from_le_bytes(*offset))
    });
    Some((entries.collect::<Option<_>>()?, Identity(*identity)))
}

/// Returns the content of a manifest's frame.
pub(crate) fn manifest(json: &[u8], level: i32) -> std::io::Result<Vec<u8>> {
    let packed = zstd::bulk::compress(json, level)?;
    let mut content = b"PTm1".to_vec();
    content.extend(crc32fast::hash(&packed).to_le_bytes());
    content.extend(packed);
    Ok(skippable(MANIFEST, &content))
}

/// Reads the content of a manifest's frame as JSON.
pub(crate) fn parse_manifest(content: &[u8]) -> Option<Vec<u8>> {
    let rest = content.strip_prefix(b"PTm1")?;
    let (crc, packed) = rest.split_first_chunk()?;
    if crc32fast::hash(packed) != u32::from_le_bytes(*crc) {
        return None;
    }
    zstd::bulk::decompress(packed, MANIFEST_MAX).ok()
}

/// A running hash of records.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hash(Sha256);

impl Hash {
    pub(crate) fn add(&mut self, records: &[u8]) {
        self.0.update(records);
    }

    pub(crate) fn identity(&self) -> Identity {
        Identity(self.0.clone().finalize().into())
    }
}
