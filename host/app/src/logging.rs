//! The log: to standard error, so that standard output stays clean for answers.

use crate::output::ERR;
use std::io::{self, IsTerminal, Write};
use tracing_subscriber::EnvFilter;

/// Shows warnings of every crate, and the information of the shell's.
const FILTER: &str = "warn,alerts=info,api=info,app=info,config=info,control=info,lifecycle=info,polytrader=info,readmodel=info,\
                      research=info,store=info,trading=info";

/// Starts the log; `RUST_LOG` chooses what it shows. Safe to call twice.
pub(crate) fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(FILTER));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // Otherwise a line that cannot be formatted is reported by `eprintln!`, which may panic and wait.
        .log_internal_errors(false)
        .with_writer(|| Queued)
        .with_ansi(io::stderr().is_terminal())
        .with_target(true);
    // A second start is a test or a nested command: the first log stays.
    if let Err(error) = log.try_init() {
        tracing::debug!(%error, "the log runs already");
    }
}

/// Puts lines into the queue of standard error. The log writes each of its lines at once.
#[derive(Debug, Clone, Copy)]
struct Queued;

impl Write for Queued {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        ERR.put(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
