//! The cache of a tape's parsed form: a file beside the tape, or in the system's temporary folder if that one cannot be
//! written. It is keyed by the tape's identity, its manifest and [`PARSER_VERSION`], and is rebuilt at will.
//!
//! Layout: magic, blocks of parsed frames (length, crc32, first and last order time, frames), a footer in JSON, its
//! length and crc32, and the magic again.

use super::PARSER_VERSION;
use super::build::build;
use super::codec::{Decoder, FrameHead, Parsed, encode};
use super::quality::Quality;
use crate::events::{LevelChange, TapeEventKind};
use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use tape::Tape;

const MAGIC: &[u8; 8] = b"PTEVENT1";
/// Bytes of a block before it is closed.
const BLOCK: usize = 64 * 1024;
/// Maximum bytes of a block: one frame can be larger than [`BLOCK`].
const BLOCK_MAX: u32 = 64 * 1024 * 1024;
/// Bytes before a block.
const BLOCK_HEAD: usize = 4 + 4 + 8 + 8;
const FOOTER_MAX: u64 = 64 * 1024 * 1024;

/// Findings of the building of a cache.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Footer {
    /// Identity and manifest of the tape, and the version of the parser.
    pub(super) key: String,
    /// Identity of the tape.
    pub(super) identity: String,
    /// First and last order time; `None` if the tape is empty.
    pub(super) span: Option<(u64, u64)>,
    /// Number of events, without derived ones.
    pub(super) events: u64,
    /// Maximum time from an event at the venue to its receipt.
    pub(super) late_us: u64,
    /// Time of the first event of each market, in the order of the manifest's conditions.
    pub(super) first_us: Vec<Option<u64>>,
    /// Counts of what is wrong.
    pub(super) quality: Quality,
}

/// An opened cache.
#[derive(Debug)]
pub(super) struct Cache {
    pub(super) footer: Footer,
    path: PathBuf,
    file: File,
    /// Offset of the footer.
    end: u64,
    at: u64,
    decoder: Decoder,
}

/// Opens the cache of a tape, and builds it if it is missing or of another version.
pub(super) fn of(tape: &mut Tape) -> anyhow::Result<Cache> {
    let identity = tape.identity()?;
    let manifest = Sha256::digest(serde_json::to_vec(tape.manifest())?);
    let manifest = model::hex::encode(&manifest);
    let key = format!("{identity} {manifest} {PARSER_VERSION}");
    let short: String = manifest.chars().take(16).collect();
    let places = [beside(tape.path()), std::env::temp_dir().join(format!("polytrader-{identity}-{short}.events"))];
    for place in &places {
        if let Ok(cache) = Cache::open(place)
            && cache.footer.key == key
        {
            return Ok(cache);
        }
    }
    let mut last = None;
    for place in &places {
        match write(tape, &key, &identity.to_string(), place) {
            Ok(()) => return Cache::open(place).with_context(|| format!("reading the cache {}", place.display())),
            Err(error) => last = Some(error.context(format!("writing the cache {}", place.display()))),
        }
    }
    Err(last.unwrap_or_else(|| anyhow::anyhow!("no place for the cache")))
}

/// Returns the cache's name beside its tape.
pub(super) fn beside(tape: &Path) -> PathBuf {
    let mut name = tape.file_name().unwrap_or_default().to_owned();
    name.push(".events");
    tape.with_file_name(name)
}

fn write(tape: &Tape, key: &str, identity: &str, place: &Path) -> anyhow::Result<()> {
    static MADE: AtomicU64 = AtomicU64::new(0);
    // Several processes may build it at once; the last one to finish replaces an equal file.
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let mut name = place.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}-{number}.part", std::process::id()));
    let part = place.with_file_name(name);
    let written = write_part(tape, key, identity, &part).and_then(|()| Ok(std::fs::rename(&part, place)?));
    if written.is_err() {
        std::fs::remove_file(&part).ok();
    }
    written
}

fn write_part(tape: &Tape, key: &str, identity: &str, part: &Path) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    let file = files::open_with(&mut options, part, files::Links::Refuse)?;
    let mut blocks = Blocks { file: BufWriter::new(file), raw: Vec::new(), first_us: 0, before_us: 0 };
    blocks.file.write_all(MAGIC)?;
    let mut footer = build(tape, |frame| blocks.push(frame))?;
    (footer.key, footer.identity) = (key.to_owned(), identity.to_owned());
    blocks.close()?;
    let json = serde_json::to_vec(&footer)?;
    blocks.file.write_all(&json)?;
    blocks.file.write_all(&u32::try_from(json.len())?.to_le_bytes())?;
    blocks.file.write_all(&crc32fast::hash(&json).to_le_bytes())?;
    blocks.file.write_all(MAGIC)?;
    blocks.file.flush()?;
    Ok(())
}

/// Writes parsed frames in blocks.
#[derive(Debug)]
struct Blocks {
    file: BufWriter<File>,
    raw: Vec<u8>,
    first_us: u64,
    before_us: u64,
}

impl Blocks {
    fn push(&mut self, frame: &Parsed) -> anyhow::Result<()> {
        if self.raw.is_empty() {
            // The first frame has its whole time, which the checksum covers.
            (self.first_us, self.before_us) = (frame.order_us, 0);
        }
        encode(frame, self.before_us, &mut self.raw);
        self.before_us = frame.order_us;
        if self.raw.len() >= BLOCK { self.close() } else { Ok(()) }
    }

