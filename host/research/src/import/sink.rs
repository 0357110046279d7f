//! The tape of one imported file, with its report.

use super::report::FileReport;
use super::source::Source;
use std::collections::BTreeMap;
use std::path::PathBuf;
use tape::record::{Cause, Origin};
use tape::{Manifest, Record, Stamp, Writer};

/// A tape that an importer writes.
#[derive(Debug)]
pub(super) struct Sink {
    writer: Writer,
    pub(super) report: FileReport,
}

impl Sink {
    pub(super) fn new(writer: Writer, source: &Source) -> Self {
        let report = FileReport {
            path: source.path.clone(),
            format: source.format.name(),
            rows: 0,
            records: BTreeMap::new(),
            issues: BTreeMap::new(),
        };
        Self { writer, report }
    }

    pub(super) fn path(&self) -> &PathBuf {
        &self.report.path
    }

    pub(super) fn manifest(&mut self) -> &mut Manifest {
        self.writer.manifest_mut()
    }

    /// Writes a frame as the venue would have sent it.
    pub(super) fn frame(
        &mut self,
        kind: &'static str,
        stamp: Stamp,
        origin: Origin,
        bytes: Vec<u8>,
    ) -> anyhow::Result<()> {
        self.report.wrote(kind);
        Ok(self.writer.append(&Record::Frame { stamp, connection: 0, origin, bytes })?)
    }

    /// Writes a record that is not a frame.
    pub(super) fn record(&mut self, record: &Record) -> anyhow::Result<()> {
        let kind = match record {
            Record::Frame { .. } => "frame",
            Record::Gap { .. } => "gap_mark",
            Record::Signal { .. } => "signal",
            Record::Closed { .. } => "close",
            Record::OwnOrder { .. } => "own_order",
            Record::OwnFill { .. } => "own_fill",
        };
        self.report.wrote(kind);
        Ok(self.writer.append(record)?)
    }

    /// Marks that data of markets is missing or cannot be trusted.
    pub(super) fn gap(&mut self, stamp: Stamp, cause: Cause, markets: Vec<model::ConditionId>) -> anyhow::Result<()> {
        self.report.wrote("gap_mark");
        Ok(self.writer.append(&Record::Gap { stamp, cause, since_us: stamp.at_us, markets })?)
    }

    /// Closes the tape; the report's counts go to the manifest.
    pub(super) fn finish(mut self) -> anyhow::Result<FileReport> {
        let damage = self.report.issues.iter().map(|(kind, issue)| ((*kind).to_owned(), issue.count)).collect();
        self.writer.manifest_mut().damage = damage;
        let summary = self.writer.finish()?;
        anyhow::ensure!(
            summary.records > 0,
            "{}: no usable row, expected at least one (format {})",
            self.report.path.display(),
            self.report.format
        );
        Ok(self.report)
    }
}
