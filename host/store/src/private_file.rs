//! Files that only their owner can read.

use crate::platform;
use files::Links;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

/// The suffix of a file that is to replace another.
const FRESH: &str = ".new";
/// The age from which an unrenamed file belongs to a killed writer: writing one takes seconds at most.
const LEFTOVER_AGE: Duration = Duration::from_secs(3_600);

/// Returns options that make a new file readable by its owner only.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    platform::make_private(&mut options);
    options
}

/// Opens a file with these options plus the owner-only mode. Anything but a regular file is refused.
///
/// # Errors
/// If it cannot be opened.
pub fn open(path: &Path, set: impl FnOnce(&mut OpenOptions) -> &mut OpenOptions) -> io::Result<File> {
    let file = files::open_with(set(&mut options()), path, Links::Refuse)?;
    platform::keep_private(path);
    Ok(file)
}

/// Replaces the content of `path` atomically, even across a machine crash. Concurrent writers of one file do not
/// disturb each other: the last to finish wins.
///
/// # Errors
/// If it cannot be written; the old content stays. If only its folder cannot be synced, the new content is already in
/// place.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    write_beside(path, |file| file.write_all(content).and_then(|()| file.sync_all()))?;
    sync_folder_of(path)
}

/// As [`replace`], but the file may be truncated or missing if the machine stops before [`sync`].
///
/// # Errors
/// If it cannot be written; the old content stays.
pub fn replace_unsynced(path: &Path, content: &[u8]) -> io::Result<()> {
    write_beside(path, |file| file.write_all(content))
}

/// Waits until a file and its name are on the disk.
///
/// # Errors
/// If it cannot be opened or the disk fails.
pub fn sync(path: &Path) -> io::Result<()> {
    // Opened for writing, which some systems require for a sync.
    files::open_with(OpenOptions::new().write(true), path, Links::Refuse)?.sync_all()?;
    sync_folder_of(path)
}

/// Syncs the folder, which holds the name: without this, a renamed file may have its old content or none after a power
/// failure.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    files::sync_folder(folder_of(path))
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// The files and folders that belong to the host in a data folder. Other files stay as they are; the strategies folder
/// and the cache of native code manage their own permissions, and files there that were open to others are evidence.
const OURS: [&str; 25] = [
    "admin.",
    "backups",
    "demo.key",
    "engine-fault",
    "exchange",
    "heartbeat",
    "install-logs",
    "instance",
    "journal",
    "keystore.json",
    "last-settings",
    "lock",
    "logs",
    "modules",
    "paper.key",
    "polytrader.sqlite",
    "polytrader.toml",
    "reserve",
    "run.json",
    "runs",
    "signer",
    "states",
    "tapes",
    "stdout.log",
    "stderr.log",
];
/// The folder depth to which permissions are checked.
const DEPTH_MAX: usize = 4;

/// Creates a data folder for its owner only. An existing one is closed to others, and so are the host's files in it.
///
/// # Errors
/// If it cannot be created.
pub fn make_folder(dir: &Path) -> io::Result<()> {
    platform::create_folder(dir)?;
    close_to_others(dir);
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name();
        if OURS.iter().any(|ours| name.as_encoded_bytes().starts_with(ours.as_bytes())) {
            close_all(&entry.path(), DEPTH_MAX);
        }
    }
    Ok(())
}

fn close_all(path: &Path, depth: usize) {
    close_to_others(path);
    let is_folder = fs::symlink_metadata(path).is_ok_and(|about| about.is_dir());
    if let (true, Some(depth)) = (is_folder, depth.checked_sub(1)) {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        entries.for_each(|entry| close_all(&entry.path(), depth));
    }
}

/// Removes other users' access to a file or folder. If that is not possible, for example on a read-only volume, it
/// stays as it is and a warning is logged.
pub fn close_to_others(path: &Path) {
    platform::close_to_others(path);
}

/// Writes a file beside `path` and renames it to `path`. An incomplete one is removed.
fn write_beside(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    remove_leftovers(folder_of(path), name);
    let fresh = path.with_file_name(fresh_name(name)?);
    let mut file = options().write(true).create_new(true).open(&fresh)?;
    platform::keep_private(&fresh);
    write(&mut file).and_then(|()| fs::rename(&fresh, path)).inspect_err(|_failed| {
        let _gone = fs::remove_file(&fresh);
    })
}

/// Returns a name that no other writer has: another thread, or a process that sees the folder under the same process
/// id.
fn fresh_name(name: &OsStr) -> io::Result<OsString> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let mut fresh = name.to_owned();
    fresh.push(format!(".{:016x}{FRESH}", u64::from_be_bytes(random)));
    Ok(fresh)
}

/// Returns true if a file is the temporary file of a writer of `name`. Earlier versions used no number.
fn is_fresh(file: &OsStr, name: &OsStr) -> bool {
    let rest = file.as_encoded_bytes().strip_prefix(name.as_encoded_bytes());
    let Some(number) = rest.and_then(|rest| rest.strip_suffix(FRESH.as_bytes())) else { return false };
    match number.split_first() {
        None => true,
        Some((dot, digits)) => *dot == b'.' && digits.len() == 16 && digits.iter().all(u8::is_ascii_hexdigit),
    }
}

