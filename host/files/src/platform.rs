//! The calls that differ between systems.

use crate::Links;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

#[cfg(unix)]
mod system {
    use super::{File, Links, OpenOptions, Path, io};
    use std::io::ErrorKind;
    use std::os::unix::fs::{FileExt, OpenOptionsExt};

    pub(crate) fn set_flags(options: &mut OpenOptions, links: Links) {
        let nofollow = if links == Links::Refuse { libc::O_NOFOLLOW } else { 0 };
        options.custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY | nofollow);
    }

    /// Translates the system's error codes for links, and for pipes without a reader.
    pub(crate) fn named(error: io::Error) -> io::Error {
        match error.raw_os_error() {
            Some(libc::ELOOP) => io::Error::new(ErrorKind::InvalidInput, "it is a link, not a file"),
            Some(libc::ENXIO) => crate::no_file(),
            _ => error,
        }
    }

    pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.custom_flags(libc::O_NONBLOCK | libc::O_DIRECTORY);
        options.read(true).open(path)?.sync_all()
    }

    pub(crate) fn write_all_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        file.write_all_at(bytes, at)
    }
}

#[cfg(windows)]
mod system {
    use super::{File, Links, OpenOptions, Path, io};
    use std::os::windows::fs::{FileExt, OpenOptionsExt};

    /// Opens a link itself, which is then not a regular file (FILE_FLAG_OPEN_REPARSE_POINT).
    const LINK_ITSELF: u32 = 0x0020_0000;
    /// A pipe's server that is opened by mistake does not get this user's rights (SECURITY_ANONYMOUS).
    const ANONYMOUS: u32 = 0;

    /// Other programs may read, replace and remove a file that is open here, which is the default of the standard library.
    pub(crate) fn set_flags(options: &mut OpenOptions, links: Links) {
        options.custom_flags(if links == Links::Refuse { LINK_ITSELF } else { 0 });
        options.security_qos_flags(ANONYMOUS);
    }

    pub(crate) fn named(error: io::Error) -> io::Error {
        error
    }

    /// The names in a folder are in the file system's own journal; there is no call that waits for them.
    pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
        if std::fs::metadata(path)?.is_dir() { Ok(()) } else { Err(io::ErrorKind::NotADirectory.into()) }
    }

    pub(crate) fn write_all_at(file: &File, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = file.seek_write(bytes, at)?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            bytes = bytes.get(written..).unwrap_or_default();
            at = at.saturating_add(u64::try_from(written).unwrap_or(u64::MAX));
        }
        Ok(())
    }
}

pub(crate) use system::{named, set_flags, sync_folder, write_all_at};
