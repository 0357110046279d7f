//! The top of the book of both tokens every few seconds: CSV. Each row becomes a book with one level a side for the
//! first token; a market is listed at its first row.

use super::ImportOptions;
use super::frames::{self, TextLevel};
use super::sink::Sink;
use super::source::Source;
use super::table::Table;
use model::{ConditionId, Price, Size, TokenId};
use polymarket::parse::moment;
use std::collections::BTreeMap;
use tape::manifest::MarketEntry;
use tape::record::Origin;
use tape::{Record, Stamp};

const NEEDED: [&str; 13] = [
    "timestamp",
    "market_slug",
    "condition_id",
    "token_id_up",
    "token_id_down",
    "bid_up",
    "ask_up",
    "bid_depth_up",
    "ask_depth_up",
    "bid_down",
    "ask_down",
    "btc_price",
    "market_end_ts",
];

/// Imports a file.
pub(super) fn import(source: &Source, sink: &mut Sink, options: &ImportOptions) -> anyhow::Result<()> {
    let mut table = Table::open(source, &NEEDED, &[])?;
    let mut last_us = 0;
    let mut markets: BTreeMap<String, MarketEntry> = BTreeMap::new();
    while let Some(line) = table.next(sink)? {
        let at_us = match time(table.text(0), options.utc_offset_s) {
            Some(at_us) => at_us,
            None => {
                let text = format!("timestamp {:?}", table.text(0));
                sink.report.issue("torn", line, || text);
                continue;
            }
        };
        let row = match Row::read(&table) {
            Ok(row) => row,
            Err(reason) => {
                sink.report.issue("torn", line, || reason);
                continue;
            }
        };
        if at_us < last_us {
            sink.report.issue("unsorted", line, || format!("{at_us} us after {last_us} us"));
        }
        last_us = at_us;
        if !row.is_mirrored {
            sink.report.issue("mirror_differs", line, || "the tops of the two tokens are not mirrors".to_owned());
        }
        if row.is_crossed {
            sink.report.issue("crossed", line, || "bid at or above ask".to_owned());
        }
        let stamp = Stamp::received(at_us);
        let bytes = frames::book(row.condition, &row.tokens[0], at_us / 1_000, "", &row.bids, &row.asks)?;
        sink.frame("book", stamp, Origin::Feed, bytes)?;
        if let Some(price) = table.optional(11) {
            let (name, value) = ("price.binance.btcusdt".to_owned(), price.to_owned());
            sink.record(&Record::Signal { stamp, source_us: at_us, name, value })?;
        }
        let end_us = table.text(12).split('.').next().and_then(|seconds| seconds.parse::<u64>().ok());
        let entry = markets.entry(row.condition.to_string()).or_insert_with(|| MarketEntry {
            tokens: row.tokens.clone(),
            outcomes: ["Up".to_owned(), "Down".to_owned()],
            slug: table.text(1).to_owned(),
            first_us: Some(at_us),
            end_us: end_us.and_then(|seconds| seconds.checked_mul(1_000_000)),
            has_books: true,
            assumed: vec!["books have their best levels only".to_owned()],
            ..MarketEntry::default()
        });
        entry.last_us = Some(at_us);
    }
    table.finish(sink);
    sink.manifest().markets.extend(markets);
    Ok(())
}

/// Reads a local time without zone, which lies `offset_s` before UTC's.
fn time(text: &str, offset_s: i64) -> Option<u64> {
    let local = moment(text).or_else(|| moment(&format!("{text}Z")))?;
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    let digits: String = fraction.chars().take_while(char::is_ascii_digit).chain("000000".chars()).take(6).collect();
    let micros: u64 = digits.parse().ok()?;
    local.0.checked_add(micros)?.checked_add_signed(offset_s.checked_mul(-1_000_000)?)
}

struct Row {
    condition: ConditionId,
    tokens: [String; 2],
    bids: Vec<TextLevel>,
    asks: Vec<TextLevel>,
    is_mirrored: bool,
    is_crossed: bool,
}

impl Row {
    fn read(table: &Table) -> Result<Self, String> {
        let wrong = |column: usize| {
            let name = NEEDED.get(column).copied().unwrap_or_default();
            format!("{name} {:?}", table.text(column))
        };
        let condition = ConditionId::parse(table.text(2)).ok_or_else(|| wrong(2))?;
        for column in [3, 4] {
            TokenId::parse(table.text(column)).ok_or_else(|| wrong(column))?;
        }
        let price = |column: usize| match table.optional(column).filter(|text| *text != "None" && *text != "nan") {
            None => Ok(None),
            // A price of 0 or 1 stands for an empty side.
            Some("0" | "0.0" | "1" | "1.0") => Ok(None),
            Some(text) => Price::parse(text).map(Some).ok_or_else(|| wrong(column)),
        };
        let size = |column: usize| Size::parse(table.text(column)).ok_or_else(|| wrong(column));
        let (bid, ask) = (price(5)?, price(6)?);
        let level = |price: Option<Price>, column: usize| -> Result<Vec<TextLevel>, String> {
            let Some(price) = price else { return Ok(Vec::new()) };
            let size = size(column)?;
            Ok(vec![TextLevel { price: price.to_string(), size: size.to_string() }])
        };
        let is_mirrored = price(9)?.map(Price::complement) == ask && price(10)?.map(Price::complement) == bid;
        Ok(Self {
            condition,
            tokens: [table.text(3).to_owned(), table.text(4).to_owned()],
            bids: level(bid, 7)?,
            asks: level(ask, 8)?,
            is_mirrored,
            is_crossed: bid.zip(ask).is_some_and(|(bid, ask)| bid >= ask),
        })
    }
}
