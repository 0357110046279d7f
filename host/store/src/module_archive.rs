//! Archive of loaded modules by file hash, so that a journal's strategies can be run again and a strategy can be rolled
//! back to its last versions. Each module has a list of the sessions that ran it.

use anyhow::{Context, ensure};
use files::Links;
use model::hex;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The most bytes of a session list; reading a longer one is an error.
const SESSIONS_MAX: u64 = 1024 * 1024;

/// The most bytes of a module that is read; the sandbox accepts at most half of that.
const MODULE_MAX: u64 = 64 * 1024 * 1024;

/// Returns the folder of a data folder's modules.
pub fn folder(data_dir: &Path) -> PathBuf {
    data_dir.join("modules")
}

fn path(data_dir: &Path, hash: &[u8; 32]) -> PathBuf {
    folder(data_dir).join(format!("{}.wasm", hex::encode(hash)))
}

/// Stores a module's file, unless it exists. A caller that must not wait for the disk calls [`sync_module`] later: until
/// then the file survives this process, but maybe not the machine.
///
/// # Errors
/// If it cannot be written.
pub fn store_module(data_dir: &Path, hash: &[u8; 32], bytes: &[u8]) -> std::io::Result<()> {
    let path = path(data_dir, hash);
    // A file truncated by a machine crash is written again.
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if files::read(&path, Links::Refuse, length).is_ok_and(|kept| kept == bytes) {
        return Ok(());
    }
    std::fs::create_dir_all(folder(data_dir))?;
    crate::private_file::replace_unsynced(&path, bytes)?;
    // From now on it is on record that no session has run it yet.
    list(&path).map(drop)
}

/// Returns true if a module's file exists.
pub fn has(data_dir: &Path, hash: &str) -> bool {
    folder(data_dir).join(format!("{hash}.wasm")).exists()
}

/// Records that a session runs a module, before its journal does.
///
/// # Errors
/// If it cannot be written.
pub fn record_session(data_dir: &Path, hash: &[u8; 32], session: u64) -> std::io::Result<()> {
    let mut list = list(&path(data_dir, hash))?;
    list.write_all(format!("{session}\n").as_bytes())?;
    list.sync_all()
}

/// Opens the list of the sessions that ran a module.
fn list(module: &Path) -> std::io::Result<std::fs::File> {
    crate::private_file::open(&sessions_path(module), |options| options.create(true).append(true))
}

fn sessions_path(module: &Path) -> PathBuf {
    module.with_extension("sessions")
}

/// Returns the sessions that ran a module; `None` if that is not on record.
fn sessions(module: &Path) -> std::io::Result<Option<BTreeSet<u64>>> {
    let path = sessions_path(module);
    let text = match files::read_text(&path, Links::Refuse, SESSIONS_MAX) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        read => read.map_err(|error| std::io::Error::new(error.kind(), format!("{}: {error}", path.display())))?,
    };
    // A line truncated by a crash names a session that never journaled the module.
    Ok(Some(text.lines().filter_map(|line| line.parse().ok()).collect()))
}

/// Outcome of a pruning.
#[derive(Debug, Default)]
pub struct Pruned {
    /// Removed modules.
    pub modules: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Modules that were kept because of an error with their files, which the error names. No session is lost by it.
    pub failed: Vec<std::io::Error>,
}

/// Removes the modules among `old` that were run by no session of `journaled`, the sessions with journals here. An error
/// with the files of one module keeps that module only.
pub fn prune(data_dir: &Path, old: &[String], journaled: &BTreeSet<u64>) -> Pruned {
    let mut pruned = Pruned::default();
    for hash in old {
        let path = folder(data_dir).join(format!("{hash}.wasm"));
        match prune_module(&path, journaled) {
            Ok(None) => {}
            Ok(Some(bytes)) => {
                pruned.modules = pruned.modules.saturating_add(1);
                pruned.bytes = pruned.bytes.saturating_add(bytes);
            }
            Err(error) => pruned.failed.push(error),
        }
    }
    pruned
}

/// Removes a module that no session of `journaled` ran, and returns its bytes; `None` if it stays.
fn prune_module(path: &Path, journaled: &BTreeSet<u64>) -> std::io::Result<Option<u64>> {
    let named =
        |at: &Path, error: std::io::Error| std::io::Error::new(error.kind(), format!("{}: {error}", at.display()));
    let Ok(meta) = std::fs::metadata(path) else { return Ok(None) };
    let ran_in = sessions_path(path);
    let Some(ran) = sessions(path)? else {
        // It predates the recording of sessions: each session here may have run it.
        let all: String = journaled.iter().map(|session| format!("{session}\n")).collect();
        let written = list(path).and_then(|mut list| list.write_all(all.as_bytes()));
        return written.map(|()| None).map_err(|error| named(&ran_in, error));
    };
    if !ran.is_disjoint(journaled) {
        return Ok(None);
    }
    std::fs::remove_file(path).map_err(|error| named(path, error))?;
    std::fs::remove_file(&ran_in).map_err(|error| named(&ran_in, error))?;
    Ok(Some(meta.len()))
}

