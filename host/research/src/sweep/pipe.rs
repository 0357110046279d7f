//! The protocol between `polytrader sweep --queue` and its child process `polytrader-worker lead`: lines of JSON. Each
//! line on standard input is a list of jobs; on standard output follow their rows, one a line, and an end.

use super::job::{SweepJob, TrialRow};
use super::lead::Execute;
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::io::{BufRead, Write};

/// A line of the child's output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// The row of a job.
    Row(Box<TrialRow>),
    /// All jobs of the list have rows.
    End,
    /// The list could not be finished, for this reason.
    Failed(String),
}

/// Serves lists of jobs until the input ends.
///
/// # Errors
/// If a line is not a list of jobs, or the output is closed.
pub fn serve(lead: &mut dyn Execute, input: impl BufRead, mut output: impl Write) -> anyhow::Result<()> {
    for line in input.lines() {
        let line = line.context("reading a list of jobs")?;
        let jobs: Vec<SweepJob> = serde_json::from_str(&line).context("expected a list of jobs as JSON")?;
        let ended = lead.execute(&jobs, &mut |row| send(&mut output, &Line::Row(Box::new(row))));
        let end = ended.map_or_else(|error| Line::Failed(format!("{error:#}")), |()| Line::End);
        send(&mut output, &end)?;
    }
    Ok(())
}

fn send(output: &mut impl Write, line: &Line) -> anyhow::Result<()> {
    let text = serde_json::to_string(line).context("writing a row as JSON")?;
    writeln!(output, "{text}").and_then(|()| output.flush()).context("the sweep no longer reads its rows")
}
