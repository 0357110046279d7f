//! The log: to standard error, so that standard output stays clean for answers.

use std::io::{self, IsTerminal, Stderr, Write};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Shows warnings of every crate, and the information of the shell's.
const FILTER: &str = "warn,alerts=info,api=info,app=info,config=info,control=info,lifecycle=info,polytrader=info,readmodel=info,\
                      research=info,store=info,trading=info";

/// Starts the log; `RUST_LOG` chooses what it shows. Safe to call twice.
pub(crate) fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(FILTER));
    let stderr: fn() -> Stderr = io::stderr;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // Otherwise a line that cannot be written is reported by `eprintln!`, which panics for the same reason.
        .log_internal_errors(false)
        .with_writer(Lossy(stderr))
        .with_ansi(io::stderr().is_terminal())
        .with_target(true);
    // A second start is a test or a nested command: the first log stays.
    if let Err(error) = log.try_init() {
        tracing::debug!(%error, "the log runs already");
    }
}

/// An output that drops what cannot be written: a terminal that was closed or a disk that is full must not stand between a decision to
/// cancel and the cancel.
#[derive(Debug, Clone, Copy)]
struct Lossy<W>(W);

impl<'a> MakeWriter<'a> for Lossy<fn() -> Stderr> {
    type Writer = Lossy<Stderr>;

    fn make_writer(&'a self) -> Self::Writer {
        Lossy(self.0())
    }
}

impl<W: Write> Write for Lossy<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // An interrupted write is written again by the caller; any other failure counts as written.
        match self.0.write(bytes) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Ok(bytes.len()),
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        let _flushed = self.0.flush();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Failing(io::ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn a_line_without_a_reader_counts_as_written() {
        for kind in [io::ErrorKind::BrokenPipe, io::ErrorKind::StorageFull, io::ErrorKind::Other] {
            let mut log = Lossy(Failing(kind));
            log.write_all(b"emergency stop").unwrap();
            log.flush().unwrap();
        }
    }
}