    fn close(&mut self) -> anyhow::Result<()> {
        if self.raw.is_empty() {
            return Ok(());
        }
        self.file.write_all(&u32::try_from(self.raw.len())?.to_le_bytes())?;
        self.file.write_all(&crc32fast::hash(&self.raw).to_le_bytes())?;
        self.file.write_all(&self.first_us.to_le_bytes())?;
        self.file.write_all(&self.before_us.to_le_bytes())?;
        self.file.write_all(&self.raw)?;
        self.raw.clear();
        Ok(())
    }
}

impl Cache {
    fn open(path: &Path) -> anyhow::Result<Self> {
        let mut file = files::open(path, files::Links::Follow)?;
        let length = file.metadata()?.len();
        let tail = 16u64;
        let at = length.checked_sub(tail).context("too short")?;
        file.seek(SeekFrom::Start(at))?;
        let mut bytes = [0; 16];
        file.read_exact(&mut bytes)?;
        let (json, rest) = bytes.split_first_chunk::<4>().context("tail")?;
        let (crc, magic) = rest.split_first_chunk::<4>().context("tail")?;
        ensure!(magic == MAGIC, "not a cache");
        let json = u64::from(u32::from_le_bytes(*json));
        ensure!(json <= FOOTER_MAX, "footer too long");
        let end = at.checked_sub(json).context("footer")?;
        file.seek(SeekFrom::Start(end))?;
        let mut text = vec![0; usize::try_from(json)?];
        file.read_exact(&mut text)?;
        ensure!(crc32fast::hash(&text) == u32::from_le_bytes(*crc), "damaged footer");
        let footer = serde_json::from_slice(&text)?;
        let begin = u64::try_from(MAGIC.len())?;
        file.seek(SeekFrom::Start(begin))?;
        Ok(Self { footer, path: path.to_owned(), file, end, at: begin, decoder: Decoder::default() })
    }

    /// Skips the blocks that end before this time.
    pub(super) fn skip_to(&mut self, at_us: u64) -> anyhow::Result<()> {
        while let Some(head) = self.head()? {
            if head.last_us >= at_us {
                // The head is read again with its block.
                self.file.seek(SeekFrom::Current(0i64.saturating_sub(i64::try_from(BLOCK_HEAD)?)))?;
                return Ok(());
            }
            self.file.seek(SeekFrom::Current(i64::from(head.length)))?;
            self.at = self.at.saturating_add(u64::try_from(BLOCK_HEAD)?).saturating_add(u64::from(head.length));
        }
        Ok(())
    }

    /// Reads the head of the next frame to its place; false at the end. Its events follow by [`Cache::event`].
    #[inline]
    pub(super) fn next(&mut self, head: &mut FrameHead) -> anyhow::Result<bool> {
        loop {
            match self.decoder.frame(head) {
                Ok(true) => return Ok(true),
                Ok(false) if self.next_block()? => {}
                Ok(false) => return Ok(false),
                Err(error) => return Err(self.damaged(error)),
            }
        }
    }

    /// Reads the next block; false at the end.
    #[cold]
    fn next_block(&mut self) -> anyhow::Result<bool> {
        let Some(head) = self.head()? else { return Ok(false) };
        let mut raw = self.decoder.block(Vec::new());
        raw.resize(usize::try_from(head.length)?, 0);
        self.file.read_exact(&mut raw).with_context(|| format!("reading the cache {}", self.path.display()))?;
        let whole = crc32fast::hash(&raw) == head.crc;
        ensure!(whole, "the cache {} is damaged; delete it", self.path.display());
        self.decoder.block(raw);
        self.at = self.at.saturating_add(u64::try_from(BLOCK_HEAD)?).saturating_add(u64::from(head.length));
        Ok(true)
    }

    /// Reads the next event of the frame.
    pub(super) fn event(&mut self, frame: &FrameHead) -> anyhow::Result<TapeEventKind> {
        self.decoder.event(frame.venue_us).map_err(|error| self.damaged(error))
    }

    /// Reads the next event of the frame if it is a change of a level, see [`Decoder::level`].
    #[inline(always)]
    pub(super) fn level(&mut self, frame: &FrameHead) -> anyhow::Result<Option<LevelChange>> {
        self.decoder.level(frame.venue_us).map_err(|error| self.damaged(error))
    }

    #[cold]
    fn damaged(&self, error: anyhow::Error) -> anyhow::Error {
        error.context(format!("the cache {} is damaged; delete it", self.path.display()))
    }

    /// Reads the head of the block here; `None` at the end.
    fn head(&mut self) -> anyhow::Result<Option<Head>> {
        if self.at >= self.end {
            return Ok(None);
        }
        let mut bytes = [0; BLOCK_HEAD];
        self.file.read_exact(&mut bytes).with_context(|| format!("reading the cache {}", self.path.display()))?;
        let (length, rest) = bytes.split_first_chunk::<4>().context("block")?;
        let (crc, rest) = rest.split_first_chunk::<4>().context("block")?;
        let (_first, last) = rest.split_first_chunk::<8>().context("block")?;
        let length = u32::from_le_bytes(*length);
        ensure!(length <= BLOCK_MAX, "the cache {} is damaged; delete it", self.path.display());
        let last_us = u64::from_le_bytes(*last.first_chunk().context("block")?);
        Ok(Some(Head { length, crc: u32::from_le_bytes(*crc), last_us }))
    }
}

struct Head {
    length: u32,
    crc: u32,
    last_us: u64,
}
