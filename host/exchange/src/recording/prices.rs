//! Reads a recorded underlying (CSV, one price a row) and the markets that were decided by it (JSON Lines, with their real
//! ids, strikes and outcomes). Both plain or gzip; lines that cannot be rows are counted and skipped.

use super::reader::{ReadError, open};
use model::{ConditionId, FeeRate, Market, Size, TickSize, TokenId, Usd};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// The most prices: a fortnight of one a second.
pub const PRICES_MAX: usize = 1_209_600;
/// The most markets: as many as an exchange lists.
pub const MARKETS_MAX: usize = sim::venue::MARKETS_MAX;
/// The longest line of a market; real ones have 5 KB.
const LINE_MAX: u64 = 256 * 1024;

/// A recorded price of something, in the unit of the strikes (1e-18 dollars).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prices {
    /// Milliseconds since the epoch, and the price from then on; rising.
    pub rows: Vec<(u64, u128)>,
    /// Lines that were no rows.
    pub torn_lines: u64,
}

/// A market that was decided by a price, as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The market; its first token pays if the price ends at or above the strike. When it ends here depends on the speed, so
    /// it has no end yet.
    pub market: Market,
    /// From when the price counts, in milliseconds since the epoch.
    pub start_ms: u64,
    /// When it is decided, likewise.
    pub end_ms: u64,
    /// The price to beat; where the file has none it is the price at the start.
    pub strike: Option<u128>,
    /// What a share of each token paid; where the file does not say, the price decides.
    pub pays: Option<[Usd; 2]>,
}

/// Markets of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecidedMarkets {
    /// In the order of their starts.
    pub markets: Vec<Decided>,
    /// Lines that were no markets.
    pub torn_lines: u64,
}

/// Reads a file of prices: columns `feed_ts_ms` and `full_accuracy_value`, found by the header.
///
/// # Errors
/// [`ReadError`] if it cannot be read, lacks a column, has no rows or too many.
pub fn read_prices(path: &Path) -> Result<Prices, ReadError> {
    let mut csv = csv::ReaderBuilder::new().flexible(true).from_reader(open(path)?);
    let headers = csv.byte_headers()?.clone();
    let column = |column: &'static str| {
        headers.iter().position(|name| name == column.as_bytes()).ok_or(ReadError::PriceColumn { column })
    };
    let (time, value) = (column("feed_ts_ms")?, column("full_accuracy_value")?);
    let mut prices = Prices { rows: Vec::new(), torn_lines: 0 };
    let mut record = csv::ByteRecord::new();
    while csv.read_byte_record(&mut record)? {
        let at = |place| std::str::from_utf8(record.get(place)?).ok();
        let row = at(time).and_then(|time| time.parse().ok()).zip(at(value).and_then(|value| value.parse().ok()));
        match row {
            Some((time, value)) if value > 0 => prices.rows.push((time, value)),
            _ => prices.torn_lines = prices.torn_lines.saturating_add(1),
        }
        if prices.rows.len() > PRICES_MAX {
            return Err(ReadError::TooMany { what: "prices", limit: PRICES_MAX });
        }
    }
    prices.rows.sort_unstable_by_key(|(time, _)| *time);
    prices.rows.dedup_by_key(|(time, _)| *time);
    if prices.rows.is_empty() { Err(ReadError::Empty { what: "prices" }) } else { Ok(prices) }
}

/// Reads a file of markets, one JSON object a line.
///
/// # Errors
/// [`ReadError`] if it cannot be read, has no markets or too many.
pub fn read_markets(path: &Path) -> Result<DecidedMarkets, ReadError> {
    let mut lines = BufReader::new(open(path)?);
    let mut found = DecidedMarkets { markets: Vec::new(), torn_lines: 0 };
    let mut line = Vec::new();
    loop {
        line.clear();
        let io = |source| ReadError::Io { path: path.to_owned(), source };
        if lines.by_ref().take(LINE_MAX).read_until(b'\n', &mut line).map_err(io)? == 0 {
            break;
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match serde_json::from_slice(&line).ok().as_ref().and_then(decided) {
            Some(market) => found.markets.push(market),
            None => found.torn_lines = found.torn_lines.saturating_add(1),
        }
        if found.markets.len() > MARKETS_MAX {
            return Err(ReadError::TooMany { what: "markets", limit: MARKETS_MAX });
        }
    }
    found.markets.sort_by_key(|market| (market.start_ms, market.market.condition));
    found.markets.dedup_by_key(|market| market.market.condition);
    if found.markets.is_empty() { Err(ReadError::Empty { what: "markets" }) } else { Ok(found) }
}

fn decided(row: &Value) -> Option<Decided> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let raw = &row["raw"];
    let [first, second] = row["token_ids"].as_array()?.as_slice() else { return None };
    let seconds = |name: &str| row[name].as_u64()?.checked_mul(1_000);
    let (start_ms, end_ms) = (seconds("start_sec")?, seconds("end_sec")?);
    let micros = |value: &Value| model::amount::parse_micros(&value.as_number()?.to_string());
    let slug = text(&row["slug"])?;
    let tick = raw["orderPriceMinTickSize"].as_number().and_then(|tick| TickSize::parse(&tick.to_string()));
    let rate = raw.pointer("/feeSchedule/rate").and_then(micros).and_then(|rate| u32::try_from(rate).ok());
    (start_ms < end_ms).then_some(Decided {
        market: Market {
            condition: ConditionId::parse(row["condition_id"].as_str()?)?,
            tokens: [TokenId::parse(first.as_str()?)?, TokenId::parse(second.as_str()?)?],
            outcomes: outcomes(raw).unwrap_or_else(|| ["Up".to_owned(), "Down".to_owned()]),
            question: text(&raw["question"]).unwrap_or_else(|| slug.clone()),
            slug,
            tick: tick.unwrap_or(TickSize::CENT),
            min_size: micros(&raw["orderMinSize"]).map_or(Size::shares(5), Size),
            fee: FeeRate { rate_micros: rate.unwrap_or(0) },
            neg_risk: raw["negRisk"].as_bool().unwrap_or(false),
            event: None,
            end: None,
        },
        start_ms,
        end_ms,
        strike: row["strike_value"].as_str().and_then(|strike| strike.parse().ok()).filter(|strike| *strike > 0),
        pays: pays(row),
    })
}

/// The names stand as JSON inside a text.
fn outcomes(raw: &Value) -> Option<[String; 2]> {
    serde_json::from_str(raw["outcomes"].as_str()?).ok()
}

/// What the shares paid, where that is known and makes a dollar.
fn pays(row: &Value) -> Option<[Usd; 2]> {
    let [first, second] = row["outcome_prices"].as_array()?.as_slice() else { return None };
    let pays = [Usd::parse(first.as_str()?)?, Usd::parse(second.as_str()?)?];
    let whole = pays.iter().all(|pays| *pays >= Usd::ZERO) && pays[0].checked_add(pays[1]) == Some(Usd::dollars(1));
    (row["resolved"] == true && whole).then_some(pays)
}
