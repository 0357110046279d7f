//! Cache of native code of compiled modules, in a folder that only its owner can read. An entry is used only if its
//! authentication code is valid (see [`crate::native`]); every other file counts as missing.

use crate::native::{Authentic, LENGTH, Secret};
use crate::platform;
use files::Links;
use model::hex;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The maximum number of cached modules: twice as many as can run.
const FILES_MAX: usize = 512;
/// The maximum size of the cache in bytes.
const BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// File name of the secret in the folder.
const SECRET: &str = "secret";
/// File name extension of native code.
const ENDING: &str = "native";

/// Handle of a cache folder. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Cache {
    dir: PathBuf,
    secret: Secret,
    files_max: usize,
    bytes_max: u64,
}

impl Cache {
    /// Opens the folder and its secret, creating them if they are missing.
    ///
    /// # Errors
    /// If the folder or its secret cannot be created or read, or the folder belongs to another user.
    pub fn open(dir: PathBuf) -> io::Result<Self> {
        platform::make_private_folder(&dir)?;
        let secret = secret(&dir.join(SECRET))?;
        Ok(Self { dir, secret, files_max: FILES_MAX, bytes_max: BYTES_MAX })
    }

    /// Sets the maximum number of files and bytes.
    #[must_use]
    pub const fn bounded(mut self, files_max: usize, bytes_max: u64) -> Self {
        self.files_max = files_max;
        self.bytes_max = bytes_max;
        self
    }

    fn path(&self, key: &[u8; LENGTH]) -> PathBuf {
        self.dir.join(hex::encode(key)).with_extension(ENDING)
    }

