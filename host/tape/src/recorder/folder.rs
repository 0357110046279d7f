//! The folder of recorded tapes: their names, and the deletion of the oldest ones.

use super::Limits;
use crate::error::TapeError;
use std::path::{Path, PathBuf};

/// The suffix of recorded tapes.
const ENDING: &str = ".tape";
const DAY_US: u64 = 86_400_000_000;

/// A folder of tapes. Only files with its name and a time are deleted.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    pub(super) name: String,
}

impl Folder {
    /// Returns the name of a tape that begins at this time, which no file has yet.
    pub(super) fn next(&self, now_us: u64) -> PathBuf {
        let of = |at_us: u64| self.path.join(format!("{}-{at_us}{ENDING}", self.name));
        (now_us..).map(of).find(|path| !path.exists()).unwrap_or_else(|| of(now_us))
    }

    /// Deletes tapes that are too old, and the oldest ones while all are too large.
    pub(super) fn delete_old(&self, now_us: u64, limits: &Limits) -> Result<(), TapeError> {
        let mut tapes = Vec::new();
        for entry in std::fs::read_dir(&self.path).map_err(TapeError::io(&self.path))? {
            let path = entry.map_err(TapeError::io(&self.path))?.path();
            let (Some(begun_us), Ok(about)) = (self.begun(&path), std::fs::symlink_metadata(&path)) else { continue };
            if about.is_file() {
                tapes.push((begun_us, path, about.len()));
            }
        }
        tapes.sort();
        let mut total = tapes.iter().fold(0, |sum: u64, (.., length)| sum.saturating_add(*length));
        let oldest_us = now_us.saturating_sub(limits.keep_days.saturating_mul(DAY_US));
        for (begun_us, path, length) in tapes {
            if begun_us >= oldest_us && total <= limits.total_bytes {
                break;
            }
            std::fs::remove_file(&path).map_err(TapeError::io(&path))?;
            let mut cache = path.clone().into_os_string();
            cache.push(".events");
            std::fs::remove_file(cache).ok();
            total = total.saturating_sub(length);
        }
        Ok(())
    }

    /// Returns the time in a tape's name.
    fn begun(&self, path: &Path) -> Option<u64> {
        let name = path.file_name()?.to_str()?.strip_suffix(ENDING)?;
        name.strip_prefix(&self.name)?.strip_prefix('-')?.parse().ok()
    }
}
