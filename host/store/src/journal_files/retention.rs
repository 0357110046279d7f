//! What becomes of the journal's files when they are full: a snapshot covers them, then they are packed, and packed files are
//! thrown away when they are older than the operator wants to keep them. A thread of its own, which nobody waits for.

use super::recovery::{Reading, header_of, walk};
use super::segments::{PACKED, named, segments_of};
use super::snapshot;
use anyhow::Context;
use flate2::Compression;
use flate2::write::GzEncoder;
use model::SessionId;
use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, SystemTime};

/// Full files that wait; more means that the keeper stands still, and then the files stay as they are.
const FULL_MAX: usize = 64;
const DAY: Duration = Duration::from_secs(86_400);

/// Begins to look after a session's files. Whoever writes them tells each one that is full.
pub(super) fn start(keep_days: u32) -> std::io::Result<SyncSender<PathBuf>> {
    let (full, told) = sync_channel(FULL_MAX);
    std::thread::Builder::new().name("journal keeper".to_owned()).spawn(move || keep(&told, keep_days))?;
    Ok(full)
}

fn keep(told: &Receiver<PathBuf>, keep_days: u32) {
    let mut reading = Reading::default();
    while let Ok(file) = told.recv() {
        // Without a snapshot the files stay as they are, and the next start reads all of them.
        if let Err(error) = cover(&mut reading, &file) {
            tracing::error!(error = format!("{error:#}"), "the journal has no snapshot from here on");
            return;
        }
        if let Err(error) = pack(&file) {
            tracing::warn!(error = format!("{error:#}"), "a file of the journal stays unpacked");
        }
        if let Some(dir) = file.parent()
            && let Err(error) = discard(dir, keep_days, SystemTime::now())
        {
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
    let mut source = File::open(file).with_context(|| format!("reading {}", file.display()))?;
    let mut write = || -> std::io::Result<()> {
        let target = crate::private_file::options().write(true).create(true).truncate(true).open(&fresh)?;
        let mut encoder = GzEncoder::new(target, Compression::fast());
        std::io::copy(&mut source, &mut encoder)?;
        encoder.finish()?.sync_all()?;
        std::fs::rename(&fresh, &packed)?;
        if let Some(dir) = packed.parent() {
            File::open(dir)?.sync_all()?;
        }
        std::fs::remove_file(file)
    };
    write().with_context(|| format!("packing {}", file.display()))
}

/// Throws away what is older than `keep_days` and no longer needed: sessions that others of the same account followed, and of the last ones
/// the packed files that a snapshot covers.
pub(super) fn discard(dir: &Path, keep_days: u32, now: SystemTime) -> anyhow::Result<()> {
    let oldest = now.checked_sub(DAY.saturating_mul(keep_days)).context("more days than the clock has")?;
    let old =
        |file: &PathBuf| std::fs::metadata(file).and_then(|data| data.modified()).is_ok_and(|written| written < oldest);
    let mut accounts = BTreeSet::new();
    for (session, files) in segments_of(dir).with_context(|| format!("reading {}", dir.display()))? {
        let header = files.first().map(|first| header_of(first)).transpose()?.flatten();
        let followed = header.is_some_and(|header| !accounts.insert(header.account));
        if followed && files.iter().all(old) {
            files.iter().try_for_each(|file| remove(file, keep_days))?;
            std::fs::remove_file(snapshot::path(dir, session)).ok();
        } else if !followed {
            let covered = covered(dir, session);
            let is_covered = |file: &&PathBuf| named(file).is_some_and(|(_, segment)| segment <= covered);
            let packed = files.iter().filter(|file| file.to_string_lossy().ends_with(PACKED));
            packed.filter(is_covered).filter(|file| old(file)).try_for_each(|file| remove(file, keep_days))?;
        }
    }
    Ok(())
}

fn remove(file: &Path, keep_days: u32) -> anyhow::Result<()> {
    tracing::info!(file = %file.display(), keep_days, "a file of the journal is older than it is kept");
    std::fs::remove_file(file).with_context(|| format!("removing {}", file.display()))
}

/// Returns the last file that a session's snapshot covers; none of them if it has none that can be read.
fn covered(dir: &Path, session: SessionId) -> u32 {
    snapshot::read(dir, session).ok().flatten().map_or(0, |(_, segment)| segment)
}
