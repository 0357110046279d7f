//! Journal retention: full files are covered by a snapshot, then compressed, and compressed files are removed when they
//! exceed the operator's limits on age or total size. Runs on its own thread, which nothing waits for.

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

/// The most full files that wait; more means that retention has stalled, and then the files stay as they are.
const FULL_MAX: usize = 64;
const DAY: Duration = Duration::from_secs(86_400);

/// The interval of checks for old files when no file fills up. By then a session has long carried the previous one
/// over.
const LOOK_EVERY: Duration = Duration::from_secs(3_600);

/// The retention of files that no start needs any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// The age in days.
    pub days: u32,
    /// The most bytes of all journal files.
    pub bytes: u64,
}

/// Starts retention for the journals in `dir`. The writer of a session's files sends each full one to the returned
/// channel.
pub(super) fn start(dir: PathBuf, to_keep: Keep) -> std::io::Result<SyncSender<PathBuf>> {
    let (full, full_files) = sync_channel(FULL_MAX);
    std::thread::Builder::new()
        .name("journal keeper".to_owned())
        .spawn(move || prune_segments(&dir, &full_files, to_keep))?;
    Ok(full)
}

fn prune_segments(dir: &Path, full_files: &Receiver<PathBuf>, to_keep: Keep) {
    let mut reading = Reading::default();
    let mut covers = true;
    loop {
        match full_files.recv_timeout(LOOK_EVERY) {
            // Without a snapshot the files stay as they are, and the next start reads all of them.
            Ok(file) if covers => match cover(&mut reading, &file) {
                Ok(()) => {
                    if let Err(error) = pack(&file) {
                        tracing::warn!(error = format!("{error:#}"), "compressing a journal file failed");
                    }
                }
                Err(error) => {
                    covers = false;
                    tracing::error!(error = format!("{error:#}"), "journal snapshot failed; no more in this session");
                }
            },
            Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if let Err(error) = discard(dir, to_keep, SystemTime::now()) {
            tracing::warn!(error = format!("{error:#}"), "removing old journal files failed; they stay");
        }
    }
}

/// Reads a full file and writes a snapshot that covers it.
fn cover(reading: &mut Reading, file: &Path) -> anyhow::Result<()> {
    let (session, segment) = named(file).with_context(|| format!("{} is not a journal file", file.display()))?;
    walk(std::slice::from_ref(&file.to_owned()), |step| reading.on_step(step))?;
    let dir = file.parent().context("a file has a folder")?;
    snapshot::write(dir, session, segment, reading)
}

/// Compresses a file. The compressed file is complete and on the disk before the original is removed.
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
    write().with_context(|| format!("compressing {}", file.display()))
}

/// Removes files that are no longer needed: first those older than the retention in days, then the oldest while their
/// total size exceeds the limit. Files are not needed if their session was followed by another of the same account; of
/// the last sessions, compressed files covered by a snapshot are not.
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
            files.iter().try_for_each(|file| remove(file, "older than journal.keep_days"))?;
            std::fs::remove_file(snapshot::path(dir, session)).ok();
            continue;
        }
        let covered = if followed { u32::MAX } else { covered(dir, session) };
        for file in files {
            let is_covered = named(&file).is_some_and(|(_, segment)| segment <= covered);
            let is_spare = followed || (is_covered && file.to_string_lossy().ends_with(PACKED));
            if is_spare && !followed && old(&file) {
                remove(&file, "older than journal.keep_days")?;
                continue;
            }
            bytes = bytes.saturating_add(size(&file));
            // A start falls back to the last session but one if the last had not carried it over yet.
            if is_spare && later != Some(1) {
                spare.push((session, file));
            }
        }
    }
    drop_oldest(dir, bytes, to_keep.bytes, spare)
}

/// Removes the oldest of the files that no start needs until the rest is within the limit. `spare` has the last session
/// first.
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
    tracing::info!(file = %file.display(), reason, "journal file removed");
    std::fs::remove_file(file).with_context(|| format!("removing {}", file.display()))
}

/// Returns the last file covered by a session's snapshot; 0 if there is no readable snapshot.
fn covered(dir: &Path, session: SessionId) -> u32 {
    snapshot::read(dir, session).ok().flatten().map_or(0, |(_, segment)| segment)
}
