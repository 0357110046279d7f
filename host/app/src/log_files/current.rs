//! A file of the log that is written now.

use crate::platform::file_id;
use control::clock;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

const DAY_SECONDS: u64 = 86_400;
/// The most files of one second in the archive.
const SAME_SECOND_MAX: u32 = 1_000;

/// A file that may be moved away or be unwritable at any time.
#[derive(Debug)]
pub(super) struct Current {
    path: PathBuf,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    /// Another file may have its name.
    id: (u64, u64),
    bytes: u64,
    /// The UTC day on which it began.
    day: u64,
}

impl Current {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path, open: None }
    }

    /// Writes a line; says whether it is in the file.
    pub(super) fn write(&mut self, line: &[u8]) -> bool {
        if self.open.is_none() {
            self.open = Open::at(&self.path).ok();
        }
        let Some(open) = &mut self.open else { return false };
        let written = open.file.write_all(line).is_ok();
        open.bytes = open.bytes.saturating_add(u64::try_from(line.len()).unwrap_or(u64::MAX));
        if !written {
            // A part of the line may be there: what follows begins in another place, or fails too.
            self.open = None;
        }
        written
    }

    /// Makes the file again if it was moved away or could not be opened, and archives it if it is large or of another
    /// day.
    pub(super) fn check(&mut self, archive: &Path, bytes_max: u64) {
        let there = fs::symlink_metadata(&self.path).map(|about| file_id(&about)).ok();
        if self.open.as_ref().is_none_or(|open| there != Some(open.id)) {
            self.open = Open::at(&self.path).ok();
        }
        let today = day_of(SystemTime::now());
        let is_due = |open: &Open| open.bytes >= bytes_max || (open.bytes > 0 && open.day != today);
        if self.open.as_ref().is_some_and(is_due) && self.archive(archive).is_ok() {
            self.open = Open::at(&self.path).ok();
        }
    }

    /// Moves the file into the archive under a name that no file has.
    fn archive(&self, archive: &Path) -> io::Result<()> {
        let target = free_name(archive, &self.path, &clock::wall().iso())?;
        fs::rename(&self.path, target)
    }
}

/// Returns a name in the archive: the file's own, a time, and a number if there is another of that time.
pub(super) fn free_name(archive: &Path, file: &Path, time: &str) -> io::Result<PathBuf> {
    let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or("log");
    let stamp = time.replace(['-', ':'], "");
    let names = (1..=SAME_SECOND_MAX).map(|number| match number {
        1 => format!("{stem}-{stamp}.log"),
        _ => format!("{stem}-{stamp}-{number}.log"),
    });
    let is_free = |path: &PathBuf| !path.exists() && !super::archive::packed(path).exists();
    names.map(|name| archive.join(name)).find(is_free).ok_or_else(|| io::ErrorKind::AlreadyExists.into())
}

impl Open {
    fn at(path: &Path) -> io::Result<Self> {
        let file = store::private_file::open(path, |options| options.append(true).create(true))?;
        let about = file.metadata()?;
        // A file from before has the day of its last line at the least.
        let day = day_of(if about.len() > 0 { about.modified()? } else { SystemTime::now() });
        Ok(Self { id: file_id(&about), bytes: about.len(), file, day })
    }
}

fn day_of(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / DAY_SECONDS)
}
