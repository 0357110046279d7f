//! The strategies folder. It is looked at twenty times a second: a look at twenty files takes tens of microseconds, works on
//! every file system, and misses nothing. A file is read when it was left alone for a moment, which its own times tell: a look that
//! comes late costs nothing. One that makes no sense yet is tried again for two seconds, as it may still be on its way.

use super::loading::{Done, Loading, Outcome, Ticket};
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
pub(super) struct Mark {
    length: u64,
    modified: Option<SystemTime>,
    /// Which file it is and when anything of it changed: a copy that keeps length and time of the one before is another all the same.
    identity: (u64, i64, i64),
}

/// A moment, by the clock that only goes on and by the one that files have.
#[derive(Debug, Clone, Copy)]
struct Now {
    steady: Instant,
    wall: SystemTime,
}

impl Now {
    fn read() -> Self {
        Self { steady: Instant::now(), wall: SystemTime::now() }
    }
}

impl Mark {
    pub(super) fn of(meta: &std::fs::Metadata) -> Self {
        #[cfg(unix)]
        let identity = {
            use std::os::unix::fs::MetadataExt;
            (meta.ino(), meta.ctime(), meta.ctime_nsec())
        };
        #[cfg(not(unix))]
        let identity = (0, 0, 0);
        Self { length: meta.len(), modified: meta.modified().ok(), identity }
    }

    /// Returns when anything of the file changed, by its file system's clock. A copy may keep its time of modification; this one it cannot.
    fn changed(&self) -> Option<SystemTime> {
        let (_, seconds, nanos) = self.identity;
        let since = Duration::new(u64::try_from(seconds).ok()?, u32::try_from(nanos).ok()?);
        if cfg!(unix) { SystemTime::UNIX_EPOCH.checked_add(since) } else { self.modified }
    }
}

