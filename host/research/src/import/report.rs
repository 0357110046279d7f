//! Reports of imports.

use std::collections::BTreeMap;
use std::path::PathBuf;
use tape::Summary;

/// A kind of damage in a file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Issue {
    /// Number of cases.
    pub count: u64,
    /// Line of the first case, from 1; 0 if it has none.
    pub first_line: u64,
    /// Description of the first case.
    pub first: String,
}

/// The report of one file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FileReport {
    /// The file.
    pub path: PathBuf,
    /// Name of its format.
    pub format: &'static str,
    /// Rows or lines read, without the header.
    pub rows: u64,
    /// Records written by kind, e.g. `book`, `price_change`, `trade`, `signal`.
    pub records: BTreeMap<&'static str, u64>,
    /// Damage by kind: `torn`, `unsorted`, `duplicate`, `crossed`, `gap`, `cut`.
    pub issues: BTreeMap<&'static str, Issue>,
}

/// The report of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportReport {
    /// The tape.
    pub out: PathBuf,
    /// Its identity and size.
    pub summary: Summary,
    /// Number of frames of invented books; `None` if none were asked for.
    pub invented: Option<u64>,
    /// The files in the order of the arguments.
    pub files: Vec<FileReport>,
}

impl FileReport {
    /// Counts a case of `kind`.
    pub(super) fn issue(&mut self, kind: &'static str, line: u64, describe: impl FnOnce() -> String) {
        match self.issues.get_mut(kind) {
            Some(issue) => issue.count = issue.count.saturating_add(1),
            None => drop(self.issues.insert(kind, Issue { count: 1, first_line: line, first: describe() })),
        }
    }

    pub(super) fn wrote(&mut self, kind: &'static str) {
        let count = self.records.entry(kind).or_default();
        *count = count.saturating_add(1);
    }

    /// Returns the number of cases of a kind.
    pub fn issues_of(&self, kind: &str) -> u64 {
        self.issues.get(kind).map_or(0, |issue| issue.count)
    }

    /// Returns the number of records of a kind.
    pub fn records_of(&self, kind: &str) -> u64 {
        self.records.get(kind).copied().unwrap_or(0)
    }
}

impl std::fmt::Display for FileReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}): {} rows", self.path.display(), self.format, self.rows)?;
        for (kind, count) in &self.records {
            write!(f, ", {count} {kind}")?;
        }
        for (kind, Issue { count, first_line, first }) in &self.issues {
            match first_line {
                0 => write!(f, "\n  {kind} {count}, first: {first}")?,
                line => write!(f, "\n  {kind} {count}, first in line {line}: {first}")?,
            }
        }
        Ok(())
    }
}

impl std::fmt::Display for ImportReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(frames) = self.invented {
            writeln!(f, "invented: {frames} frames of books that are not the venue's, made from prices")?;
        }
        for file in &self.files {
            writeln!(f, "{file}")?;
        }
        let Summary { identity, records, bytes } = &self.summary;
        write!(f, "{}: {records} records, {bytes} bytes, identity {identity}", self.out.display())
    }
}
