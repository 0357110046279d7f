//! Imports recordings of other programs as tapes. Frames are rebuilt as the venue sends them, so that one parser reads
//! recorded and imported tapes. Nothing is dropped in silence: each import ends with a report that counts what was
//! damaged, unsorted, duplicated or crossed, and names the first line of each. Start reading in [`import`].

mod decided;
mod frame_lines;
mod frames;
mod infer;
mod invent;
mod journal;
mod l2_csv;
mod ladder;
mod lines;
mod metadata;
mod parquet;
mod prices_csv;
mod report;
mod rtds;
mod sink;
mod snapshots;
mod source;
mod table;
#[cfg(test)]
mod tests;
mod timeline;
mod tops_csv;
mod updown_csv;

pub use infer::{INFERRED_WITHIN_MS, Inferred, TradeInference};
pub use report::{FileReport, ImportReport, Issue};

use anyhow::{Context, bail, ensure};
use metadata::Names;
use sink::Sink;
use source::Source;
use std::path::{Path, PathBuf};
use tape::{Manifest, Pace, Tape, Writer};

/// Version of the importers; recorded in the manifest.
pub const IMPORTER_VERSION: u32 = 1;
/// Maximum files of an import.
pub const SOURCES_MAX: usize = 1_000;

/// A format of recordings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Recognised by the first line.
    #[default]
    Auto,
    /// CSV with a row per price level: book snapshots and price changes of one market.
    L2Csv,
    /// CSV with names of markets and outcomes by token.
    MarketMetadata,
    /// JSON Lines of frames of the market channel.
    Frames,
    /// JSON array of book snapshots of one token.
    Snapshots,
    /// JSON array of trades of one token.
    TradeList,
    /// JSON Lines of the venue's real-time data service.
    Rtds,
    /// JSON Lines of resolved markets with their catalog rows.
    ResolvedMarkets,
    /// CSV of an underlying's price.
    Prices,
    /// CSV of resolved up-or-down markets with the underlying's open and close.
    UpDown,
    /// JSON Lines of up-or-down markets with quotes before their close.
    Ladder,
    /// CSV of the best bid and ask of both tokens.
    Tops,
    /// Folder with the tables of an export.
    Parquet,
    /// Journal of a session; one of its files is named.
    Journal,
}

/// Formats with their names on the command line and in manifests.
const FORMATS: &[(Format, &str)] = &[
    (Format::Auto, "auto"),
    (Format::L2Csv, "l2-csv"),
    (Format::MarketMetadata, "market-metadata"),
    (Format::Frames, "frames-jsonl"),
    (Format::Snapshots, "snapshots-json"),
    (Format::TradeList, "trades-json"),
    (Format::Rtds, "rtds-jsonl"),
    (Format::ResolvedMarkets, "resolved-markets-jsonl"),
    (Format::Prices, "prices-csv"),
    (Format::UpDown, "updown-csv"),
    (Format::Ladder, "ladder-jsonl"),
    (Format::Tops, "tops-csv"),
    (Format::Parquet, "parquet"),
    (Format::Journal, "journal"),
];

impl Format {
    /// Returns the name.
    pub fn name(self) -> &'static str {
        FORMATS.iter().find(|(format, _)| *format == self).map_or("auto", |(_, name)| name)
    }

    /// Parses a name.
    ///
    /// # Errors
    /// If there is no such format; the message lists all.
    pub fn parse(name: &str) -> anyhow::Result<Self> {
        let found = FORMATS.iter().find(|(_, known)| *known == name).map(|(format, _)| *format);
        found.with_context(|| {
            let names: Vec<&str> = FORMATS.iter().map(|(_, name)| *name).collect();
            format!("format {name:?}, expected one of {}", names.join(", "))
        })
    }
}

/// Choices of an import.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// Format of all files.
    pub format: Format,
    /// Infer trades from consecutive books where the recording has none.
    pub infer_trades: bool,
    /// Files with names of markets and outcomes.
    pub metadata: Vec<PathBuf>,
    /// Invent books from a price and the markets that it decided.
    pub invent_books: bool,
    /// Seed of invented books.
    pub seed: u64,
    /// Difference of local times without zone to UTC, in seconds: 7200 for UTC+2.
    pub utc_offset_s: i64,
    /// Licence note for the manifest.
    pub licence: String,
    /// Rule by which the markets were chosen, for the manifest.
    pub selection: String,
    /// The program's name and version, for the manifest.
    pub program: String,
}

