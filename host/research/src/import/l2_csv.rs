//! Full-depth recordings of one market: CSV, one row per price level, columns found by the header. Adjacent rows of one
//! token, kind, time and hash are one frame of the venue.

use super::ImportOptions;
use super::frames::{self, TextChange, TextLevel};
use super::infer::TradeInference;
use super::metadata::Names;
use super::sink::Sink;
use super::source::Source;
use anyhow::{Context, anyhow, bail};
use csv::StringRecord;
use exchange::recording::columns::{Columns, Row};
use model::{ConditionId, Price, Side, Size, TokenId};
use sha2::{Digest, Sha256};
use std::io::BufRead;
use tape::Stamp;
use tape::manifest::{HindsightEntry, MarketEntry};
use tape::record::{Cause, Origin};

/// Maximum levels of a frame; more begin a new one.
const LEVELS_MAX: usize = 2_000;
/// A pause of the market that is longer is a gap, in milliseconds.
const SILENCE_MS: u64 = 60_000;
/// The lowest best bid at which the end of a recording implies an outcome.
const DECIDED: u32 = 990_000;

const NEEDED: &str = "asset_id, event_type, price, side, size, timestamp";

/// Imports a file.
pub(super) fn import(source: Source, sink: &mut Sink, names: &Names, options: &ImportOptions) -> anyhow::Result<()> {
    let (market, slug) = Market::find(&source, names)?;
    let (text, damage) = source.text()?;
    let mut rows = rows(text);
    let known = columns(&source, rows.headers()?)?;
    let mut frames = Frames::new(&market, options.infer_trades);
    let mut record = StringRecord::new();
    loop {
        match rows.read_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {
                sink.report.rows = sink.report.rows.saturating_add(1);
                let line = record.position().map_or(0, csv::Position::line);
                match known.row(&record) {
                    Ok(row) => frames.row(row, line, sink)?,
                    Err(reason) => frames.torn(line, &reason, sink),
                }
            }
            Err(error) if matches!(error.kind(), csv::ErrorKind::Utf8 { .. }) => {
                sink.report.rows = sink.report.rows.saturating_add(1);
                let line = error.position().map_or(0, csv::Position::line);
                frames.torn(line, "not UTF-8", sink);
            }
            Err(error) => return Err(error).with_context(|| sink.path().display().to_string()),
        }
    }
    frames.close(sink)?;
    if let Some(reason) = damage.reason() {
        let rows = sink.report.rows.saturating_add(1);
        sink.report.issue("cut", rows, || format!("the file ends early: {reason}"));
    }
    let (hindsight, inferred) = (frames.implied(), options.infer_trades);
    let condition = market.condition.to_string();
    let manifest = sink.manifest();
    manifest.trades_inferred = inferred;
    if let Some(hindsight) = hindsight {
        manifest.hindsight.insert(condition.clone(), hindsight);
    }
    manifest.markets.insert(condition, market.entry(slug, names, frames.span_us));
    Ok(())
}

fn rows<R: BufRead>(text: R) -> csv::Reader<R> {
    // Without quoting, so that a stray quote costs one line.
    csv::ReaderBuilder::new()
        .flexible(true)
        .quoting(false)
        // Line numbers of records that end in CR LF would be one too low.
        .terminator(csv::Terminator::Any(b'\n'))
        .trim(csv::Trim::All)
        .from_reader(text)
}

/// The market of a file.
struct Market {
    condition: ConditionId,
    tokens: [TokenId; 2],
    texts: [String; 2],
    names: [String; 2],
    is_condition_known: bool,
}

impl Market {
    /// Finds both tokens by reading the beginning of the file. They are ordered as in the file of names, otherwise by
    /// their ids: the order of first frames may differ between two recordings of one market.
    fn find(source: &Source, names: &Names) -> anyhow::Result<(Self, String)> {
        let (text, _damage) = source.text()?;
        let mut rows = rows(text);
        let known = columns(source, rows.headers()?)?;
        let mut found: Vec<(TokenId, String, String)> = Vec::new();
        let (mut slug, mut condition) = (String::new(), None);
        let mut record = StringRecord::new();
        while found.len() < 2 {
            match rows.read_record(&mut record) {
                Ok(false) => break,
                Ok(true) => {}
                Err(error) if matches!(error.kind(), csv::ErrorKind::Utf8 { .. }) => continue,
                Err(error) => return Err(error).with_context(|| source.path.display().to_string()),
            }
            let Ok(row) = known.row(&record) else { continue };
            if slug.is_empty() {
                row.slug.clone_into(&mut slug);
            }
            condition = condition.or_else(|| ConditionId::parse(row.market));
            if found.iter().all(|(token, ..)| *token != row.token) {
                found.push((row.token, row.token_text.to_owned(), row.outcome.to_owned()));
            }
        }
        let path = source.path.display();
        found.sort_by_key(|(token, ..)| (names.position(token).unwrap_or(usize::MAX), token.0));
        let Ok([first, second]) = <[_; 2]>::try_from(found) else {
            bail!("{path}: fewer than 2 tokens in valid rows, expected those of one market");
        };
        let is_condition_known = condition.is_some();
        let tokens = [first.0, second.0];
        let market = Self {
            condition: condition.unwrap_or_else(|| derived(tokens)),
            tokens,
            texts: [first.1, second.1],
            names: [first.2, second.2],
            is_condition_known,
        };
        Ok((market, slug))
    }

