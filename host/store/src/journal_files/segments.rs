//! The files of a session's journal: `SESSION-NNNN.journal`, with a new one when the last has grown enough.

use super::{Storage, beginning};
use journal::Header;
use model::SessionId;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::SyncSender;

/// The size beyond which a file is followed by the next one.
const SEGMENT_MAX: u64 = 64 * 1024 * 1024;
/// The suffix of every file name.
const ENDING: &str = ".journal";
/// The further suffix of a compressed file.
pub(super) const PACKED: &str = ".gz";

/// Returns the folder of the journals.
pub fn folder(data_dir: &Path) -> PathBuf {
    data_dir.join("journal")
}

/// Writes the files of a session one after another.
pub(super) struct Segments {
    dir: PathBuf,
    header: Header,
    file: File,
    written: u64,
    max: u64,
    /// The channel for files that are full.
    full: Option<SyncSender<PathBuf>>,
}

impl Segments {
    /// Creates the first file, still empty.
    pub(super) fn create(dir: &Path, header: &Header) -> std::io::Result<(Self, PathBuf)> {
        std::fs::create_dir_all(dir)?;
        let path = path(dir, header);
        let file = open(dir, &path)?;
        let segments =
            Self { dir: dir.to_owned(), header: header.clone(), file, written: 0, max: SEGMENT_MAX, full: None };
        Ok((segments, path))
    }

    /// Sets the channel that receives every full file.
    pub(super) fn notify_full(self, full: SyncSender<PathBuf>) -> Self {
        Self { full: Some(full), ..self }
    }

    /// As [`Segments::create`], with files of another size.
    #[cfg(test)]
    pub(super) fn sized(dir: &Path, header: &Header, max: u64) -> std::io::Result<Self> {
        Self::create(dir, header).map(|(segments, _)| Self { max, ..segments })
    }

    fn turn(&mut self) -> std::io::Result<()> {
        self.file.sync_all()?;
        if let Some(full) = &self.full
            && full.try_send(path(&self.dir, &self.header)).is_err()
        {
            tracing::warn!("journal retention stopped; full files stay as they are");
            self.full = None;
        }
        self.header.segment = self.header.segment.saturating_add(1);
        self.file = open(&self.dir, &path(&self.dir, &self.header))?;
        self.written = 0;
        self.write(&beginning(&self.header)?)
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.file.write_all(bytes)?;
        self.written = self.written.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        Ok(())
    }
}

impl Storage for Segments {
    fn append(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        // Each append consists of whole records.
        if self.written > self.max {
            self.turn()?;
        }
        self.write(bytes)
    }

    fn sync(&mut self) -> std::io::Result<()> {
        self.file.sync_data()
    }
}

fn path(dir: &Path, header: &Header) -> PathBuf {
    dir.join(format!("{}-{:04}{ENDING}", header.session.0, header.segment))
}

fn open(dir: &Path, path: &Path) -> std::io::Result<File> {
    let file = crate::private_file::open(path, |options| options.create_new(true).append(true))?;
    // The file's name must be on the disk too.
    files::sync_folder(dir)?;
    Ok(file)
}

/// Returns the sessions that have files in a folder, the newest first, each with its files in order.
///
/// # Errors
/// If the folder cannot be read. A missing folder has no sessions.
pub fn segments_of(dir: &Path) -> std::io::Result<Vec<(SessionId, Vec<PathBuf>)>> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut sessions = std::collections::BTreeMap::<SessionId, Vec<(u32, PathBuf)>>::new();
    for entry in entries {
        let path = entry?.path();
        if let Some((session, segment)) = named(&path) {
            let files = sessions.entry(session).or_default();
            // A crash during compression can leave both; their contents are the same.
            if !files.iter().any(|(other, _)| *other == segment) {
                files.push((segment, path));
            }
        }
    }
    let in_order = |mut files: Vec<(u32, PathBuf)>| {
        files.sort();
        files.into_iter().map(|(_, path)| path).collect()
    };
    Ok(sessions.into_iter().rev().map(|(session, files)| (session, in_order(files))).collect())
}

/// Returns true if a file is the first of its session.
pub fn is_first(path: &Path) -> bool {
    named(path).is_some_and(|(_, segment)| segment == 1)
}

/// Returns the session and file number in a file's name.
pub(super) fn named(path: &Path) -> Option<(SessionId, u32)> {
    let name = path.file_name()?.to_str()?;
    let name = name.strip_suffix(PACKED).unwrap_or(name);
    let (session, segment) = name.strip_suffix(ENDING)?.split_once('-')?;
    Some((SessionId(session.parse().ok()?), segment.parse().ok()?))
}
