//! The strategies folder. It is looked at twenty times a second: a look at twenty files takes tens of microseconds, works on
//! every file system, and misses nothing. A file is read when it was left alone for a moment; one that makes no sense yet is
//! tried again for two seconds, as it may still be on its way.

use super::{Report, Sink};
use crate::module::Sandbox;
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
/// The longest name.
const NAME_MAX: usize = 64;

/// What shows that a file changed: its length and its time.
type Mark = (u64, Option<SystemTime>);

#[derive(Debug)]
struct File {
    mark: Mark,
    changed: Instant,
    /// What was read, and whether that is settled: loaded, or given up.
    settled: bool,
    tried: Option<Instant>,
    announced: bool,
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
        let mut watcher = Watcher { sandbox, dir, sink, files: BTreeMap::new(), crowded: false };
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
    crowded: bool,
}

impl Watcher {
    fn look(&mut self, now: Instant) {
        // A folder that cannot be read for a moment is no reason to stop what runs.
        let Ok(found) = self.list() else { return };
        let gone: Vec<String> = self.files.keys().filter(|name| !found.contains_key(*name)).cloned().collect();
        for name in gone {
            if self.files.remove(&name).is_some_and(|file| file.announced) {
                (self.sink)(Report::Removed { name });
            }
        }
        for (name, mark) in found {
            let fresh = || File { mark, changed: now, settled: false, tried: None, announced: false };
            let file = self.files.entry(name.clone()).or_insert_with(fresh);
            if file.mark != mark {
                *file = File { announced: file.announced, ..fresh() };
            }
            let quiet = now.saturating_duration_since(file.changed);
            let again =
                file.tried.is_none_or(|tried| now.saturating_duration_since(tried) >= DEBOUNCE.saturating_mul(4));
            if !file.settled && quiet >= DEBOUNCE && again {
                self.load(&name, quiet, now);
            }
        }
    }

    fn list(&mut self) -> std::io::Result<BTreeMap<String, Mark>> {
        let mut found = BTreeMap::new();
        for entry in std::fs::read_dir(&self.dir)? {
            let entry = entry?;
            let Some(name) = name_of(&entry.path()) else { continue };
            // Of the entry itself: links are not followed.
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_file() {
                found.insert(name, (meta.len(), meta.modified().ok()));
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
        Ok(found)
    }

    fn load(&mut self, name: &str, quiet: Duration, now: Instant) {
        let path = self.dir.join(name).with_extension("wasm");
        let loaded = read(&path, self.sandbox.settings.module_max)
            .and_then(|bytes| self.sandbox.load(&bytes).map_err(|error| error.to_string()));
        let Some(file) = self.files.get_mut(name) else { return };
        file.tried = Some(now);
        match loaded {
            Ok(module) => {
                file.settled = true;
                file.announced = true;
                (self.sink)(Report::Ready { name: name.to_owned(), module });
            }
            Err(error) if quiet >= PATIENCE => {
                file.settled = true;
                (self.sink)(Report::Rejected { name: name.to_owned(), error });
            }
            Err(error) => tracing::debug!(name, error, "a strategy's file makes no sense yet"),
        }
    }
}

/// Reads a file that is not larger than a module may be.
fn read(path: &Path, limit: usize) -> Result<Vec<u8>, String> {
    use std::io::Read;
    let file = std::fs::File::open(path).map_err(|error| format!("opening it: {error}"))?;
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut bytes).map_err(|error| format!("reading it: {error}"))?;
    Ok(bytes)
}

/// Returns the name of a strategy's file: its stem, of letters, digits, `-` and `_`.
fn name_of(path: &Path) -> Option<String> {
    if path.extension()? != "wasm" {
        return None;
    }
    let stem = path.file_stem()?.to_str()?;
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    (!stem.is_empty() && stem.len() <= NAME_MAX && stem.chars().all(good)).then(|| stem.to_owned())
}
