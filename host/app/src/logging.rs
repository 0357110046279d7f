//! The log: to standard error, so that standard output stays clean for answers.

use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Starts the log; `RUST_LOG` chooses what it shows, warnings and our own information otherwise. Safe to call twice.
pub(crate) fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,app=info,polytrader=info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(true);
    // A second start is a test or a nested command: the first log stays.
    if let Err(error) = log.try_init() {
        tracing::debug!(%error, "the log runs already");
    }
}
