//! Inspections of tapes: what they contain, and what is wrong with them.

use crate::dataset;
use model::Time;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::path::Path;
use tape::manifest::SourceFile;
use tape::{Step, Tape};

/// Markets that are printed with their names; the others are counted.
const SHOWN: usize = 20;

/// The contents of a tape.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TapeInfo {
    /// Path as given.
    pub path: String,
    /// Identity: SHA-256 of the uncompressed records, lower-case hex.
    pub identity: String,
    /// The making of the tape.
    pub origin: String,
    /// The program that wrote it.
    pub program: String,
    /// The importer.
    pub importer: String,
    /// True if it was closed by its writer.
    pub closed: bool,
    /// First and last time in microseconds since 1970.
    pub span_us: Option<(u64, u64)>,
    /// Length of the file in bytes, and of its records.
    pub bytes: (u64, u64),
    /// Number of frames of records.
    pub frames: usize,
    /// Number of records by kind; of an unclosed tape all under `record`.
    pub records: BTreeMap<String, u64>,
    /// Markets: slug, condition, number of assumptions, by condition.
    pub markets: Vec<MarketInfo>,
    /// Number of markets with an outcome, and of those implied by the last book.
    pub outcomes: (usize, usize),
    /// Marked gaps by cause.
    pub gaps: BTreeMap<String, u64>,
    /// Rule by which the markets were chosen.
    pub selection: String,
    /// Licence note.
    pub licence: String,
    /// Source files.
    pub sources: Vec<SourceFile>,
    /// True if the books were invented from prices.
    pub invented: bool,
    /// True if trades were inferred from books.
    pub trades_inferred: bool,
}

/// A market of a tape.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MarketInfo {
    /// Its condition.
    pub condition: String,
    /// Its slug.
    pub slug: String,
    /// Its outcomes.
    pub outcomes: [String; 2],
    /// True if the tape has books of it.
    pub has_books: bool,
    /// True if its fee rate is known.
    pub fee_known: bool,
    /// Assumptions.
    pub assumed: Vec<String>,
}

/// Describes a tape from its manifest and seek table.
///
/// # Errors
/// If it cannot be read or is not a tape.
pub fn info(path: &Path) -> anyhow::Result<TapeInfo> {
    let mut tape = Tape::open(path)?;
    let identity = tape.identity()?.to_string();
    let manifest = tape.manifest();
    let frames = tape.frames();
    let span_us = frames.first().zip(frames.last()).map(|(first, last)| (first.first_us, last.last_us));
    let mut records = manifest.counts.clone();
    if !tape.is_closed() {
        let count = frames.iter().map(|frame| u64::from(frame.records)).fold(0, u64::saturating_add);
        records = BTreeMap::from([("record".to_owned(), count)]);
    }
    let mut gaps = BTreeMap::new();
    for gap in &manifest.gaps {
        let name = serde_json::to_string(&gap.cause)?.trim_matches('"').to_owned();
        let count: &mut u64 = gaps.entry(name).or_default();
        *count = count.saturating_add(1);
    }
    let markets = manifest.markets.iter().map(|(condition, entry)| MarketInfo {
        condition: condition.clone(),
        slug: entry.slug.clone(),
        outcomes: entry.outcomes.clone(),
        has_books: entry.has_books,
        fee_known: !entry.fees.is_empty(),
        assumed: entry.assumed.clone(),
    });
    let decided = || manifest.hindsight.values().filter(|entry| entry.pays_micros.is_some());
    Ok(TapeInfo {
        path: path.display().to_string(),
        identity,
        origin: manifest.origin.clone(),
        program: manifest.program.clone(),
        importer: manifest.importer.clone(),
        closed: tape.is_closed(),
        span_us,
        bytes: (tape.length(), frames.iter().map(|frame| u64::from(frame.uncompressed)).fold(0, u64::saturating_add)),
        frames: frames.len(),
        records,
        markets: markets.collect(),
        outcomes: (decided().count(), decided().filter(|entry| entry.implied).count()),
        gaps,
        selection: manifest.selection.clone(),
        licence: manifest.licence.clone(),
        sources: manifest.sources.clone(),
        invented: manifest.invented,
        trades_inferred: manifest.trades_inferred,
    })
}