/// Imports files into one new tape, merged by time.
///
/// # Errors
/// If a file cannot be read or has an unknown format, nothing usable is in it, or the tape exists already.
pub fn import(sources: &[PathBuf], out: &Path, options: &ImportOptions) -> anyhow::Result<ImportReport> {
    ensure!(!sources.is_empty(), "no file to import was named");
    ensure!(sources.len() <= SOURCES_MAX, "{} files, expected at most {SOURCES_MAX}", sources.len());
    ensure!(!out.exists(), "{}: exists already, expected a new file", out.display());
    let mut names = Names::default();
    options.metadata.iter().try_for_each(|path| names.read(path))?;
    let mut opened = Vec::new();
    for path in sources {
        let source = Source::open(path, options.format)?;
        // Names may be among the files, in any order.
        if source.format == Format::MarketMetadata { names.read(path)? } else { opened.push(source) }
    }
    ensure!(!opened.is_empty(), "only names of markets were named, expected a recording too");
    let parts = Parts::new(out, opened.len());
    let mut reports = Vec::new();
    let invented = options.invent_books.then(|| invent::invent(&opened, &parts, options)).transpose()?;
    for (source, part) in opened.into_iter().zip(&parts.paths) {
        reports.push(one(source, part, &names, options)?);
    }
    let mut tapes = Vec::new();
    for part in &parts.paths {
        tapes.push(Tape::open(part)?);
    }
    if invented.is_some() {
        tapes.push(Tape::open(&parts.invented)?);
    }
    let summary = tape::merge(&tapes, out)?;
    Ok(ImportReport { out: out.to_owned(), summary, invented, files: reports })
}

/// Imports one file into a tape of its own.
fn one(source: Source, part: &Path, names: &Names, options: &ImportOptions) -> anyhow::Result<FileReport> {
    let path = source.path.clone();
    let mut manifest = Manifest::new(&options.program, "imported");
    manifest.importer = format!("{} {IMPORTER_VERSION}", source.format.name());
    manifest.sources.push(source.described()?);
    manifest.licence.clone_from(&options.licence);
    manifest.selection.clone_from(&options.selection);
    let writer = Writer::create(part, Pace::WHOLE, manifest)?;
    let mut sink = Sink::new(writer, &source);
    match source.format {
        Format::L2Csv => l2_csv::import(source, &mut sink, names, options)?,
        Format::Frames => frame_lines::import(&source, &mut sink, names)?,
        Format::Snapshots | Format::TradeList => snapshots::import(&source, &mut sink)?,
        Format::Rtds => rtds::import(&source, &mut sink)?,
        Format::ResolvedMarkets => decided::import(&source, &mut sink)?,
        Format::Prices => prices_csv::import(&source, &mut sink)?,
        Format::UpDown => updown_csv::import(&source, &mut sink)?,
        Format::Ladder => ladder::import(&source, &mut sink)?,
        Format::Journal => journal::import(&source, &mut sink)?,
        Format::Parquet => parquet::import(&source, &mut sink)?,
        Format::Tops => tops_csv::import(&source, &mut sink, options)?,
        Format::Auto | Format::MarketMetadata => bail!("{}: not a recording", path.display()),
    }
    sink.finish().with_context(|| format!("importing {}", path.display()))
}

/// Temporary tapes, removed at the end.
struct Parts {
    paths: Vec<PathBuf>,
    /// The tape of invented books.
    invented: PathBuf,
}

impl Parts {
    fn new(out: &Path, count: usize) -> Self {
        let name = out.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let of = |number: usize| out.with_file_name(format!(".{name}.{}-{number}.part", std::process::id()));
        Self { paths: (0..count).map(of).collect(), invented: of(count) }
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        for path in self.paths.iter().chain([&self.invented]) {
            std::fs::remove_file(path).ok();
        }
    }
}
