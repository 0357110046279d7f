//! Where the keystore's passphrase comes from: a file that only its owner can read, a service's credential, or a person.

use anyhow::{Context, bail, ensure};
use std::io::IsTerminal;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The name of the credential that systemd hands over in `$CREDENTIALS_DIRECTORY`.
const CREDENTIAL: &str = "polytrader-passphrase";
/// The largest file that is read.
const FILE_MAX: u64 = 4_096;

/// Returns the passphrase; asks twice for a new one.
///
/// # Errors
/// If there is none, or others could read it.
pub(super) fn ask(file: Option<&Path>, new: bool) -> anyhow::Result<Zeroizing<String>> {
    let credential = std::env::var_os("CREDENTIALS_DIRECTORY").map(|dir| PathBuf::from(dir).join(CREDENTIAL));
    if let Some(file) = file {
        return read(file);
    }
    if let Some(credential) = credential.filter(|path| path.exists()) {
        return read(&credential);
    }
    if !std::io::stdin().is_terminal() {
        bail!(
            "nobody can be asked for the passphrase here: give --passphrase-file FILE, or the credential {CREDENTIAL}"
        );
    }
    let prompt = |text: &str| rpassword::prompt_password(text).map(Zeroizing::new).context("asking for the passphrase");
    let first = prompt("passphrase: ")?;
    if new {
        ensure!(prompt("the passphrase again: ")? == first, "the two passphrases differ; nothing was written");
    }
    Ok(first)
}

fn read(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    let meta = std::fs::metadata(path).with_context(|| format!("reading {}", path.display()))?;
    let mode = meta.permissions().mode() & 0o777;
    ensure!(mode & 0o077 == 0, "others can read {} (its mode is {mode:o}); make it 600", path.display());
    ensure!(meta.len() <= FILE_MAX, "{} has {} bytes; a passphrase has less", path.display(), meta.len());
    let text = Zeroizing::new(std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?);
    Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code may fail loudly")]

    use super::*;

    #[test]
    fn a_passphrase_that_others_can_read_is_refused() {
        let path = std::env::temp_dir().join(format!("polytrader-passphrase-{}", std::process::id()));
        std::fs::write(&path, "correct horse \n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let refused = ask(Some(&path), false).unwrap_err().to_string();
        assert!(refused.contains("its mode is 644"), "{refused}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(*ask(Some(&path), false).unwrap(), "correct horse ");
        std::fs::remove_file(&path).unwrap();
    }
}
