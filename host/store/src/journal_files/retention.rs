//! What becomes of the journal's files when they are full: a snapshot covers them, then they are packed, and packed files are
//! thrown away when they are older than the operator wants to keep them, or more than there is to be. A thread of its own, which nobody
//! waits for.

use super::recovery::{Reading, header_of, walk};
use super::segments::{PACKED, named, segments_of};
use super::snapshot;
use anyhow::Context;
use flate2::Compression;
use flate2::write::GzEncoder;
use model::SessionId;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, SystemTime};

/// Full files that wait; more means that the keeper stands still, and then the files stay as they are.
const FULL_MAX: usize = 64;
const DAY: Duration = Duration::from_secs(86_400);

/// How often old files are looked for where none becomes full. A session has long taken over from the one before by then.
const LOOK_EVERY: Duration = Duration::from_secs(3_600);

/// How long files are kept that no start needs any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// In days.
    pub days: u32,
    /// Until all files of the journal have more bytes than this.
    pub bytes: u64,
}

/// Begins to look after the journals in `dir`. Whoever writes a session's files tells each one that is full.
pub(super) fn start(dir: PathBuf, to_keep: Keep) -> std::io::Result<SyncSender<PathBuf>> {
    let (full, told) = sync_channel(FULL_MAX);
    std::thread::Builder::new().name("journal keeper".to_owned()).spawn(move || keep(&dir, &told, to_keep))?;
    Ok(full)
}

fn keep(dir: &Path, told: &Receiver<PathBuf>, to_keep: Keep) {
    let mut reading = Reading::default();
    let mut covers = true;
    loop {
        match told.recv_timeout(LOOK_EVERY) {
            // Without a snapshot the files stay as they are, and the next start reads all of them.
            Ok(file) if covers => match cover(&mut reading, &file) {
                Ok(()) => {
                    if let Err(error) = pack(&file) {
                        tracing::warn!(error = format!("{error:#}"), "a file of the journal stays unpacked");
                    }
                }
                Err(error) => {
                    covers = false;
                    tracing::error!(error = format!("{error:#}"), "the journal has no snapshot from here on");
                }
            },
            Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if let Err(error) = discard(dir, to_keep, SystemTime::now()) {
            tracing::warn!(error = format!("{error:#}"), "old files of the journal stay");
        }
    }
}

/// Takes a full file in and writes a snapshot that covers it.
fn cover(reading: &mut Reading, file: &Path) -> anyhow::Result<()> {
    let (session, segment) = named(file).with_context(|| format!("{} is no file of a journal", file.display()))?;
    walk(std::slice::from_ref(&file.to_owned()), |step| reading.take(step))?;
    let dir = file.parent().context("a file has a folder")?;
    snapshot::write(dir, session, segment, reading)
}

/// Packs a file: the packed one is whole and on the disk before the other goes.
fn pack(file: &Path) -> anyhow::Result<()> {
    let packed = PathBuf::from(format!("{}{PACKED}", file.display()));
    let fresh = packed.with_extension("new");
    let mut source = files::open(file, files::Links::Refuse).with_context(|| format!("reading {}", file.display()))?;
    let mut write = || -> std::io::Result<()> {
        let target = crate::private_file::open(&fresh, |options| options.write(true).create(true).truncate(true))?;
        let mut encoder = GzEncoder::new(target, Compression::fast());
        std::io::copy(&mut source, &mut encoder)?;
        encoder.finish()?.sync_all()?;
        std::fs::rename(&fresh, &packed)?;
        if let Some(dir) = packed.parent() {
            files::sync_folder(dir)?;
        }
        std::fs::remove_file(file)
    };
    write().with_context(|| format!("packing {}", file.display()))
}

/// Throws away what is older than the days to keep and no longer needed, and of the rest the oldest while there are more bytes than there are
/// to be: sessions that others of the same account followed, and of the last ones the packed files that a snapshot covers.
pub(super) fn discard(dir: &Path, to_keep: Keep, now: SystemTime) -> anyhow::Result<()> {
    let oldest = now.checked_sub(DAY.saturating_mul(to_keep.days)).context("more days than the clock has")?;
    let old =
        |file: &PathBuf| std::fs::metadata(file).and_then(|data| data.modified()).is_ok_and(|written| written < oldest);
    let mut accounts = BTreeMap::<String, u32>::new();
    let (mut bytes, mut spare) = (0_u64, Vec::new());
    for (session, files) in segments_of(dir).with_context(|| format!("reading {}", dir.display()))? {
        let header = files.first().map(|first| header_of(first)).transpose()?.flatten();
        let later = header.map(|header| {
            let later = accounts.entry(header.account).or_default();
            *later = later.saturating_add(1);
            later.saturating_sub(1)
        });
        let followed = later.is_some_and(|later| later > 0);
        if followed && files.iter().all(&old) {
            files.iter().try_for_each(|file| remove(file, "older than it is kept"))?;
            std::fs::remove_file(snapshot::path(dir, session)).ok();
            continue;
        }
        let covered = if followed { u32::MAX } else { covered(dir, session) };
        for file in files {
            let is_covered = named(&file).is_some_and(|(_, segment)| segment <= covered);
            let is_spare = followed || (is_covered && file.to_string_lossy().ends_with(PACKED));
            if is_spare && !followed && old(&file) {
                remove(&file, "older than it is kept")?;
                continue;
            }
            bytes = bytes.saturating_add(size(&file));
            // A start goes back to the session before the last one if that had not taken over yet.
            if is_spare && later != Some(1) {
                spare.push((session, file));
            }
        }
    }
    drop_oldest(dir, bytes, to_keep.bytes, spare)
}

/// Removes the oldest of the files that no start needs until no more bytes are left than there are to be. `spare` has the last session first.
fn drop_oldest(dir: &Path, mut bytes: u64, most: u64, mut spare: Vec<(SessionId, PathBuf)>) -> anyhow::Result<()> {
    spare.sort_by(|one, other| one.0.cmp(&other.0).then_with(|| named(&one.1).cmp(&named(&other.1))));
    for (session, file) in spare {
        if bytes <= most {
            break;
        }
        bytes = bytes.saturating_sub(size(&file));
        remove(&file, "above journal.max_mb")?;
        if !segments_of(dir)?.iter().any(|(left, _)| *left == session) {
            std::fs::remove_file(snapshot::path(dir, session)).ok();
        }
    }
    Ok(())
}

fn size(file: &Path) -> u64 {
    std::fs::metadata(file).map_or(0, |data| data.len())
}

fn remove(file: &Path, reason: &str) -> anyhow::Result<()> {
    tracing::info!(file = %file.display(), reason, "file of the journal removed");
    std::fs::remove_file(file).with_context(|| format!("removing {}", file.display()))
}

/// Returns the last file that a session's snapshot covers; none of them if it has none that can be read.
fn covered(dir: &Path, session: SessionId) -> u32 {
    snapshot::read(dir, session).ok().flatten().map_or(0, |(_, segment)| segment)
}
