//! Listing of the strategies folder. Links are not followed. Files that are not loaded are listed with the reason.

use crate::supervisor::file_stamp::FileStamp;
use crate::supervisor::name::{NAME_MAX, is_name};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The maximum number of modules, and of settings files.
pub(super) const FILES_MAX: usize = 256;

/// The maximum number of files that are listed as not loaded.
pub(super) const SKIPPED_MAX: usize = 64;

/// The reason for not reading an entry that is not a plain file.
const NO_FILE: &str = "it is a link or not a plain file";

/// The kinds of files in the folder. Settings come first, so that they are known when the strategy starts.
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
    /// Returns the key of a path, or the reason why the file does not belong to a strategy.
    fn of(path: &Path) -> Result<Self, String> {
        let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
        let Some(kind) = [Kind::Settings, Kind::Module].into_iter().find(|kind| kind.extension() == extension) else {
            let small = extension.to_ascii_lowercase();
            return Err(match small.as_str() {
                "wasm" | "toml" => format!("its name ends in .{extension}; rename it to .{small}"),
                _ => "its name ends in neither .wasm nor .toml".to_owned(),
            });
        };
        let name = path.file_stem().and_then(OsStr::to_str);
        match name {
            Some(name) if is_name(name) => Ok(Self { kind, name: name.to_owned() }),
            _ => Err(format!("expected a strategy name of 1 to {NAME_MAX} characters from a-z, A-Z, 0-9, - and _")),
        }
    }

    pub(super) fn path_in(&self, dir: &Path) -> PathBuf {
        dir.join(&self.name).with_extension(self.kind.extension())
    }
}

/// The result of a scan for one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    /// A plain file.
    File(FileStamp),
    /// An unusable settings file, with the reason. Its strategy must not run as if there were no settings.
    Unusable(String),
}

/// The result of one scan.
#[derive(Debug, Default)]
pub(super) struct Entries {
    /// At most [`FILES_MAX`] of each kind.
    pub(super) files: BTreeMap<Key, Entry>,
    /// The number of modules, including those above the limit.
    pub(super) modules: usize,
    /// Names of files that are not loaded, with the reason; the first [`SKIPPED_MAX`] by name.
    pub(super) skipped: BTreeMap<String, String>,
}

/// Lists the files that belong to strategies. Above the limit, known files (by `is_known`) take precedence, then the
/// order of names; the settings of listed modules are always listed.
pub(super) fn list(dir: &Path, is_known: impl Fn(&Key) -> bool) -> std::io::Result<Entries> {
    let (mut files, mut skipped) = (BTreeMap::new(), BTreeMap::new());
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let file = entry.file_name();
        let key = Key::of(Path::new(&file));
        // Editors and copying programs use hidden names for unfinished files.
        if key.is_err() && file.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        // The metadata of the entry itself: links are not followed.
        let found = match entry.metadata() {
            Ok(meta) if meta.is_file() => Ok(FileStamp::of(&meta)),
            // Other folders are ignored.
            Ok(meta) if meta.is_dir() && key.is_err() => continue,
            Ok(meta) => Err(no_file(&meta)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => Err(format!("reading its metadata: {error}")),
        };
        match (key, found) {
            (Ok(key), Ok(mark)) => drop(files.insert(key, Entry::File(mark))),
            (Ok(key), Err(reason)) => {
                skip(&mut skipped, &file, reason);
                // A module that is not a plain file counts as missing, so it does not run.
                if key.kind == Kind::Settings {
                    files.insert(key, Entry::Unusable(NO_FILE.to_owned()));
                }
            }
            (Err(_), Err(reason)) | (Err(reason), Ok(_)) => skip(&mut skipped, &file, reason),
        }
    }
    Ok(limited(files, FILES_MAX, is_known, skipped))
}

/// Adds a file to those that are not loaded. Its name may contain anything.
fn skip(skipped: &mut BTreeMap<String, String>, file: &OsStr, reason: String) {
    skipped.insert(file.to_string_lossy().escape_debug().to_string(), reason);
    if skipped.len() > SKIPPED_MAX {
        skipped.pop_last();
    }
}

fn no_file(meta: &std::fs::Metadata) -> String {
    let what = if meta.is_symlink() {
        "it is a link, and links are not followed; put the file itself here"
    } else if meta.is_dir() {
        "it is a folder; expected a file"
    } else {
        "it is not a plain file"
    };
    what.to_owned()
}

/// Keeps at most `limit` files of each kind.
fn limited(
    mut files: BTreeMap<Key, Entry>,
    limit: usize,
    is_known: impl Fn(&Key) -> bool,
    mut skipped: BTreeMap<String, String>,
) -> Entries {
    let of = |kind: Kind| files.keys().filter(move |key| key.kind == kind).cloned();
    let modules = of(Kind::Module).count();
    let kept: BTreeSet<Key> = first(of(Kind::Module), limit, |key| !is_known(key));
    let has_module = |key: &Key| kept.contains(&Key { kind: Kind::Module, name: key.name.clone() });
    let settings = first(of(Kind::Settings), limit, |key| (!has_module(key), !is_known(key)));
    let left_out = |key: &Key| !kept.contains(key) && !settings.contains(key);
    for key in files.keys().filter(|key| left_out(key)) {
        let file = key.path_in(Path::new(""));
        skip(
            &mut skipped,
            file.as_os_str(),
            format!("the folder has more than {limit} files of its kind, which is the limit"),
        );
    }
    files.retain(|key, _| !left_out(key));
    Entries { files, modules, skipped }
}

