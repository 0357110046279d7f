//! Reads a recorded underlying (CSV, one price per row) and the markets that it decided (JSON Lines, with their real
//! ids, strikes and outcomes). Both plain or gzip; lines that are not valid rows are counted and skipped.

mod decided;

use super::columns::unix_ms;
use super::reader::{ReadError, open};
use model::{Market, Usd};
use std::io::{BufRead, Read};
use std::path::Path;

/// Maximum number of prices: two weeks at one per second.
pub const PRICES_MAX: usize = 1_209_600;
/// Maximum number of markets: as many as an exchange lists.
pub const MARKETS_MAX: usize = sim::venue::MARKETS_MAX;
/// Maximum bytes of a market's line; real ones have 5 KB.
const LINE_MAX: u64 = 256 * 1024;

/// A recorded price series, in the unit of the strikes (1e-18 dollars).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prices {
    /// Milliseconds since the epoch, and the price from then on; in increasing order.
    pub rows: Vec<(u64, u128)>,
    /// Lines that were not rows.
    pub torn_lines: u64,
    /// Reason why the file ends early; empty if it does not.
    pub ends_early: String,
}

/// A recorded market that was decided by a price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The market; its first token pays if the price ends at or above the strike. Its end depends on the playback
    /// speed, so it is not set yet.
    pub market: Market,
    /// Start of the price window, in milliseconds since the epoch.
    pub start_ms: u64,
    /// Time of the decision, in the same unit.
    pub end_ms: u64,
    /// The strike price; if the file has none, the price at the start.
    pub strike: Option<u128>,
    /// Payout per share of each token; if the file has none, the price decides.
    pub pays: Option<[Usd; 2]>,
}

/// The markets of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecidedMarkets {
    /// Sorted by start time.
    pub markets: Vec<Decided>,
    /// Lines that were not markets.
    pub torn_lines: u64,
    /// The first such line, with its error.
    pub first_torn: String,
    /// Reason why the file ends early; empty if it does not.
    pub ends_early: String,
}

/// Reads a file of prices: columns `feed_ts_ms` and `full_accuracy_value`, found by the header.
///
/// # Errors
/// [`ReadError`] if it cannot be read, lacks a column, has no rows or too many.
pub fn read_prices(path: &Path) -> Result<Prices, ReadError> {
    let (text, damage) = open(path)?;
    let mut csv = csv::ReaderBuilder::new().flexible(true).from_reader(text);
    let headers = csv.byte_headers()?.clone();
    let column = |column: &'static str| {
        headers.iter().position(|name| name == column.as_bytes()).ok_or(ReadError::PriceColumn { column })
    };
    let (time, value) = (column("feed_ts_ms")?, column("full_accuracy_value")?);
    let mut prices = Prices { rows: Vec::new(), torn_lines: 0, ends_early: String::new() };
    let mut record = csv::ByteRecord::new();
    while csv.read_byte_record(&mut record)? {
        let at = |place| std::str::from_utf8(record.get(place)?).ok();
        let row = at(time).and_then(unix_ms).zip(at(value).and_then(|value| value.parse().ok()));
        match row {
            Some((time, value)) if value > 0 => prices.rows.push((time, value)),
            _ => prices.torn_lines = prices.torn_lines.saturating_add(1),
        }
        if prices.rows.len() > PRICES_MAX {
            return Err(ReadError::TooMany { what: "prices", limit: PRICES_MAX });
        }
    }
    prices.ends_early = damage.reason().unwrap_or_default();
    prices.rows.sort_unstable_by_key(|(time, _)| *time);
    prices.rows.dedup_by_key(|(time, _)| *time);
    if prices.rows.is_empty() { Err(ReadError::Empty { what: "prices" }) } else { Ok(prices) }
}

/// Reads a file of markets, one JSON object per line.
///
/// # Errors
/// [`ReadError`] if it cannot be read, has no markets or too many.
pub fn read_markets(path: &Path) -> Result<DecidedMarkets, ReadError> {
    let (mut lines, damage) = open(path)?;
    let (first_torn, ends_early) = (String::new(), String::new());
    let mut found = DecidedMarkets { markets: Vec::new(), torn_lines: 0, first_torn, ends_early };
    let mut line = Vec::new();
    let mut number: u64 = 0;
    loop {
        line.clear();
        number = number.saturating_add(1);
        let io = |source| ReadError::Io { path: path.to_owned(), source };
        if lines.by_ref().take(LINE_MAX).read_until(b'\n', &mut line).map_err(io)? == 0 {
            break;
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let row = serde_json::from_slice(&line).map_err(|error| error.to_string());
        match row.and_then(|row| decided::decided(&row)) {
            Ok(market) => found.markets.push(market),
            Err(wrong) => {
                if found.torn_lines == 0 {
                    found.first_torn = format!("line {number}: {wrong}");
                }
                found.torn_lines = found.torn_lines.saturating_add(1);
            }
        }
        if found.markets.len() > MARKETS_MAX {
            return Err(ReadError::TooMany { what: "markets", limit: MARKETS_MAX });
        }
    }
    found.ends_early = damage.reason().unwrap_or_default();
    found.markets.sort_by_key(|market| (market.start_ms, market.market.condition));
    found.markets.dedup_by_key(|market| market.market.condition);
    if found.markets.is_empty() { Err(ReadError::Empty { what: "markets" }) } else { Ok(found) }
}
