//! The steps of the gate with their times and results. A check that could not run is listed and never counted as
//! passed.

use crate::say;
use std::fmt::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The result of a step that did not fail.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// A few words for the summary.
    detail: String,
    /// The checks that this machine could not run, with the reason. If nothing ran at all, `detail` is empty.
    not_run: Vec<String>,
    /// True if the gate does not require the checks of `not_run`, in CI neither.
    may_lack: bool,
}

impl Checked {
    /// Returns the result of a step in which everything ran and passed.
    pub(crate) fn passed() -> Self {
        Self::with("", Vec::new())
    }

    /// Returns the result of a step in which all checks passed but those of `not_run`, which did not run.
    pub(crate) fn with(detail: &str, not_run: Vec<String>) -> Self {
        let detail = if detail.is_empty() { "passed".to_owned() } else { format!("passed: {detail}") };
        Self { detail, not_run, may_lack: false }
    }

    /// Returns the result of a step of which nothing could run on this machine.
    pub(crate) fn not_run(why: &anyhow::Error) -> Self {
        Self { detail: String::new(), not_run: vec![format!("{why:#}")], may_lack: false }
    }

    /// Returns the result of a step whose tools are for another platform and could not be had. It is listed as not run,
    /// but does not fail the gate.
    pub(crate) fn not_required(why: &anyhow::Error) -> Self {
        Self { may_lack: true, ..Self::not_run(why) }
    }
}

/// Marker that a step failed, which the gate has recorded. Lets `?` end the sequence.
#[derive(Debug)]
pub(crate) struct Stopped;

#[derive(Debug)]
struct Row {
    step: String,
    time: Duration,
    result: String,
}

/// The steps so far.
#[derive(Debug)]
pub(crate) struct Gate {
    /// True in CI, where a check that cannot run is a failure.
    strict: bool,
    rows: Vec<Row>,
    not_run: Vec<String>,
    failure: Option<String>,
}

impl Gate {
    /// Returns a gate without steps. If `strict`, a check that cannot run fails the gate.
    pub(crate) fn new(strict: bool) -> Self {
        Self { strict, rows: Vec::new(), not_run: Vec::new(), failure: None }
    }

    /// Runs one step and records its time and result.
    pub(crate) fn step(&mut self, step: &str, check: impl FnOnce() -> anyhow::Result<Checked>) -> Result<(), Stopped> {
        say::doing(step);
        let start = Instant::now();
        let checked = check();
        let time = start.elapsed();
        let (result, ended) = match checked {
            Ok(checked) => self.record(step, checked),
            Err(error) => {
                self.failure = Some(format!("{step}: {error:#}"));
                ("FAILED".to_owned(), Err(Stopped))
            }
        };
        say::line(&format!("   {step}: {result} ({})", say::time(time)));
        self.rows.push(Row { step: step.to_owned(), time, result });
        ended
    }

    fn record(&mut self, step: &str, checked: Checked) -> (String, Result<(), Stopped>) {
        let count = checked.not_run.len();
        self.not_run.extend(checked.not_run.into_iter().map(|what| format!("{step}: {what}")));
        match (count, checked.detail) {
            (0, detail) => (detail, Ok(())),
            (_, _) if self.strict && !checked.may_lack => {
                self.failure = Some(format!("{step}: CI is set, and {count} of its checks could not run"));
                ("FAILED: NOT RUN".to_owned(), Err(Stopped))
            }
            (_, detail) if detail.is_empty() => ("NOT RUN".to_owned(), Ok(())),
            (count, detail) => (format!("{detail}; {count} NOT RUN"), Ok(())),
        }
    }

    /// Prints the summary and returns the process's exit code.
    pub(crate) fn finish(self) -> ExitCode {
        say::line(&self.summary());
        if self.failure.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn summary(&self) -> String {
        let width = self.rows.iter().map(|row| row.step.len()).max().unwrap_or_default();
        let mut text = format!("\n{:width$}  {:>12}  result\n", "step", "time");
        for row in &self.rows {
            // Writing to a string does not fail.
            let _written = writeln!(text, "{:width$}  {:>12}  {}", row.step, say::time(row.time), row.result);
        }
        for what in &self.not_run {
            let _written = write!(text, "\nNOT RUN  {what}");
        }
        text.push('\n');
        text.push_str(&match (&self.failure, self.not_run.len()) {
            (Some(failure), _) => format!("The gate FAILED at {failure}"),
            (None, 0) => "The gate is green.".to_owned(),
            (None, count) => format!("What ran is green. {count} checks did NOT RUN on this machine, see above."),
        });
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    #[test]
    fn a_failing_step_stops_the_row_and_is_named_last() {
        let mut gate = Gate::new(false);
        gate.step("format", || Ok(Checked::passed())).unwrap();
        gate.step("lints", || Err(anyhow!("clippy failed"))).unwrap_err();
        assert!(gate.summary().ends_with("The gate FAILED at lints: clippy failed"), "{}", gate.summary());
        assert_eq!(gate.finish(), ExitCode::FAILURE);
    }

    #[test]
    fn what_did_not_run_is_not_called_passed() {
        let mut gate = Gate::new(false);
        gate.step("browser", || Ok(Checked::not_run(&anyhow!("no browser")))).unwrap();
        gate.step("tests", || Ok(Checked::with("7 tests", vec!["vectors".to_owned()]))).unwrap();
        let summary = gate.summary();
        assert!(!summary.contains("The gate is green"), "{summary}");
        assert!(summary.contains("\nNOT RUN  browser: no browser\n"), "{summary}");
        assert!(summary.contains("passed: 7 tests; 1 NOT RUN\n"), "{summary}");
        assert!(summary.contains("2 checks did NOT RUN"), "{summary}");
        assert_eq!(gate.finish(), ExitCode::SUCCESS);
    }

    #[test]
    fn in_ci_what_did_not_run_is_a_failure() {
        let mut gate = Gate::new(true);
        gate.step("browser", || Ok(Checked::not_run(&anyhow!("no browser")))).unwrap_err();
        assert_eq!(gate.finish(), ExitCode::FAILURE);
    }

    #[test]
    fn what_is_not_required_is_named_and_fails_nothing() {
        let mut gate = Gate::new(true);
        gate.step("Windows", || Ok(Checked::not_required(&anyhow!("no compiler")))).unwrap();
        assert!(gate.summary().contains("\nNOT RUN  Windows: no compiler\n"), "{}", gate.summary());
        assert!(!gate.summary().contains("The gate is green"), "{}", gate.summary());
        assert_eq!(gate.finish(), ExitCode::SUCCESS);
    }

    #[test]
    fn a_row_of_passed_steps_is_green() {
        let mut gate = Gate::new(true);
        gate.step("format", || Ok(Checked::passed())).unwrap();
        assert!(gate.summary().ends_with("The gate is green."), "{}", gate.summary());
        assert_eq!(gate.finish(), ExitCode::SUCCESS);
    }
}