/// Waits until a module's file is on the disk.
///
/// # Errors
/// If the disk fails.
pub fn sync_module(data_dir: &Path, hash: &[u8; 32]) -> std::io::Result<()> {
    crate::private_file::sync(&path(data_dir, hash))
}

/// Returns the content of a module's file.
///
/// # Errors
/// If it is missing, or does not match its hash.
pub fn get(data_dir: &Path, hash: &[u8; 32]) -> anyhow::Result<Vec<u8>> {
    let path = path(data_dir, hash);
    let bytes = files::read(&path, Links::Refuse, MODULE_MAX)
        .with_context(|| format!("reading the module {}", path.display()))?;
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
        store_module(&dir, &hash, b"module").unwrap();
        store_module(&dir, &hash, b"module").unwrap();
        assert_eq!(get(&dir, &hash).unwrap(), b"module");
        assert!(has(&dir, &hex::encode(&hash)) && !has(&dir, "ab"));
        sync_module(&dir, &hash).unwrap();
        std::fs::write(path(&dir, &hash), b"another").unwrap();
        assert!(get(&dir, &hash).unwrap_err().to_string().contains("is not the file that was loaded"));
        store_module(&dir, &hash, b"module").unwrap();
        assert_eq!(get(&dir, &hash).unwrap(), b"module", "a truncated file is replaced");
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn old_modules_go_unless_a_journal_that_is_here_names_them() {
        let dir = std::env::temp_dir().join(format!("polytrader-modules-old-{}", std::process::id()));
        let hashes = [1, 2, 3, 4, 5].map(|byte| [byte; 32]);
        hashes.iter().for_each(|hash| store_module(&dir, hash, b"module").unwrap());
        let [never, gone, here, legacy, young] = hashes;
        record_session(&dir, &gone, 7).unwrap();
        record_session(&dir, &here, 7).unwrap();
        record_session(&dir, &here, 9).unwrap();
        std::fs::remove_file(sessions_path(&path(&dir, &legacy))).unwrap();
        // A crash truncated the line.
        list(&path(&dir, &gone)).unwrap().write_all(b"x9").unwrap();
        let old: Vec<String> =
            [never, gone, here, legacy].iter().map(|hash| hex::encode(hash)).chain(["ab".to_owned()]).collect();
        let left = || hashes.map(|hash| has(&dir, &hex::encode(&hash)));
        let prune = |journaled: &[u64]| {
            let pruned = prune(&dir, &old, &journaled.iter().copied().collect());
            assert!(pruned.failed.is_empty(), "{:?}", pruned.failed);
            (pruned.modules, pruned.bytes)
        };
        assert_eq!(prune(&[8, 9]), (2, 12));
        assert_eq!(left(), [false, false, true, true, true]);
        assert_eq!(prune(&[9, 10]), (0, 0), "any earlier session may have run it");
        assert_eq!(prune(&[10]), (2, 12));
        assert_eq!(left(), [false, false, false, false, true]);
        let files = std::fs::read_dir(folder(&dir)).unwrap().count();
        assert_eq!(files, 2, "the lists go with their modules");
        store_module(&dir, &never, b"module").unwrap();
        assert!(get(&dir, &young).is_err() && has(&dir, &hex::encode(&never)), "a module that returns is stored again");
        std::fs::remove_dir_all(&dir).unwrap();
    }
    #[test]
    fn a_session_list_that_cannot_be_read_keeps_its_module_and_no_other() {
        let dir = std::env::temp_dir().join(format!("polytrader-modules-odd-{}", std::process::id()));
        let hashes = [1, 2, 3, 4].map(|byte| [byte; 32]);
        hashes.iter().for_each(|hash| store_module(&dir, hash, b"module").unwrap());
        let [long, bytes, folder, last] = hashes;
        let listed = |hash: &[u8; 32]| sessions_path(&path(&dir, hash));
        let length = usize::try_from(SESSIONS_MAX).unwrap();
        std::fs::write(listed(&long), "7\n".repeat(length / 2 + 1)).unwrap();
        std::fs::write(listed(&bytes), [0xff, 0xfe]).unwrap();
        std::fs::remove_file(listed(&folder)).unwrap();
        std::fs::create_dir(listed(&folder)).unwrap();
        let old: Vec<String> = hashes.iter().map(|hash| hex::encode(hash)).collect();
        let pruned = prune(&dir, &old, &BTreeSet::from([9]));
        assert_eq!((pruned.modules, pruned.bytes), (1, 6), "{pruned:?}");
        assert!(
            !has(&dir, &hex::encode(&last)) && [long, bytes, folder].iter().all(|hash| has(&dir, &hex::encode(hash)))
        );
        let named: Vec<String> = pruned.failed.iter().map(ToString::to_string).collect();
        assert!(named.len() == 3 && named[0].contains(&format!("{}.sessions", hex::encode(&long))), "{named:?}");
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
