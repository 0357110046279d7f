//! Reads a tape. A tape that was not closed, or is damaged, is scanned for its intact frames; each damaged place costs
//! one frame of records, and is reported.

use crate::error::TapeError;
use crate::layout::{self, FrameEntry, HEADER_BYTES, Hash, Identity, SKIP_HEAD};
use crate::manifest::{FORMAT, Manifest};
use crate::record::{Record, RecordError};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use zstd::bulk::Decompressor;

/// Bytes read at once while searching for the next frame behind a damaged place.
const SEARCH: usize = 1024 * 1024;

/// A damaged place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Offset in the file.
    pub offset: u64,
    /// Number of the frame of records that follows it.
    pub before_frame: usize,
    /// The reason.
    pub reason: String,
}

/// An open tape.
#[derive(Debug)]
pub struct Tape {
    path: PathBuf,
    file: File,
    manifest: Manifest,
    entries: Vec<FrameEntry>,
    damage: Vec<Damage>,
    /// Identity as written at the end; `None` if the tape was not closed.
    identity: Option<Identity>,
    length: u64,
}

/// A step of reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A record, with the highest time of the tape up to it.
    Record(u64, Record),
    /// A frame of records, or a part of it, is missing here.
    Damaged(Damage),
}

impl Tape {
    /// Opens a tape.
    ///
    /// # Errors
    /// If the file cannot be read, is not a tape, or is of a later format.
    pub fn open(path: &Path) -> Result<Self, TapeError> {
        let mut file = files::open(path, files::Links::Follow).map_err(TapeError::io(path))?;
        let length = file.metadata().map_err(TapeError::io(path))?.len();
        let mut scan = Scan { file: &mut file, length, entries: Vec::new(), damage: Vec::new(), manifest: None };
        let first = scan.manifest_at(0).map_err(TapeError::io(path))?;
        let first = first.ok_or_else(|| TapeError::NotATape { path: path.to_owned() })?;
        let mut identity = None;
        match scan.table().map_err(TapeError::io(path))? {
            Some((entries, whole, manifest)) => {
                (scan.entries, identity) = (entries, Some(whole));
                scan.fold(&manifest);
            }
            None => {
                scan.fold(&first.0);
                scan.all(first.1).map_err(TapeError::io(path))?;
            }
        }
        let Scan { entries, damage, manifest, .. } = scan;
        let manifest = manifest.unwrap_or(Ok(Manifest::default())).map_err(|e| TapeError::manifest(path, e))?;
        if manifest.format > FORMAT {
            return Err(TapeError::Newer { path: path.to_owned(), found: manifest.format });
        }
        Ok(Self { path: path.to_owned(), file, manifest, entries, damage, identity, length })
    }

    /// Returns the path as given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the manifest.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Returns the frames of records.
    pub fn frames(&self) -> &[FrameEntry] {
        &self.entries
    }

    /// Returns the damaged places found so far: of a tape that was not closed all but those inside frames.
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// Returns true if the tape was closed by its writer.
    pub const fn is_closed(&self) -> bool {
        self.identity.is_some()
    }

    /// Returns the length of the file in bytes.
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// Returns the identity: as written if the tape was closed, otherwise by reading all records.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn identity(&mut self) -> Result<Identity, TapeError> {
        match self.identity {
            Some(identity) => Ok(identity),
            None => self.compute_identity(),
        }
    }

    /// Computes the identity from the records; frames that are damaged are left out.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn compute_identity(&mut self) -> Result<Identity, TapeError> {
        let mut hash = Hash::default();
        let mut records = self.records()?;
        for place in 0..records.entries.len() {
            if let Ok(raw) = records.frame(place).map_err(TapeError::io(&records.path))? {
                hash.add(&raw);
            }
        }
        Ok(hash.identity())
    }

    /// Returns all records in order.
    ///
    /// # Errors
    /// If the file cannot be opened again.
    pub fn records(&self) -> Result<Records, TapeError> {
        self.records_from(0)
    }

    /// Returns the records from the frame that contains this time; some may be earlier.
    ///
    /// # Errors
    /// If the file cannot be opened again.
    pub fn records_from(&self, at_us: u64) -> Result<Records, TapeError> {
        let next = self.entries.partition_point(|entry| entry.last_us < at_us);
        Ok(Records {
            path: self.path.clone(),
            file: self.file.try_clone().map_err(TapeError::io(&self.path))?,
            decompressor: Decompressor::new().map_err(TapeError::io(&self.path))?,
            entries: self.entries.clone(),
            damage: self.damage.iter().filter(|damage| damage.before_frame >= next).rev().cloned().collect(),
            next,
            raw: Vec::new(),
            at: 0,
            at_us: self.entries.get(next).map_or(0, |entry| entry.first_us),
        })
    }
}