    fn entry(&self, slug: String, names: &Names, span: Option<(u64, u64)>) -> MarketEntry {
        let [first, second] = &self.tokens;
        let name = |token: &TokenId, recorded: &String| {
            names.outcome(token).map_or_else(|| recorded.clone(), ToOwned::to_owned)
        };
        let mut assumed = Vec::new();
        if !self.is_condition_known {
            assumed.push("condition id derived from the token ids".to_owned());
        }
        if names.position(first).is_none() {
            assumed.push("order of the outcomes by token id".to_owned());
        }
        MarketEntry {
            tokens: self.texts.clone(),
            outcomes: [name(first, &self.names[0]), name(second, &self.names[1])],
            slug,
            first_us: span.map(|(first, _)| first),
            last_us: span.map(|(_, last)| last),
            has_books: true,
            assumed,
            ..MarketEntry::default()
        }
    }
}

/// Returns an id for a market whose condition is unknown.
pub(super) fn derived(tokens: [TokenId; 2]) -> ConditionId {
    let mut tokens = tokens;
    tokens.sort_by_key(|token| token.0);
    let mut hash = Sha256::new();
    hash.update(b"polytrader condition of tokens");
    tokens.iter().for_each(|token| hash.update(token.0));
    ConditionId(hash.finalize().into())
}

/// Finds the columns of a file.
fn columns(source: &Source, header: &StringRecord) -> anyhow::Result<Columns> {
    let found = Columns::find(header);
    found.map_err(|column| anyhow!("{} line 1: no column `{column}`, expected {NEEDED}", source.path.display()))
}

/// A frame that is being read.
struct Open {
    outcome: usize,
    is_book: bool,
    time_ms: u64,
    hash: String,
    line: u64,
    levels: Vec<(Side, Price, Size)>,
    texts: Vec<(String, String)>,
    is_torn: bool,
}

/// Groups rows into frames and writes them.
struct Frames<'m> {
    market: &'m Market,
    infer: bool,
    open: Option<Open>,
    /// True if a line before the next frame was torn, which may have been its first one.
    torn: bool,
    books: [TradeInference; 2],
    last_ms: Option<u64>,
    span_us: Option<(u64, u64)>,
}

impl<'m> Frames<'m> {
    fn new(market: &'m Market, infer: bool) -> Self {
        let books = [TradeInference::default(), TradeInference::default()];
        Self { market, infer, open: None, torn: false, books, last_ms: None, span_us: None }
    }

    fn torn(&mut self, line: u64, reason: &str, sink: &mut Sink) {
        sink.report.issue("torn", line, || reason.to_owned());
        self.torn = true;
        if let Some(open) = &mut self.open {
            open.is_torn = true;
        }
    }

    fn row(&mut self, row: Row<'_>, line: u64, sink: &mut Sink) -> anyhow::Result<()> {
        let outcome = self.market.tokens.iter().position(|token| *token == row.token);
        let outcome = outcome.with_context(|| {
            let path = sink.path().display();
            format!("{path} line {line}: a third token {}, expected the 2 of one market", row.token_text)
        })?;
        let level = (row.side, row.price.1, row.size.1);
        let texts = (row.price.0.to_owned(), row.size.0.to_owned());
        if let Some(open) = &mut self.open
            && (open.outcome, open.is_book, open.time_ms) == (outcome, row.is_book, row.time_ms)
            && open.hash == row.hash
            && open.levels.len() < LEVELS_MAX
        {
            if open.levels.contains(&level) {
                sink.report.issue("duplicate", line, || format!("{} {} {}", row.side, row.price.0, row.size.0));
                return Ok(());
            }
            open.levels.push(level);
            open.texts.push(texts);
            return Ok(());
        }
        self.close(sink)?;
        let is_torn = std::mem::take(&mut self.torn);
        let hash = row.hash.to_owned();
        let (is_book, time_ms) = (row.is_book, row.time_ms);
        self.open =
            Some(Open { outcome, is_book, time_ms, hash, line, levels: vec![level], texts: vec![texts], is_torn });
        Ok(())
    }

