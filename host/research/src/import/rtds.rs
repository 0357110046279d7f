//! Frames of the venue's real-time data service with prices of underlyings: JSON Lines, as received.

use super::lines::{self, json, plain};
use super::sink::Sink;
use super::source::Source;
use serde::Deserialize;
use serde_json::Value;
use tape::{Record, Stamp};

/// Decimals of a Chainlink price.
const CHAINLINK_DECIMALS: usize = 18;

#[derive(Deserialize)]
struct Frame {
    topic: String,
    timestamp: u64,
    payload: Payload,
}

#[derive(Deserialize)]
struct Payload {
    symbol: String,
    timestamp: u64,
    #[serde(default)]
    full_accuracy_value: Value,
    #[serde(default)]
    value: Value,
}

/// Imports a file as signals.
pub(super) fn import(source: &Source, sink: &mut Sink) -> anyhow::Result<()> {
    let mut last_ms = 0;
    lines::each(source, sink, |line, number, sink| {
        let frame: Frame = match json(line) {
            Ok(frame) => frame,
            Err(reason) => return Ok(Err(reason)),
        };
        let Some((name, value)) = named(&frame) else {
            return Ok(Err(format!("topic {:?}, expected crypto_prices or crypto_prices_chainlink", frame.topic)));
        };
        if frame.timestamp < last_ms {
            sink.report.issue("unsorted", number, || format!("{} ms after {last_ms} ms", frame.timestamp));
        }
        last_ms = frame.timestamp;
        let stamp = Stamp::venue(frame.timestamp.saturating_mul(1_000));
        let source_us = frame.payload.timestamp.saturating_mul(1_000);
        sink.record(&Record::Signal { stamp, source_us, name, value })?;
        Ok(Ok(()))
    })
}

/// Returns name and value of the series.
fn named(frame: &Frame) -> Option<(String, String)> {
    let symbol: String = frame.payload.symbol.chars().filter(char::is_ascii_alphanumeric).collect();
    let full = plain(&frame.payload.full_accuracy_value);
    match frame.topic.as_str() {
        "crypto_prices" => {
            let value = if full.is_empty() { plain(&frame.payload.value) } else { full };
            Some((format!("price.binance.{symbol}"), value))
        }
        "crypto_prices_chainlink" => {
            let value = decimal(&full).unwrap_or_else(|| plain(&frame.payload.value));
            Some((format!("price.chainlink.{symbol}"), value))
        }
        _ => None,
    }
}

/// Returns a price that is written as an integer of 10^-18 dollars as a decimal.
pub(super) fn decimal(digits: &str) -> Option<String> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let padded = format!("{digits:0>width$}", width = CHAINLINK_DECIMALS.saturating_add(1));
    let (whole, fraction) = padded.split_at_checked(padded.len().saturating_sub(CHAINLINK_DECIMALS))?;
    let fraction = fraction.trim_end_matches('0');
    Some(if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") })
}