/// Reads the records of a tape in order.
pub struct Records {
    path: PathBuf,
    file: File,
    decompressor: Decompressor<'static>,
    entries: Vec<FrameEntry>,
    /// Damaged places ahead, last one first.
    damage: Vec<Damage>,
    next: usize,
    raw: Vec<u8>,
    at: usize,
    at_us: u64,
}

impl std::fmt::Debug for Records {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Records").field("path", &self.path).field("next", &self.next).finish_non_exhaustive()
    }
}

impl Records {
    /// Returns the next step, `None` at the end.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn step(&mut self) -> Result<Option<Step>, TapeError> {
        loop {
            let rest = self.raw.get(self.at..).unwrap_or_default();
            if !rest.is_empty() {
                return Ok(Some(self.record()));
            }
            if self.damage.last().is_some_and(|damage| damage.before_frame <= self.next) {
                return Ok(self.damage.pop().map(Step::Damaged));
            }
            let Some(entry) = self.entries.get(self.next).copied() else { return Ok(None) };
            let place = self.next;
            self.next = place.saturating_add(1);
            match self.frame(place).map_err(TapeError::io(&self.path))? {
                Ok(raw) => (self.raw, self.at) = (raw, 0),
                Err(reason) => {
                    self.at_us = self.at_us.max(entry.last_us);
                    let damage = Damage { offset: entry.offset, before_frame: self.next, reason };
                    return Ok(Some(Step::Damaged(damage)));
                }
            }
        }
    }

    fn record(&mut self) -> Step {
        let rest = self.raw.get(self.at..).unwrap_or_default();
        match Record::decode(rest) {
            Ok((record, length)) => {
                self.at = self.at.saturating_add(length);
                self.at_us = self.at_us.max(record.stamp().at_us);
                Step::Record(self.at_us, record)
            }
            Err(error) => {
                // The length of an unknown record is known; of any other the rest of the frame is lost.
                let length = rest.get(3..7).and_then(|bytes| bytes.first_chunk()).map(|at| u32::from_le_bytes(*at));
                let known = matches!(error, RecordError::Unknown { .. } | RecordError::Invalid(_));
                let skip = length.filter(|_| known).and_then(|length| usize::try_from(length).ok());
                self.at = skip.map_or(self.raw.len(), |length| {
                    self.at.saturating_add(crate::record::HEAD).saturating_add(length)
                });
                let offset = self.next.checked_sub(1).and_then(|place| self.entries.get(place));
                let offset = offset.map_or(0, |entry| entry.offset);
                Step::Damaged(Damage { offset, before_frame: self.next, reason: error.to_string() })
            }
        }
    }

    /// Reads a frame of records; the inner error is the reason why it is damaged.
    fn frame(&mut self, place: usize) -> io::Result<Result<Vec<u8>, String>> {
        let Some(entry) = self.entries.get(place) else { return Ok(Err("no such frame".to_owned())) };
        self.file.seek(SeekFrom::Start(entry.data()))?;
        let mut packed = Vec::new();
        let read = self.file.by_ref().take(u64::from(entry.compressed)).read_to_end(&mut packed)?;
        if u32::try_from(read).ok() != Some(entry.compressed) {
            return Ok(Err("the frame is cut".to_owned()));
        }
        if crc32fast::hash(&packed) != entry.crc {
            return Ok(Err("the checksum of the frame is wrong".to_owned()));
        }
        let capacity = usize::try_from(entry.uncompressed).unwrap_or(0);
        Ok(self.decompressor.decompress(&packed, capacity).map_err(|error| error.to_string()))
    }
}

/// Finds the parts of a file.
struct Scan<'f> {
    file: &'f mut File,
    length: u64,
    entries: Vec<FrameEntry>,
    damage: Vec<Damage>,
    manifest: Option<Result<Manifest, String>>,
}

/// A seek table with the identity, and the manifest before it as JSON.
type Table = (Vec<FrameEntry>, Identity, Vec<u8>);

