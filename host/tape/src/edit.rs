//! Slices and merges tapes. Both keep the records as they are, so that merging the slices of a tape gives its identity.

use crate::error::TapeError;
use crate::manifest::Manifest;
use crate::reader::{Records, Step, Tape};
use crate::record::{Cause, Record, Stamp};
use crate::writer::{Pace, Summary, Writer};
use std::path::Path;

/// Writes the records from `from_us` (inclusive) to `to_us` (exclusive) to a new tape. A record belongs to the highest
/// time up to it, so that a late one stays with its neighbours.
///
/// # Errors
/// If a file cannot be read or written, or no record is in the span.
pub fn slice(tape: &Tape, from_us: u64, to_us: u64, out: &Path) -> Result<Summary, TapeError> {
    let mut writer = Writer::create(out, Pace::WHOLE, head(tape.manifest()))?;
    let mut records = tape.records_from(from_us)?;
    let mut count: u64 = 0;
    while let Some(step) = records.step()? {
        match step {
            Step::Record(at_us, _) if at_us >= to_us => break,
            Step::Record(at_us, record) if at_us >= from_us => {
                writer.append(&record)?;
                count = count.saturating_add(1);
            }
            Step::Record(..) => {}
            Step::Damaged(_) => writer.append(&damaged(from_us))?,
        }
    }
    if count == 0 {
        drop(writer);
        std::fs::remove_file(out).map_err(TapeError::io(out))?;
        let path = tape.path().display();
        return Err(TapeError::Empty { what: format!("{path}: no record from {from_us} to {to_us} us") });
    }
    writer.finish()
}

/// Merges tapes by the times of their records into a new one; at equal times the tape named first comes first. One tape
/// is recompressed.
///
/// # Errors
/// If there is none, or a file cannot be read or written.
pub fn merge(tapes: &[Tape], out: &Path) -> Result<Summary, TapeError> {
    let mut sorted: Vec<&Tape> = tapes.iter().collect();
    // The begins decide ties, so that the order of the arguments does not matter for slices of one tape.
    sorted.sort_by_key(|tape| tape.frames().first().map_or(u64::MAX, |frame| frame.first_us));
    let Some((first, rest)) = sorted.split_first() else {
        return Err(TapeError::Empty { what: "no tape to merge".to_owned() });
    };
    let mut manifest = head(first.manifest());
    rest.iter().for_each(|tape| manifest.merge(head(tape.manifest())));
    let mut writer = Writer::create(out, Pace::WHOLE, manifest)?;
    let mut inputs = Vec::new();
    for tape in sorted {
        inputs.push(Input::new(tape.records()?)?);
    }
    while let Some(input) = next(&mut inputs) {
        if let Some((_, record)) = input.ahead.take() {
            writer.append(&record)?;
        }
        input.advance()?;
    }
    writer.finish()
}

/// Returns the manifest without what a writer counts.
fn head(manifest: &Manifest) -> Manifest {
    let mut manifest = manifest.clone();
    manifest.gaps.clear();
    manifest.counts.clear();
    (manifest.first_us, manifest.last_us) = (None, None);
    manifest
}

const fn damaged(at_us: u64) -> Record {
    let markets = Vec::new();
    Record::Gap { stamp: Stamp::venue(at_us), cause: Cause::Damaged, since_us: at_us, markets }
}

struct Input {
    records: Records,
    at_us: u64,
    ahead: Option<(u64, Record)>,
}

impl Input {
    fn new(records: Records) -> Result<Self, TapeError> {
        let mut input = Self { records, at_us: 0, ahead: None };
        input.advance()?;
        Ok(input)
    }

    fn advance(&mut self) -> Result<(), TapeError> {
        self.ahead = match self.records.step()? {
            Some(Step::Record(at_us, record)) => Some((at_us, record)),
            Some(Step::Damaged(_)) => Some((self.at_us, damaged(self.at_us))),
            None => None,
        };
        self.at_us = self.ahead.as_ref().map_or(self.at_us, |(at_us, _)| *at_us);
        Ok(())
    }
}

fn next(inputs: &mut [Input]) -> Option<&mut Input> {
    let waiting = inputs.iter_mut().filter(|input| input.ahead.is_some());
    waiting.min_by_key(|input| input.ahead.as_ref().map_or(u64::MAX, |(at_us, _)| *at_us))
}
