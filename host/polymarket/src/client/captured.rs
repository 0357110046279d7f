//! Runs every captured file through the parser that would read it live. Each file has one entry in a table: the parser
//! and the minimum number of rows that must be read, or the reason why no parser applies. A file without an entry fails
//! the test, and so does an entry without a file.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "test code may fail loudly"
)]

mod documents;
mod fields;
mod frames;
mod one_field;
mod samples;

use crate::parse::shared::shared;
use documents::{clob_list, gamma_events, gamma_markets, gamma_of_collector, gamma_page};
use frames::{book_snapshots, level_rows, trade_tape};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Counts from reading a file.
#[derive(Debug, Default)]
struct Seen {
    /// Frames, or rows of responses, that were parsed completely.
    read: usize,
    /// Counts by name of the fields that the venue sent and the parser ignores.
    unread: BTreeMap<String, usize>,
}

/// A reader of a file; returns its counts, or a description of the first thing that did not parse.
type Reader = fn(&[u8]) -> Result<Seen, String>;

/// The handling of a captured file.
enum Line {
    /// Read by this reader, with at least this many frames or rows.
    Read(Reader, usize),
    /// Not read, with the reason.
    Apart(&'static str),
}

use Line::{Apart, Read as By};

const ANOTHERS_TABLE: &str = "another program's own table, not venue data";
const UNUSED_ROUTE: &str = "venue data of a route that the client does not request";
const UNUSED_CHANNEL: &str = "venue data of a channel (real-time data) that the client does not subscribe to";

const ANSWERS: &[(&str, Line)] = &[
    ("borat14011-rest/active-markets.json.gz", By(gamma_markets, 100)),
    ("borat14011-rest/active_market.json.gz", By(gamma_events, 4)),
    ("borat14011-rest/active_prices_1d.json.gz", Apart(UNUSED_ROUTE)),
    ("borat14011-rest/active_prices_1h.json.gz", Apart(UNUSED_ROUTE)),
    ("borat14011-rest/active_prices_1m_f10.json.gz", Apart(UNUSED_ROUTE)),
    ("borat14011-rest/active_prices_1w_f5.json.gz", Apart(UNUSED_ROUTE)),
    ("borat14011-rest/clob_response_bytes.json.gz", By(clob_list, 1_000)),
    ("borat14011-rest/clob_sampling.json.gz", By(clob_list, 1_000)),
    ("borat14011-rest/clob_simplified.json.gz", By(clob_list, 1_000)),
    ("borat14011-rest/data_api_trades.json.gz", Apart(UNUSED_ROUTE)),
    ("borat14011-rest/events.json.gz", By(gamma_events, 10)),
    ("borat14011-rest/gamma_sports.json.gz", Apart(UNUSED_ROUTE)),
    ("borat14011-rest/gamma_tags.json.gz", Apart(UNUSED_ROUTE)),
    ("borat14011-rest/markets_raw.json.gz", By(gamma_markets, 500)),
    ("borat14011-rest/polymarket-backtest_data_raw_markets.json.gz", By(gamma_markets, 600)),
    ("borat14011-rest/polymarket_fresh.json.gz", By(gamma_page, 200)),
    ("borat14011-rest/polymarket_resolved_markets.json.gz", Apart(ANOTHERS_TABLE)),
    ("dr-manhattan/polymarket_markets.json", By(gamma_markets, 5)),
    ("ligengxin96/2026-07-24/BTC-5m-markets-2026-07-24.jsonl.gz", By(gamma_of_collector, 292)),
    ("ligengxin96/2026-07-24/BTCUSD-prices-2026-07-24.csv.gz", Apart(ANOTHERS_TABLE)),
    ("ligengxin96/2026-07-24/manifest.json", Apart(ANOTHERS_TABLE)),
    ("mikelin97-rtds/binance_crypto_prices_2025-10-29.jsonl.gz", Apart(UNUSED_CHANNEL)),
    ("mikelin97-rtds/chainlink_crypto_prices_2025-10-29.jsonl.gz", Apart(UNUSED_CHANNEL)),
    ("felixdoteth-btc5m/polymarket_btc_5m_enriched.csv.gz", Apart(ANOTHERS_TABLE)),
    ("houssem98-btc5m/ladder.jsonl.gz", Apart(ANOTHERS_TABLE)),
    ("houssem98-btc5m/windows.jsonl.gz", Apart(ANOTHERS_TABLE)),
    ("houssem98-btc5m/windows_hist.jsonl.gz", Apart(ANOTHERS_TABLE)),
    ("kilyaaan-btc5m/polymarket_data.csv.gz", Apart(ANOTHERS_TABLE)),
];

const SNAPSHOTS: &[(&str, Line)] = &[
    ("caiooooo-l2-collector/15m_btc_trades_1765450800down.json.gz", By(trade_tape, 1_390)),
    ("caiooooo-l2-collector/15m_btc_trades_1765450800up.json.gz", By(trade_tape, 1_580)),
    ("caiooooo-l2-collector/15m_eth_trades_1765450800down.json.gz", By(trade_tape, 527)),
    ("caiooooo-l2-collector/15m_eth_trades_1765450800up.json.gz", By(trade_tape, 532)),
    ("caiooooo-l2-collector/15m_sol_orderbooks_1765450800down.json.gz", By(book_snapshots, 248)),
    ("caiooooo-l2-collector/15m_sol_orderbooks_1765450800up.json.gz", By(book_snapshots, 248)),
    ("caiooooo-l2-collector/15m_sol_trades_1765450800down.json.gz", By(trade_tape, 110)),
    ("caiooooo-l2-collector/15m_sol_trades_1765450800up.json.gz", By(trade_tape, 137)),
    ("caiooooo-l2-collector/15m_xrp_trades_1765450800down.json.gz", By(trade_tape, 271)),
    ("caiooooo-l2-collector/15m_xrp_trades_1765450800up.json.gz", By(trade_tape, 200)),
    ("caiooooo-l2-collector/1h_btc_orderbooks_1765450800down.json.gz", By(book_snapshots, 300)),
    ("caiooooo-l2-collector/1h_btc_orderbooks_1765450800up.json.gz", By(book_snapshots, 300)),
    ("caiooooo-l2-collector/1h_btc_trades_1765450800down.json.gz", By(trade_tape, 100)),
    ("caiooooo-l2-collector/1h_btc_trades_1765450800up.json.gz", By(trade_tape, 200)),
    ("caiooooo-l2-collector/1h_eth_orderbooks_1765450800down.json.gz", By(book_snapshots, 200)),
    ("caiooooo-l2-collector/1h_eth_orderbooks_1765450800up.json.gz", By(book_snapshots, 200)),
    ("caiooooo-l2-collector/1h_eth_trades_1765450800down.json.gz", By(trade_tape, 100)),
    ("caiooooo-l2-collector/1h_eth_trades_1765450800up.json.gz", By(trade_tape, 100)),
];

/// Recordings of the market channel, one row per level; the frames are reassembled.
const RECORDINGS: &[(&str, Line)] = &[
    (
        "minesja-signaldrift/l2-events/20250617_mlb-cle-sf-2025-06-17_polymarket-market-events.csv.gz",
        By(level_rows, 3_656),
    ),
    (
        "minesja-signaldrift/l2-events/20250617_mlb-mil-chc-2025-06-17_polymarket-market-events.csv.gz",
        By(level_rows, 3_906),
    ),
    (
        "minesja-signaldrift/l2-events/20250619-mlb-ari-tor-2025-06-19-polymarket_market_events@33c78ae.csv.gz",
        By(level_rows, 814),
    ),
    (
        "minesja-signaldrift/l2-events/20250619-mlb-col-wsh-2025-06-19-polymarket_market_events@27c8580.csv.gz",
        By(level_rows, 150),
    ),
    (
        "minesja-signaldrift/l2-events/20250619-mlb-laa-nyy-2025-06-19-polymarket_market_events@27c8580.csv.gz",
        By(level_rows, 222),
    ),
    (
        "minesja-signaldrift/l2-events/20250619-mlb-min-cin-2025-06-19-polymarket_market_events@27c8580.csv.gz",
        By(level_rows, 2_858),
    ),
    (
        "minesja-signaldrift/l2-events/20250619-mlb-pit-det-2025-06-19-polymarket_market_events@27c8580.csv.gz",
        By(level_rows, 230),
    ),
    (
        "minesja-signaldrift/l2-events/20250619_mlb-cle-sf-2025-06-19_polymarket-market-events.csv.gz",
        By(level_rows, 2_414),
    ),
    (
        "minesja-signaldrift/l2-events/20250619_mlb-col-wsh-2025-06-19_polymarket-market-events.csv.gz",
        By(level_rows, 6_770),
    ),
    (
        "minesja-signaldrift/l2-events/20250619_mlb-hou-bal-2025-06-19_polymarket-market-events.csv.gz",
        By(level_rows, 4_768),
    ),
    (
        "minesja-signaldrift/l2-events/20250619_mlb-kc-tex-2025-06-19_polymarket-market-events.csv.gz",
        By(level_rows, 2_656),
    ),
    (
        "minesja-signaldrift/l2-events/20250619_mlb-laa-nyy-2025-06-19_polymarket-market-events.csv.gz",
        By(level_rows, 3_786),
    ),
    (
        "minesja-signaldrift/l2-events/20250619_mlb-mil-chc-2025-06-19_polymarket-market-events.csv.gz",
        By(level_rows, 4_567),
    ),
    (
        "minesja-signaldrift/l2-events/20250619_mlb-min-cin-2025-06-19_polymarket-market-events.csv.gz",
        By(level_rows, 514),
    ),
    (
        "minesja-signaldrift/l2-events/20250619_mlb-pit-det-2025-06-19_polymarket-market-events.csv.gz",
        By(level_rows, 602),
    ),
    (
        "minesja-signaldrift/l2-events/20250619_mlb-stl-cws-2025-06-19_polymarket-market-events.csv.gz",
        By(level_rows, 4_318),
    ),
    (
        "minesja-signaldrift/l2-events/20250624_mlb-chc-stl-2025-06-24_polymarket-market-events.csv.gz",
        By(level_rows, 278),
    ),
    (
        "minesja-signaldrift/l2-events/20250624_mlb-lad-col-2025-06-24_polymarket-market-events.csv.gz",
        By(level_rows, 446),
    ),
    (
        "minesja-signaldrift/l2-events/20250624_mlb-pit-mil-2025-06-24_polymarket-market-events.csv.gz",
        By(level_rows, 158),
    ),
    (
        "minesja-signaldrift/l2-events/20250624_mlb-tex-bal-2025-06-24_polymarket-market-events.csv.gz",
        By(level_rows, 370),
    ),
    (
        "minesja-signaldrift/l2-events/20250624_mlb-tor-cle-2025-06-24_polymarket-market-events.csv.gz",
        By(level_rows, 1_000),
    ),
    (
        "minesja-signaldrift/l2-events/20250624_mlb-wsh-sd-2025-06-24_polymarket-market-events.csv.gz",
        By(level_rows, 6_850),
    ),
    (
        "minesja-signaldrift/l2-events/20250625_mlb-chc-stl-2025-06-25_polymarket-market-events.csv.gz",
        By(level_rows, 5_460),
    ),
    (
        "minesja-signaldrift/l2-events/20250625_mlb-sea-min-2025-06-25_polymarket-market-events.csv.gz",
        By(level_rows, 6_171),
    ),
    (
        "minesja-signaldrift/l2-events/20250701_mlb-bal-tex-2025-07-01_polymarket-market-events.csv.gz",
        By(level_rows, 3_800),
    ),
    (
        "minesja-signaldrift/l2-events/20250701_mlb-bal-tex-2025-07-01_polymarket-market-events@c37406d.csv.gz",
        By(level_rows, 120),
    ),
    (
        "minesja-signaldrift/l2-events/20250701_mlb-cin-bos-2025-07-01_polymarket-market-events.csv.gz",
        By(level_rows, 6_779),
    ),
    (
        "minesja-signaldrift/l2-events/20250701_mlb-cle-chc-2025-07-01_polymarket-market-events.csv.gz",
        By(level_rows, 4_042),
    ),
    (
        "minesja-signaldrift/l2-events/20250701_mlb-cle-chc-2025-07-01_polymarket-market-events@c37406d.csv.gz",
        By(level_rows, 164),
    ),
    (
        "minesja-signaldrift/l2-events/20250701_mlb-cws-lad-2025-07-01_polymarket-market-events@9282a9a.csv.gz",
        By(level_rows, 684),
    ),
    (
        "minesja-signaldrift/l2-events/20250701_mlb-det-wsh-2025-07-01_polymarket-market-events.csv.gz",
        By(level_rows, 82),
    ),
    (
        "minesja-signaldrift/l2-events/20250701_mlb-hou-col-2025-07-01_polymarket-market-events.csv.gz",
        By(level_rows, 4_654),
    ),
    (
        "minesja-signaldrift/l2-events/20250701_mlb-hou-col-2025-07-01_polymarket-market-events@c37406d.csv.gz",
        By(level_rows, 354),
    ),
    (
        "minesja-signaldrift/l2-events/20250701_mlb-kc-sea-2025-07-01_polymarket-market-events@9282a9a.csv.gz",
        By(level_rows, 1_060),
    ),
    (
        "minesja-signaldrift/l2-events/20250701_mlb-sf-ari-2025-07-01_polymarket-market-events@9282a9a.csv.gz",
        By(level_rows, 604),
    ),
];

/// Folders in which every file is of one kind that no parser reads.
const FOLDERS_APART: &[(&str, &str)] = &[("minesja-signaldrift/market-metadata/", ANOTHERS_TABLE)];

/// Returns the folder of captured data, or prints that the test cannot run.
fn captured() -> Option<PathBuf> {
    std::env::var_os("POLYTRADER_DATA").map(PathBuf::from).or_else(|| shared("data"))
}

/// Returns a file's content, decompressed.
fn content(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if path.extension().is_none_or(|extension| extension != "gz") {
        return bytes;
    }
    let mut unpacked = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut unpacked).unwrap();
    unpacked
}

