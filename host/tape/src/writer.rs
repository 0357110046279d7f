//! Writes a tape. Frames of records reach the system when they are closed, and the disk every few seconds.

use crate::error::TapeError;
use crate::layout::{self, FrameEntry, Hash, Identity};
use crate::manifest::{GAPS_MAX, GapEntry, Manifest};
use crate::record::{PAYLOAD_MAX, Record};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use zstd::bulk::Compressor;

/// Compression level.
const LEVEL: i32 = 3;

/// The time when frames of records are closed and synced.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Maximum span of a frame in microseconds.
    pub frame_us: u64,
    /// Uncompressed bytes after which a frame is closed.
    pub frame_bytes: usize,
    /// Maximum time between syncs to the disk.
    pub sync: Duration,
}

impl Pace {
    /// For recorders: a killed process loses at most 1 s, a power cut at most 10 s.
    pub const LIVE: Self = Self { frame_us: 1_000_000, frame_bytes: 256 * 1024, sync: Duration::from_secs(10) };
    /// For files that are written as a whole: frames of 256 KiB compress better.
    pub const WHOLE: Self = Self { frame_us: u64::MAX, frame_bytes: 256 * 1024, sync: Duration::MAX };
}

/// Result of a finished tape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// SHA-256 of its records.
    pub identity: Identity,
    /// Number of records.
    pub records: u64,
    /// Length of the file in bytes.
    pub bytes: u64,
}

/// A tape that is being written.
pub struct Writer {
    path: PathBuf,
    file: File,
    pace: Pace,
    compressor: Compressor<'static>,
    raw: Vec<u8>,
    records: u32,
    /// Highest time so far, and that of the first record in `raw`.
    at_us: u64,
    first_us: u64,
    offset: u64,
    entries: Vec<FrameEntry>,
    hash: Hash,
    synced: Instant,
    manifest: Manifest,
    failed: bool,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Writer {
    /// Creates a tape; an existing file is never replaced.
    ///
    /// # Errors
    /// If the file exists or cannot be written.
    pub fn create(path: &Path, pace: Pace, manifest: Manifest) -> Result<Self, TapeError> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        // A recording names the markets and marks the account's own orders.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = files::open_with(&mut options, path, files::Links::Refuse).map_err(TapeError::io(path))?;
        let mut compressor = Compressor::new(LEVEL).map_err(TapeError::io(path))?;
        compressor.set_parameter(zstd::zstd_safe::CParameter::ChecksumFlag(true)).map_err(TapeError::io(path))?;
        let mut writer = Self {
            path: path.to_owned(),
            file,
            pace,
            compressor,
            raw: Vec::new(),
            records: 0,
            at_us: 0,
            first_us: 0,
            offset: 0,
            entries: Vec::new(),
            hash: Hash::default(),
            synced: Instant::now(),
            manifest: Manifest::default(),
            failed: false,
        };
        writer.describe(manifest)?;
        Ok(writer)
    }

    /// Returns the manifest as written so far, for changes before [`Self::finish`].
    pub const fn manifest_mut(&mut self) -> &mut Manifest {
        &mut self.manifest
    }

    /// Returns the length of the file so far in bytes, without the open frame.
    pub const fn bytes(&self) -> u64 {
        self.offset
    }

