//! Sweeps: many backtests of one strategy with different parameters, and what their best result is worth.
//!
//! A sweep file names the parameters and how they are searched ([`mod@file`], [`space`], [`search`]). Each trial is a
//! self-contained job ([`job`]) that any executor can run ([`threads`], or workers behind a queue); its row is stored
//! durably before it counts ([`results`]). The leader ([`lead`]) proposes jobs, collects rows, and computes every
//! statistic from the sorted rows alone: the number of executors changes nothing. Start reading in [`lead`].

pub mod backtests;
pub mod bootstrap;
pub mod file;
pub mod heat_map;
pub mod job;
pub mod lead;
pub mod objective;
pub mod overfit;
pub mod pipe;
pub mod results;
pub mod search;
pub mod space;
pub mod splits;
pub mod table;
#[cfg(test)]
mod tests;
pub mod threads;
pub mod verdict;

pub use backtests::Backtests;
pub use file::{Base, Method, SweepFile};
pub use job::{GroupRow, Markout, Models, SweepJob, TrialEnd, TrialRow};
pub use lead::{Evaluate, Execute, Files, Lead, Outcome, Plan, Trial};
pub use objective::Objective;
pub use results::Results;
pub use space::{Axis, Domain, Parameters, Space};
pub use splits::{Fold, Splits};
pub use verdict::{History, Verdict};

/// Most trials of a sweep.
pub const TRIALS_MAX: u64 = 100_000;

/// Converts a count to a real number; exact up to 2^32, which no count of a sweep reaches.
pub(crate) fn real(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Converts micro-dollars or micro-shares to dollars or shares.
#[allow(clippy::as_conversions, clippy::float_arithmetic, reason = "a figure for statistics, not an amount")]
pub(crate) fn units(micros: i64) -> f64 {
    micros as f64 / 1e6
}

/// Rounds to nine significant digits, so that a figure reads the same wherever it was computed.
pub(crate) fn nine_digits(value: f64) -> Option<f64> {
    value.is_finite().then(|| format!("{value:.8e}").parse().ok()).flatten()
}
