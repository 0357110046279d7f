//! A file of a journal, packed or not, read piece by piece: it may be as large as the memory of the whole program.

use super::segments::PACKED;
use flate2::read::GzDecoder;
use std::io::{self, Read};
use std::path::Path;

/// What is read at once: more than the first record of a journal takes.
pub(super) const PIECE: u64 = 256 * 1024;
/// More than a file of a journal has: it is followed by the next one when it has grown to 64 MiB.
const FILE_MAX: u64 = 1 << 30;

/// The file, and what was read of it and is not done with.
pub(super) struct Pieces {
    source: io::Take<Box<dyn Read>>,
    piece: u64,
    bytes: Vec<u8>,
    base: usize,
}

impl Pieces {
    /// Opens a file of which so many bytes are read at once.
    pub(super) fn open(path: &Path, piece: u64) -> io::Result<Self> {
        let file = files::open(path, files::Links::Refuse)?;
        let packed = path.to_string_lossy().ends_with(PACKED);
        let source: Box<dyn Read> = if packed { Box::new(GzDecoder::new(file)) } else { Box::new(file) };
        Ok(Self { source: source.take(FILE_MAX), piece, bytes: Vec::new(), base: 0 })
    }

    /// Reads one more piece, and says whether there was one.
    pub(super) fn more(&mut self) -> io::Result<bool> {
        self.source.by_ref().take(self.piece).read_to_end(&mut self.bytes).map(|read| read > 0)
    }

    /// What is not done with.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where that begins in the file.
    pub(super) const fn base(&self) -> usize {
        self.base
    }

    /// Forgets all before this place of the file.
    pub(super) fn forget(&mut self, before: usize) {
        let done = before.saturating_sub(self.base).min(self.bytes.len());
        self.bytes.drain(..done);
        self.base = self.base.saturating_add(done);
    }
}
