//! A row of steps with their times and results. What could not run is listed loudly and never counted as passed.

use crate::say;
use std::fmt::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// What a step that did not fail has to tell.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// A few words for the summary.
    detail: String,
    /// What this machine could not run, with the reason. If nothing ran at all, `detail` is empty.
    not_run: Vec<String>,
}

impl Checked {
    /// Everything ran and passed.
    pub(crate) fn passed() -> Self {
        Self::with("", Vec::new())
    }

    /// What ran passed; `not_run` did not run.
    pub(crate) fn with(detail: &str, not_run: Vec<String>) -> Self {
        let detail = if detail.is_empty() { "passed".to_owned() } else { format!("passed: {detail}") };
        Self { detail, not_run }
    }

    /// Nothing of this step could run here.
    pub(crate) fn not_run(why: &anyhow::Error) -> Self {
        Self { detail: String::new(), not_run: vec![format!("{why:#}")] }
    }
}

/// A step failed; the gate has noted it. Lets `?` end the row.
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
    /// In CI whatever does not run is a failure.
    strict: bool,
    rows: Vec<Row>,
    not_run: Vec<String>,
    failure: Option<String>,
}

impl Gate {
    /// A gate without steps. If `strict`, what cannot run fails.
    pub(crate) fn new(strict: bool) -> Self {
        Self { strict, rows: Vec::new(), not_run: Vec::new(), failure: None }
    }

    /// Does one step and notes its time and result.
    pub(crate) fn step(&mut self, step: &str, check: impl FnOnce() -> anyhow::Result<Checked>) -> Result<(), Stopped> {
        say::doing(step);
        let start = Instant::now();
        let checked = check();
        let time = start.elapsed();
        let (result, ended) = match checked {
            Ok(checked) => self.note(step, checked),
            Err(error) => {
                self.failure = Some(format!("{step}: {error:#}"));
                ("FAILED".to_owned(), Err(Stopped))
            }
        };
        say::line(&format!("   {step}: {result} ({})", say::time(time)));
        self.rows.push(Row { step: step.to_owned(), time, result });
        ended
    }

    fn note(&mut self, step: &str, checked: Checked) -> (String, Result<(), Stopped>) {
        let count = checked.not_run.len();
        self.not_run.extend(checked.not_run.into_iter().map(|what| format!("{step}: {what}")));
        match (count, checked.detail) {
            (0, detail) => (detail, Ok(())),
            (_, _) if self.strict => {
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
    fn a_row_of_passed_steps_is_green() {
        let mut gate = Gate::new(true);
        gate.step("format", || Ok(Checked::passed())).unwrap();
        assert!(gate.summary().ends_with("The gate is green."), "{}", gate.summary());
        assert_eq!(gate.finish(), ExitCode::SUCCESS);
    }
}
