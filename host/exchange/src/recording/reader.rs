//! Reads full-depth recordings: CSV, plain or gzip, one row per price level, columns found by the header. Adjacent rows
//! of one token, kind, time and hash form one frame of the venue. Lines that are not valid rows (two writes run
//! together) are counted and skipped, so that one torn line does not lose the game.

use super::columns::{Columns, Row};
use super::damaged::{Damage, Members, WholeLines};
use csv::StringRecord;
use model::{Price, Side, Size, TokenId};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Maximum frames per recording; the largest known one has under 7,000.
pub const FRAMES_MAX: usize = 2_000_000;
/// Maximum levels per frame.
pub const LEVELS_MAX: usize = 2_000;

/// The effect of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// The levels replace the token's whole book.
    Book,
    /// Each level's size is the new total at its price; zero removes it.
    Change,
}

/// One recorded frame of the venue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The venue's time in milliseconds since the epoch.
    pub time_ms: u64,
    /// Index of the token in the recording.
    pub outcome: u32,
    /// The effect.
    pub kind: FrameKind,
    /// Levels in the order of the rows; BUY is a bid.
    pub levels: Vec<(Side, Price, Size)>,
}

/// One recorded session of one market.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// The market's slug, as the recorder wrote it.
    pub slug: String,
    /// Both tokens, in the order of their first frames.
    pub tokens: [TokenId; 2],
    /// The tokens' outcome names, if the recorder knew them.
    pub outcomes: [Option<String>; 2],
    /// All frames in order of arrival.
    pub frames: Vec<Frame>,
    /// Lines that were not rows.
    pub torn_lines: u64,
    /// Reason why it ends early; empty if it does not, as far as the compression shows.
    pub ends_early: String,
}

/// Reasons why a recording cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read.
    #[error("reading the recording {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The text is in another encoding.
    #[error("reading the recording {path}: {}", files::UTF_16)]
    Utf16 {
        /// The file.
        path: PathBuf,
    },
    /// The text is not CSV.
    #[error("reading the recording as CSV")]
    Csv(#[from] csv::Error),
    /// A column is missing.
    #[error(
        "the recording has no column `{column}`; it needs market_slug, asset_id, event_type, price, side, size, timestamp"
    )]
    Column {
        /// Its name.
        column: &'static str,
    },
    /// There are not exactly two tokens.
    #[error("the recording has {found} tokens, expected the 2 of one market")]
    Tokens {
        /// Number of tokens.
        found: usize,
    },
    /// A column of a file of prices is missing.
    #[error("the file has no column `{column}`; prices need feed_ts_ms and full_accuracy_value")]
    PriceColumn {
        /// Its name.
        column: &'static str,
    },
    /// The file has no usable rows.
    #[error("the file has no {what}")]
    Empty {
        /// Kind of the missing rows.
        what: &'static str,
    },
    /// Too many rows.
    #[error("the file has more than {limit} {what}")]
    TooMany {
        /// Kind of the rows.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// Too many frames.
    #[error("the recording has more than {FRAMES_MAX} frames")]
    TooLong,
}

/// Reads a recording from a file; a name that ends in `.gz` is decompressed.
///
/// # Errors
/// [`ReadError`] if the file is not a recording of one market.
pub fn read_file(path: &Path) -> Result<Recording, ReadError> {
    let (text, damage) = open(path)?;
    let recording = read(text)?;
    Ok(Recording { ends_early: damage.reason().unwrap_or_default(), ..recording })
}

/// Opens a file; one whose name ends in `.gz` is decompressed. A damaged end loses only the data there.
///
/// # Errors
/// [`ReadError`] if it cannot be read, or is UTF-16.
pub fn open(path: &Path) -> Result<(impl BufRead + use<>, Damage), ReadError> {
    let file =
        files::open(path, files::Links::Follow).map_err(|source| ReadError::Io { path: path.to_owned(), source })?;
    let reader = BufReader::new(file);
    let packed = path.extension().is_some_and(|extension| extension == "gz");
    let unpacked: Box<dyn Read> = if packed { Box::new(Members::new(reader)) } else { Box::new(reader) };
    let (lines, damage) = WholeLines::new(unpacked);
    let mut lines = BufReader::new(lines);
    let begin = lines.fill_buf().map_err(|source| ReadError::Io { path: path.to_owned(), source })?;
    if files::is_utf16(begin) {
        return Err(ReadError::Utf16 { path: path.to_owned() });
    }
    let mark = begin.len().saturating_sub(files::without_mark(begin).len());
    lines.consume(mark);
    Ok((lines, damage))
}

/// Reads a recording from text.
///
/// # Errors
/// [`ReadError`] if the text is not a recording of one market.
pub fn read(text: impl Read) -> Result<Recording, ReadError> {
    let mut rows = csv::ReaderBuilder::new().flexible(true).from_reader(text);
    let header = rows.headers()?;
    let missing = |column| ReadError::Column { column };
    if header.iter().all(|name| name.trim() != "market_slug") {
        return Err(missing("market_slug"));
    }
    let columns = Columns::find(header).map_err(missing)?;
    let mut builder = Builder::default();
    let mut record = StringRecord::new();
    loop {
        match rows.read_record(&mut record) {
            Ok(false) => break,
            Ok(true) => builder.add_row(columns.row(&record).ok())?,
            // Bytes that are not UTF-8; any other error ends the file.
            Err(error) if matches!(error.kind(), csv::ErrorKind::Utf8 { .. }) => {
                builder.torn = builder.torn.saturating_add(1)
            }
            Err(error) => return Err(error.into()),
        }
    }
    builder.finish()
}