impl Display for TapeInfo {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.invented {
            writeln!(f, "invented: its books are not the venue's, they were made from prices")?;
        }
        writeln!(f, "{}: {}, {}", self.path, self.origin, if self.closed { "closed" } else { "not closed" })?;
        writeln!(f, "identity {}", self.identity)?;
        if let Some((first, last)) = self.span_us {
            let seconds = last.saturating_sub(first) / 1_000_000;
            writeln!(f, "from {} to {}, {seconds} s", Time(first).iso(), Time(last).iso())?;
        }
        let (file, raw) = self.bytes;
        writeln!(f, "{file} bytes, {raw} uncompressed, {} frames", self.frames)?;
        for (kind, count) in &self.records {
            writeln!(f, "{count} records of kind {kind}")?;
        }
        for (cause, count) in &self.gaps {
            writeln!(f, "{count} marked gaps: {cause}")?;
        }
        let (outcomes, implied) = self.outcomes;
        writeln!(f, "{} markets, {outcomes} with an outcome, {implied} of them implied", self.markets.len())?;
        for market in self.markets.iter().take(SHOWN) {
            writeln!(f, "  {} {}", market.condition, market.slug)?;
            for assumed in &market.assumed {
                writeln!(f, "    assumed: {assumed}")?;
            }
        }
        if self.markets.len() > SHOWN {
            writeln!(f, "  and {} more", self.markets.len().saturating_sub(SHOWN))?;
        }
        if self.trades_inferred {
            writeln!(f, "trades were inferred from books")?;
        }
        for source in &self.sources {
            writeln!(f, "source {} ({}), sha256 {}", source.name, source.format, source.sha256)?;
        }
        write!(f, "markets: {}; licence: {}", or_unknown(&self.selection), or_unknown(&self.licence))
    }
}

fn or_unknown(text: &str) -> &str {
    if text.is_empty() { "unknown" } else { text }
}

/// Result of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TapeCheck {
    /// Path as given.
    pub path: String,
    /// Identity as computed from the records.
    pub identity: String,
    /// True if the written identity agrees; false also for a tape that was not closed.
    pub identity_agrees: bool,
    /// Number of intact records.
    pub records: u64,
    /// Damaged places: offset and reason, at most a hundred.
    pub damage: Vec<(u64, String)>,
    /// Number of damaged places.
    pub damaged: u64,
    /// Findings of the parser: kind, count, time of the first case in microseconds.
    pub quality: Vec<(String, u64, u64)>,
}

/// Damaged places that a check lists.
const DAMAGE_SHOWN: usize = 100;

/// Reads all of a tape: checksums, identity, and the parser's counts.
///
/// # Errors
/// If it cannot be read or is not a tape.
pub fn check(path: &Path) -> anyhow::Result<TapeCheck> {
    let mut tape = Tape::open(path)?;
    let computed = tape.compute_identity()?;
    let identity_agrees = tape.is_closed() && tape.identity()? == computed;
    let mut steps = tape.records()?;
    let (mut records, mut damaged, mut damage) = (0u64, 0u64, Vec::new());
    while let Some(step) = steps.step()? {
        match step {
            Step::Record(..) => records = records.saturating_add(1),
            Step::Damaged(place) => {
                damaged = damaged.saturating_add(1);
                if damage.len() < DAMAGE_SHOWN {
                    damage.push((place.offset, place.reason));
                }
            }
        }
    }
    let quality = dataset::quality(&tape)?;
    let quality = quality.rows().map(|(kind, count, first)| (kind.to_owned(), count, first)).collect();
    let (path, identity) = (path.display().to_string(), computed.to_string());
    Ok(TapeCheck { path, identity, identity_agrees, records, damage, damaged, quality })
}

impl TapeCheck {
    /// Returns true if the tape was closed and nothing in it is damaged.
    pub const fn is_intact(&self) -> bool {
        self.identity_agrees && self.damaged == 0
    }
}

impl Display for TapeCheck {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let state = match (self.identity_agrees, self.damaged) {
            (true, 0) => "intact".to_owned(),
            (false, 0) => "not closed, everything in it is readable".to_owned(),
            (_, damaged) => format!("{damaged} damaged places"),
        };
        write!(f, "{}: {state}, {} records, identity {}", self.path, self.records, self.identity)?;
        for (offset, reason) in &self.damage {
            write!(f, "\n  damaged at byte {offset}: {reason}")?;
        }
        for (kind, count, first) in &self.quality {
            write!(f, "\n  {kind} {count}, first at {}", Time(*first).iso())?;
        }
        Ok(())
    }
}
