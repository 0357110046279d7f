//! The strategies folder. It is looked at twenty times a second: a look at twenty files takes tens of microseconds, works on
//! every file system, and misses nothing. In between a glance at the folder's own times finds what came and went. A file counts when it
//! was left alone for a moment, which its own times tell: a look that comes late costs nothing. It is compiled meanwhile, and what came
//! of that is used if the file still says the same then. One that makes no sense yet is tried again for two seconds, as it may still be
//! on its way.

use super::loading::{Done, Early, Loading, Outcome, Ticket};
use super::mark::{Mark, Now, changed};
use super::name::is_name;
use super::{Report, Sink};
use crate::module::Sandbox;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often the folder is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// How often it is glanced at.
const GLANCE: Duration = Duration::from_millis(5);
/// How long a file must be left alone before it counts.
const DEBOUNCE: Duration = Duration::from_millis(50);
/// How long a file that makes no sense is tried again after its last change.
const PATIENCE: Duration = Duration::from_secs(2);
/// The most strategies.
const FILES_MAX: usize = 256;
/// The most bytes of a file of settings.
const TEXT_MAX: usize = 64 * 1024;

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
    /// Whether it was loaded early since it was settled last: a file that is written slowly is not compiled again and again.
    hasty: bool,
    /// What came of that.
    early: Option<Early>,
}

impl File {
    const fn new(mark: Mark, changed: Instant) -> Self {
        let (settled, tried, loaded, rejected, hasty, early) = (false, None, None, false, false, None);
        Self { mark, changed, settled, tried, loaded, rejected, hasty, early }
    }
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
        let quiet = if self.mark.length() == 0 { PATIENCE } else { DEBOUNCE };
        quiet.saturating_sub(now.saturating_duration_since(self.changed))
    }
}

/// Why a file is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// It was left alone for long enough.
    Due,
    /// It will be, as far as can be seen, and it takes time.
    Early,
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
        let (looked, glanced) = (None, None);
        let mut watcher = Watcher { sandbox, dir, sink, files, texts, loading, crowded: false, looked, glanced };
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
    /// The folder itself, as it was then.
    glanced: Option<Mark>,
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
        loop {
            let left = most.saturating_sub(now.elapsed());
            let done = self.loading.wait(left.min(GLANCE));
            let over = !done.is_empty() || left <= GLANCE || self.glance() != self.glanced;
            done.into_iter().for_each(|done| self.settle(done, Instant::now()));
            if over {
                return;
            }
        }
    }

    fn glance(&self) -> Option<Mark> {
        std::fs::metadata(&self.dir).ok().map(|meta| Mark::of(&meta))
    }

    fn look(&mut self, now: Now) {
        for (name, when) in self.due(now) {
            self.load(name, when, now.steady);
        }
    }

    /// Looks at what changed, and returns which modules are due to be loaded.
    fn due(&mut self, now: Now) -> Vec<(String, When)> {
        let mut due = Vec::new();
        self.glanced = self.glance();
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
            let fresh = || File::new(mark, changed);
            let file = self.files.entry(name.clone()).or_insert_with(fresh);
            if file.mark != mark {
                *file = File { loaded: file.loaded, rejected: file.rejected, hasty: file.hasty, ..fresh() };
            }
            let since = |then| now.steady.saturating_duration_since(then);
            let quiet = since(file.changed);
            let again = file.tried.is_none_or(|tried| since(tried) >= DEBOUNCE.saturating_mul(4));
            if !file.settled && quiet >= DEBOUNCE && again {
                due.push((name, When::Due));
            } else if !file.settled && quiet < DEBOUNCE && !file.hasty && mark.length() > 0 {
                due.push((name, When::Early));
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
                Ok(bytes) if bytes.is_empty() && mark.length() > 0 => text.told = false,
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
    fn load(&mut self, name: String, when: When, now: Instant) {
        let Some(file) = self.files.get_mut(&name) else { return };
        let (mark, loaded) = (file.mark, file.loaded);
        if !self.loading.has_room(&name, now) {
            return;
        }
        let early = file.early.take();
        file.hasty |= when == When::Early;
        let path = self.dir.join(&name).with_extension("wasm");
        let sandbox = self.sandbox.clone();
        let limit = sandbox.settings.module_max;
        let load = move || match (read(&path, limit), when) {
            (Ok(bytes), When::Due) => load(&sandbox, &bytes, loaded, early),
            (Ok(bytes), When::Early) => load_early(&sandbox, &bytes, loaded),
            (Err(error), _) => Outcome::Failed { error, may_pass: true },
        };
        self.loading.begin(Ticket { name, mark, at: now }, load);
    }

    /// Tells what came of a file, unless it is another one by now.
    fn settle(&mut self, done: Done, now: Instant) {
        let Done { ticket: Ticket { name, mark, at }, outcome } = done;
        let Some(file) = self.files.get_mut(&name).filter(|file| file.mark == mark) else { return };
        if let Outcome::Early(early) = outcome {
            file.early = early;
            return;
        }
        let quiet = at.saturating_duration_since(file.changed);
        file.tried = Some(now);
        file.settled = true;
        file.hasty = false;
        match outcome {
            Outcome::Early(_) => {}
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

/// Loads what was read, unless it is what was loaded last, or what was loaded early.
fn load(sandbox: &Sandbox, bytes: &[u8], loaded: Option<[u8; 32]>, early: Option<Early>) -> Outcome {
    let hash = <[u8; 32]>::from(Sha256::digest(bytes));
    match early {
        Some(early) if early.hash == hash => *early.outcome,
        _ => outcome_of(sandbox, bytes, hash, loaded),
    }
}

/// Loads what was read although more may be to come. What may be otherwise in a moment is forgotten.
fn load_early(sandbox: &Sandbox, bytes: &[u8], loaded: Option<[u8; 32]>) -> Outcome {
    let hash = <[u8; 32]>::from(Sha256::digest(bytes));
    match outcome_of(sandbox, bytes, hash, loaded) {
        Outcome::Failed { may_pass: true, .. } => Outcome::Early(None),
        outcome => Outcome::Early(Some(Early { hash, outcome: Box::new(outcome) })),
    }
}

fn outcome_of(sandbox: &Sandbox, bytes: &[u8], hash: [u8; 32], loaded: Option<[u8; 32]>) -> Outcome {
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
    if !listed.is_file() || !opened.is_file() || !Mark::of(&listed).is_same_file(&Mark::of(&opened)) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::Compiler;
    use crate::settings::Settings;

    #[test]
    fn what_was_loaded_early_is_used_only_for_the_same_bytes() {
        let sandbox = Sandbox::new(Settings::default(), Compiler::Inline).unwrap();
        let early = |bytes: &[u8]| {
            let outcome = Outcome::Failed { error: "told early".to_owned(), may_pass: false };
            Some(Early { hash: Sha256::digest(bytes).into(), outcome: Box::new(outcome) })
        };
        let error = |outcome| match outcome {
            Outcome::Failed { error, .. } => error,
            other => panic!("{other:?}"),
        };
        assert_eq!(error(load(&sandbox, b"this", None, early(b"this"))), "told early");
        assert_ne!(error(load(&sandbox, b"this", None, early(b"that"))), "told early");
        assert_ne!(error(load(&sandbox, b"this", None, None)), "told early");
        // What may be whole in a moment is not kept.
        assert!(matches!(load_early(&sandbox, b"\0asm", None), Outcome::Early(None)));
    }
}