/// Reads every file of a table; fails on a parse error or if too little was read.
fn read_all(folder: &Path, table: &[(&str, Line)]) {
    let (mut files, mut rows, mut fields) = (0, 0, BTreeMap::new());
    for (name, line) in table {
        let By(reader, least) = line else { continue };
        let seen = reader(&content(&folder.join(name))).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(seen.read >= *least, "{name}: {} frames or rows were read, expected at least {least}", seen.read);
        files += 1;
        rows += seen.read;
        seen.unread.into_iter().for_each(|(field, times)| *fields.entry(field).or_insert(0) += times);
    }
    assert!(files > 0, "the table has no files to read");
    let (names, times) = (fields.len(), fields.values().sum::<usize>());
    eprintln!("{files} captured files: {rows} frames and rows read; {names} fields ignored, {times} times");
}

/// Lists the files below a folder, named as in the tables.
fn walk(folder: &Path, below: &str, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder.join(below)).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{below}{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
            walk(folder, &format!("{name}/"), found);
        } else {
            found.push(name);
        }
    }
}

/// Asserts that the tables and a folder list the same files.
fn assert_complete(folder: &Path, table: &[&[(&str, Line)]], folders_apart: &[(&str, &str)]) {
    let mut files = Vec::new();
    walk(folder, "", &mut files);
    let apart = |name: &str| folders_apart.iter().any(|(below, why)| name.starts_with(below) && !why.is_empty());
    let line = |name: &str| table.iter().flat_map(|part| part.iter()).find(|(listed, _)| *listed == name);
    for name in files.iter().filter(|name| !name.ends_with("README.md") && !apart(name)) {
        match line(name) {
            None => panic!("{name}: no entry with a parser or a reason for having none"),
            Some((_, Apart(why))) => assert!(!why.is_empty(), "{name}"),
            Some((_, By(_, least))) => assert!(*least > 0, "{name}: the minimum must be above zero"),
        }
    }
    for (name, _) in table.iter().flat_map(|part| part.iter()) {
        assert!(files.iter().any(|file| file == name), "{name} is in the table but not in {}", folder.display());
    }
}

#[test]
fn every_captured_file_has_a_parser_or_a_reason() {
    let Some(folder) = captured() else { return };
    assert_complete(&folder, &[ANSWERS, SNAPSHOTS, RECORDINGS], FOLDERS_APART);
}

#[test]
fn every_captured_answer_is_read() {
    let Some(folder) = captured() else { return };
    read_all(&folder, ANSWERS);
}

#[test]
fn every_captured_book_and_trade_is_read() {
    let Some(folder) = captured() else { return };
    read_all(&folder, SNAPSHOTS);
}

#[test]
fn every_frame_of_the_recordings_is_read() {
    let Some(folder) = captured() else { return };
    read_all(&folder, RECORDINGS);
}
