//! Files in the folder that are not loaded. They are reported with a delay, because copying programs rename their file
//! at the end.

use crate::supervisor::{Report, Sink, SkippedFile};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Time for which a file must have existed before it is reported.
const SETTLED: Duration = Duration::from_millis(500);

/// The files that are not loaded, by name.
#[derive(Debug, Default)]
pub(super) struct Skipped {
    files: BTreeMap<String, (Instant, String)>,
    reported: Vec<SkippedFile>,
}

impl Skipped {
    /// Records the result of a scan, and reports the whole list if it changed.
    pub(super) fn update(&mut self, found: BTreeMap<String, String>, now: Instant, sink: &Sink) {
        let mut before = std::mem::take(&mut self.files);
        for (file, reason) in found {
            let since = before.remove(&file).filter(|(_, known)| *known == reason).map_or(now, |(since, _)| since);
            self.files.insert(file, (since, reason));
        }
        let settled = self.files.iter().filter(|(_, (since, _))| now.saturating_duration_since(*since) >= SETTLED);
        let files: Vec<SkippedFile> =
            settled.map(|(file, (_, reason))| SkippedFile { file: file.clone(), reason: reason.clone() }).collect();
        if files == self.reported {
            return;
        }
        for SkippedFile { file, reason } in files.iter().filter(|file| !self.reported.contains(file)) {
            tracing::warn!(file, reason, "file in the strategies folder not loaded");
        }
        self.reported.clone_from(&files);
        sink(Report::Skipped { files });
    }
}
