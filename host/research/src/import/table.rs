//! CSV files with a header, read row by row with their line numbers.

use super::sink::Sink;
use super::source::Source;
use anyhow::Context;
use csv::StringRecord;
use exchange::recording::damaged::Damage;
use std::io::BufRead;

/// A CSV file whose columns are found by name.
pub(super) struct Table {
    rows: csv::Reader<Box<dyn BufRead>>,
    damage: Damage,
    record: StringRecord,
    count: usize,
    columns: Vec<Option<usize>>,
    path: String,
    line: u64,
}

impl Table {
    /// Opens a file. Columns are numbered by `needed`, then `optional`.
    pub(super) fn open(source: &Source, needed: &[&str], optional: &[&str]) -> anyhow::Result<Self> {
        let (text, damage) = source.text()?;
        let text: Box<dyn BufRead> = Box::new(text);
        // Without quoting, so that a stray quote costs one line.
        let mut rows = csv::ReaderBuilder::new()
            .flexible(true)
            .quoting(false)
            // Line numbers of records that end in CR LF would be one too low.
            .terminator(csv::Terminator::Any(b'\n'))
            .trim(csv::Trim::All)
            .from_reader(text);
        let path = source.path.display().to_string();
        let header = rows.headers().with_context(|| path.clone())?.clone();
        let place = |name: &str| header.iter().position(|column| column.trim() == name);
        let mut columns = Vec::new();
        for name in needed {
            let found = place(name)
                .with_context(|| format!("{path} line 1: no column `{name}`, expected {}", needed.join(", ")))?;
            columns.push(Some(found));
        }
        columns.extend(optional.iter().map(|name| place(name)));
        let (count, record) = (header.len(), StringRecord::new());
        Ok(Self { rows, damage, record, count, columns, path, line: 1 })
    }

    /// Reads the next row with as many values as the header and returns its line; others are counted.
    pub(super) fn next(&mut self, sink: &mut Sink) -> anyhow::Result<Option<u64>> {
        loop {
            let read = self.rows.read_record(&mut self.record);
            match read {
                Ok(false) => return Ok(None),
                Ok(true) => {}
                Err(error) if matches!(error.kind(), csv::ErrorKind::Utf8 { .. }) => {
                    let line = error.position().map_or(0, csv::Position::line);
                    sink.report.issue("torn", line, || "not UTF-8".to_owned());
                    continue;
                }
                Err(error) => return Err(error).with_context(|| self.path.clone()),
            }
            sink.report.rows = sink.report.rows.saturating_add(1);
            self.line = self.record.position().map_or(0, csv::Position::line);
            if self.record.len() == self.count {
                return Ok(Some(self.line));
            }
            let (found, expected) = (self.record.len(), self.count);
            sink.report.issue("torn", self.line, || format!("{found} values, expected {expected}"));
        }
    }

    /// Returns a value of the row; empty if the column is absent.
    pub(super) fn text(&self, column: usize) -> &str {
        self.optional(column).unwrap_or_default()
    }

    /// Returns a value of the row; `None` if the column is absent or the value empty.
    pub(super) fn optional(&self, column: usize) -> Option<&str> {
        let place = self.columns.get(column).copied().flatten()?;
        self.record.get(place).map(str::trim).filter(|text| !text.is_empty())
    }

    /// Counts a damaged end of the file.
    pub(super) fn finish(self, sink: &mut Sink) {
        if let Some(reason) = self.damage.reason() {
            sink.report.issue("cut", self.line, || format!("the file ends early: {reason}"));
        }
    }
}
