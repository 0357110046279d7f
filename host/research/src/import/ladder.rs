//! Five-minute up-or-down markets with quotes at a few moments before their close, and their winners: JSON Lines in
//! three forms (samples with depth; one sample with token ids; last mids). They have no books: quotes become signals.

use super::lines::{self, json, plain};
use super::sink::Sink;
use super::source::Source;
use super::timeline::{Timeline, named, resolved, up_or_down};
use model::TokenId;
use serde::Deserialize;
use serde_json::Value;
use tape::Stamp;

/// Length of a market's window in microseconds.
const WINDOW_US: u64 = 300_000_000;

#[derive(Deserialize)]
struct Row {
    #[serde(alias = "ts")]
    window_ts: u64,
    winner: Option<String>,
    up_token: Option<String>,
    down_token: Option<String>,
    #[serde(default)]
    open_px: Value,
    #[serde(default)]
    samples: Vec<Sample>,
    sampled_at: Option<u64>,
    #[serde(default)]
    up: Value,
    #[serde(default)]
    down: Value,
    #[serde(default)]
    binance_last: Value,
    #[serde(default)]
    up_mid: Value,
    #[serde(default)]
    dn_mid: Value,
    up_lag: Option<u64>,
    dn_lag: Option<u64>,
}

#[derive(Deserialize)]
struct Sample {
    /// Seconds before the close.
    offset: u64,
    #[serde(default)]
    spot: Value,
    #[serde(default)]
    up: Value,
    #[serde(default)]
    down: Value,
}

/// Imports a file: markets and outcomes; spot and quotes as signals.
pub(super) fn import(source: &Source, sink: &mut Sink) -> anyhow::Result<()> {
    let mut timeline = Timeline::default();
    lines::each(source, sink, |line, number, sink| {
        let row: Row = match json(line) {
            Ok(row) => row,
            Err(reason) => return Ok(Err(reason)),
        };
        Ok(add(&row, number, &mut timeline, sink))
    })?;
    timeline.write(sink)
}

fn add(row: &Row, line: u64, timeline: &mut Timeline, sink: &mut Sink) -> Result<(), String> {
    let slug = format!("btc-updown-5m-{}", row.window_ts);
    let start_us = row.window_ts.checked_mul(1_000_000).ok_or_else(|| format!("window {}", row.window_ts))?;
    let end_us = start_us.saturating_add(WINDOW_US);
    let (condition, tokens) = named(&slug);
    let key = condition.to_string();
    if sink.manifest().markets.contains_key(&key) {
        sink.report.issue("duplicate", line, || format!("market {slug}"));
        return Ok(());
    }
    let mut entry = up_or_down(&slug, tokens, end_us);
    if let (Some(up), Some(down)) = (&row.up_token, &row.down_token)
        && TokenId::parse(up).is_some()
        && TokenId::parse(down).is_some()
    {
        entry.tokens = [up.clone(), down.clone()];
        entry.assumed = vec!["condition id derived from the name".to_owned()];
    }
    let mut signal = |at_us: u64, name: String, value: String| {
        if !value.is_empty() {
            timeline.signal(line, Stamp::venue(at_us), at_us, name, value);
        }
    };
    signal(start_us, format!("strike.{slug}"), plain(&row.open_px));
    for sample in &row.samples {
        let at_us = end_us.saturating_sub(sample.offset.saturating_mul(1_000_000));
        signal(at_us, "price.binance.btcusdt".to_owned(), plain(&sample.spot));
        quotes(&slug, at_us, &sample.up, &sample.down, &mut signal);
    }
    if let Some(at_us) = row.sampled_at.and_then(|seconds| seconds.checked_mul(1_000_000)) {
        signal(at_us, "price.binance.btcusdt".to_owned(), plain(&row.binance_last));
        quotes(&slug, at_us, &row.up, &row.down, &mut signal);
    }
    for (outcome, mid, lag) in [("up", &row.up_mid, row.up_lag), ("down", &row.dn_mid, row.dn_lag)] {
        let at_us = end_us.saturating_sub(lag.unwrap_or(0).saturating_mul(1_000_000));
        signal(at_us, format!("mid.{slug}.{outcome}"), plain(mid));
    }
    timeline.closed(line, end_us, condition);
    match row.winner.as_deref().map(str::to_ascii_uppercase).as_deref() {
        Some("UP") => drop(sink.manifest().hindsight.insert(key.clone(), resolved(true, Some(end_us)))),
        Some("DOWN") => drop(sink.manifest().hindsight.insert(key.clone(), resolved(false, Some(end_us)))),
        _ => sink.report.issue("without_winner", line, || slug.clone()),
    }
    sink.manifest().markets.insert(key, entry);
    sink.report.wrote("market");
    Ok(())
}

/// Adds the best bid and ask of both tokens.
fn quotes(slug: &str, at_us: u64, up: &Value, down: &Value, signal: &mut impl FnMut(u64, String, String)) {
    for (outcome, quote) in [("up", up), ("down", down)] {
        for side in ["bid", "ask"] {
            let value = quote.get(side).or_else(|| quote.get(format!("best_{side}")));
            signal(at_us, format!("{side}.{slug}.{outcome}"), value.map(plain).unwrap_or_default());
        }
    }
}