/// Groups rows into frames.
#[derive(Default)]
struct Builder {
    slug: String,
    tokens: Vec<TokenId>,
    outcomes: [Option<String>; 2],
    frames: Vec<Frame>,
    hash: String,
    torn: u64,
}

impl Builder {
    fn add_row(&mut self, row: Option<Row<'_>>) -> Result<(), ReadError> {
        let Some(row) = row else {
            self.torn = self.torn.saturating_add(1);
            return Ok(());
        };
        let place = match self.tokens.iter().position(|token| *token == row.token) {
            Some(place) => place,
            None => {
                self.tokens.push(row.token);
                self.tokens.len().saturating_sub(1)
            }
        };
        let outcome = u32::try_from(place).ok().filter(|outcome| *outcome < 2);
        let outcome = outcome.ok_or(ReadError::Tokens { found: self.tokens.len() })?;
        if let Some(name) = self.outcomes.get_mut(place).filter(|name| name.is_none() && !row.outcome.is_empty()) {
            *name = Some(row.outcome.to_owned());
        }
        if self.slug.is_empty() {
            row.slug.clone_into(&mut self.slug);
        }
        let kind = if row.is_book { FrameKind::Book } else { FrameKind::Change };
        let level = (row.side, row.price.1, row.size.1);
        let full = self.frames.len() >= FRAMES_MAX;
        let same_frame = self.frames.last_mut().filter(|frame| {
            frame.outcome == outcome
                && frame.kind == kind
                && frame.time_ms == row.time_ms
                && self.hash == row.hash
                && frame.levels.len() < LEVELS_MAX
        });
        match same_frame {
            Some(frame) => frame.levels.push(level),
            None if full => return Err(ReadError::TooLong),
            None => {
                self.frames.push(Frame { time_ms: row.time_ms, outcome, kind, levels: vec![level] });
                row.hash.clone_into(&mut self.hash);
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Recording, ReadError> {
        let Self { slug, tokens, outcomes, frames, torn, .. } = self;
        let found = tokens.len();
        let tokens = <[TokenId; 2]>::try_from(tokens).map_err(|_rest| ReadError::Tokens { found })?;
        Ok(Recording { slug, tokens, outcomes, frames, torn_lines: torn, ends_early: String::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "market_slug,asset_id,market_id,event_type,price,side,size,hash,timestamp\n\
        game,11,,book,0.68,ask,26350,aa,1000\n\
        game,11,,book,0.60,bid,10.5,aa,1000\n\
        game,22,,book,0.40,ask,10.5,bb,1000\n\
        game,11,,price_change,0.61,bid,5,cc,1100\n\
        game,11,,price_change,0.61,bid,0,dd,1100\n";

    #[test]
    fn adjacent_rows_of_one_hash_are_one_frame() {
        let recording = read(OLD.as_bytes()).unwrap();
        assert_eq!(recording.tokens.map(|token| token.to_string()), ["11", "22"]);
        let shape: Vec<_> = recording.frames.iter().map(|f| (f.time_ms, f.outcome, f.kind, f.levels.len())).collect();
        let (book, change) = (FrameKind::Book, FrameKind::Change);
        assert_eq!(shape, [(1000, 0, book, 2), (1000, 1, book, 1), (1100, 0, change, 1), (1100, 0, change, 1)]);
        let sell = (Side::Sell, Price::parse("0.68").unwrap(), Size::shares(26_350));
        assert_eq!(recording.frames[0].levels[0], sell);
        assert!(recording.frames[3].levels[0].2.is_zero());
    }

    #[test]
    fn columns_are_found_by_name_and_torn_lines_are_skipped() {
        let text = "market_slug,market_id,asset_id,outcome_name,event_type,price,side,size,hash,timestamp\n\
            game,5,11,Reds,book,0.85,BUY,18609.0,aa,1000\n\
            game,5,11,Reds,book,0.8game,5,11,Reds,price_change,0.9,SELL,1.0,bb,1001\n\
            game,5,22,Sox,book,0.15,SELL,18609.0,cc,1002\n";
        let recording = read(text.as_bytes()).unwrap();
        assert_eq!((recording.frames.len(), recording.torn_lines), (2, 1));
        assert_eq!(recording.outcomes, [Some("Reds".into()), Some("Sox".into())]);
    }

    #[test]
    fn a_file_that_is_not_a_recording_of_one_market_is_refused_by_name() {
        let error = |text: &str| read(text.as_bytes()).unwrap_err().to_string();
        assert!(error("a,b\n1,2\n").contains("no column `market_slug`"));
        assert!(error("").contains("no column"));
        let three = format!("{OLD}game,33,,book,0.40,ask,10.5,bb,1000\n");
        assert!(error(&three).contains("3 tokens"));
        let missing = read_file(Path::new("/no/such/file.csv.gz")).unwrap_err();
        assert!(missing.to_string().contains("/no/such/file.csv.gz"));
    }

    #[test]
    fn a_pipe_is_not_a_recording_and_refused_at_once() {
        let dir = testkit::Scratch::new("recording-pipe");
        let path = dir.join("recording.csv");
        testkit::named_pipe(&path);
        let refused = testkit::at_once(move || read_file(&path));
        assert!(matches!(refused, Err(ReadError::Io { .. })), "{refused:?}");
    }
}
