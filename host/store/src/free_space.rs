//! How much room a disk has left.

use std::path::Path;

/// Returns the bytes that are free for this user on the disk of `dir`.
///
/// # Errors
/// If the system does not know that folder.
pub fn free_space(dir: &Path) -> std::io::Result<u64> {
    let disk = rustix::fs::statvfs(dir)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_some_room_and_what_is_not_there_has_an_error() {
        assert!(free_space(&std::env::temp_dir()).unwrap() > 0);
        assert!(free_space(Path::new("/nowhere/at/all")).is_err());
    }
}
