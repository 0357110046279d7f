//! Writing a secret so that nobody else can read it.

use super::AuthError;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Writes `secret` and a newline to `path` with mode 0600, replacing what is there in one step.
pub(super) fn write_secret(path: &Path, secret: &str) -> Result<(), AuthError> {
    let fresh = path.with_extension("token.new");
    write(&fresh, secret)
        .and_then(|()| fs::rename(&fresh, path))
        .map_err(|source| AuthError::File { path: path.to_owned(), source })
}

fn write(path: &Path, secret: &str) -> io::Result<()> {
    // A left-over keeps its old mode, which may be too open.
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(secret.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}
