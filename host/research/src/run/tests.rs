use super::*;
use crate::parquet_file::{Table, schema};
use std::path::{Path, PathBuf};

use testkit::Scratch;

/// Rows with every kind of value: the ends of each range, missing ones, and text that is not ASCII.
fn odd() -> RunData {
    let mut data = sample::day(2, 7);
    data.orders.truncate(3);
    data.fills.truncate(3);
    data.equity.truncate(2);
    data.tops.truncate(4);
    data.description.end = RunEnd::Failed(Time(5), "it divided by zero".to_owned());
    data.markets[0].question = "<script>alert(\"ü\")</script>\n\u{202e}".to_owned();
    data.markets[1].ends_at = None;
    data.orders[0].tag = u64::MAX;
    data.orders[0].fair = None;
    data.orders[1].ahead = None;
    data.orders[2].state = OrderState::Unknown;
    data.orders[2].ended_at = None;
    data.fills[0].mids = [None, Price::from_micros(1), Price::from_micros(999_999), None, None];
    data.equity[0].cash = Usd(i64::MIN);
    data.equity[1].cash = Usd(i64::MAX);
    data.tops[0].bid = None;
    data
}

#[test]
fn a_run_reads_back_as_it_was_saved() {
    let folder = Scratch::new("run-round");
    for data in [odd(), sample::empty(), sample::day(3, 1)] {
        save(&data, &folder).unwrap();
        assert_eq!(load(&folder).unwrap(), data);
    }
}

#[test]
fn the_schemas_are_the_golden_ones() {
    use tables::*;
    let schemas = [
        schema(MARKETS.name, MARKETS.fields),
        schema(ORDERS.name, ORDERS.fields),
        schema(FILLS.name, FILLS.fields),
        schema(EQUITY.name, EQUITY.fields),
        schema(TOPS.name, TOPS.fields),
    ];
    // A changed column is a new version of the schema (`SCHEMA`), which reads the old one too.
    let golden = include_str!("../../tests/parquet/schemas-v1.txt");
    assert_eq!(schemas.concat(), golden, "\n{}", schemas.concat());
}

#[test]
fn a_golden_file_of_version_1_stays_readable() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/parquet/run-v1");
    assert_eq!(load(&folder).unwrap(), odd());
}

#[test]
fn the_metadata_has_version_units_and_tapes() {
    let folder = Scratch::new("run-metadata");
    save(&sample::day(1, 1), &folder).unwrap();
    let table = Table::open(&folder.join("fills.parquet")).unwrap();
    assert_eq!(table.metadata["polytrader.schema"], "1");
    assert_eq!(table.metadata["polytrader.tapes"], "ef".repeat(32));
    assert!(table.metadata["polytrader.units"].contains("millionths"));
}

#[test]
fn a_missing_or_damaged_file_is_named() {
    let folder = Scratch::new("run-damaged");
    let error = |folder: &Path| format!("{:#}", load(folder).unwrap_err());
    assert!(error(&folder).contains("run.json: expected the folder of a run"));
    save(&sample::day(1, 1), &folder).unwrap();
    let path = folder.join("tops.parquet");
    let whole = std::fs::read(&path).unwrap();
    for length in [0, 3, 4, 100, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(error(&folder).contains("tops.parquet"), "{length}");
    }
    // No flipped bit panics; one in a value may go unnoticed.
    for at in (0..whole.len()).step_by(whole.len() / 300) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x15;
        std::fs::write(&path, &bytes).unwrap();
        let _result = Table::open(&path);
    }
    std::fs::remove_file(&path).unwrap();
    assert!(error(&folder).contains("tops.parquet"));
}

#[test]
fn a_later_version_is_refused() {
    let folder = Scratch::new("run-later");
    let mut data = sample::empty();
    data.description.schema = SCHEMA + 1;
    save(&data, &folder).unwrap();
    let error = format!("{:#}", load(&folder).unwrap_err());
    assert!(error.contains("has schema 2, this program reads up to 1"), "{error}");
}

/// Writes a run beside the build, for the gate's check with pyarrow and DuckDB (`tests/parquet/check.py`).
#[test]
fn a_run_for_other_readers_is_written() {
    let target = std::env::current_exe().unwrap().ancestors().nth(3).unwrap().to_owned();
    let folder = target.join("parquet-check");
    let data = sample::day(20, 3);
    save(&data, &folder).unwrap();
    let sums = serde_json::json!({
        "markets": data.markets.len(),
        "orders": data.orders.len(),
        "fills": data.fills.len(),
        "equity": data.equity.len(),
        "tops": data.tops.len(),
        "size_micros": data.fills.iter().map(|fill| fill.size.0).sum::<u64>(),
        "bid_micros": data.tops.iter().filter_map(|top| top.bid).map(|bid| u64::from(bid.micros())).sum::<u64>(),
        "fair_missing": data.orders.iter().filter(|order| order.fair.is_none()).count(),
        "first_us": data.fills.iter().map(|fill| fill.at.0).min(),
        "question": data.markets[0].question,
    });
    std::fs::write(folder.join("expected.json"), sums.to_string()).unwrap();
}
