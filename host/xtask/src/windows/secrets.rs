//! The passphrase that the system encrypts, under Wine.

use super::Wine;
use anyhow::{Context, ensure};
use std::fs;
use std::path::Path;

const FOLDER: &str = "key folder";
/// A key that owns nothing: the first of the examples of EIP-55's tools.
const KEY: &str = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318";
const ADDRESS: &str = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23";
const PASSPHRASE: &str = "correct horse battery";

/// Stores a passphrase encrypted, imports a key under it, and opens the keystore with it: for this user, and for all
/// accounts of the machine.
pub(super) fn check(wine: &Wine) -> anyhow::Result<()> {
    let file = format!(r"{FOLDER}\passphrase.dpapi");
    let protect = ["keys", "protect-passphrase", "--data-dir", FOLDER];
    wine.typed(&protect, PASSPHRASE)?;
    let path = wine.folder.join(FOLDER).join("passphrase.dpapi");
    let bytes = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    ensure!(bytes.starts_with(b"polytrader DPAPI 1\n"), "{} is not a protected file", path.display());
    let is_plain = bytes.windows(PASSPHRASE.len()).any(|part| part == PASSPHRASE.as_bytes());
    ensure!(!is_plain, "{} has the passphrase in the clear", path.display());
    close(&path)?;
    wine.typed(&["keys", "import", "--data-dir", FOLDER, "--passphrase-file", &file], KEY)?;
    let open = ["keys", "show-address", "--data-dir", FOLDER, "--passphrase-file", &file];
    let shown = wine.read(&open)?;
    ensure!(shown.contains(ADDRESS), "expected the address {ADDRESS}; the output is `{shown}`");
    wine.typed(&[&protect[..], &["--machine"]].concat(), PASSPHRASE)?;
    close(&path)?;
    let shown = wine.read(&open)?;
    ensure!(shown.contains(ADDRESS), "with --machine: expected the address {ADDRESS}; the output is `{shown}`");
    Ok(())
}

/// Closes a file to others in place of Wine, which shows the mode as the access list but does not set it from one.
#[cfg(unix)]
fn close(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).with_context(|| format!("closing {}", path.display()))
}

/// Nothing to do: Windows sets access lists.
#[cfg(not(unix))]
fn close(_: &Path) -> anyhow::Result<()> {
    Ok(())
}
