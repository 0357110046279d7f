//! Files of the folder that are not loaded, reported once they have been there for a moment: a copying program renames its file at the end.

use crate::supervisor::{Report, Sink, SkippedFile};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long a file must have been there.
const SETTLED: Duration = Duration::from_millis(500);

/// The files that are not loaded, by name.
#[derive(Debug, Default)]
pub(super) struct Skipped {
    files: BTreeMap<String, (Instant, String)>,
    reported: Vec<SkippedFile>,
}

impl Skipped {
    /// Takes what a scan found and reports the whole list if it is another than before.
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
