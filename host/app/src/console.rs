//! Output for people and for programs that read it. An output that is closed, full or not read never ends or delays the caller, who may be
//! about to cancel orders.

use crate::output::{ERR, OUT};
use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::IsTerminal;
use std::process::ExitCode;

/// Writes a line for people to standard error.
pub(crate) fn complain(line: &str) {
    ERR.put(shown(line));
}

/// Writes a line of output.
pub(crate) fn say(line: &str) {
    OUT.put(shown(line));
}

/// Prints help, or what is wrong with a command line; returns the status to end with.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let (output, colours) = match error.use_stderr() {
        true => (&ERR, std::io::stderr().is_terminal()),
        false => (&OUT, std::io::stdout().is_terminal()),
    };
    let text = error.render();
    let text =
        if colours && std::env::var_os("NO_COLOR").is_none() { text.ansi().to_string() } else { text.to_string() };
    output.put(text.into_bytes());
    u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Sends what is said of panics to the queue of standard error: the standard library writes it from the thread that panics, which would
/// stand still with the output instead of ending.
pub(crate) fn queue_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let mut text = format!("thread '{}' {panic}", thread.name().unwrap_or("<unnamed>"));
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            text = format!("{text}\n{trace}");
        }
        complain(&text);
    }));
}

/// What we print may have been said by strategies, markets or the venue, and must not act on the terminal. Our own lines end where they end.
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
