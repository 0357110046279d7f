//! The tapes of a run.

use anyhow::Result;
use model::Time;
use research::backtest::JobTape;
use research::dataset;
use research::events::EventSource;
use research::run::TapeDescription;
use std::path::PathBuf;

/// Tapes from which any number of runs can read.
#[derive(Debug)]
pub(crate) struct Opened {
    paths: Vec<PathBuf>,
    tapes: Vec<TapeDescription>,
}

/// Opens tapes, and builds the parsed form of those that have none.
///
/// # Errors
/// If one is not a tape, is empty or cannot be read.
pub(crate) fn open(paths: &[PathBuf]) -> Result<Opened> {
    let dataset = dataset::open(paths, None, None)?;
    Ok(Opened { paths: paths.to_vec(), tapes: dataset.descriptions().to_vec() })
}

impl Opened {
    /// Returns a source of all events, or of those before a time.
    ///
    /// # Errors
    /// If the tapes cannot be read.
    pub(crate) fn source(&self, to: Option<Time>) -> Result<Box<dyn EventSource>> {
        Ok(Box::new(dataset::open(&self.paths, None, to)?))
    }

    /// Returns the tapes for the job.
    pub(crate) fn tapes(&self) -> Vec<JobTape> {
        let tape = |tape: &TapeDescription| JobTape { path: PathBuf::from(&tape.path), hash: tape.hash.clone() };
        self.tapes.iter().map(tape).collect()
    }

    /// Returns the descriptions of the tapes.
    pub(crate) fn descriptions(&self) -> Vec<TapeDescription> {
        self.tapes.clone()
    }

    /// Returns the number of events.
    pub(crate) fn events(&self) -> u64 {
        self.tapes.iter().map(|tape| tape.events).fold(0, u64::saturating_add)
    }

    /// Returns the first and the last time.
    pub(crate) fn span(&self) -> Option<(Time, Time)> {
        let first = self.tapes.iter().map(|tape| tape.span.0).min()?;
        let last = self.tapes.iter().map(|tape| tape.span.1).max()?;
        Some((first, last))
    }
}
