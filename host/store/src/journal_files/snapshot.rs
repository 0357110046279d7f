//! Snapshots: the state of a session's journal up to the end of one of its files, so that a start reads only the files
//! that follow. A snapshot is valid for one build; another build reads the whole journal.

use super::recovery::Reading;
use anyhow::{Context, ensure};
use model::SessionId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// The first bytes of every snapshot, with its format version; then come the SHA-256 of the rest, and the rest.
const MAGIC: &[u8; 8] = b"PTSNAP02";
const DIGEST: usize = 32;
/// The offset of the rest.
const BODY: usize = MAGIC.len() + DIGEST;
/// The largest snapshot that is read.
const SNAPSHOT_MAX: u64 = 1 << 30;
/// The suffix of every file name.
const ENDING: &str = ".snapshot";

/// The content of a snapshot.
#[derive(Serialize, Deserialize)]
struct Content<R> {
    build: String,
    session: SessionId,
    /// The last file that it covers.
    segment: u32,
    reading: R,
}

/// Returns the path of a session's snapshot. There is one; a newer one replaces it.
pub(super) fn path(dir: &Path, session: SessionId) -> PathBuf {
    dir.join(format!("{}{ENDING}", session.0))
}

/// Writes the snapshot of a session up to the end of one of its files.
///
/// # Errors
/// If it cannot be written; the previous one stays.
pub(super) fn write(dir: &Path, session: SessionId, segment: u32, reading: &Reading) -> anyhow::Result<()> {
    let content = Content { build: crate::build_id::build_name(), session, segment, reading };
    // Written at once: it has a few megabytes.
    let start = [MAGIC.as_slice(), &[0; DIGEST]].concat();
    let mut bytes = postcard::to_extend(&content, start).context("writing a snapshot down")?;
    let digest = Sha256::digest(bytes.get(BODY..).unwrap_or_default());
    bytes.get_mut(MAGIC.len()..BODY).context("it has a beginning")?.copy_from_slice(&digest);
    let path = path(dir, session);
    crate::private_file::replace(&path, &bytes).with_context(|| format!("writing {}", path.display()))
}

/// Returns the content of a session's snapshot, and the last file that it covers; `None` if there is no snapshot, or it
/// is another build's.
///
/// # Errors
/// If it exists and is damaged. The caller then reads the journal without it.
pub(super) fn read(dir: &Path, session: SessionId) -> anyhow::Result<Option<(Reading, u32)>> {
    let Some((build, body)) = open(dir, session)? else { return Ok(None) };
    if build != crate::build_id::build_name() {
        return Ok(None);
    }
    let path = path(dir, session);
    let content = postcard::from_bytes(&body).with_context(|| format!("{} is damaged", path.display()))?;
    let Content::<Reading> { session: of, segment, reading, .. } = content;
    ensure!(of == session, "{} is of session {}", path.display(), of.0);
    Ok(Some((reading, segment)))
}

/// Returns the name of the build that wrote a session's snapshot; `None` if there is no snapshot that can be read.
pub(super) fn build_of(dir: &Path, session: SessionId) -> Option<String> {
    open(dir, session).ok().flatten().map(|(build, _body)| build)
}

/// Returns the name of the build that wrote a snapshot, and its content, checked by its digest; `None` if there is none.
fn open(dir: &Path, session: SessionId) -> anyhow::Result<Option<(String, Vec<u8>)>> {
    let path = path(dir, session);
    let mut bytes = match files::read(&path, files::Links::Refuse, SNAPSHOT_MAX) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        read => read.with_context(|| format!("reading {}", path.display()))?,
    };
    let damaged = || format!("{} is damaged", path.display());
    let rest = bytes.strip_prefix(MAGIC.as_slice()).with_context(damaged)?;
    let (digest, body) = rest.split_at_checked(DIGEST).with_context(damaged)?;
    ensure!(Sha256::digest(body).as_slice() == digest, "{}", damaged());
    // The build comes first, so that another build's content is never parsed.
    let (build, _): (String, _) = postcard::take_from_bytes(body).with_context(damaged)?;
    bytes.drain(..BODY);
    Ok(Some((build, bytes)))
}
