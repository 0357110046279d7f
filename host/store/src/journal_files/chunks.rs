//! Reads a journal file, compressed or not, in chunks: it may be as large as the memory of the whole program.

use super::segments::PACKED;
use flate2::read::GzDecoder;
use std::io::{self, Read};
use std::path::Path;

/// The size of a chunk: larger than the first record of a journal.
pub(super) const PIECE: u64 = 256 * 1024;
/// The most bytes that are read: more than a journal file has, since a new one is started when it reaches 64 MiB.
const FILE_MAX: u64 = 1 << 30;

/// The file, and the bytes read from it that have not been processed.
pub(super) struct Pieces {
    source: io::Take<Box<dyn Read>>,
    piece: u64,
    bytes: Vec<u8>,
    base: usize,
}

impl Pieces {
    /// Opens a file to be read in chunks of `piece` bytes.
    pub(super) fn open(path: &Path, piece: u64) -> io::Result<Self> {
        let file = files::open(path, files::Links::Refuse)?;
        let packed = path.to_string_lossy().ends_with(PACKED);
        let source: Box<dyn Read> = if packed { Box::new(GzDecoder::new(file)) } else { Box::new(file) };
        Ok(Self { source: source.take(FILE_MAX), piece, bytes: Vec::new(), base: 0 })
    }

    /// Reads one more chunk; returns true if there was one.
    pub(super) fn more(&mut self) -> io::Result<bool> {
        self.source.by_ref().take(self.piece).read_to_end(&mut self.bytes).map(|read| read > 0)
    }

    /// Returns the unprocessed bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the offset of these bytes in the file.
    pub(super) const fn base(&self) -> usize {
        self.base
    }

    /// Drops everything before this offset of the file.
    pub(super) fn forget(&mut self, before: usize) {
        let done = before.saturating_sub(self.base).min(self.bytes.len());
        self.bytes.drain(..done);
        self.base = self.base.saturating_add(done);
    }
}