/// Removes temporary files of killed writers of `name`. They are harmless, so a failure is ignored.
fn remove_leftovers(folder: &Path, name: &OsStr) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| is_fresh(&entry.file_name(), name)) {
        let written = entry.metadata().and_then(|meta| meta.modified());
        if written.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > LEFTOVER_AGE)) {
            let _gone = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code may fail loudly")]

    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::time::SystemTime;

    #[test]
    fn a_data_folder_is_closed_to_others_with_what_is_ours_in_it() {
        let dir = folder("closed");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let open = |path: &Path, to| fs::set_permissions(path, fs::Permissions::from_mode(to)).unwrap();
        fs::create_dir_all(dir.join("journal/deep")).unwrap();
        fs::create_dir_all(dir.join("strategies")).unwrap();
        let (ours, others) = (
            ["polytrader.sqlite", "polytrader.sqlite-wal", "journal/1", "journal/deep/2"],
            ["strategies/a.wasm", "notes"],
        );
        for name in ours.iter().chain(&others) {
            fs::write(dir.join(name), "x").unwrap();
            open(&dir.join(name), 0o664);
        }
        symlink(dir.join("notes"), dir.join("polytrader.link")).unwrap();
        symlink("/nowhere", dir.join("keystore.json")).unwrap();
        open(&dir, 0o755);
        make_folder(&dir).unwrap();
        assert_eq!(mode(&dir), 0o700);
        assert_eq!(mode(&dir.join("journal/deep")), 0o700);
        assert!(ours.iter().all(|name| mode(&dir.join(name)) == 0o600));
        assert!(others.iter().all(|name| mode(&dir.join(name)) == 0o664), "not the host's, and no link is followed");
        fs::remove_dir_all(&dir).unwrap();
        make_folder(&dir.join("new/one")).unwrap();
        assert_eq!(mode(&dir.join("new/one")), 0o700);
        fs::remove_dir_all(&dir).unwrap();
    }

    fn folder(name: &str) -> std::path::PathBuf {
        let dir = std::env::temp_dir().join(format!("polytrader-private-{}-{name}", std::process::id()));
        let _gone = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_replaced_is_private_also_while_it_is_written() {
        let dir = folder("mode");
        let path = dir.join("secret");
        fs::write(&path, "open to all").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        write_beside(&path, |file| {
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            assert_eq!(fs::read_to_string(&path).unwrap(), "open to all", "no partial content is visible");
            file.write_all(b"one")
        })
        .unwrap();
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), mode(&path)), ("one", 0o600));
        replace(&path, b"two").unwrap();
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), mode(&path)), ("two", 0o600));
        replace_unsynced(&path, b"three").unwrap();
        sync(&path).unwrap();
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), mode(&path)), ("three", 0o600));
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn writers_of_one_file_leave_one_whole_content_and_nothing_else() {
        let dir = folder("writers");
        let path = dir.join("secret");
        let contents = [b'a', b'b'].map(|byte| vec![byte; 100_000]);
        std::thread::scope(|scope| {
            for content in &contents {
                scope.spawn(|| (0..200).for_each(|_| replace(&path, content).unwrap()));
            }
            for _ in 0..200 {
                let seen = fs::read(&path).unwrap_or_else(|_| contents[0].clone());
                assert!(contents.contains(&seen), "it is complete at any time");
            }
        });
        assert!(contents.contains(&fs::read(&path).unwrap()));
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn files_of_killed_writers_are_removed_and_those_of_active_writers_stay() {
        let dir = folder("leftovers");
        let path = dir.join("secret");
        let old = ["secret.new", "secret.0123456789abcdef.new"];
        let young = ["secret.fedcba9876543210.new"];
        let others = ["secret.toml.new", "secrets.new", "secret.0123456789abcdef", "secret.0123.new", "other.new"];
        for name in [&old[..], &young, &others].concat() {
            let file = File::create(dir.join(name)).unwrap();
            if name != young[0] {
                file.set_modified(SystemTime::now().checked_sub(LEFTOVER_AGE.saturating_mul(2)).unwrap()).unwrap();
            }
        }
        replace(&path, b"one").unwrap();
        let mut left: Vec<_> =
            fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        left.sort();
        let mut expected = [&young[..], &others, &["secret"]].concat();
        expected.sort_unstable();
        assert_eq!(left, expected);
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_failed_write_leaves_the_old_content_and_nothing_else() {
        let dir = folder("failure");
        let path = dir.join("secret");
        replace(&path, b"one").unwrap();
        let failed =
            write_beside(&path, |file| file.write_all(b"tw").and_then(|()| Err(io::Error::other("the disk is full"))));
        assert_eq!(failed.unwrap_err().to_string(), "the disk is full");
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        fs::create_dir(dir.join("taken")).unwrap();
        assert!(replace(&dir.join("taken"), b"one").is_err(), "a folder is not replaced");
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 2);
        assert!(replace(&dir.join("missing").join("secret"), b"one").is_err());
        fs::remove_dir_all(&dir).unwrap();
    }
}
