//! Counts the tests that test runners report as passed, and collects those that they report as not run.

use crate::gate::Checked;
use anyhow::bail;

/// Maximum number of checks listed one by one; further ones are only counted.
const LISTED_MAX: usize = 100;
/// Marker that our tests print at the start of a line when this machine lacks something they need.
const MARK: &str = "NOT RUN:";

/// Counts taken from the output of a test runner.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    passed: u64,
    skipped: u64,
    not_run: Vec<String>,
    unlisted: u64,
}

impl Tally {
    /// Reads a line that `cargo test` printed.
    pub(crate) fn see_cargo(&mut self, line: &str) {
        self.see_mark(line);
        if let Some(result) = line.strip_prefix("test result:") {
            self.passed = self.passed.saturating_add(before(result, "passed"));
            self.skipped = self.skipped.saturating_add(before(result, "ignored"));
        }
    }

    /// Reads a line that Vitest or Playwright printed: `Tests  44 passed | 1 skipped (45)` or `3 passed (12.0s)`.
    pub(crate) fn see_npm(&mut self, line: &str) {
        self.see_mark(line);
        // Vitest colours its output in CI.
        let plain = without_colours(line);
        let line = plain.trim();
        if line.starts_with("Tests ") || line.starts_with(|first: char| first.is_ascii_digit()) {
            self.passed = self.passed.saturating_add(before(line, "passed"));
            self.skipped = self.skipped.saturating_add(before(line, "skipped"));
        }
    }

    /// Reads a line that Python's `unittest` printed: `Ran 26 tests in 3.2s`, and `OK (skipped=1)`.
    pub(crate) fn see_unittest(&mut self, line: &str) {
        let count = |text: &str| text.split([' ', ')']).next().and_then(|number| number.parse().ok()).unwrap_or(0);
        if let Some(ran) = line.strip_prefix("Ran ") {
            self.passed = self.passed.saturating_add(count(ran));
        } else if let Some(skipped) = line.strip_prefix("OK (skipped=") {
            self.skipped = self.skipped.saturating_add(count(skipped));
            self.passed = self.passed.saturating_sub(count(skipped));
        }
    }

    /// Reads a line that `node --test` printed as TAP: `# pass 19`, `# skipped 0`.
    pub(crate) fn see_tap(&mut self, line: &str) {
        let count = |text: &str| text.trim().parse().unwrap_or(0);
        if let Some(passed) = line.strip_prefix("# pass ") {
            self.passed = self.passed.saturating_add(count(passed));
        } else if let Some(skipped) = line.strip_prefix("# skipped ").or(line.strip_prefix("# todo ")) {
            self.skipped = self.skipped.saturating_add(count(skipped));
        }
    }

    fn see_mark(&mut self, line: &str) {
        let Some(what) = line.trim_start().strip_prefix(MARK).map(|what| what.trim().to_owned()) else { return };
        if self.not_run.len() >= LISTED_MAX {
            self.unlisted = self.unlisted.saturating_add(1);
        } else if !self.not_run.contains(&what) {
            self.not_run.push(what);
        }
    }

    /// Returns the result for the summary.
    ///
    /// # Errors
    /// If the runner reported no passed test: success without tests proves nothing.
    pub(crate) fn checked(mut self) -> anyhow::Result<Checked> {
        if self.passed == 0 {
            bail!("the test runner succeeded but reported no passed test");
        }
        if self.skipped > 0 {
            self.not_run.push(format!("{} tests are disabled in their source", self.skipped));
        }
        if self.unlisted > 0 {
            self.not_run.push(format!("and {} more", self.unlisted));
        }
        Ok(Checked::with(&format!("{} tests", self.passed), self.not_run))
    }
}

/// Returns the number before a word: 12 in `12 passed; 0 failed`.
fn before(text: &str, word: &str) -> u64 {
    let mut last = 0;
    for part in text.split([' ', ';', '|', ',']).filter(|part| !part.is_empty()) {
        if part == word {
            return last;
        }
        last = part.parse().unwrap_or(0);
    }
    0
}

/// Removes colour escape sequences: `ESC [ ... m`.
fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut escaped = false;
    for letter in line.chars() {
        match (escaped, letter) {
            (false, '\u{1b}') => escaped = true,
            (false, letter) => plain.push(letter),
            (true, letter) => escaped = !letter.is_ascii_alphabetic(),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coloured_counts_are_read() {
        let mut tally = Tally::default();
        tally.see_npm(
            "\u{1b}[2m      Tests \u{1b}[22m \u{1b}[1m\u{1b}[32m53 passed\u{1b}[39m\u{1b}[22m\u{1b}[90m (53)\u{1b}[39m",
        );
        assert_eq!(tally, Tally { passed: 53, ..Tally::default() });
    }

    #[test]
    fn results_of_all_test_binaries_are_summed() {
        let mut tally = Tally::default();
        tally.see_cargo("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out");
        tally.see_cargo("test result: ok. 30 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out");
        tally.see_cargo("a test that 99 passed; is not a result");
        assert_eq!((tally.passed, tally.skipped), (42, 1));
    }

    #[test]
    fn what_python_and_node_count_is_read() {
        let mut tally = Tally::default();
        ["test_ok ... ok", "Ran 26 tests in 3.278s", "OK (skipped=2)"].iter().for_each(|line| tally.see_unittest(line));
        ["ok 1 - service", "# tests 20", "# pass 19", "# skipped 1", "# todo 0"]
            .iter()
            .for_each(|line| tally.see_tap(line));
        assert_eq!((tally.passed, tally.skipped), (24 + 19, 3));
    }

    #[test]
    fn files_are_not_counted_as_tests() {
        let mut tally = Tally::default();
        tally.see_npm(" Test Files  3 passed (3)");
        tally.see_npm("      Tests  44 passed | 2 skipped (46)");
        tally.see_npm("  3 passed (12.0s)");
        assert_eq!((tally.passed, tally.skipped), (47, 2));
    }

    #[test]
    fn what_tests_could_not_run_is_listed_once() {
        let mut tally = Tally::default();
        tally.see_cargo("NOT RUN: vectors needs the shared folder");
        tally.see_cargo("NOT RUN: vectors needs the shared folder");
        tally.see_cargo("in the middle of a line: NOT RUN: no");
        assert_eq!(tally.not_run, ["vectors needs the shared folder"]);
    }

    #[test]
    fn no_test_at_all_is_an_error() {
        Tally::default().checked().unwrap_err();
    }
}
