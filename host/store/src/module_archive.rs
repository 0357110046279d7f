//! Modules that were loaded, by the hash of their files: what a journal speaks of can be run again, and one can go back to the last
//! versions of a strategy. Beside each module stands which sessions ran it.

use anyhow::{Context, ensure};
use files::Links;
use model::hex;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The most bytes of a file that lists sessions; one that is longer names all of them.
const SESSIONS_MAX: u64 = 1024 * 1024;

/// The most bytes of a module that is read again; the sandbox takes a half of it.
const MODULE_MAX: u64 = 64 * 1024 * 1024;

/// The folder of a data folder's modules.
pub fn folder(data_dir: &Path) -> PathBuf {
    data_dir.join("modules")
}

fn path(data_dir: &Path, hash: &[u8; 32]) -> PathBuf {
    folder(data_dir).join(format!("{}.wasm", hex::encode(hash)))
}

/// Keeps a module's file, unless it is there. Who must not wait for the disk calls [`settle`] later: until then the file outlives this
/// process, but maybe not the machine.
///
/// # Errors
/// If it cannot be written.
pub fn keep(data_dir: &Path, hash: &[u8; 32], bytes: &[u8]) -> std::io::Result<()> {
    let path = path(data_dir, hash);
    // One that the machine's end tore is made anew.
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if files::read(&path, Links::Refuse, length).is_ok_and(|kept| kept == bytes) {
        return Ok(());
    }
    std::fs::create_dir_all(folder(data_dir))?;
    crate::private_file::replace_unsynced(&path, bytes)?;
    // That no session has run it yet is known from now on.
    list(&path).map(drop)
}

/// Says whether a module's file is here.
pub fn has(data_dir: &Path, hash: &str) -> bool {
    folder(data_dir).join(format!("{hash}.wasm")).exists()
}

/// Notes that a session runs a module, before its journal says so.
///
/// # Errors
/// If it cannot be written.
pub fn note(data_dir: &Path, hash: &[u8; 32], session: u64) -> std::io::Result<()> {
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

/// Returns the sessions that ran a module; none if nobody knows.
fn sessions(module: &Path) -> std::io::Result<Option<BTreeSet<u64>>> {
    let path = sessions_path(module);
    let text = match files::read_text(&path, Links::Refuse, SESSIONS_MAX) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        read => read.map_err(|error| std::io::Error::new(error.kind(), format!("{}: {error}", path.display())))?,
    };
    // A line that was cut short by a crash names a session that never journaled the module.
    Ok(Some(text.lines().filter_map(|line| line.parse().ok()).collect()))
}

/// Throws modules away that are among `old` and that no session of `journaled`, those whose journals are here, ran. Returns how many went,
/// with their bytes.
///
/// # Errors
/// If the folder cannot be read or a file not removed.
pub fn prune(data_dir: &Path, old: &[String], journaled: &BTreeSet<u64>) -> std::io::Result<(u64, u64)> {
    let (mut count, mut bytes) = (0_u64, 0_u64);
    for hash in old {
        let path = folder(data_dir).join(format!("{hash}.wasm"));
        let Ok(meta) = std::fs::metadata(&path) else { continue };
        let Some(ran) = sessions(&path)? else {
            // It is from before sessions were noted: each that is here may have run it.
            let all: String = journaled.iter().map(|session| format!("{session}\n")).collect();
            list(&path)?.write_all(all.as_bytes())?;
            continue;
        };
        if ran.is_disjoint(journaled) {
            std::fs::remove_file(&path)?;
            std::fs::remove_file(sessions_path(&path))?;
            count = count.saturating_add(1);
            bytes = bytes.saturating_add(meta.len());
        }
    }
    Ok((count, bytes))
}

/// Waits until a module's file is on the disk.
///
/// # Errors
/// If the disk fails.
pub fn settle(data_dir: &Path, hash: &[u8; 32]) -> std::io::Result<()> {
    crate::private_file::sync(&path(data_dir, hash))
}

/// Returns a module's file.
///
/// # Errors
/// If it is not there, or is not what its name says.
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
        keep(&dir, &hash, b"module").unwrap();
        keep(&dir, &hash, b"module").unwrap();
        assert_eq!(get(&dir, &hash).unwrap(), b"module");
        assert!(has(&dir, &hex::encode(&hash)) && !has(&dir, "ab"));
        settle(&dir, &hash).unwrap();
        std::fs::write(path(&dir, &hash), b"another").unwrap();
        assert!(get(&dir, &hash).unwrap_err().to_string().contains("is not the file that was loaded"));
        keep(&dir, &hash, b"module").unwrap();
        assert_eq!(get(&dir, &hash).unwrap(), b"module", "one that was torn is mended");
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn old_modules_go_unless_a_journal_that_is_here_names_them() {
        let dir = std::env::temp_dir().join(format!("polytrader-modules-old-{}", std::process::id()));
        let hashes = [1, 2, 3, 4, 5].map(|byte| [byte; 32]);
        hashes.iter().for_each(|hash| keep(&dir, hash, b"module").unwrap());
        let [never, gone, here, legacy, young] = hashes;
        note(&dir, &gone, 7).unwrap();
        note(&dir, &here, 7).unwrap();
        note(&dir, &here, 9).unwrap();
        std::fs::remove_file(sessions_path(&path(&dir, &legacy))).unwrap();
        // A crash cut the line short.
        list(&path(&dir, &gone)).unwrap().write_all(b"x9").unwrap();
        let old: Vec<String> =
            [never, gone, here, legacy].iter().map(|hash| hex::encode(hash)).chain(["ab".to_owned()]).collect();
        let left = || hashes.map(|hash| has(&dir, &hex::encode(&hash)));
        assert_eq!(prune(&dir, &old, &BTreeSet::from([8, 9])).unwrap(), (2, 12));
        assert_eq!(left(), [false, false, true, true, true]);
        assert_eq!(
            prune(&dir, &old, &BTreeSet::from([9, 10])).unwrap(),
            (0, 0),
            "any session of before may have run it"
        );
        assert_eq!(prune(&dir, &old, &BTreeSet::from([10])).unwrap(), (2, 12));
        assert_eq!(left(), [false, false, false, false, true]);
        let files = std::fs::read_dir(folder(&dir)).unwrap().count();
        assert_eq!(files, 2, "the lists go with their modules");
        keep(&dir, &never, b"module").unwrap();
        assert!(get(&dir, &young).is_err() && has(&dir, &hex::encode(&never)), "what comes again is kept again");
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
