//! Simulated power loss for real programs: a preloaded library copies what they sync, and a test discards the rest.
//! Killing a process alone does not test this: data that was written but not synced is still in the system's cache.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::UNIX_EPOCH;

const SOURCE: &str = include_str!("powerloss.c");

/// A folder whose unsynced content can be lost. Processes that write to it must run with
/// [`VolatileFolder::environment`].
#[derive(Debug)]
pub struct VolatileFolder {
    root: PathBuf,
    kept: PathBuf,
    library: PathBuf,
}

impl VolatileFolder {
    /// Tracks the folder `root`; its present content counts as synced. Copies and the library are stored in `place`,
    /// which must be outside of it.
    ///
    /// # Errors
    /// If the library cannot be compiled (it needs `cc`, as does the build of the workspace), or a file cannot be read.
    pub fn new(root: &Path, place: &Path) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        let kept = place.join("kept");
        fs::create_dir_all(&kept)?;
        // Processes of other users write copies there too.
        fs::set_permissions(&kept, fs::Permissions::from_mode(0o777))?;
        let (source, library) = (place.join("powerloss.c"), place.join("powerloss.so"));
        fs::write(&source, SOURCE)?;
        let mut compiler = Command::new("cc");
        compiler.args(["-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o"]).arg(&library).arg(&source);
        let status = compiler.status()?;
        if !status.success() {
            return Err(io::Error::other(format!("cc ended with {status}")));
        }
        let this = Self { root: root.canonicalize()?, kept, library };
        this.mark_all_synced()?;
        Ok(this)
    }

    /// Returns the environment for processes that write to the folder.
    ///
    /// # Panics
    /// If a path is not valid Unicode.
    #[expect(clippy::unwrap_used, reason = "a test with such a temporary folder may fail loudly")]
    pub fn environment(&self) -> [(&'static str, &str); 3] {
        [
            ("LD_PRELOAD", self.library.to_str().unwrap()),
            ("POWERLOSS_ROOT", self.root.to_str().unwrap()),
            ("POWERLOSS_KEPT", self.kept.to_str().unwrap()),
        ]
    }

    /// Discards everything that was not synced. No process may have the folder open. Files whose names satisfy `whole`
    /// are kept unchanged; the remaining content counts as synced.
    ///
    /// # Errors
    /// If a file cannot be read or written.
    pub fn lose(&self, whole: impl Fn(&str) -> bool) -> io::Result<()> {
        let mut owners = BTreeMap::new();
        let mut spared = Vec::new();
        walk(&self.root, &mut |path, meta| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if meta.is_file() && whole(&name) {
                spared.push((path.to_owned(), fs::read(path)?));
            }
            owners.insert(path.to_owned(), (meta.uid(), meta.gid(), meta.mode()));
            Ok(())
        })?;
        let root = identity(&fs::metadata(&self.root)?)?;
        let mut files = Vec::new();
        self.collect(&root, &self.root, &mut files)?;
        for entry in fs::read_dir(&self.root)? {
            let path = entry?.path();
            if path.is_dir() { fs::remove_dir_all(&path)? } else { fs::remove_file(&path)? }
        }
        for (path, content) in files {
            match content {
                Some(content) => fs::write(&path, content)?,
                None => fs::create_dir_all(&path)?,
            }
        }
        for (path, content) in spared {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(path, content)?;
        }
        for (path, (user, group, mode)) in owners.into_iter().filter(|(path, _)| path.exists()) {
            std::os::unix::fs::chown(&path, Some(user), Some(group))?;
            fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        }
        self.mark_all_synced()
    }

    /// Collects what is left of a folder: files with their content, and folders without.
    fn collect(&self, id: &str, at: &Path, files: &mut Vec<(PathBuf, Option<Vec<u8>>)>) -> io::Result<()> {
        let Ok(names) = fs::read_to_string(self.kept.join(id)) else { return Ok(()) };
        for line in names.lines() {
            let mut words = line.splitn(3, ' ');
            let (Some(kind), Some(id), Some(name)) = (words.next(), words.next(), words.next()) else { continue };
            let path = at.join(name);
            match kind {
                "d" => {
                    files.push((path.clone(), None));
                    self.collect(id, &path, files)?;
                }
                // The name was synced but the content was not: an empty file.
                "f" => files.push((path, Some(fs::read(self.kept.join(id)).unwrap_or_default()))),
                _ => {}
            }
        }
        Ok(())
    }

    /// Marks everything as synced.
    fn mark_all_synced(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.kept)? {
            fs::remove_file(entry?.path())?;
        }
        let keep = |path: &Path, meta: &fs::Metadata| {
            let place = self.kept.join(identity(meta)?);
            if meta.is_file() {
                fs::copy(path, &place)?;
            } else if meta.is_dir() {
                fs::write(&place, names(path)?)?;
            } else {
                return Ok(());
            }
            // The next process that syncs it may run as another user.
            fs::set_permissions(&place, fs::Permissions::from_mode(0o666))
        };
        keep(&self.root, &fs::metadata(&self.root)?)?;
        walk(&self.root, &mut |path, meta| keep(path, meta))
    }
}

