//! Measures the parts of a run's time. Each measured step is a part of the whole; reading the clock costs about as much as an
//! event, so that a profiled run is slower.

use serde::Serialize;
use std::time::{Duration, Instant};

/// The parts of a run's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Engine,
    Paper,
    Crossing,
    Guest,
}

/// Measured times; nothing is measured unless it is switched on.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Profile {
    on: bool,
    times: [Duration; 4],
    calls: u64,
    shown: u64,
}

/// Times of the parts of a run in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Times {
    /// Reading the source.
    pub decode: u64,
    /// The engine, with the rows of the run.
    pub engine: u64,
    /// The paper venue's own steps.
    pub paper: u64,
    /// Packing events for strategies.
    pub crossing: u64,
    /// Calls of strategies, with the crossing of the sandbox's border.
    pub guest: u64,
    /// Number of calls.
    pub calls: u64,
    /// Number of events shown in them.
    pub shown: u64,
}

impl Profile {
    pub(super) fn switched_on() -> Self {
        Self { on: true, ..Self::default() }
    }

    #[inline]
    pub(super) fn begin(&self) -> Option<Instant> {
        self.on.then(Instant::now)
    }

    /// Adds the time since `began` to a part, and returns the present time.
    #[inline]
    pub(super) fn end(&mut self, part: Part, began: Option<Instant>) -> Option<Instant> {
        began.map(|began| self.add(part, began))
    }

    fn add(&mut self, part: Part, began: Instant) -> Instant {
        let now = Instant::now();
        let place = match part {
            Part::Engine => 0,
            Part::Paper => 1,
            Part::Crossing => 2,
            Part::Guest => 3,
        };
        if let Some(sum) = self.times.get_mut(place) {
            *sum = sum.saturating_add(now.duration_since(began));
        }
        now
    }

    pub(super) const fn count_call(&mut self, shown: u64) {
        self.calls = self.calls.saturating_add(1);
        self.shown = self.shown.saturating_add(shown);
    }

    /// Returns the times, with that of the source.
    pub(super) fn times(&self, decode: Duration) -> Times {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let [engine, paper, crossing, guest] = self.times.map(nanos);
        let decode = nanos(decode);
        Times { decode, engine, paper, crossing, guest, calls: self.calls, shown: self.shown }
    }
}
