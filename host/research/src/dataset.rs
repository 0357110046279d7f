//! Datasets: one or several tapes as events in the order of receipt. The frames of a tape go through the venue's parser
//! once; the result is a cache beside the tape, from which every later run reads. Memory does not grow with the length
//! of the tapes. Start reading in [`open`], then `build` (tape to cache) and `source` (caches to events).

mod book;
mod build;
mod cache;
mod codec;
mod grid;
mod markets;
mod mirror;
mod own;
mod quality;
mod source;
#[cfg(test)]
mod tests;

pub(crate) use book::Canon;
pub use markets::DatasetMarket;
pub use quality::Quality;
pub use source::Dataset;

use anyhow::{Context, ensure};
use model::Time;
use std::path::PathBuf;
use tape::Tape;

/// Version of the parsed form; a cache of another one is rebuilt. It changes with the parser and with this module.
pub const PARSER_VERSION: u32 = 4;
/// A market without a frame for longer than this is unknown from then on.
pub const SILENCE_US: u64 = 60_000_000;
/// Maximum tapes of a dataset.
pub const TAPES_MAX: usize = 1_000;

/// Opens tapes as one source of events, from `from` (inclusive) to `to` (exclusive).
///
/// # Errors
/// If a tape cannot be read, is empty, contradicts another one, or a cache cannot be written anywhere.
pub fn open(paths: &[PathBuf], from: Option<Time>, to: Option<Time>) -> anyhow::Result<Dataset> {
    ensure!(!paths.is_empty(), "no tape was named");
    ensure!(paths.len() <= TAPES_MAX, "{} tapes, expected at most {TAPES_MAX}", paths.len());
    if let (Some(from), Some(to)) = (from, to) {
        ensure!(from < to, "the span begins at {} and ends at {}, expected a later end", from.iso(), to.iso());
    }
    let mut parts = Vec::with_capacity(paths.len());
    for path in paths {
        let mut tape = Tape::open(path)?;
        let cache = cache::of(&mut tape).with_context(|| format!("reading the tape {}", path.display()))?;
        ensure!(cache.footer.span.is_some(), "{}: the tape is empty, expected at least one record", path.display());
        parts.push(source::Part { path: path.clone(), manifest: tape.manifest().clone(), cache });
    }
    Dataset::new(parts, from, to)
}

/// Parses all of a tape without a cache and counts what is wrong in it.
///
/// # Errors
/// If it cannot be read, or its manifest names an invalid id.
pub fn quality(tape: &Tape) -> anyhow::Result<Quality> {
    Ok(build::build(tape, |_frame| Ok(()))?.quality)
}
