//! Hands jobs to `polytrader-worker lead`, a process of its own: this program has no client of NATS.

use crate::cli::SweepArgs;
use anyhow::{Context, bail, ensure};
use research::sweep::pipe::Line;
use research::sweep::{Execute, Files, SweepJob, TrialRow};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Returns the path of `polytrader-worker`, which lies beside this program.
///
/// # Errors
/// If it does not.
pub(super) fn program() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("finding this program")?;
    let program = own.with_file_name("polytrader-worker");
    ensure!(program.is_file(), "there is no {}, expected the program for queues beside this one", program.display());
    Ok(program)
}

/// The process.
#[derive(Debug)]
pub(super) struct Queue {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Queue {
    /// Starts the process. The address is passed in its environment, which other users cannot see.
    pub(super) fn start(url: &str, args: &SweepArgs, files: &Files) -> anyhow::Result<Self> {
        let mut command = Command::new(program()?);
        command.arg("lead").env("POLYTRADER_QUEUE", url).arg("--module").arg(&files.module);
        for tape in &files.tapes {
            command.arg("--tape").arg(tape);
        }
        let options = [("--certificate", &args.certificate), ("--key", &args.key), ("--authority", &args.authority)];
        for (name, value) in options {
            if let Some(value) = value {
                command.arg(name).arg(value);
            }
        }
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.context("starting polytrader-worker")?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (input, output) = input.zip(output).context("starting polytrader-worker: no pipes")?;
        Ok(Self { child, input, output: BufReader::new(output) })
    }
}

impl Execute for Queue {
    fn execute(
        &mut self,
        jobs: &[SweepJob],
        done: &mut dyn FnMut(TrialRow) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let text = serde_json::to_string(jobs).context("writing jobs as JSON")?;
        let sent = writeln!(self.input, "{text}").and_then(|()| self.input.flush());
        let ended = "polytrader-worker ended; its message is above";
        sent.context(ended)?;
        loop {
            let mut line = String::new();
            let read = self.output.read_line(&mut line).context("reading from polytrader-worker")?;
            ensure!(read > 0, ended);
            match serde_json::from_str(&line).context("a line of polytrader-worker is not of this version")? {
                Line::Row(row) => done(*row)?,
                Line::End => return Ok(()),
                Line::Failed(reason) => bail!(reason),
            }
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
