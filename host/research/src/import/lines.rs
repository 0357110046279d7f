//! Lines of JSON files, each with its number. A line that is too long or not the expected JSON costs itself alone.

use super::sink::Sink;
use super::source::Source;
use anyhow::Context;
use serde::de::DeserializeOwned;
use std::io::{BufRead, Read};

/// Maximum bytes of a line; the venue's largest frames have a few hundred thousand.
const LINE_MAX: u64 = 4 * 1024 * 1024;

/// Passes each non-empty line with its number to `take`; an error text of it is counted as a torn line.
pub(super) fn each(
    source: &Source,
    sink: &mut Sink,
    mut take: impl FnMut(&[u8], u64, &mut Sink) -> anyhow::Result<Result<(), String>>,
) -> anyhow::Result<()> {
    let (mut text, damage) = source.text()?;
    let (mut line, mut number) = (Vec::new(), 0u64);
    loop {
        line.clear();
        number = number.saturating_add(1);
        let read = text.by_ref().take(LINE_MAX).read_until(b'\n', &mut line);
        if read.with_context(|| source.path.display().to_string())? == 0 {
            break;
        }
        if !line.ends_with(b"\n") && u64::try_from(line.len()).unwrap_or(u64::MAX) >= LINE_MAX {
            text.skip_until(b'\n').with_context(|| source.path.display().to_string())?;
            sink.report.rows = sink.report.rows.saturating_add(1);
            sink.report.issue("torn", number, || format!("more than {LINE_MAX} bytes"));
            continue;
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        sink.report.rows = sink.report.rows.saturating_add(1);
        if let Err(reason) = take(&line, number, sink)? {
            sink.report.issue("torn", number, || reason);
        }
    }
    if let Some(reason) = damage.reason() {
        sink.report.issue("cut", number, || format!("the file ends early: {reason}"));
    }
    Ok(())
}

/// Parses a line.
pub(super) fn json<T: DeserializeOwned>(line: &[u8]) -> Result<T, String> {
    serde_json::from_slice(line).map_err(|error| error.to_string())
}

/// Returns a number as written, or the text of a string; empty if it is neither.
pub(super) fn plain(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}
