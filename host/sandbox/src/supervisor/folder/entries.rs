//! The entries of the strategies folder. Links are neither listed nor read.

use crate::supervisor::mark::Mark;
use crate::supervisor::name::is_name;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The most strategies, and the most files of settings.
pub(super) const FILES_MAX: usize = 256;

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

/// The files that one scan found.
#[derive(Debug, Default)]
pub(super) struct Entries {
    /// The first [`FILES_MAX`] of each kind, by name.
    pub(super) files: BTreeMap<Key, Mark>,
    /// The number of modules, with those that are left out.
    pub(super) modules: usize,
}

/// Lists the files that belong to strategies.
pub(super) fn list(dir: &Path) -> std::io::Result<Entries> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let Some(key) = Key::of(&entry.path()) else { continue };
        // Of the entry itself: links are not followed.
        let Ok(meta) = entry.metadata() else { continue };
        if meta.is_file() {
            files.insert(key, Mark::of(&meta));
        }
    }
    let (mut settings, mut modules) = (0usize, 0usize);
    files.retain(|key, _| {
        let count = if key.kind == Kind::Module { &mut modules } else { &mut settings };
        *count = count.saturating_add(1);
        *count <= FILES_MAX
    });
    Ok(Entries { files, modules })
}

/// Reads at most `limit` bytes and one more, which shows that the file is too large. Refuses a link, also one that took the file's place
/// since it was listed.
pub(super) fn read(path: &Path, limit: usize) -> Result<Vec<u8>, String> {
    use std::io::Read;
    let listed = std::fs::symlink_metadata(path).map_err(|error| format!("looking at it: {error}"))?;
    let file = std::fs::File::open(path).map_err(|error| format!("opening it: {error}"))?;
    let opened = file.metadata().map_err(|error| format!("looking at it: {error}"))?;
    if !listed.is_file() || !opened.is_file() || !Mark::of(&listed).is_same_file(&Mark::of(&opened)) {
        return Err("it is a link, or no file".to_owned());
    }
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut bytes).map_err(|error| format!("reading it: {error}"))?;
    Ok(bytes)
}
