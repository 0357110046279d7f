//! A price of an underlying: CSV, one row per value, columns found by the header.

use super::rtds::decimal;
use super::sink::Sink;
use super::source::Source;
use super::table::Table;
use exchange::recording::columns::unix_ms;
use tape::{Record, Stamp};

/// Imports a file as signals. The series is named by the beginning of the file's name: `BTCUSD-prices` is
/// `price.chainlink.btcusd`.
pub(super) fn import(source: &Source, sink: &mut Sink) -> anyhow::Result<()> {
    let name = source.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let symbol: String = name.chars().take_while(char::is_ascii_alphanumeric).collect();
    let name = format!("price.chainlink.{}", symbol.to_ascii_lowercase());
    let mut table = Table::open(source, &["feed_ts_ms", "full_accuracy_value"], &["recv_ms"])?;
    let mut last_us = 0;
    while let Some(line) = table.next(sink)? {
        let time = |column| table.optional(column).and_then(unix_ms).map(|ms| ms.saturating_mul(1_000));
        let value = decimal(table.text(1));
        let (Some(source_us), Some(value)) = (time(0), value) else {
            let row = format!("feed_ts_ms {:?}, full_accuracy_value {:?}", table.text(0), table.text(1));
            sink.report.issue("torn", line, || row);
            continue;
        };
        let stamp = time(2).map_or_else(|| Stamp::venue(source_us), Stamp::received);
        if stamp.at_us < last_us {
            sink.report.issue("unsorted", line, || format!("{} us after {last_us} us", stamp.at_us));
        }
        last_us = stamp.at_us;
        sink.record(&Record::Signal { stamp, source_us, name: name.clone(), value })?;
    }
    table.finish(sink);
    Ok(())
}
