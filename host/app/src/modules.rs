//! Every module that was ever loaded, by the hash of its file: what a journal speaks of can be run again.

use crate::hex::hex;
use anyhow::{Context, ensure};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// The folder of a data folder's modules.
fn folder(data_dir: &Path) -> PathBuf {
    data_dir.join("modules")
}

fn path(data_dir: &Path, hash: &[u8; 32]) -> PathBuf {
    folder(data_dir).join(format!("{}.wasm", hex(hash)))
}

/// Keeps a module's file, unless it is there. Who must not wait for the disk calls [`settle`] later: until then the file outlives this
/// process, but maybe not the machine.
///
/// # Errors
/// If it cannot be written.
pub(crate) fn keep(data_dir: &Path, hash: &[u8; 32], bytes: &[u8]) -> std::io::Result<()> {
    let path = path(data_dir, hash);
    // One that the machine's end tore is made anew.
    if std::fs::read(&path).is_ok_and(|kept| kept == bytes) {
        return Ok(());
    }
    std::fs::create_dir_all(folder(data_dir))?;
    crate::private::replace_unsynced(&path, bytes)
}

/// Waits until a module's file is on the disk.
///
/// # Errors
/// If the disk fails.
pub(crate) fn settle(data_dir: &Path, hash: &[u8; 32]) -> std::io::Result<()> {
    crate::private::sync(&path(data_dir, hash))
}

/// Returns a module's file.
///
/// # Errors
/// If it is not there, or is not what its name says.
pub(crate) fn get(data_dir: &Path, hash: &[u8; 32]) -> anyhow::Result<Vec<u8>> {
    let path = path(data_dir, hash);
    let bytes = std::fs::read(&path).with_context(|| format!("reading the module {}", path.display()))?;
    ensure!(Sha256::digest(&bytes).as_slice() == hash, "{} is not the file that was loaded", path.display());
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code may fail loudly")]

    use super::*;

    #[test]
    fn a_module_comes_back_whole_or_not_at_all() {
        let dir = std::env::temp_dir().join(format!("polytrader-modules-{}", std::process::id()));
        let hash: [u8; 32] = Sha256::digest(b"module").into();
        assert!(get(&dir, &hash).is_err());
        keep(&dir, &hash, b"module").unwrap();
        keep(&dir, &hash, b"module").unwrap();
        assert_eq!(get(&dir, &hash).unwrap(), b"module");
        settle(&dir, &hash).unwrap();
        std::fs::write(path(&dir, &hash), b"another").unwrap();
        assert!(get(&dir, &hash).unwrap_err().to_string().contains("is not the file that was loaded"));
        keep(&dir, &hash, b"module").unwrap();
        assert_eq!(get(&dir, &hash).unwrap(), b"module", "one that was torn is mended");
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
