//! Output for people and for programs that read it. A closed or full output never ends the process: what cannot be written is dropped,
//! because the caller may be about to cancel orders.

use std::io::{self, Write};

/// Writes a line for people to standard error.
pub(crate) fn complain(line: &str) {
    write_line(io::stderr().lock(), line);
}

/// Writes a line of output.
pub(crate) fn say(line: &str) {
    write_line(io::stdout().lock(), line);
}

/// Writes a line and flushes it. A failure has no consequence: there is no other place to report it to.
fn write_line(mut to: impl Write, line: &str) {
    let _written = to.write_all(format!("{}\n", shown(line)).as_bytes()).and_then(|()| to.flush());
}

/// What we print may have been said by strategies, markets or the venue, and must not act on the terminal. Our own lines end where they end.
fn shown(text: &str) -> String {
    let lines: Vec<_> = text.split('\n').map(sandbox::visible).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An output whose reader is gone.
    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    #[test]
    fn a_line_without_a_reader_is_dropped() {
        write_line(Closed, "cancelling all orders");
    }

    #[test]
    fn a_line_is_whole_and_harmless() {
        let mut out = Vec::new();
        write_line(&mut out, "one\n\u{1b}[2Jtwo");
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("one\n") && text.ends_with("two\n") && !text.contains('\u{1b}'), "{text:?}");
    }
}