/// Returns when a file changed that is seen to have changed now and was not the last time. Its own time may come from another machine's
/// clock, so it counts only as far as it lies between the two looks.
fn changed(mark: &Mark, now: Now, before: Option<Instant>) -> Instant {
    let Some(before) = before else { return now.steady };
    let age = mark.changed().and_then(|changed| now.wall.duration_since(changed).ok()).unwrap_or_default();
    now.steady.checked_sub(age).map_or(before, |changed| changed.max(before))
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

impl Text {
    /// Returns how long it must still be left alone. An empty file is most likely one that is being written, and would mean the defaults.
    fn waits_for(&self, now: Instant) -> Duration {
        let quiet = if self.mark.length == 0 { PATIENCE } else { DEBOUNCE };
        quiet.saturating_sub(now.saturating_duration_since(self.changed))
    }
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
        let (files, texts) = (BTreeMap::new(), BTreeMap::new());
        let loading = Loading::new();
        let mut watcher = Watcher { sandbox, dir, sink, files, texts, loading, crowded: false, looked: None };
        let thread = std::thread::Builder::new().name("strategies-folder".to_owned()).spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                watcher.look(Now::read());
                watcher.rest();
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
    loading: Loading,
    crowded: bool,
    /// When the last look began.
    looked: Option<Instant>,
}

impl Watcher {
    /// Waits until there is something to do: a file is loaded, one has been left alone long enough, or the folder is due to be looked at.
    fn rest(&mut self) {
        let now = Instant::now();
        let quiet = |changed: Instant| DEBOUNCE.saturating_sub(now.saturating_duration_since(changed));
        let modules = self.files.values().filter(|file| !file.settled && file.tried.is_none()).map(|file| file.changed);
        let texts = self.texts.values().filter(|text| !text.told).map(|text| text.waits_for(now));
        // Who waits for another one's turn looks busy.
        let most =
            if self.loading.is_busy() { LOOK } else { modules.map(quiet).chain(texts).fold(LOOK, Duration::min) };
        for done in self.loading.wait(most) {
            self.settle(done, Instant::now());
        }
    }

    fn look(&mut self, now: Now) {
        for name in self.due(now) {
            self.load(name, now.steady);
        }
    }

    /// Looks at what changed, and returns which modules are due to be loaded.
    fn due(&mut self, now: Now) -> Vec<String> {
        let mut due = Vec::new();
        // A folder that cannot be read for a moment is no reason to stop what runs.
        let Ok(Found { modules: found, texts }) = self.list() else { return due };
        let before = self.looked.replace(now.steady);
        // First: who starts a strategy knows its settings then.
        self.look_at_texts(texts, now, before);
        let gone: Vec<String> = self.files.keys().filter(|name| !found.contains_key(*name)).cloned().collect();
        for name in gone {
            if self.files.remove(&name).is_some_and(|file| file.loaded.is_some()) {
                (self.sink)(Report::Removed { name });
            }
        }
        for (name, mark) in found {
            let changed = changed(&mark, now, before);
            let fresh = || File { mark, changed, settled: false, tried: None, loaded: None, rejected: false };
            let file = self.files.entry(name.clone()).or_insert_with(fresh);
            if file.mark != mark {
                *file = File { loaded: file.loaded, rejected: file.rejected, ..fresh() };
            }
            let since = |then| now.steady.saturating_duration_since(then);
            let quiet = since(file.changed);
            let again = file.tried.is_none_or(|tried| since(tried) >= DEBOUNCE.saturating_mul(4));
            if !file.settled && quiet >= DEBOUNCE && again {
                due.push(name);
            }
        }
        due
    }

    fn look_at_texts(&mut self, found: BTreeMap<String, Mark>, now: Now, before: Option<Instant>) {
        let gone: Vec<String> = self.texts.keys().filter(|name| !found.contains_key(*name)).cloned().collect();
        for name in gone {
            self.texts.remove(&name);
            (self.sink)(Report::Settings { name, text: None });
        }
        for (name, mark) in found {
            let fresh = || Text { mark, changed: changed(&mark, now, before), told: false };
            let text = self.texts.entry(name.clone()).or_insert_with(fresh);
            if text.mark != mark {
                *text = fresh();
            }
            if text.told || !text.waits_for(now.steady).is_zero() {
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

    /// Has a file loaded if it is its turn.
    fn load(&mut self, name: String, now: Instant) {
        let Some(&File { mark, loaded, .. }) = self.files.get(&name) else { return };
        let path = self.dir.join(&name).with_extension("wasm");
        let sandbox = self.sandbox.clone();
        let limit = sandbox.settings.module_max;
        let load = move || match read(&path, limit) {
            Ok(bytes) => load(&sandbox, &bytes, loaded),
            Err(error) => Outcome::Failed { error, may_pass: true },
        };
        self.loading.begin(Ticket { name, mark, at: now }, load);
    }

    /// Tells what came of a file, unless it is another one by now.
    fn settle(&mut self, done: Done, now: Instant) {
        let Done { ticket: Ticket { name, mark, at }, outcome } = done;
        let Some(file) = self.files.get_mut(&name).filter(|file| file.mark == mark) else { return };
        let quiet = at.saturating_duration_since(file.changed);
        file.tried = Some(now);
        file.settled = true;
        match outcome {
            Outcome::Same => {
                // Touched, or the same again: nothing has changed.
                if std::mem::take(&mut file.rejected) {
                    (self.sink)(Report::Same { name });
                }
            }
            Outcome::Loaded(module) => {
                file.loaded = Some(module.hash());
                file.rejected = false;
                (self.sink)(Report::Ready { name, module });
            }
            Outcome::Failed { error, may_pass } if quiet >= PATIENCE || !may_pass => {
                file.rejected = true;
                (self.sink)(Report::Rejected { name, error });
            }
            Outcome::Failed { error, .. } => {
                file.settled = false;
                tracing::debug!(name, error, "a strategy's file makes no sense yet");
            }
        }
    }
}

/// Loads what was read, unless it is what was loaded last.
fn load(sandbox: &Sandbox, bytes: &[u8], loaded: Option<[u8; 32]>) -> Outcome {
    let hash = <[u8; 32]>::from(Sha256::digest(bytes));
    if loaded == Some(hash) {
        return Outcome::Same;
    }
    match sandbox.load_hashed(bytes, hash) {
        Ok(module) => Outcome::Loaded(module),
        Err(error) => {
            // With more bytes, or with time.
            let may_pass = error.may_be_unfinished() || error.is_of_the_machine();
            Outcome::Failed { error: error.to_string(), may_pass }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(changed: SystemTime) -> Mark {
        let since = changed.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let identity = (1, i64::try_from(since.as_secs()).unwrap(), i64::from(since.subsec_nanos()));
        Mark { length: 1, modified: Some(changed), identity }
    }

    #[test]
    fn a_look_that_comes_late_costs_nothing_and_a_clock_that_is_elsewhere_is_not_believed() {
        let (first, wall) = (Instant::now(), SystemTime::now());
        let millis = Duration::from_millis;
        let now = Now { steady: first + millis(50), wall };
        let age = |changed: SystemTime, before| now.steady - super::changed(&mark(changed), now, before);
        assert_eq!(age(wall - millis(20), Some(first)), millis(20), "as old as it says");
        assert_eq!(age(wall - millis(70), Some(first)), millis(50), "the last look did not see it");
        assert_eq!(age(wall + millis(70), Some(first)), millis(0), "a clock that is ahead");
        assert_eq!(age(wall - millis(20), None), millis(0), "at the first look nothing is known of it");
    }
}