    /// Writes the open frame.
    fn close(&mut self, sink: &mut Sink) -> anyhow::Result<()> {
        let Some(open) = self.open.take() else { return Ok(()) };
        self.order(&open, sink);
        let market = self.market.condition;
        let stamp = Stamp::venue(open.time_ms.saturating_mul(1_000));
        let token = self.market.texts.get(open.outcome).map(String::as_str).unwrap_or_default();
        let trade = self.apply(&open, sink);
        if let Some(trade) = trade.filter(|_| self.infer && open.outcome == 0 && !open.is_torn) {
            let (side, price, size) = (trade.side.to_string(), trade.price.to_string(), trade.size.to_string());
            let bytes = frames::trade(market, token, open.time_ms, &side, &price, &size)?;
            sink.frame("inferred_trade", stamp, Origin::Inferred, bytes)?;
        }
        if open.is_book {
            let side = |wanted: Side| -> Vec<TextLevel> {
                let levels = open.levels.iter().zip(&open.texts).filter(|((side, ..), _)| *side == wanted);
                levels.map(|(_, (price, size))| TextLevel { price: price.clone(), size: size.clone() }).collect()
            };
            let bytes = frames::book(market, token, open.time_ms, &open.hash, &side(Side::Buy), &side(Side::Sell))?;
            sink.frame("book", stamp, Origin::Feed, bytes)?;
        } else {
            let changes = open.levels.iter().zip(&open.texts).map(|((side, ..), (price, size))| TextChange {
                asset_id: token.to_owned(),
                price: price.clone(),
                size: size.clone(),
                side: if *side == Side::Buy { "BUY" } else { "SELL" },
                hash: open.hash.clone(),
            });
            let bytes = frames::changes(market, open.time_ms, &changes.collect::<Vec<_>>())?;
            sink.frame("price_change", stamp, Origin::Feed, bytes)?;
        }
        if open.is_torn {
            self.books.iter_mut().for_each(TradeInference::lose);
            sink.gap(stamp, Cause::Damaged, vec![market])?;
        }
        Ok(())
    }

    /// Notes times that go back, and silences.
    fn order(&mut self, open: &Open, sink: &mut Sink) {
        let at_us = open.time_ms.saturating_mul(1_000);
        let (first, last) = self.span_us.unwrap_or((at_us, at_us));
        self.span_us = Some((first.min(at_us), last.max(at_us)));
        if let Some(last) = self.last_ms {
            let line = open.line;
            if open.time_ms < last {
                sink.report.issue("unsorted", line, || format!("{} ms after {last} ms", open.time_ms));
            } else if open.time_ms.saturating_sub(last) > SILENCE_MS {
                let seconds = open.time_ms.saturating_sub(last) / 1_000;
                sink.report.issue("gap", line, || format!("{seconds} s without a frame"));
            }
        }
        self.last_ms = Some(open.time_ms);
    }

    /// Applies a frame to the token's book and returns the trade that it shows.
    fn apply(&mut self, open: &Open, sink: &mut Sink) -> Option<super::Inferred> {
        let book = self.books.get_mut(open.outcome)?;
        if open.is_book {
            return book.book(open.time_ms, &open.levels);
        }
        for (side, price, size) in &open.levels {
            book.level(open.time_ms, *side, *price, *size);
        }
        if let (true, Some((bid, _)), Some((ask, _))) =
            (book.canon().is_crossed(), book.canon().best_bid(), book.canon().best_ask())
        {
            sink.report.issue("crossed", open.line, || format!("bid {bid}, ask {ask}"));
        }
        None
    }

    /// Returns the outcome that the last books imply: one token at its highest price without asks, the other without
    /// bids.
    fn implied(&self) -> Option<HindsightEntry> {
        let [first, second] = &self.books;
        let won = |book: &TradeInference| {
            let best = book.canon().best_bid().is_some_and(|(price, _)| price.micros() >= DECIDED);
            best && book.canon().best_ask().is_none()
        };
        let lost = |book: &TradeInference| book.canon().best_bid().is_none() && book.canon().best_ask().is_some();
        let pays = match (won(first) && lost(second), won(second) && lost(first)) {
            (true, _) => 1_000_000,
            (_, true) => 0,
            _ => return None,
        };
        let resolved_us = self.span_us.map(|(_, last)| last);
        Some(HindsightEntry { pays_micros: Some(pays), resolved_us, implied: true, ..HindsightEntry::default() })
    }
}
