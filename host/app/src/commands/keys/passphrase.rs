//! Source of the keystore's passphrase: a file that only its owner can read, an open pipe, a service's credential, or a
//! prompt.

use crate::cli::PassphraseArgs;
use crate::platform;
use anyhow::{Context, bail, ensure};
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Name of the credential that systemd provides in `$CREDENTIALS_DIRECTORY`.
const CREDENTIAL: &str = "polytrader-passphrase";
/// Maximum size of the file or pipe content, in bytes.
const FILE_MAX: u64 = 4_096;

/// Returns the passphrase; prompts twice for a new one.
///
/// # Errors
/// If there is no source for it, or if other users could read it.
pub(super) fn read_passphrase(args: &PassphraseArgs, new: bool) -> anyhow::Result<Zeroizing<String>> {
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    if let Some(known) = given(args, credentials.as_deref())? {
        return Ok(known);
    }
    if !std::io::stdin().is_terminal() {
        bail!(
            "no terminal to prompt for the passphrase: use --passphrase-file FILE, --passphrase-fd N, or the \
             credential {CREDENTIAL}"
        );
    }
    let prompt =
        |text: &str| rpassword::prompt_password(text).map(Zeroizing::new).context("prompting for the passphrase");
    let first = prompt("passphrase: ")?;
    if new {
        ensure!(prompt("repeat the passphrase: ")? == first, "the two passphrases differ; nothing was written");
    }
    Ok(first)
}

/// Returns true if [`read_passphrase`] reads the passphrase from a file that every program of this user can read.
pub(super) fn is_in_a_file(args: &PassphraseArgs) -> bool {
    let credential = || credential(std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from).as_deref());
    args.passphrase_file.is_some() || (args.passphrase_fd.is_none() && credential().is_some())
}

/// Returns the path of the service manager's credential, if it exists.
fn credential(dir: Option<&Path>) -> Option<PathBuf> {
    dir.map(|dir| dir.join(CREDENTIAL)).filter(|path| path.exists())
}

/// Returns the passphrase from the command line or the service manager.
fn given(args: &PassphraseArgs, credentials: Option<&Path>) -> anyhow::Result<Option<Zeroizing<String>>> {
    if let Some(file) = &args.passphrase_file {
        return read(file).map(Some);
    }
    if let Some(descriptor) = args.passphrase_fd {
        return read_pipe(descriptor).map(Some);
    }
    credential(credentials).map(|path| read(&path)).transpose()
}

/// Reads a pipe to its end. Only a pipe is accepted: it is empty afterwards, so the host, which inherits it, cannot
/// read from it.
fn read_pipe(descriptor: u16) -> anyhow::Result<Zeroizing<String>> {
    let place = format!("descriptor {descriptor}");
    let file = platform::open_pipe(descriptor, &place)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(FILE_MAX.saturating_add(1))?));
    file.take(FILE_MAX.saturating_add(1)).read_to_end(&mut bytes).with_context(|| format!("reading {place}"))?;
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    ensure!(length <= FILE_MAX, "{place} has more than {FILE_MAX} bytes; a passphrase is shorter");
    let text = secret_text(&bytes).with_context(|| format!("reading {place}"))?;
    Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

fn read(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    let what = || format!("reading {}", path.display());
    let file = files::open(path, files::Links::Follow).with_context(what)?;
    let meta = file.metadata().with_context(what)?;
    platform::ensure_private(path, &meta)?;
    ensure!(meta.len() <= FILE_MAX, "{} has {} bytes; a passphrase is shorter", path.display(), meta.len());
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(FILE_MAX)?));
    file.take(FILE_MAX).read_to_end(&mut bytes).with_context(what)?;
    if let Some(decrypted) = platform::decrypted(&bytes).with_context(what)? {
        bytes = Zeroizing::new(decrypted);
    }
    let text = secret_text(&bytes).with_context(what)?;
    Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// Returns a secret as text. The error contains no part of it.
pub(super) fn secret_text(bytes: &[u8]) -> anyhow::Result<Zeroizing<String>> {
    ensure!(!files::is_utf16(bytes), files::UTF_16);
    let text = std::str::from_utf8(bytes).map_err(|_shows_a_place| anyhow::anyhow!("not UTF-8"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code may fail loudly")]

    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_passphrase_that_others_can_read_is_refused() {
        let path = std::env::temp_dir().join(format!("polytrader-passphrase-{}", std::process::id()));
        std::fs::write(&path, "correct horse \n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let file = PassphraseArgs { passphrase_file: Some(path.clone()), passphrase_fd: None };
        let refused = read_passphrase(&file, false).unwrap_err().to_string();
        assert!(refused.contains("its mode is 644"), "{refused}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(*read_passphrase(&file, false).unwrap(), "correct horse ");
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_pipe_gives_the_passphrase_and_is_empty_then() {
        use std::io::Write;
        use std::os::fd::AsRawFd;
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(b"correct horse\n").unwrap();
        drop(writer);
        let number = u16::try_from(reader.as_raw_fd()).unwrap();
        let pipe = PassphraseArgs { passphrase_file: None, passphrase_fd: Some(number) };
        assert_eq!(given(&pipe, None).unwrap().unwrap().as_str(), "correct horse");
        assert_eq!(given(&pipe, None).unwrap().unwrap().as_str(), "");
        let file = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
        let number = u16::try_from(file.as_raw_fd()).unwrap();
        let refused = given(&PassphraseArgs { passphrase_fd: Some(number), ..pipe }, None).unwrap_err().to_string();
        assert!(refused.contains("is not a pipe"), "{refused}");
    }

    #[test]
    fn a_services_credential_is_taken_when_nothing_else_is_given() {
        let dir = std::env::temp_dir().join(format!("polytrader-credential-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let nothing = PassphraseArgs::default();
        assert!(given(&nothing, Some(&dir)).unwrap().is_none() && given(&nothing, None).unwrap().is_none());
        let path = dir.join(CREDENTIAL);
        std::fs::write(&path, "correct horse\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
        assert_eq!(given(&nothing, Some(&dir)).unwrap().unwrap().as_str(), "correct horse");
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
