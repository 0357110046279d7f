//! One run at a time in a data folder.

use anyhow::Context;
use std::fs::{File, TryLockError};
use std::path::Path;

/// Held for the duration of a run; the system releases it when the process ends, for whatever reason.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
}

impl RunLock {
    /// Locks a data folder.
    ///
    /// # Errors
    /// If another run holds it.
    pub fn of_folder(data_dir: &Path) -> anyhow::Result<Self> {
        Self::acquire(&data_dir.join("lock"))?.with_context(|| {
            format!(
                "another run uses the data folder {}; stop it first, or give another --data-dir",
                data_dir.display()
            )
        })
    }

    fn acquire(path: &Path) -> anyhow::Result<Option<Self>> {
        let file = crate::private_file::open(path, |options| options.write(true).create(true).truncate(false));
        let file = file.with_context(|| format!("opening {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("locking {}", path.display())),
        }
    }
}
