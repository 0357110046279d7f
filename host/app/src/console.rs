//! Console output for people and programs. An output that is closed, full or not read never ends or delays the caller,
//! which may be about to cancel orders.

use crate::exit::USAGE;
use crate::log_files::{self, Stream};
use crate::output::{ERR, OUT};
use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::IsTerminal;
use std::process::ExitCode;

/// Writes a line to standard error, for people.
pub(crate) fn eprintln(line: &str) {
    let line = shown(line);
    log_files::enqueue(Stream::WorkerErr, &line);
    ERR.enqueue(line);
}

/// Writes a line that contains a secret to standard error, and `without` it to the log file.
pub(crate) fn eprintln_secret(line: &str, without: &str) {
    log_files::enqueue(Stream::WorkerErr, &shown(without));
    ERR.enqueue(shown(line));
}

/// Writes a line to standard output.
pub(crate) fn println(line: &str) {
    OUT.enqueue(shown(line));
}

/// Prints help or a command line error, and returns the exit status.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let (output, colours) = match error.use_stderr() {
        true => (&ERR, std::io::stderr().is_terminal()),
        false => (&OUT, std::io::stdout().is_terminal()),
    };
    let text = error.render();
    let text =
        if colours && std::env::var_os("NO_COLOR").is_none() { text.ansi().to_string() } else { text.to_string() };
    output.enqueue(text.into_bytes());
    if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS }
}

/// Routes panic messages through the queue of standard error. The standard library writes them from the panicking
/// thread, which would block with the output instead of ending.
pub(crate) fn queue_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let mut text = format!("thread '{}' {panic}", thread.name().unwrap_or("<unnamed>"));
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            text = format!("{text}\n{trace}");
        }
        eprintln(&text);
    }));
}

/// Escapes control characters: the text may come from strategies, markets or the venue, and must not control the
/// terminal. Line breaks are kept.
fn shown(text: &str) -> Vec<u8> {
    let lines: Vec<_> = text.split('\n').map(sandbox::visible).collect();
    format!("{}\n", lines.join("\n")).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_whole_and_harmless() {
        let text = String::from_utf8(shown("one\n\u{1b}[2Jtwo")).unwrap_or_default();
        assert!(text.starts_with("one\n") && text.ends_with("two\n") && !text.contains('\u{1b}'), "{text:?}");
    }
}
