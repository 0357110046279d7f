//! Temporary folders for tests.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// An empty folder that is removed with its content on drop. Each one is unique, even with equal names.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Creates the folder in the system's temporary directory; the name helps people who find it there after a crash.
    ///
    /// # Panics
    /// If it cannot be created.
    #[expect(clippy::unwrap_used, reason = "a test without its folder may fail loudly")]
    pub fn new(name: &str) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("polytrader-test-{}-{number}-{name}", std::process::id()));
        // An earlier process with the same id may have crashed.
        std::fs::remove_dir_all(&path).ok();
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Deref for Scratch {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_unique_and_is_removed_with_its_content() {
        let (one, other) = (Scratch::new("same"), Scratch::new("same"));
        assert_ne!(*one, *other);
        std::fs::create_dir(one.join("inner")).unwrap();
        std::fs::write(one.join("inner/file"), "content").unwrap();
        let path = one.to_path_buf();
        drop(one);
        assert!(!path.exists() && other.is_dir());
    }
}
