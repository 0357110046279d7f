//! Free space of a disk.

use std::path::Path;

/// Returns the bytes that are free for this user on the disk of `dir`.
///
/// # Errors
/// If the folder is not known to the system.
pub fn free_space(dir: &Path) -> std::io::Result<u64> {
    crate::platform::free_space(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_some_room_and_a_missing_one_is_an_error() {
        assert!(free_space(&std::env::temp_dir()).unwrap() > 0);
        assert!(free_space(Path::new("/nowhere/at/all")).is_err());
    }
}
