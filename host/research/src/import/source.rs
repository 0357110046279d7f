//! Files to import: opened, hashed, and recognised by their first line.

use super::Format;
use anyhow::{Context, bail};
use exchange::recording::damaged::Damage;
use exchange::recording::reader;
use sha2::{Digest, Sha256};
use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};
use tape::manifest::SourceFile;

/// Maximum bytes of the first line.
const HEAD_MAX: u64 = 1024 * 1024;

/// A file to import.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) format: Format,
}

impl Source {
    /// Opens a file and finds its format.
    pub(super) fn open(path: &Path, format: Format) -> anyhow::Result<Self> {
        let format = match format {
            Format::Auto if super::parquet::is_export(path) => Format::Parquet,
            Format::Auto if super::journal::is_journal(path) => Format::Journal,
            Format::Auto => recognise(path)?,
            format => format,
        };
        Ok(Self { path: path.to_owned(), format })
    }

    /// Returns a reader of the text, from the beginning; the damage tells whether it ends early.
    pub(super) fn text(&self) -> anyhow::Result<(impl BufRead + use<>, Damage)> {
        Ok(reader::open(&self.path)?)
    }

    /// Returns the entry of the manifest.
    pub(super) fn described(&self) -> anyhow::Result<SourceFile> {
        let sha256 = match self.format {
            Format::Parquet => super::parquet::hashed(&self.path)?,
            _ => sha256(&self.path)?,
        };
        let name = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(SourceFile { name, sha256, format: self.format.name().to_owned() })
    }
}

/// Returns the SHA-256 of a file as it is on disk.
fn sha256(path: &Path) -> anyhow::Result<String> {
    let mut file = files::open(path, files::Links::Follow).with_context(|| path.display().to_string())?;
    let mut hash = Sha256::new();
    let mut part = vec![0; 64 * 1024];
    loop {
        match file.read(&mut part).with_context(|| path.display().to_string())? {
            0 => return Ok(model::hex::encode(&hash.finalize())),
            length => hash.update(part.get(..length).unwrap_or_default()),
        }
    }
}

fn recognise(path: &Path) -> anyhow::Result<Format> {
    let (text, _damage) = reader::open(path)?;
    let mut head = Vec::new();
    text.take(HEAD_MAX).read_to_end(&mut head).with_context(|| path.display().to_string())?;
    let head = String::from_utf8_lossy(&head);
    let first = head.lines().next().unwrap_or_default().trim();
    if head.trim().is_empty() {
        bail!("{}: the file is empty, expected a recording", path.display());
    }
    let found = if first.starts_with(['{', '[']) { json_format(first, &head) } else { csv_format(first) };
    found.with_context(|| {
        let shown: String = first.chars().take(120).collect();
        let path = path.display();
        format!("{path} line 1: unknown format, expected the header or first line of a known one: {shown:?}")
    })
}

/// Recognises a CSV file by its header.
fn csv_format(header: &str) -> Option<Format> {
    let columns: Vec<&str> = header.split(',').map(str::trim).collect();
    let has = |wanted: &[&str]| wanted.iter().all(|column| columns.contains(column));
    let formats = [
        (Format::MarketMetadata, has(&["market_slug", "asset_id", "outcome_name", "executed_at_timestamp"])),
        (Format::L2Csv, has(&["asset_id", "event_type", "price", "side", "size", "timestamp"])),
        (Format::Tops, has(&["condition_id", "token_id_up", "bid_up", "ask_up"])),
        (Format::UpDown, has(&["timestamp", "outcome", "btc_open", "btc_close"])),
        (Format::Prices, has(&["feed_ts_ms", "full_accuracy_value"])),
    ];
    formats.into_iter().find(|(_, is)| *is).map(|(format, _)| format)
}

/// Recognises a JSON file by the names in its first line; of an array over several lines, in its beginning.
fn json_format(first: &str, head: &str) -> Option<Format> {
    let begin: String = if first.len() > 2 { first.to_owned() } else { head.chars().take(200_000).collect() };
    let has = |wanted: &[&str]| wanted.iter().all(|name| begin.contains(&format!("\"{name}\"")));
    let formats = [
        (Format::ResolvedMarkets, has(&["condition_id", "token_ids", "end_sec"])),
        (Format::Rtds, has(&["topic", "payload", "symbol"])),
        (Format::Ladder, has(&["winner"]) && (has(&["window_ts"]) || has(&["ts", "up_mid"]))),
        (Format::Snapshots, has(&["bids", "asks", "local_timestamp"]) && !has(&["event_type"])),
        (Format::TradeList, has(&["price", "side", "local_timestamp"]) && !has(&["event_type"])),
        // In a text, quotes are escaped.
        (Format::Frames, begin.contains("event_type")),
    ];
    formats.into_iter().find(|(_, is)| *is).map(|(format, _)| format)
}
