//! One run at a time in a data folder.

use anyhow::Context;
use std::fs::{File, TryLockError};
use std::path::Path;

/// Held for as long as a run lasts; the system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
}

impl RunLock {
    /// Takes a data folder.
    ///
    /// # Errors
    /// If another run has it.
    pub fn of_folder(data_dir: &Path) -> anyhow::Result<Self> {
        Self::take(&data_dir.join("lock"))?.with_context(|| {
            format!(
                "another run uses the data folder {}; stop it first, or give another --data-dir",
                data_dir.display()
            )
        })
    }

    fn take(path: &Path) -> anyhow::Result<Option<Self>> {
        let file = crate::private_file::open(path, |options| options.write(true).create(true).truncate(false));
        let file = file.with_context(|| format!("opening {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("locking {}", path.display())),
        }
    }
}