impl Scan<'_> {
    fn read(&mut self, at: u64, length: usize) -> io::Result<Vec<u8>> {
        self.file.seek(SeekFrom::Start(at))?;
        let mut bytes = Vec::new();
        self.file.by_ref().take(u64::try_from(length).unwrap_or(u64::MAX)).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Returns magic, content length and the offset after a skippable frame.
    fn skippable(&mut self, at: u64) -> io::Result<Option<(u32, usize, u64)>> {
        let head = self.read(at, SKIP_HEAD)?;
        let Some((magic, length)) = head.split_first_chunk::<4>().and_then(|(m, l)| Some((m, l.first_chunk::<4>()?)))
        else {
            return Ok(None);
        };
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let end = at
            .saturating_add(u64::try_from(SKIP_HEAD).unwrap_or(u64::MAX))
            .saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        Ok((end <= self.length).then_some((u32::from_le_bytes(*magic), length, end)))
    }

    fn content(&mut self, at: u64, length: usize) -> io::Result<Vec<u8>> {
        self.read(at.saturating_add(u64::try_from(SKIP_HEAD).unwrap_or(u64::MAX)), length)
    }

    fn manifest_at(&mut self, at: u64) -> io::Result<Option<(Vec<u8>, u64)>> {
        let Some((magic, length, end)) = self.skippable(at)? else { return Ok(None) };
        if magic != layout::MANIFEST || length > layout::MANIFEST_MAX {
            return Ok(None);
        }
        let content = self.content(at, length)?;
        Ok(layout::parse_manifest(&content).map(|json| (json, end)))
    }

    fn fold(&mut self, json: &[u8]) {
        let found = serde_json::from_slice::<Manifest>(json).map_err(|error| error.to_string());
        let whole = match (self.manifest.take(), found) {
            (Some(Ok(mut mine)), Ok(later)) => {
                mine.fold(later);
                Ok(mine)
            }
            (None, found) => found,
            (Some(Err(error)), _) | (_, Err(error)) => Err(error),
        };
        self.manifest = Some(whole);
    }

    /// Reads the seek table of a tape that was closed.
    fn table(&mut self) -> io::Result<Option<Table>> {
        let tail = u64::try_from(layout::TAIL_BYTES).unwrap_or(u64::MAX);
        let Some(at) = self.length.checked_sub(tail) else { return Ok(None) };
        let bytes = self.read(at, layout::TAIL_BYTES)?;
        let begin = layout::table_length(&bytes).and_then(|length| self.length.checked_sub(length));
        let Some(begin) = begin else { return Ok(None) };
        let Some((layout::TABLE, length, end)) = self.skippable(begin)? else { return Ok(None) };
        if end != self.length {
            return Ok(None);
        }
        let content = self.content(begin, length)?;
        let Some((entries, identity)) = layout::parse_table(&content) else { return Ok(None) };
        let last = entries.last().map_or(0, FrameEntry::end);
        // The complete manifest is between the last frame and the table; without any records it is the second frame.
        let last = if last == 0 { self.manifest_at(0)?.map_or(0, |(_, end)| end) } else { last };
        Ok(self.manifest_at(last)?.map(|(manifest, _)| (entries, identity, manifest)))
    }

    /// Finds all intact parts from this offset on.
    fn all(&mut self, mut at: u64) -> io::Result<()> {
        while at < self.length {
            at = match self.part(at)? {
                Ok(end) => end,
                Err(reason) => {
                    let before_frame = self.entries.len();
                    self.damage.push(Damage { offset: at, before_frame, reason: reason.to_owned() });
                    match self.search(at.saturating_add(1))? {
                        Some(next) => next,
                        None => return Ok(()),
                    }
                }
            };
        }
        Ok(())
    }

    /// Takes the part at this offset and returns the offset of the next one.
    fn part(&mut self, at: u64) -> io::Result<Result<u64, &'static str>> {
        let Some((magic, length, end)) = self.skippable(at)? else { return Ok(Err("the file is cut")) };
        match magic {
            layout::MANIFEST => match self.manifest_at(at)? {
                Some((json, end)) => {
                    self.fold(&json);
                    Ok(Ok(end))
                }
                None => Ok(Err("a part of the manifest is damaged")),
            },
            layout::HEADER if length == HEADER_BYTES => {
                let content = self.content(at, length)?;
                match FrameEntry::parse(&content, at) {
                    Some(entry) if entry.end() <= self.length => {
                        self.entries.push(entry);
                        Ok(Ok(entry.end()))
                    }
                    Some(_) => Ok(Err("the last frame is cut")),
                    None => Ok(Err("the header of a frame is damaged")),
                }
            }
            // A table that is followed by more, or damaged.
            layout::TABLE => Ok(Ok(end)),
            _ => Ok(Err("not a part of a tape")),
        }
    }

    /// Searches for the next intact header of a frame.
    fn search(&mut self, mut from: u64) -> io::Result<Option<u64>> {
        let mut mark = layout::HEADER.to_le_bytes().to_vec();
        mark.extend(u32::try_from(HEADER_BYTES).unwrap_or(u32::MAX).to_le_bytes());
        mark.extend_from_slice(b"PTv1");
        while from < self.length {
            let bytes = self.read(from, SEARCH)?;
            let found = bytes.windows(mark.len()).enumerate().filter(|(_, window)| *window == mark.as_slice());
            let found: Vec<usize> = found.map(|(place, _)| place).collect();
            for place in found {
                let at = from.saturating_add(u64::try_from(place).unwrap_or(u64::MAX));
                let content = self.content(at, HEADER_BYTES)?;
                if FrameEntry::parse(&content, at).is_some() {
                    return Ok(Some(at));
                }
            }
            let step = bytes.len().saturating_sub(mark.len());
            if step == 0 {
                break;
            }
            from = from.saturating_add(u64::try_from(step).unwrap_or(u64::MAX));
        }
        Ok(None)
    }
}
