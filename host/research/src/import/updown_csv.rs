//! Resolved five-minute up-or-down markets with the underlying's open and close: CSV, in any order.

use super::sink::Sink;
use super::source::Source;
use super::table::Table;
use super::timeline::{Timeline, named, resolved, up_or_down};
use tape::Stamp;

/// Length of a market's window in seconds.
const WINDOW: u64 = 300;

/// Imports a file: markets and outcomes, and the underlying as signals.
pub(super) fn import(source: &Source, sink: &mut Sink) -> anyhow::Result<()> {
    let mut table = Table::open(source, &["timestamp", "outcome", "btc_open", "btc_close"], &[])?;
    let mut timeline = Timeline::default();
    while let Some(line) = table.next(sink)? {
        let start: Option<u64> = table.text(0).parse().ok().filter(|seconds| *seconds < 100_000_000_000);
        let won = match table.text(1).to_ascii_lowercase().as_str() {
            "up" => Some(true),
            "down" => Some(false),
            _ => None,
        };
        let (Some(start), Some(won)) = (start, won) else {
            let row = format!("timestamp {:?}, outcome {:?}", table.text(0), table.text(1));
            sink.report.issue("torn", line, || row);
            continue;
        };
        let slug = format!("btc-updown-5m-{start}");
        let (condition, tokens) = named(&slug);
        let key = condition.to_string();
        if sink.manifest().markets.contains_key(&key) {
            sink.report.issue("duplicate", line, || format!("market {slug}"));
            continue;
        }
        let (start_us, end_us) =
            (start.saturating_mul(1_000_000), start.saturating_add(WINDOW).saturating_mul(1_000_000));
        for (column, at_us) in [(2, start_us), (3, end_us)] {
            match table.optional(column).filter(|text| text.parse::<f64>().is_ok_and(f64::is_finite)) {
                Some(value) => {
                    let name = "price.binance.btcusdt".to_owned();
                    timeline.signal(line, Stamp::venue(at_us), at_us, name, value.to_owned());
                }
                None => sink.report.issue("without_price", line, || slug.clone()),
            }
        }
        timeline.closed(line, end_us, condition);
        let manifest = sink.manifest();
        manifest.markets.insert(key.clone(), up_or_down(&slug, tokens, end_us));
        manifest.hindsight.insert(key, resolved(won, Some(end_us)));
        sink.report.wrote("market");
    }
    table.finish(sink);
    timeline.write(sink)
}