/// Returns the first `limit` keys by `rank`, then by name.
fn first<R: Ord>(keys: impl Iterator<Item = Key>, limit: usize, rank: impl Fn(&Key) -> R) -> BTreeSet<Key> {
    let mut keys: Vec<Key> = keys.collect();
    keys.sort_by_cached_key(|key| (rank(key), key.clone()));
    keys.truncate(limit);
    keys.into_iter().collect()
}

/// Reads at most `limit` bytes, plus one that shows that the file is too large. Rejects everything but a regular file,
/// also if it replaced the file since the listing.
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
    #![allow(clippy::panic, clippy::unwrap_used, reason = "test code may fail loudly")]

    use super::*;
    use testkit::Scratch;

    /// Replaces a settings file between the listing of the folder and the reading of the file.
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
        assert_eq!(read_after("pipe-in-place", put).unwrap_err(), "opening it: not a regular file");
    }

    #[test]
    fn a_link_device_or_folder_that_takes_a_listed_files_place_is_refused_at_once() {
        for target in ["/dev/zero", "/dev/tty", "/etc/hostname"] {
            let put = |path: &Path| std::os::unix::fs::symlink(target, path).unwrap();
            assert_eq!(read_after("link-in-place", put).unwrap_err(), "opening it: it is a link, not a file");
        }
        let put = |path: &Path| std::fs::create_dir(path).unwrap();
        assert_eq!(read_after("folder-in-place", put).unwrap_err(), "opening it: not a regular file");
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
        let entries = limited(files, 3, |key| known.contains(key), BTreeMap::new());
        let kept: Vec<Key> = entries.files.into_keys().collect();
        let expected = ["a", "b", "y"].map(settings).into_iter().chain(["a", "b", "y"].map(module));
        assert_eq!((kept, entries.modules), (expected.collect(), 5));
        let left_out: Vec<&String> = entries.skipped.keys().collect();
        assert_eq!(left_out, ["c.toml", "c.wasm", "d.toml", "x.wasm", "z.toml"]);
        assert!(entries.skipped.values().all(|reason| reason.contains("more than 3")));
    }

    #[test]
    fn known_settings_without_a_module_come_before_new_ones_and_after_those_of_modules() {
        let (settings, module) = (|name| key(Kind::Settings, name), |name| key(Kind::Module, name));
        let all = [module("m"), settings("a"), settings("m"), settings("z")];
        let files: BTreeMap<Key, Entry> = all.map(|key| (key, Entry::Unusable(String::new()))).into();
        // A strategy whose module is being replaced keeps its settings, although newcomers precede it by name.
        let kept = |limit| limited(files.clone(), limit, |key| key.name == "z", BTreeMap::new()).files;
        assert!(kept(2).into_keys().eq([settings("m"), settings("z"), module("m")]));
        assert!(kept(1).into_keys().eq([settings("m"), module("m")]));
        assert_eq!(kept(3).len(), 4);
    }

    #[test]
    fn what_is_not_loaded_is_listed_with_its_reason() {
        let dir = Scratch::new("skipped");
        let put = |name: &OsStr| std::fs::write(dir.join(name), "").unwrap();
        let long = format!("{}.wasm", "a".repeat(65));
        let name = "1 to 64 characters";
        let mut expected = vec![
            ("my-quoter-v1.2.wasm", name),
            ("quoter (1).wasm", name),
            ("größer.wasm", name),
            (&long, name),
            (".wasm", ""),
            ("Quoter2.WASM", "rename it to .wasm"),
            ("quoter.TOML", "rename it to .toml"),
            ("quoter.wasm.bak", "neither .wasm nor .toml"),
            ("README", "neither .wasm nor .toml"),
        ];
        expected.iter().for_each(|(name, _)| put(OsStr::new(name)));
        // Hidden files are ignored.
        expected.retain(|(name, _)| !name.starts_with('.'));
        put(OsStr::new("good_one-2.wasm"));
        put(OsStr::new("good_one-2.toml"));
        put(OsStr::new(".good.wasm.part"));
        put(std::os::unix::ffi::OsStrExt::from_bytes(b"bad\xff\n.wasm"));
        expected.push(("bad\u{fffd}\\n.wasm", name));
        std::os::unix::fs::symlink(dir.join("good_one-2.wasm"), dir.join("linked.wasm")).unwrap();
        std::fs::create_dir(dir.join("folder.wasm")).unwrap();
        std::fs::create_dir(dir.join("old")).unwrap();
        testkit::named_pipe(&dir.join("pipe.toml"));
        expected.extend([("linked.wasm", "links are not followed"), ("folder.wasm", "it is a folder")]);
        expected.push(("pipe.toml", "not a plain file"));
        let entries = list(&dir, |_| false).unwrap();
        for (file, reason) in &expected {
            let found = entries.skipped.get(*file).unwrap_or_else(|| panic!("{file} of {:?}", entries.skipped));
            assert!(found.contains(reason), "{file}: {found}");
        }
        assert_eq!(entries.skipped.len(), expected.len(), "{:?}", entries.skipped);
        let module = key(Kind::Module, "good_one-2");
        let loaded: Vec<&Key> =
            entries.files.iter().filter(|(_, entry)| matches!(entry, Entry::File(_))).map(|(key, _)| key).collect();
        assert_eq!(loaded, [&key(Kind::Settings, "good_one-2"), &module]);
    }

    #[test]
    fn the_list_of_what_is_not_loaded_has_an_end() {
        let dir = Scratch::new("skipped-many");
        (0..200).for_each(|number| std::fs::write(dir.join(format!("{number:03}.txt")), "").unwrap());
        let skipped = list(&dir, |_| false).unwrap().skipped;
        assert_eq!((skipped.len(), skipped.first_key_value().unwrap().0.as_str()), (SKIPPED_MAX, "000.txt"));
    }
}
