//! The strategies folder. It is looked at twenty times a second: a look at twenty files takes tens of microseconds, works on
//! every file system, and misses nothing. A file is read when it was left alone for a moment; one that makes no sense yet is
//! tried again for two seconds, as it may still be on its way.

use super::{Report, Sink};
use crate::module::Sandbox;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

/// How often the folder is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// How long a file must be left alone before it is read.
const DEBOUNCE: Duration = Duration::from_millis(50);
/// How long a file that makes no sense is tried again after its last change.
const PATIENCE: Duration = Duration::from_secs(2);
/// The most strategies.
const FILES_MAX: usize = 256;
/// The most bytes of a file of settings.
const TEXT_MAX: usize = 64 * 1024;
/// The longest name.
const NAME_MAX: usize = 64;

/// What shows that a file changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    length: u64,
    modified: Option<SystemTime>,
    /// Which file it is and when anything of it changed: a copy that keeps length and time of the one before is another all the same.
    identity: (u64, i64, i64),
}

impl Mark {
    fn of(meta: &std::fs::Metadata) -> Self {
        #[cfg(unix)]
        let identity = {
            use std::os::unix::fs::MetadataExt;
            (meta.ino(), meta.ctime(), meta.ctime_nsec())
        };
        #[cfg(not(unix))]
        let identity = (0, 0, 0);
        Self { length: meta.len(), modified: meta.modified().ok(), identity }
    }
}

#[derive(Debug)]
struct File {
    mark: Mark,
    changed: Instant,
    /// Whether what was read is settled: loaded, or given up.
    settled: bool,
    tried: Option<Instant>,
    /// The hash of what was loaded last.
    loaded: Option<[u8; 32]>,
    /// Whether something else was given up since.
    rejected: bool,
}

/// A file of settings beside a module.
#[derive(Debug)]
struct Text {
    mark: Mark,
    changed: Instant,
    told: bool,
}

/// What the folder has.
#[derive(Debug, Default)]
struct Found {
    modules: BTreeMap<String, Mark>,
    texts: BTreeMap<String, Mark>,
}

/// The watcher's thread.
#[derive(Debug)]
pub(super) struct Folder {
    end: Arc<AtomicBool>,
    thread: std::sync::Mutex<Option<JoinHandle<()>>>,
}

impl Folder {
    pub(super) fn watch(sandbox: Sandbox, dir: PathBuf, sink: Sink) -> std::io::Result<Self> {
        let end = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&end);
        let mut watcher =
            Watcher { sandbox, dir, sink, files: BTreeMap::new(), texts: BTreeMap::new(), crowded: false };
        let thread = std::thread::Builder::new().name("strategies-folder".to_owned()).spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                watcher.look(Instant::now());
                std::thread::sleep(LOOK);
            }
        })?;
        Ok(Self { end, thread: std::sync::Mutex::new(Some(thread)) })
    }

    /// Ends the watcher and waits for it.
    pub(super) fn end(&self) {
        self.end.store(true, Ordering::Relaxed);
        let thread = self.thread.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the strategies folder's thread panicked");
        }
    }
}

struct Watcher {
    sandbox: Sandbox,
    dir: PathBuf,
    sink: Sink,
    files: BTreeMap<String, File>,
    texts: BTreeMap<String, Text>,
    crowded: bool,
}

impl Watcher {
    fn look(&mut self, now: Instant) {
        // A folder that cannot be read for a moment is no reason to stop what runs.
        let Ok(Found { modules: found, texts }) = self.list() else { return };
        // First: who starts a strategy knows its settings then.
        self.look_at_texts(texts, now);
        let gone: Vec<String> = self.files.keys().filter(|name| !found.contains_key(*name)).cloned().collect();
        for name in gone {
            if self.files.remove(&name).is_some_and(|file| file.loaded.is_some()) {
                (self.sink)(Report::Removed { name });
            }
        }
        for (name, mark) in found {
            let fresh = || File { mark, changed: now, settled: false, tried: None, loaded: None, rejected: false };
            let file = self.files.entry(name.clone()).or_insert_with(fresh);
            if file.mark != mark {
                *file = File { loaded: file.loaded, rejected: file.rejected, ..fresh() };
            }
            let quiet = now.saturating_duration_since(file.changed);
            let again =
                file.tried.is_none_or(|tried| now.saturating_duration_since(tried) >= DEBOUNCE.saturating_mul(4));
            if !file.settled && quiet >= DEBOUNCE && again {
                self.load(&name, quiet, now);
            }
        }
    }

