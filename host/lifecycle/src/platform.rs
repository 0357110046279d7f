//! The calls that differ between systems.

use anyhow::ensure;
use std::fs::Metadata;
use std::path::Path;

/// Rejects a strategies folder that other users can change.
#[cfg(unix)]
pub(crate) fn must_be_ours(dir: &Path, meta: &Metadata) -> anyhow::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let shown = dir.display();
    let (owner, us) = (meta.uid(), rustix::process::geteuid().as_raw());
    ensure!(
        owner == us,
        "the strategies folder {shown} belongs to user {owner}, but this program runs as {us}; live mode needs a folder of this user"
    );
    ensure!(
        meta.mode() & 0o022 == 0,
        "other users may write to the strategies folder {shown} (mode {:o}); live mode needs: chmod go-w {shown}",
        meta.mode() & 0o777
    );
    Ok(())
}

/// Rejects a strategies folder that other users can change.
#[cfg(windows)]
pub(crate) fn must_be_ours(dir: &Path, _: &Metadata) -> anyhow::Result<()> {
    use anyhow::Context;
    use win32::access::{Access, is_open_to_others};
    let shown = dir.display();
    let is_open = is_open_to_others(dir, Access::Change)
        .with_context(|| format!("reading the access list of the strategies folder {shown}"))?;
    ensure!(
        !is_open,
        "other users may write to the strategies folder {shown}; live mode needs: icacls \"{shown}\" /inheritance:r /grant:r \"%USERNAME%:(OI)(CI)F\""
    );
    Ok(())
}