    /// Writes an addition to the manifest at once, so that a killed recorder does not lose it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn describe(&mut self, addition: Manifest) -> Result<(), TapeError> {
        self.close_frame()?;
        let json = serde_json::to_vec(&addition).map_err(|error| TapeError::manifest(&self.path, error))?;
        let frame = layout::manifest(&json, LEVEL).map_err(TapeError::io(&self.path))?;
        self.write(&frame)?;
        self.manifest.fold(addition);
        Ok(())
    }

    /// Appends a record.
    ///
    /// # Errors
    /// If it is longer than the limit, or cannot be written.
    pub fn append(&mut self, record: &Record) -> Result<(), TapeError> {
        let at_us = self.at_us.max(record.stamp().at_us);
        if self.records > 0 && at_us.saturating_sub(self.first_us) >= self.pace.frame_us {
            self.close_frame()?;
        }
        let before = self.raw.len();
        record.encode(&mut self.raw).map_err(|bytes| TapeError::TooLong {
            path: self.path.clone(),
            bytes,
            limit: PAYLOAD_MAX,
        })?;
        self.hash.add(self.raw.get(before..).unwrap_or_default());
        if self.records == 0 {
            self.first_us = at_us;
        }
        self.at_us = at_us;
        self.records = self.records.saturating_add(1);
        self.note(record);
        if self.raw.len() >= self.pace.frame_bytes { self.close_frame() } else { Ok(()) }
    }

    /// Closes a frame that is older than the limit; for recorders, several times a second.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn tick(&mut self, now_us: u64) -> Result<(), TapeError> {
        if self.records > 0 && now_us.saturating_sub(self.first_us) >= self.pace.frame_us {
            self.close_frame()?;
        }
        if self.synced.elapsed() >= self.pace.sync {
            self.file.sync_data().map_err(TapeError::io(&self.path))?;
            self.synced = Instant::now();
        }
        Ok(())
    }

    fn note(&mut self, record: &Record) {
        let kind = match record {
            Record::Frame { .. } => "frame",
            Record::Gap { .. } => "gap",
            Record::Signal { .. } => "signal",
            Record::Closed { .. } => "closed",
            Record::OwnOrder { .. } => "own_order",
            Record::OwnFill { .. } => "own_fill",
        };
        match self.manifest.counts.get_mut(kind) {
            Some(count) => *count = count.saturating_add(1),
            None => drop(self.manifest.counts.insert(kind.to_owned(), 1)),
        }
        self.manifest.first_us.get_or_insert(self.at_us);
        self.manifest.last_us = Some(self.at_us);
        if let Record::Gap { stamp, cause, since_us, markets } = record
            && self.manifest.gaps.len() < GAPS_MAX
        {
            let markets = markets.iter().map(ToString::to_string).collect();
            self.manifest.gaps.push(GapEntry { from_us: *since_us, to_us: stamp.at_us, cause: *cause, markets });
        }
    }

    fn close_frame(&mut self) -> Result<(), TapeError> {
        if self.records == 0 {
            return Ok(());
        }
        let packed = self.compressor.compress(&self.raw).map_err(TapeError::io(&self.path))?;
        let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
        let entry = FrameEntry {
            offset: self.offset,
            compressed: length(packed.len()),
            uncompressed: length(self.raw.len()),
            records: self.records,
            first_us: self.first_us,
            last_us: self.at_us,
            crc: crc32fast::hash(&packed),
        };
        let mut bytes = entry.header();
        bytes.extend(packed);
        self.write(&bytes)?;
        self.entries.push(entry);
        self.raw.clear();
        self.records = 0;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), TapeError> {
        let failed = |source| TapeError::Io { path: self.path.clone(), source };
        if self.failed {
            return Err(failed(io::Error::other("an earlier write failed")));
        }
        if let Err(error) = self.file.write_all(bytes) {
            // Part of the bytes may be in the file; everything after them would be lost with them.
            self.failed = true;
            let restored = self.file.set_len(self.offset);
            return Err(failed(restored.err().unwrap_or(error)));
        }
        self.offset = self.offset.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        Ok(())
    }

    /// Closes the tape: the complete manifest, the seek table, and a sync to the disk.
    ///
    /// # Errors
    /// If it cannot be written; what was written before stays readable.
    pub fn finish(mut self) -> Result<Summary, TapeError> {
        self.close_frame()?;
        let whole = self.manifest.clone();
        self.describe(whole)?;
        let identity = self.hash.identity();
        let table = layout::table(&self.entries, identity);
        self.write(&table)?;
        self.file.sync_all().map_err(TapeError::io(&self.path))?;
        if let Some(folder) = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            files::sync_folder(folder).map_err(TapeError::io(folder))?;
        }
        let records = self.entries.iter().map(|entry| u64::from(entry.records)).fold(0, u64::saturating_add);
        Ok(Summary { identity, records, bytes: self.offset })
    }
}
