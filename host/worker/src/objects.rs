//! Objects by the SHA-256 of their bytes: uploaded once, verified after each download.

use crate::link::Link;
use crate::message::{FileRef, is_hash};
use anyhow::{Context, bail, ensure};
use files::Links;
use model::hex;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::fs::{self, File};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Mutex;

/// Most bytes of an object.
const OBJECT_MAX: u64 = 64 * 1024 * 1024 * 1024;
const CHUNK: usize = 128 * 1024;
/// The extension of a file that is not complete.
const PART: &str = "part";
/// Age at which an incomplete file counts as left by a killed worker.
const PART_AGE_MAX: Duration = Duration::from_secs(24 * 3_600);
/// Most incomplete files of an object.
const PARTS_MAX: u32 = 1_000;

/// Opens a file for reading.
fn open(path: &Path) -> anyhow::Result<File> {
    let file = files::open(path, Links::Follow).with_context(|| format!("opening {}", path.display()))?;
    Ok(File::from_std(file))
}

/// Hashes a file.
async fn hash(path: &Path) -> anyhow::Result<FileRef> {
    let mut file = open(path)?;
    let (mut sum, mut bytes, mut chunk) = (Sha256::new(), 0_u64, vec![0; CHUNK]);
    loop {
        let read = file.read(&mut chunk).await.with_context(|| format!("reading {}", path.display()))?;
        let Some(part) = chunk.get(..read).filter(|part| !part.is_empty()) else { break };
        sum.update(part);
        bytes = bytes.saturating_add(u64::try_from(read)?);
        ensure!(bytes <= OBJECT_MAX, "{} has more than {OBJECT_MAX} bytes", path.display());
    }
    Ok(FileRef { object: hex::encode(&sum.finalize()), bytes })
}

/// Uploads a file unless the server has it.
pub(crate) async fn upload(link: &Link, path: &Path) -> anyhow::Result<FileRef> {
    let named = hash(path).await?;
    let known = link.objects.info(&named.object).await;
    if known.is_ok_and(|known| u64::try_from(known.size).is_ok_and(|size| size == named.bytes) && !known.deleted) {
        return Ok(named);
    }
    let mut file = open(path)?;
    let sent = link.objects.put(named.object.as_str(), &mut file).await;
    sent.with_context(|| format!("uploading {} to the queue", path.display()))?;
    Ok(named)
}

/// Uploads bytes.
pub(crate) async fn upload_bytes(link: &Link, bytes: &[u8]) -> anyhow::Result<FileRef> {
    let named = FileRef { object: hex::encode(&Sha256::digest(bytes)), bytes: u64::try_from(bytes.len())? };
    let mut source = bytes;
    link.objects.put(named.object.as_str(), &mut source).await.context("uploading a result to the queue")?;
    Ok(named)
}

/// The folder with the objects of a worker, which its lanes share.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    /// The objects whose bytes were verified. One lane at a time fetches; the others wait for its file.
    verified: Mutex<BTreeSet<String>>,
}

impl Cache {
    /// Creates the folder, and removes what killed workers left in it.
    ///
    /// # Errors
    /// If the folder cannot be created or read.
    pub(crate) fn open(folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        for entry in std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
            let path = entry.with_context(|| format!("reading {}", folder.display()))?.path();
            let age = path.metadata().and_then(|file| file.modified()).ok().and_then(|time| time.elapsed().ok());
            if path.extension().is_some_and(|extension| extension == PART) && age.is_some_and(|age| age > PART_AGE_MAX)
            {
                // Another worker may have removed it.
                std::fs::remove_file(&path).ok();
            }
        }
        Ok(Self { folder: folder.to_owned(), verified: Mutex::default() })
    }

    /// Downloads an object unless it is there. Its bytes are verified once in both cases.
    pub(crate) async fn fetch(&self, link: &Link, named: &FileRef) -> anyhow::Result<PathBuf> {
        ensure!(is_hash(&named.object), "an object of the queue has a name that is not a hash");
        ensure!(named.bytes <= OBJECT_MAX, "an object has {} bytes, expected at most {OBJECT_MAX}", named.bytes);
        let path = self.folder.join(&named.object);
        let mut verified = self.verified.lock().await;
        let size = fs::metadata(&path).await.map_or(0, |file| file.len());
        if size == named.bytes && verified.contains(&named.object) {
            return Ok(path);
        }
        if fs::try_exists(&path).await.unwrap_or(false) {
            if hash(&path).await? == *named {
                verified.insert(named.object.clone());
                return Ok(path);
            }
            tracing::warn!(object = named.object, "cached object damaged; fetching it again");
        }
        let (part, file) = self.part(&named.object).await?;
        let done = download(link, named, &part, file).await;
        if let Err(error) = done {
            // The error counts, and not that of a removal.
            fs::remove_file(&part).await.ok();
            return Err(error);
        }
        fs::rename(&part, &path).await.with_context(|| format!("writing {}", path.display()))?;
        verified.insert(named.object.clone());
        Ok(path)
    }

    /// Creates a file that no other process writes; workers in containers may have the same process number.
    async fn part(&self, object: &str) -> anyhow::Result<(PathBuf, File)> {
        let process = std::process::id();
        for number in 0..PARTS_MAX {
            let path = self.folder.join(format!("{object}.{process}.{number}.{PART}"));
            match File::create_new(&path).await {
                Ok(file) => return Ok((path, file)),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error).with_context(|| format!("writing {}", path.display())),
            }
        }
        bail!("{} has {PARTS_MAX} unfinished files of the object {object}, expected fewer", self.folder.display())
    }
}

async fn download(link: &Link, named: &FileRef, part: &Path, mut file: File) -> anyhow::Result<()> {
    let mut object = link.objects.get(named.object.as_str()).await.context("asking the queue for an object")?;
    let (mut sum, mut bytes, mut chunk) = (Sha256::new(), 0_u64, vec![0; CHUNK]);
    loop {
        let read = object.read(&mut chunk).await.context("downloading an object of the queue")?;
        let Some(piece) = chunk.get(..read).filter(|piece| !piece.is_empty()) else { break };
        bytes = bytes.saturating_add(u64::try_from(read)?);
        ensure!(bytes <= named.bytes, "the object {} has more than {} bytes", named.object, named.bytes);
        sum.update(piece);
        file.write_all(piece).await.with_context(|| format!("writing {}", part.display()))?;
    }
    file.sync_all().await.with_context(|| format!("writing {}", part.display()))?;
    let found = hex::encode(&sum.finalize());
    ensure!(found == named.object, "the object {} has the hash {found}", named.object);
    Ok(())
}

/// Downloads a small object into memory, and verifies it.
pub(crate) async fn fetch_bytes(link: &Link, named: &FileRef, most: u64) -> anyhow::Result<Vec<u8>> {
    ensure!(is_hash(&named.object), "an object of the queue has a name that is not a hash");
    ensure!(named.bytes <= most, "a result has {} bytes, expected at most {most}", named.bytes);
    let object = link.objects.get(named.object.as_str()).await.context("asking the queue for an object")?;
    let mut bytes = Vec::new();
    object.take(most.saturating_add(1)).read_to_end(&mut bytes).await.context("downloading a result")?;
    let found = hex::encode(&Sha256::digest(&bytes));
    ensure!(found == named.object, "the object {} has the hash {found}", named.object);
    Ok(bytes)
}
