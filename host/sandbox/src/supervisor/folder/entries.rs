//! The entries of the strategies folder. Links are neither listed nor read.

use crate::supervisor::mark::Mark;
use crate::supervisor::name::is_name;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The most strategies, and the most files of settings.
pub(super) const FILES_MAX: usize = 256;

/// Why an entry that is no plain file is not read.
const NO_FILE: &str = "it is a link, or no file";

/// The kinds of files in the folder. Settings come first: a strategy starts with its settings known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Settings,
    Module,
}

impl Kind {
    const fn extension(self) -> &'static str {
        match self {
            Self::Settings => "toml",
            Self::Module => "wasm",
        }
    }
}

/// A file in the folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) kind: Kind,
    /// The file's stem.
    pub(super) name: String,
}

impl Key {
    /// Returns the key of a path; none if the file does not belong to a strategy.
    fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?;
        let kind = [Kind::Settings, Kind::Module].into_iter().find(|kind| kind.extension() == extension)?;
        let name = path.file_stem()?.to_str()?;
        is_name(name).then(|| Self { kind, name: name.to_owned() })
    }

    pub(super) fn path_in(&self, dir: &Path) -> PathBuf {
        dir.join(&self.name).with_extension(self.kind.extension())
    }
}

/// What a scan found under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    /// A file.
    File(Mark),
    /// Settings that are there and cannot be used, with the reason. A strategy must not run as if there were none.
    Unusable(String),
}

/// The files that one scan found.
#[derive(Debug, Default)]
pub(super) struct Entries {
    /// At most [`FILES_MAX`] of each kind.
    pub(super) files: BTreeMap<Key, Entry>,
    /// The number of modules, with those that are left out.
    pub(super) modules: usize,
}

/// Lists the files that belong to strategies. Where there are too many, those that `is_known` says are known stay, and then the first by
/// name; the settings of modules that stay always do.
pub(super) fn list(dir: &Path, is_known: impl Fn(&Key) -> bool) -> std::io::Result<Entries> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let Some(key) = Key::of(&entry.path()) else { continue };
        // Of the entry itself: links are not followed.
        let found = match entry.metadata() {
            Ok(meta) if meta.is_file() => Entry::File(Mark::of(&meta)),
            Ok(_) => Entry::Unusable(NO_FILE.to_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => Entry::Unusable(format!("looking at it: {error}")),
        };
        // A module that is no file is not there, and what it would be does not run.
        if key.kind == Kind::Settings || matches!(found, Entry::File(_)) {
            files.insert(key, found);
        }
    }
    Ok(limited(files, FILES_MAX, is_known))
}

/// Keeps at most `limit` files of each kind.
fn limited(mut files: BTreeMap<Key, Entry>, limit: usize, is_known: impl Fn(&Key) -> bool) -> Entries {
    let of = |kind: Kind| files.keys().filter(move |key| key.kind == kind).cloned();
    let modules = of(Kind::Module).count();
    let kept: BTreeSet<Key> = first(of(Kind::Module), limit, |key| !is_known(key));
    let has_module = |key: &Key| kept.contains(&Key { kind: Kind::Module, name: key.name.clone() });
    let settings = first(of(Kind::Settings), limit, |key| (!has_module(key), !is_known(key)));
    files.retain(|key, _| kept.contains(key) || settings.contains(key));
    Entries { files, modules }
}

/// Returns the first `limit` keys by `rank`, and among those of one rank by name.
fn first<R: Ord>(keys: impl Iterator<Item = Key>, limit: usize, rank: impl Fn(&Key) -> R) -> BTreeSet<Key> {
    let mut keys: Vec<Key> = keys.collect();
    keys.sort_by_cached_key(|key| (rank(key), key.clone()));
    keys.truncate(limit);
    keys.into_iter().collect()
}

/// Reads at most `limit` bytes and one more, which shows that the file is too large. Refuses what is no regular file, also what took the
/// file's place since it was listed.
pub(super) fn read(path: &Path, limit: usize) -> Result<Vec<u8>, String> {
    use std::io::Read;
    let file = files::open(path, files::Links::Refuse).map_err(|error| format!("opening it: {error}"))?;
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut bytes).map_err(|error| format!("reading it: {error}"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code may fail loudly")]

    use super::*;
    use testkit::Scratch;

    /// Puts something in the place of a settings file after the folder was listed and before the file is read.
    fn read_after(name: &str, put: impl Fn(&Path)) -> Result<Vec<u8>, String> {
        let dir = Scratch::new(name);
        let path = dir.join("one.toml");
        std::fs::write(&path, "[parameters]\n").unwrap();
        let listed = list(&dir, |_| false).unwrap();
        assert_eq!(listed.files.len(), 1);
        assert_eq!(read(&path, 100).as_deref(), Ok(b"[parameters]\n".as_slice()));
        std::fs::remove_file(&path).unwrap();
        put(&path);
        testkit::at_once(move || read(&path, 100))
    }

    #[test]
    fn a_pipe_that_takes_a_listed_files_place_is_refused_at_once() {
        let put = |path: &Path| testkit::named_pipe(path);
        assert_eq!(read_after("pipe-in-place", put).unwrap_err(), "opening it: it is no regular file");
    }

    #[test]
    fn a_link_device_or_folder_that_takes_a_listed_files_place_is_refused_at_once() {
        for target in ["/dev/zero", "/dev/tty", "/etc/hostname"] {
            let put = |path: &Path| std::os::unix::fs::symlink(target, path).unwrap();
            assert_eq!(read_after("link-in-place", put).unwrap_err(), "opening it: it is a link, not a file");
        }
        let put = |path: &Path| std::fs::create_dir(path).unwrap();
        assert_eq!(read_after("folder-in-place", put).unwrap_err(), "opening it: it is no regular file");
    }

    fn key(kind: Kind, name: &str) -> Key {
        Key { kind, name: name.to_owned() }
    }

    #[test]
    fn newcomers_displace_neither_what_is_known_nor_the_settings_of_what_stays() {
        let (settings, module) = (|name| key(Kind::Settings, name), |name| key(Kind::Module, name));
        let all = ["a", "b", "c", "x", "y"].map(module).into_iter().chain(["a", "b", "c", "d", "y", "z"].map(settings));
        let files: BTreeMap<Key, Entry> = all.map(|key| (key, Entry::Unusable(String::new()))).collect();
        let known = [module("y"), settings("y"), settings("z")];
        let entries = limited(files, 3, |key| known.contains(key));
        let kept: Vec<Key> = entries.files.into_keys().collect();
        let expected = ["a", "b", "y"].map(settings).into_iter().chain(["a", "b", "y"].map(module));
        assert_eq!((kept, entries.modules), (expected.collect(), 5));
    }
}
