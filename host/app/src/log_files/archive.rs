//! The archive of the log: files that are no longer written, those that operators moved there among them, are packed
//! and removed when they are old. A thread of its own, which nothing waits for.

use super::current::free_name;
use flate2::Compression;
use flate2::write::GzEncoder;
use model::Time;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The archive's name in the folder of the log.
pub(super) const FOLDER: &str = "archive";
/// The time between two looks.
const LOOK: Duration = Duration::from_secs(5);
/// A file that was written to within this time may still be.
const QUIET_FOR: Duration = Duration::from_secs(5);
const DAY: Duration = Duration::from_secs(86_400);
const ENDING: &str = "log";
const PACKED: &str = "gz";

/// Begins to look after the archive.
pub(super) fn start(folder: PathBuf, keep_days: u32) -> io::Result<()> {
    let work = move || loop {
        maintain(&folder, keep_days, SystemTime::now());
        thread::sleep(LOOK);
    };
    thread::Builder::new().name("log archive".to_owned()).spawn(work).map(drop)
}

/// Returns the name of a packed file.
pub(super) fn packed(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(PACKED);
    name.into()
}

/// Packs files that are complete, and removes what is old.
pub(super) fn maintain(folder: &Path, keep_days: u32, now: SystemTime) {
    for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        let Some(age) = age_of(&path, now) else { continue };
        let end = path.extension().and_then(|end| end.to_str());
        let done = match end {
            Some(ENDING | PACKED) if age > DAY.saturating_mul(keep_days) => fs::remove_file(&path),
            Some(ENDING) if age > QUIET_FOR => pack(folder, &path),
            _ => continue,
        };
        if let Err(error) = done {
            tracing::warn!(path = %path.display(), %error, "archived log not packed or removed; retrying");
        }
    }
}

/// Returns since when a regular file was not written.
fn age_of(path: &Path, now: SystemTime) -> Option<Duration> {
    let about = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file)?;
    // A file of the future is young.
    Some(now.duration_since(about.modified().ok()?).unwrap_or_default())
}

/// Packs a file: the packed one is whole and on the disk before the other goes. It keeps the time of its last line.
fn pack(folder: &Path, path: &Path) -> io::Result<()> {
    let written = fs::metadata(path)?.modified()?;
    let ours = path.file_stem().is_some_and(|stem| stem.as_encoded_bytes().contains(&b'-'));
    // One that was moved here under its current name gets one that the next does not have.
    let target = if ours { packed(path) } else { packed(&free_name(folder, path, &stamp(written))?) };
    let fresh = target.with_extension("part");
    let mut source = files::open(path, files::Links::Refuse)?;
    let file = store::private_file::open(&fresh, |options| options.write(true).create(true).truncate(true))?;
    let mut encoder = GzEncoder::new(file, Compression::fast());
    let packing = io::copy(&mut source, &mut encoder).and_then(|_| encoder.finish());
    let kept = packing.and_then(|file| {
        file.set_modified(written)?;
        file.sync_all()?;
        fs::rename(&fresh, &target)?;
        files::sync_folder(folder)?;
        fs::remove_file(path)
    });
    kept.inspect_err(|_failed| {
        let _gone = fs::remove_file(&fresh);
    })
}

fn stamp(time: SystemTime) -> String {
    let micros = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    Time(u64::try_from(micros).unwrap_or(u64::MAX)).iso()
}
