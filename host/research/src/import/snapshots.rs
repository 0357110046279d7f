//! Book snapshots and trades of one token: a JSON array per file, with times of receipt. Market and outcome are named by
//! the file: `15m_sol_orderbooks_1765450800up.json` is the token Up of the 15-minute market that began then.

use super::Format;
use super::frames::{self, TextLevel};
use super::sink::Sink;
use super::source::Source;
use super::timeline::{named, up_or_down};
use anyhow::{Context, bail, ensure};
use model::{ConditionId, Price, Size};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::io::Read;
use tape::record::Origin;
use tape::{Record, Stamp};

/// Maximum bytes of a file, uncompressed.
const FILE_MAX: u64 = 512 * 1024 * 1024;

#[derive(Deserialize)]
struct Snapshot {
    bids: Vec<Level>,
    asks: Vec<Level>,
    local_timestamp: String,
    timestamp: String,
    #[serde(default)]
    asset_price: Value,
}

#[derive(Deserialize)]
struct Level {
    price: String,
    size: String,
}

#[derive(Deserialize)]
struct Trade {
    price: String,
    size: String,
    side: String,
    local_timestamp: String,
    timestamp: String,
}

/// Imports a file.
pub(super) fn import(source: &Source, sink: &mut Sink) -> anyhow::Result<()> {
    let name = Name::parse(source)?;
    let (text, damage) = source.text()?;
    let mut bytes = Vec::new();
    text.take(FILE_MAX.saturating_add(1)).read_to_end(&mut bytes).with_context(|| source.path.display().to_string())?;
    let fits = u64::try_from(bytes.len()).is_ok_and(|length| length <= FILE_MAX);
    ensure!(fits, "{}: more than {FILE_MAX} bytes", source.path.display());
    let mut state = State { last_us: 0, last_price: String::new() };
    let mut elements = Elements { bytes: &bytes, at: 0, line: 1, is_begun: false };
    loop {
        match elements.next() {
            Ok(None) => break,
            Ok(Some((raw, line))) => {
                sink.report.rows = sink.report.rows.saturating_add(1);
                let read = match source.format {
                    Format::TradeList => trade(raw, line, &name, &mut state, sink)?,
                    _ => snapshot(raw, line, &name, &mut state, sink)?,
                };
                if let Err(reason) = read {
                    sink.report.issue("torn", line, || reason);
                }
            }
            Err((line, reason)) => {
                sink.report.issue("cut", line, || reason);
                break;
            }
        }
    }
    if let Some(reason) = damage.reason() {
        sink.report.issue("cut", elements.line, || format!("the file ends early: {reason}"));
    }
    let mut entry = up_or_down(&name.slug, name.ids, name.end_us);
    entry.has_books = source.format == Format::Snapshots;
    sink.manifest().markets.insert(name.condition.to_string(), entry);
    Ok(())
}

/// Market and outcome of a file.
struct Name {
    slug: String,
    symbol: String,
    condition: ConditionId,
    ids: [model::TokenId; 2],
    token: String,
    is_first: bool,
    end_us: u64,
}

impl Name {
    fn parse(source: &Source) -> anyhow::Result<Self> {
        let name = source.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let stem = name.split('.').next().unwrap_or_default();
        let parts: Vec<&str> = stem.split('_').collect();
        let [window, symbol, _, last] = parts.as_slice() else {
            bail!("{}: expected a name such as 15m_sol_orderbooks_1765450800up.json", source.path.display());
        };
        let (start, is_first) = match (last.strip_suffix("up"), last.strip_suffix("down")) {
            (Some(start), _) => (start, true),
            (_, Some(start)) => (start, false),
            _ => bail!("{}: the name ends in neither up nor down", source.path.display()),
        };
        let seconds = match *window {
            "5m" => 300,
            "15m" => 900,
            "1h" => 3_600,
            _ => bail!("{}: window {window:?} in the name, expected 5m, 15m or 1h", source.path.display()),
        };
        let begin: u64 = start.parse().with_context(|| format!("{}: start {start:?}", source.path.display()))?;
        let slug = format!("{symbol}-updown-{window}-{start}");
        let (condition, ids) = named(&slug);
        let token = if is_first { ids[0] } else { ids[1] }.to_string();
        let end_us = begin.saturating_add(seconds).saturating_mul(1_000_000);
        Ok(Self { slug, symbol: (*symbol).to_owned(), condition, ids, token, is_first, end_us })
    }
}

struct State {
    last_us: u64,
    last_price: String,
}

impl State {
    /// Returns the stamp of a row and its venue time.
    fn stamp(&mut self, local: &str, venue: &str, line: u64, sink: &mut Sink) -> Result<(Stamp, u64), String> {
        let ms = |text: &str| text.parse::<u64>().map_err(|_not_a_number| format!("timestamp {text:?}"));
        let (received_us, venue_ms) = (ms(local)?.saturating_mul(1_000), ms(venue)?);
        if received_us < self.last_us {
            sink.report.issue("unsorted", line, || format!("{received_us} us after {} us", self.last_us));
        } else if self.last_us > 0 && received_us.saturating_sub(self.last_us) > 60_000_000 {
            let seconds = received_us.saturating_sub(self.last_us) / 1_000_000;
            sink.report.issue("gap", line, || format!("{seconds} s without a row"));
        }
        self.last_us = self.last_us.max(received_us);
        Ok((Stamp::received(received_us), venue_ms))
    }
}