/// Lists a folder in the format of the preloaded library.
fn names(folder: &Path) -> io::Result<String> {
    let mut text = String::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        let kind = if meta.is_dir() {
            'd'
        } else if meta.is_file() {
            'f'
        } else {
            'o'
        };
        text.push_str(&format!("{kind} {} {}\n", identity(&meta)?, entry.file_name().to_string_lossy()));
    }
    Ok(text)
}

/// Returns the identity of a file. Inode numbers are reused, so the identity includes the creation time.
fn identity(meta: &fs::Metadata) -> io::Result<String> {
    let born = meta.created()?.duration_since(UNIX_EPOCH).map_err(io::Error::other)?;
    Ok(format!("{}-{}-{}", meta.ino(), born.as_secs(), born.subsec_nanos()))
}

/// Visits everything in a folder recursively, parents first.
fn walk(folder: &Path, visit: &mut dyn FnMut(&Path, &fs::Metadata) -> io::Result<()>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let meta = fs::symlink_metadata(&path)?;
        visit(&path, &meta)?;
        if meta.is_dir() {
            walk(&path, visit)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scratch;

    #[test]
    fn what_was_not_synced_is_lost_and_the_rest_is_not() {
        let (root, place) = (Scratch::new("volatile"), Scratch::new("volatile-copies"));
        fs::write(root.join("old"), "old").unwrap();
        let volatile = VolatileFolder::new(&root, &place).unwrap();
        let script = "set -e; echo more >> old; echo a > synced; echo b > nameless; echo c > unsynced; mkdir inner; \
                      echo d > inner/file; echo whole > whole; \
                      python3 -c 'import os\nfor p in [\"synced\", \"inner/file\", \"inner\", \".\"]: os.fsync(os.open(p, os.O_RDONLY))'; \
                      echo late >> synced; echo e > late; rm old; \
                      python3 -c 'import os; os.fsync(os.open(\"late\", os.O_RDONLY))'";
        let status =
            Command::new("sh").args(["-c", script]).current_dir(&*root).envs(volatile.environment()).status().unwrap();
        assert!(status.success());
        volatile.lose(|name| name == "whole").unwrap();
        let content = |name: &str| fs::read_to_string(root.join(name)).ok();
        assert_eq!(content("synced").as_deref(), Some("a\n"));
        assert_eq!(content("inner/file").as_deref(), Some("d\n"));
        assert_eq!(content("unsynced").as_deref(), Some(""), "its name was synced, its content was not");
        assert_eq!(content("old").as_deref(), Some("old"), "neither the line nor the removal was synced");
        assert_eq!(content("late"), None, "its content was synced, its name was not");
        assert_eq!(content("whole").as_deref(), Some("whole\n"));
    }
}