    fn look_at_texts(&mut self, found: BTreeMap<String, Mark>, now: Instant) {
        let gone: Vec<String> = self.texts.keys().filter(|name| !found.contains_key(*name)).cloned().collect();
        for name in gone {
            self.texts.remove(&name);
            (self.sink)(Report::Settings { name, text: None });
        }
        for (name, mark) in found {
            let fresh = Text { mark, changed: now, told: false };
            let text = self.texts.entry(name.clone()).or_insert(fresh);
            if text.mark != mark {
                *text = Text { mark, changed: now, told: false };
            }
            // An empty file is most likely one that is being written, and would mean the defaults.
            let quiet = if mark.length == 0 { PATIENCE } else { DEBOUNCE };
            if text.told || now.saturating_duration_since(text.changed) < quiet {
                continue;
            }
            text.told = true;
            match read(&self.dir.join(&name).with_extension("toml"), TEXT_MAX) {
                // It was emptied since it was looked at.
                Ok(bytes) if bytes.is_empty() && mark.length > 0 => text.told = false,
                Ok(bytes) => {
                    let text = Some(String::from_utf8_lossy(&bytes).into_owned());
                    (self.sink)(Report::Settings { name, text });
                }
                Err(error) => tracing::warn!(name, error, "a strategy's settings cannot be read"),
            }
        }
    }

    fn list(&mut self) -> std::io::Result<Found> {
        let (mut found, mut texts) = (BTreeMap::new(), BTreeMap::new());
        for entry in std::fs::read_dir(&self.dir)? {
            let entry = entry?;
            let Some((name, kind)) = name_of(&entry.path()) else { continue };
            let found = if kind == Kind::Module { &mut found } else { &mut texts };
            // Of the entry itself: links are not followed.
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_file() {
                found.insert(name, Mark::of(&meta));
            }
        }
        let crowded = found.len() > FILES_MAX;
        if crowded && !self.crowded {
            tracing::warn!(
                files = found.len(),
                limit = FILES_MAX,
                "too many strategies: those last by name are left out"
            );
        }
        self.crowded = crowded;
        while found.len() > FILES_MAX {
            found.pop_last();
        }
        while texts.len() > FILES_MAX {
            texts.pop_last();
        }
        Ok(Found { modules: found, texts })
    }

    fn load(&mut self, name: &str, quiet: Duration, now: Instant) {
        let path = self.dir.join(name).with_extension("wasm");
        let read = read(&path, self.sandbox.settings.module_max);
        let Some(file) = self.files.get_mut(name) else { return };
        file.tried = Some(now);
        let hash = read.as_ref().ok().map(|bytes| <[u8; 32]>::from(Sha256::digest(bytes)));
        if hash.is_some() && hash == file.loaded {
            // Touched, or the same again: nothing has changed.
            file.settled = true;
            if std::mem::take(&mut file.rejected) {
                (self.sink)(Report::Same { name: name.to_owned() });
            }
            return;
        }
        match read.and_then(|bytes| self.sandbox.load(&bytes).map_err(|error| error.to_string())) {
            Ok(module) => {
                file.settled = true;
                file.loaded = hash;
                file.rejected = false;
                (self.sink)(Report::Ready { name: name.to_owned(), module });
            }
            Err(error) if quiet >= PATIENCE => {
                file.settled = true;
                file.rejected = true;
                (self.sink)(Report::Rejected { name: name.to_owned(), error });
            }
            Err(error) => tracing::debug!(name, error, "a strategy's file makes no sense yet"),
        }
    }
}

/// Reads a file that is not larger than a module may be, and no link, not even one that took the file's place since it was listed.
fn read(path: &Path, limit: usize) -> Result<Vec<u8>, String> {
    use std::io::Read;
    let listed = std::fs::symlink_metadata(path).map_err(|error| format!("looking at it: {error}"))?;
    let file = std::fs::File::open(path).map_err(|error| format!("opening it: {error}"))?;
    let opened = file.metadata().map_err(|error| format!("looking at it: {error}"))?;
    if !listed.is_file() || !opened.is_file() || Mark::of(&listed).identity.0 != Mark::of(&opened).identity.0 {
        return Err("it is a link, or no file".to_owned());
    }
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut bytes).map_err(|error| format!("reading it: {error}"))?;
    Ok(bytes)
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Module,
    Settings,
}

/// Returns the name of a strategy's file, and what it is.
fn name_of(path: &Path) -> Option<(String, Kind)> {
    let kind = match path.extension()?.to_str()? {
        "wasm" => Kind::Module,
        "toml" => Kind::Settings,
        _ => return None,
    };
    let stem = path.file_stem()?.to_str()?;
    is_name(stem).then(|| (stem.to_owned(), kind))
}

/// Says whether a strategy can have this name: letters, digits, `-` and `_`, at most 64 of them.
pub fn is_name(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    !name.is_empty() && name.len() <= NAME_MAX && name.chars().all(good)
}
