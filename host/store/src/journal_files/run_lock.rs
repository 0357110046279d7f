//! One run at a time in a data folder, and on an account.

use anyhow::Context;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

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

    /// Takes the account of this funder, for all data folders of this user on this machine: two engines on one account would each take
    /// the other's orders for a stranger's.
    ///
    /// # Errors
    /// If another run has it.
    pub fn of_account(funder: &str) -> anyhow::Result<Self> {
        let dir = std::env::var_os("XDG_RUNTIME_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
        let path = dir.join(format!("polytrader-{}.lock", funder.to_ascii_lowercase()));
        Self::take(&path)?.with_context(|| format!("another run trades on the account {funder}; stop it first"))
    }

    fn take(path: &Path) -> anyhow::Result<Option<Self>> {
        let file = crate::private_file::options().write(true).create(true).truncate(false).open(path);
        let file = file.with_context(|| format!("opening {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("locking {}", path.display())),
        }
    }
}
