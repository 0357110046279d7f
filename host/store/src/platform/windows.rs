//! Windows.

use super::NameError;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;
use win32::access;
use win32::event::Held;

/// A new file has the access list of its folder; see [`keep_private`].
pub(crate) fn make_private(_: &mut OpenOptions) {}

/// Closes a file that was just opened or created to others.
pub(crate) fn keep_private(path: &Path) {
    close_to_others(path);
}

/// Creates a folder for its owner only; what is created in it is for its owner only too.
pub(crate) fn create_folder(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)
}

/// Removes other users' access to a file or folder. If that is not possible, for example on a file system without
/// access lists, it stays as it is and a warning is logged.
pub(crate) fn close_to_others(path: &Path) {
    let Ok(about) = fs::symlink_metadata(path) else { return };
    if !(about.is_dir() || about.is_file()) {
        return;
    }
    if matches!(access::is_open_to_others(path, access::Access::Any), Ok(false)) {
        return;
    }
    if let Err(error) = access::close_to_others(path, about.is_dir()) {
        tracing::warn!(path = %path.display(), %error, "open to others; closing failed");
    }
}

pub(crate) fn free_space(dir: &Path) -> io::Result<u64> {
    win32::machine::free_space(dir)
}

/// Returns the machine's name; empty if it has none.
pub(crate) fn machine_name() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_default()
}

/// Returns a description of the scope of [`take_name`]: the machine.
pub(crate) fn place_of_names() -> Option<String> {
    win32::machine::id().ok()
}

/// A name that this process holds.
#[derive(Debug)]
pub(crate) struct HeldName {
    _held: Held,
}

/// Takes a name that one process of the machine can hold. The system does not say which process holds it.
pub(crate) fn take_name(name: &str) -> Result<HeldName, NameError> {
    match Held::take(name) {
        Ok(Some(held)) => Ok(HeldName { _held: held }),
        Ok(None) => Err(NameError::Taken { holder: "another process of this machine".to_owned() }),
        Err(error) => Err(NameError::System(error)),
    }
}
