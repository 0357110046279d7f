//! Terminal output of xtask. This is the only module that prints.

use std::io::{self, Write};
use std::time::Duration;

/// Prints the heading of the step that begins.
pub(crate) fn doing(what: &str) {
    line(&format!("\n== {what}"));
}

/// Prints one line.
pub(crate) fn line(text: &str) {
    // The terminal may be closed; a child that still runs must be ended in order all the same.
    drop(writeln!(io::stderr(), "{text}"));
}

/// Prints an error followed by its causes.
pub(crate) fn failure(error: &anyhow::Error) {
    line(&format!("\nxtask: {error:#}"));
}

/// Formats a duration for a reader: `0.4 s`, `12.3 s`, `4 min 05 s`.
pub(crate) fn time(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    let tenths = elapsed.subsec_millis() / 100;
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds}.{tenths} s"),
        (minutes, seconds) => format!("{minutes} min {seconds:02} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_short_and_has_its_unit() {
        assert_eq!(time(Duration::from_millis(449)), "0.4 s");
        assert_eq!(time(Duration::from_millis(12_390)), "12.3 s");
        assert_eq!(time(Duration::from_secs(245)), "4 min 05 s");
    }
}