    /// Returns the native code stored under a key, if it is authentic.
    pub(crate) fn get(&self, key: &[u8; LENGTH], native_max: u64) -> Option<Authentic> {
        let path = self.path(key);
        let bytes = match read(&path, native_max) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "cached native code not readable; compiling again");
                return None;
            }
        };
        let code: [u8; LENGTH] = bytes.first_chunk().copied()?;
        let found = Authentic::check(&self.secret, &code, key, bytes, LENGTH, LENGTH);
        if found.is_none() {
            tracing::warn!(path = %path.display(), "cached native code is not authentic; compiling again");
        }
        found
    }

    /// Stores native code under a key, and removes the least recently used entries above the limits.
    pub(crate) fn insert(&self, key: &[u8; LENGTH], native: &Authentic) {
        let path = self.path(key);
        let code = self.secret.code(key, native.code());
        if let Err(error) = replace(&path, &[&code, native.code()]).and_then(|()| self.sweep()) {
            tracing::warn!(%error, path = %path.display(), "native code not cached; the next start compiles again");
        }
    }

    fn sweep(&self) -> io::Result<()> {
        let mut found: Vec<(SystemTime, PathBuf, u64)> = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            let Ok(meta) = fs::symlink_metadata(&path) else { continue };
            if path.file_name().is_some_and(|name| name != SECRET) && meta.is_file() {
                found.push((meta.modified().unwrap_or(SystemTime::UNIX_EPOCH), path, meta.len()));
            }
        }
        found.sort_unstable_by(|one, other| other.cmp(one));
        let (mut files, mut bytes) = (0_usize, 0_u64);
        for (_, path, length) in found {
            files = files.saturating_add(1);
            bytes = bytes.saturating_add(length);
            if files > self.files_max || bytes > self.bytes_max {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

/// Reads a file up to the maximum length, and marks it as used.
fn read(path: &Path, native_max: u64) -> io::Result<Vec<u8>> {
    let file = files::open(path, Links::Refuse)?;
    let mut bytes = Vec::new();
    let most = native_max.saturating_add(u64::try_from(LENGTH).unwrap_or(u64::MAX));
    (&file).take(most).read_to_end(&mut bytes)?;
    // The modification time serves as the time of last use. Failing to set it is harmless.
    let _marked = file.set_modified(SystemTime::now());
    Ok(bytes)
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    platform::make_private(&mut options);
    options
}

/// Writes a file from these parts and renames it into place. It is not synced: a truncated file fails authentication.
fn replace(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let fresh = path.with_extension("new");
    // A leftover file would keep its old mode, which may be too permissive.
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = options().write(true).create_new(true).open(&fresh)?;
    parts.iter().try_for_each(|part| file.write_all(part))?;
    fs::rename(&fresh, path)
}

/// Reads the secret. If it is missing, or another user could have read or written it, a new one is created, which
/// invalidates all cached code.
fn secret(path: &Path) -> io::Result<Secret> {
    if let Some(secret) = kept(path) {
        return Ok(secret);
    }
    let secret = Secret::random()?;
    replace(path, &[secret.bytes()])?;
    Ok(secret)
}

fn kept(path: &Path) -> Option<Secret> {
    let meta = fs::symlink_metadata(path).ok()?;
    if !platform::is_private(path, &meta) {
        return None;
    }
    let bytes = files::read(path, Links::Refuse, u64::try_from(LENGTH).ok()?).ok()?;
    bytes.try_into().ok().map(Secret::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let dir = std::env::temp_dir().join(format!("polytrader-cache-{}-{name}", std::process::id()));
            let _gone = fs::remove_dir_all(&dir);
            Self(dir)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _gone = fs::remove_dir_all(&self.0);
        }
    }

    const MAX: u64 = 1_000;

    fn native(content: &[u8]) -> Authentic {
        let secret = Secret::new([9; LENGTH]);
        let code = secret.code(&[0; LENGTH], content);
        Authentic::check(&secret, &code, &[0; LENGTH], content.to_vec(), 0, 0).unwrap()
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_kept_comes_back_to_the_next_process_and_is_its_owners_alone() {
        let folder = Folder::new("kept");
        let cache = Cache::open(folder.0.clone()).unwrap();
        assert!(cache.get(&[1; LENGTH], MAX).is_none());
        cache.insert(&[1; LENGTH], &native(b"code"));
        let again = Cache::open(folder.0.clone()).unwrap();
        assert_eq!(again.get(&[1; LENGTH], MAX).unwrap().code(), b"code");
        assert!(again.get(&[2; LENGTH], MAX).is_none());
        assert_eq!(mode(&folder.0), 0o700);
        for entry in fs::read_dir(&folder.0).unwrap() {
            assert_eq!(mode(&entry.unwrap().path()), 0o600);
        }
    }

    #[test]
    fn what_was_changed_moved_or_made_with_another_secret_is_not_there() {
        let folder = Folder::new("forged");
        let cache = Cache::open(folder.0.clone()).unwrap();
        cache.insert(&[1; LENGTH], &native(b"code"));
        let path = cache.path(&[1; LENGTH]);
        let whole = fs::read(&path).unwrap();
        fs::copy(&path, cache.path(&[2; LENGTH])).unwrap();
        assert!(cache.get(&[2; LENGTH], MAX).is_none(), "stored for another module");
        for place in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[place] ^= 1;
            fs::write(&path, &bytes).unwrap();
            assert!(cache.get(&[1; LENGTH], MAX).is_none(), "byte {place}");
            fs::write(&path, &whole[..place]).unwrap();
            assert!(cache.get(&[1; LENGTH], MAX).is_none(), "cut at {place}");
        }
        fs::write(&path, &whole).unwrap();
        assert!(cache.get(&[1; LENGTH], 3).is_none(), "longer than the limit");
        assert!(cache.get(&[1; LENGTH], 4).is_some());
        fs::set_permissions(folder.0.join(SECRET), fs::Permissions::from_mode(0o644)).unwrap();
        let reopened = Cache::open(folder.0.clone()).unwrap();
        assert!(reopened.get(&[1; LENGTH], MAX).is_none(), "a secret that others could read is not used");
        assert_eq!(mode(&folder.0.join(SECRET)), 0o600);
    }

    #[test]
    fn the_oldest_go_where_there_is_too_much_and_what_is_used_stays() {
        let folder = Folder::new("swept");
        let cache = Cache::open(folder.0.clone()).unwrap().bounded(3, 3 * (u64::try_from(LENGTH).unwrap() + 10));
        let age = |key: u8, seconds: u64| {
            let file = fs::File::options().write(true).open(cache.path(&[key; LENGTH])).unwrap();
            file.set_modified(SystemTime::now() - std::time::Duration::from_secs(seconds)).unwrap();
        };
        let there = || (1..=6).filter(|key| cache.path(&[*key; LENGTH]).exists()).collect::<Vec<u8>>();
        for key in 1..=3 {
            cache.insert(&[key; LENGTH], &native(&[0; 10]));
            age(key, 100 - u64::from(key));
        }
        assert!(cache.get(&[1; LENGTH], MAX).is_some());
        cache.insert(&[4; LENGTH], &native(&[0; 10]));
        assert_eq!(there(), [1, 3, 4]);
        age(4, 1);
        cache.insert(&[5; LENGTH], &native(&[0; 50]));
        assert_eq!(there(), [1, 5], "bytes count too");
    }

    #[test]
    fn a_folder_that_is_open_is_closed_and_a_link_is_refused() {
        let folder = Folder::new("open");
        fs::create_dir_all(&folder.0).unwrap();
        fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o755)).unwrap();
        Cache::open(folder.0.clone()).unwrap();
        assert_eq!(mode(&folder.0), 0o700);
        let link = folder.0.with_extension("link");
        let _gone = fs::remove_file(&link);
        std::os::unix::fs::symlink(&folder.0, &link).unwrap();
        assert!(Cache::open(link.clone()).is_err());
        fs::remove_file(link).unwrap();
    }
}
