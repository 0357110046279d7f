//! The heads of the audit's chain in the journals of a folder.

use super::{Step, folder, segments_of, walk};
use journal::Record;
use std::collections::BTreeMap;
use std::path::Path;

/// The most heads in memory; of more, the newest are kept.
pub const HEADS_MAX: usize = 1_000_000;

/// The heads of the audit's chain in the existing journals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditHeads {
    /// The numbers of audit rows by hash.
    pub entries: BTreeMap<[u8; 32], u64>,
    /// The number of sessions read.
    pub sessions: usize,
    /// The number of heads read, including those left out.
    pub read: u64,
}

impl AuditHeads {
    /// Reads the journals of a data folder.
    ///
    /// # Errors
    /// If a file cannot be read, or is damaged where more follows.
    pub fn of(data_dir: &Path) -> anyhow::Result<Self> {
        let dir = folder(data_dir);
        let mut heads = Self::default();
        if !dir.is_dir() {
            return Ok(heads);
        }
        let mut sessions = segments_of(&dir)?;
        sessions.sort_by_key(|(session, _)| *session);
        for (_, files) in sessions {
            walk(&files, |step| heads.on_step(&step))?;
            heads.sessions = heads.sessions.saturating_add(1);
        }
        Ok(heads)
    }

    fn on_step(&mut self, step: &Step) {
        let Step::Record(Record::AuditHead { entry, hash }) = step else { return };
        self.read = self.read.saturating_add(1);
        self.entries.insert(*hash, *entry);
        if self.entries.len() > HEADS_MAX {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| **entry).map(|(hash, _)| *hash);
            oldest.and_then(|hash| self.entries.remove(&hash));
        }
    }
}
