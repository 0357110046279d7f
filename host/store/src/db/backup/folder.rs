//! The folder of backups: a file for each, with a manifest beside it, and how long they are kept.

use super::{Backup, BackupError, Manifest, TableSum, at};
use crate::private_file;
use model::Time;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The beginning of a backup's name.
const BEGINNING: &str = "polytrader-";
/// The ends that its name may have.
const ENDS: [&str; 2] = ["sqlite", "sql"];
/// The largest manifest that is read.
const MANIFEST_MAX: u64 = 1024 * 1024;
/// The most backups of one second.
const SAME_SECOND_MAX: u32 = 100;
const PIECE: usize = 64 * 1024;
const DAY: Duration = Duration::from_secs(86_400);

/// The copy of a database.
pub(super) struct Copied {
    pub(super) kind: &'static str,
    pub(super) version: i64,
    pub(super) tables: BTreeMap<String, TableSum>,
}

/// Returns the place of a backup's manifest.
pub fn manifest_path(backup: &Path) -> PathBuf {
    let mut name = backup.as_os_str().to_owned();
    name.push(".json");
    name.into()
}

/// Makes a backup with `copy`, which fills an empty file. The backup has its name once it is whole, on the disk and
/// described.
pub(super) async fn make(
    folder: &Path,
    now: Time,
    end: &str,
    copy: impl AsyncFnOnce(&Path) -> Result<Copied, BackupError>,
) -> Result<Backup, BackupError> {
    private_file::make_folder(folder).map_err(at(folder))?;
    let path = free_name(folder, now, end)?;
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let made = fill(&part, &path, now, copy).await;
    if made.is_err() {
        // Incomplete, and of use to nothing.
        let _gone = fs::remove_file(&part);
    }
    made
}

async fn fill(
    part: &Path,
    path: &Path,
    now: Time,
    copy: impl AsyncFnOnce(&Path) -> Result<Copied, BackupError>,
) -> Result<Backup, BackupError> {
    private_file::open(part, |options| options.write(true).create(true).truncate(true)).map_err(at(part))?;
    let Copied { kind, version, tables } = copy(part).await?;
    private_file::sync(part).map_err(at(part))?;
    let (bytes, sha256) = sum_of(part)?;
    let manifest = Manifest { made: now.iso(), kind: kind.to_owned(), version, bytes, sha256, tables };
    let beside = manifest_path(path);
    let text = serde_json::to_vec_pretty(&manifest).map_err(|error| at(&beside)(error.into()))?;
    private_file::replace(&beside, &text).map_err(at(&beside))?;
    fs::rename(part, path).map_err(at(path))?;
    private_file::sync(path).map_err(at(path))?;
    Ok(Backup { path: path.to_owned(), manifest })
}

/// Returns a name that no file has: the time to the second, and a number if there is another of that second.
fn free_name(folder: &Path, now: Time, end: &str) -> Result<PathBuf, BackupError> {
    let stamp = now.iso().replace(['-', ':'], "");
    let names = (1..=SAME_SECOND_MAX).map(|number| match number {
        1 => format!("{BEGINNING}{stamp}.{end}"),
        _ => format!("{BEGINNING}{stamp}-{number}.{end}"),
    });
    let free = names.map(|name| folder.join(name)).find(|path| !path.exists());
    free.ok_or_else(|| at(folder)(std::io::ErrorKind::AlreadyExists.into()))
}

fn sum_of(path: &Path) -> Result<(u64, String), BackupError> {
    let mut file = files::open(path, files::Links::Follow).map_err(at(path))?;
    let (mut hash, mut bytes, mut piece) = (Sha256::new(), 0_u64, vec![0; PIECE]);
    loop {
        let count = file.read(&mut piece).map_err(at(path))?;
        if count == 0 {
            return Ok((bytes, model::hex::encode(&hash.finalize())));
        }
        hash.update(piece.get(..count).unwrap_or_default());
        bytes = bytes.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
    }
}

/// Reads a backup's manifest and holds its file against it.
pub(super) fn verify(backup: &Path) -> Result<Manifest, BackupError> {
    let refused = |reason: String| BackupError::NotABackup { path: backup.to_owned(), reason };
    if !backup.is_file() {
        return Err(refused("there is no such file".to_owned()));
    }
    let beside = manifest_path(backup);
    let text = files::read_text(&beside, files::Links::Follow, MANIFEST_MAX).map_err(|error| {
        let by_hand =
            "a file that pg_dump made is restored with `psql -v ON_ERROR_STOP=1 --single-transaction -f FILE`";
        refused(format!("its manifest {} cannot be read ({error}); {by_hand}", beside.display()))
    })?;
    let manifest: Manifest = serde_json::from_str(&text)
        .map_err(|error| refused(format!("its manifest {} is not one ({error})", beside.display())))?;
    let (bytes, sha256) = sum_of(backup)?;
    if (bytes, &sha256) != (manifest.bytes, &manifest.sha256) {
        return Err(refused(format!(
            "it was changed or damaged: {bytes} bytes with the SHA-256 {sha256}, expected {} bytes with {}",
            manifest.bytes, manifest.sha256
        )));
    }
    Ok(manifest)
}

/// Returns the backups of a folder, the newest first.
///
/// # Errors
/// If the folder cannot be read. One that does not exist has no backups.
pub fn all_of(folder: &Path) -> Result<Vec<PathBuf>, BackupError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(at(folder)(error)),
    };
    let is_ours = |path: &PathBuf| {
        let begins = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(BEGINNING.as_bytes()));
        begins && path.extension().is_some_and(|end| ENDS.iter().any(|ours| end == *ours))
    };
    let mut backups: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_ours).collect();
    // Their names begin with the time.
    backups.sort();
    backups.reverse();
    Ok(backups)
}

/// Removes the backups of a folder that are older than `keep_days`; the newest stays however old it is. Returns what
/// was removed.
///
/// # Errors
/// If a file cannot be removed.
pub fn prune(folder: &Path, keep_days: u32, now: SystemTime) -> Result<Vec<PathBuf>, BackupError> {
    let keep = DAY.saturating_mul(keep_days);
    let is_old = |path: &PathBuf| {
        let written = fs::metadata(path).and_then(|about| about.modified());
        written.is_ok_and(|at| now.duration_since(at).is_ok_and(|age| age > keep))
    };
    let old: Vec<PathBuf> = all_of(folder)?.into_iter().skip(1).filter(is_old).collect();
    for path in &old {
        fs::remove_file(path).map_err(at(path))?;
        let beside = manifest_path(path);
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(at(&beside)(error)),
            _ => {}
        }
    }
    Ok(old)
}