fn snapshot(
    raw: &RawValue,
    line: u64,
    name: &Name,
    state: &mut State,
    sink: &mut Sink,
) -> anyhow::Result<Result<(), String>> {
    let row: Snapshot = match serde_json::from_str(raw.get()) {
        Ok(row) => row,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let (stamp, venue_ms) = match state.stamp(&row.local_timestamp, &row.timestamp, line, sink) {
        Ok(times) => times,
        Err(reason) => return Ok(Err(reason)),
    };
    let best = |levels: &[Level]| levels.last().and_then(|level| Price::parse(&level.price));
    if let (Some(bid), Some(ask)) = (best(&row.bids), best(&row.asks))
        && bid >= ask
    {
        sink.report.issue("crossed", line, || format!("bid {bid}, ask {ask}"));
    }
    let levels = |levels: Vec<Level>| -> Result<Vec<TextLevel>, String> {
        levels
            .into_iter()
            .map(|Level { price, size }| match (Price::parse(&price), Size::parse(&size)) {
                (Some(_), Some(_)) => Ok(TextLevel { price, size }),
                _ => Err(format!("level {price:?} x {size:?}")),
            })
            .collect()
    };
    let (bids, asks) = match (levels(row.bids), levels(row.asks)) {
        (Ok(bids), Ok(asks)) => (bids, asks),
        (Err(reason), _) | (_, Err(reason)) => return Ok(Err(reason)),
    };
    let bytes = frames::book(name.condition, &name.token, venue_ms, "", &bids, &asks)?;
    sink.frame("book", stamp, Origin::Feed, bytes)?;
    let price = super::lines::plain(&row.asset_price);
    // Both tokens' files have it; one is enough.
    if name.is_first && !price.is_empty() && price != state.last_price {
        let series = format!("price.binance.{}usdt", name.symbol);
        let source_us = venue_ms.saturating_mul(1_000);
        sink.record(&Record::Signal { stamp, source_us, name: series, value: price.clone() })?;
        state.last_price = price;
    }
    Ok(Ok(()))
}

fn trade(
    raw: &RawValue,
    line: u64,
    name: &Name,
    state: &mut State,
    sink: &mut Sink,
) -> anyhow::Result<Result<(), String>> {
    let row: Trade = match serde_json::from_str(raw.get()) {
        Ok(row) => row,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let side = match row.side.to_ascii_uppercase().as_str() {
        "BUY" => "BUY",
        "SELL" => "SELL",
        _ => return Ok(Err(format!("side {:?}", row.side))),
    };
    if Price::parse(&row.price).is_none() || Size::parse(&row.size).is_none() {
        return Ok(Err(format!("trade {:?} x {:?}", row.price, row.size)));
    }
    let (stamp, venue_ms) = match state.stamp(&row.local_timestamp, &row.timestamp, line, sink) {
        Ok(times) => times,
        Err(reason) => return Ok(Err(reason)),
    };
    let bytes = frames::trade(name.condition, &name.token, venue_ms, side, &row.price, &row.size)?;
    sink.frame("trade", stamp, Origin::Feed, bytes)?;
    Ok(Ok(()))
}

/// The elements of a JSON array, one by one, so that a cut array loses its end alone.
struct Elements<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u64,
    is_begun: bool,
}

impl<'a> Elements<'a> {
    /// Returns the next element with its line; the error is a place from which nothing can be read.
    #[allow(clippy::should_implement_trait, reason = "it returns a result")]
    fn next(&mut self) -> Result<Option<(&'a RawValue, u64)>, (u64, String)> {
        self.skip_space();
        match (self.bytes.get(self.at), self.is_begun) {
            (Some(b'['), false) => self.advance(1),
            (Some(b']'), true) => return Ok(None),
            (Some(b','), true) => self.advance(1),
            (None, _) => return Err((self.line, "the array is cut".to_owned())),
            _ if self.is_begun => return Err((self.line, "expected a comma".to_owned())),
            _ => return Err((self.line, "expected a JSON array".to_owned())),
        }
        self.is_begun = true;
        self.skip_space();
        if self.bytes.get(self.at) == Some(&b']') {
            return Ok(None);
        }
        let line = self.line;
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<&RawValue>();
        match values.next() {
            Some(Ok(raw)) => {
                let length = values.byte_offset();
                self.advance(length);
                Ok(Some((raw, line)))
            }
            Some(Err(error)) => Err((line, error.to_string())),
            None => Err((line, "the array is cut".to_owned())),
        }
    }

    fn skip_space(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let space = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.advance(space);
    }

    fn advance(&mut self, length: usize) {
        let end = self.at.saturating_add(length);
        let passed = self.bytes.get(self.at..end).unwrap_or_default();
        let lines = passed.iter().filter(|byte| **byte == b'\n').count();
        self.line = self.line.saturating_add(u64::try_from(lines).unwrap_or(0));
        self.at = end;
    }
}
