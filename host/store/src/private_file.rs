//! Files that nobody but their owner can read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Returns options with which a new file is readable by its owner alone.
pub(crate) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Writes `content` to `path`, replacing what is there in one step.
///
/// # Errors
/// If it cannot be written; what was there stays.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    fresh(path, content)?.sync_all()?;
    fs::rename(fresh_path(path), path)
}

/// As [`replace`], but it may be torn if the machine stops before [`sync`].
///
/// # Errors
/// If it cannot be written; what was there stays.
pub(crate) fn replace_unsynced(path: &Path, content: &[u8]) -> io::Result<()> {
    fresh(path, content)?;
    fs::rename(fresh_path(path), path)
}

/// Waits until a file is on the disk.
///
/// # Errors
/// If it cannot be opened or the disk fails.
pub(crate) fn sync(path: &Path) -> io::Result<()> {
    // Where writing to it is what it takes to sync.
    OpenOptions::new().write(true).open(path)?.sync_all()
}

fn fresh_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}

/// Writes what is to replace a file beside it.
fn fresh(path: &Path, content: &[u8]) -> io::Result<File> {
    let fresh = fresh_path(path);
    // A left-over keeps its old mode, which may be too open.
    if let Err(error) = fs::remove_file(&fresh)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = options().write(true).create_new(true).open(&fresh)?;
    file.write_all(content)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code may fail loudly")]

    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_is_replaced_is_private_whatever_was_left_over() {
        let dir = std::env::temp_dir().join(format!("polytrader-private-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join("secret");
        fs::write(dir.join("secret.new"), "left over").unwrap();
        fs::set_permissions(dir.join("secret.new"), fs::Permissions::from_mode(0o644)).unwrap();
        replace(&path, b"one").unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
        fs::remove_dir_all(&dir).unwrap();
    }
}
