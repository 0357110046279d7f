//! Watches the strategies folder. A file is loaded once it has been unchanged for 50 ms by its own timestamps;
//! compilation starts earlier and is used only if the hash still matches. A file that cannot be loaded is retried for 2
//! s, because it may still be being written.
//!
//! The scan of the folder is authoritative: it takes tens of microseconds for twenty files and works on every file
//! system. File-system events trigger it; without events it runs once a second, and without a watch twenty times a
//! second.

mod entries;
mod file;
mod load;
mod skipped;
#[cfg(test)]
mod tests;
mod watch;

use super::file_stamp::{FileStamp, Now, changed};
use super::loading::{Done, Loading, Outcome, Ticket};
use super::wake::Wake;
use super::{Report, Sink};
use crate::module::Sandbox;
use entries::{Entries, Entry, FILES_MAX, Key, Kind};
use file::{File, When};
use skipped::Skipped;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
pub use watch::WatchKind;
use watch::{FolderWatch, Open};

/// The scan interval with a watch and without events.
const IDLE: Duration = Duration::from_secs(1);
/// The scan interval without a watch, or while a file waits to be loaded.
const POLL: Duration = Duration::from_millis(50);
/// The minimum time between two scans: writing a large file sends thousands of events.
const GAP: Duration = Duration::from_millis(2);
/// Time for which the folder may be missing before its strategies are stopped.
const LOST_AFTER: Duration = Duration::from_secs(5);
/// Time for which a settings file may be missing while its module exists before the defaults apply: many programs
/// rewrite a file by removing it first.
const SETTINGS_GONE_AFTER: Duration = Duration::from_secs(2);
/// The maximum size of a settings file, in bytes.
const SETTINGS_MAX: usize = 64 * 1024;

/// Handle of the watcher thread.
#[derive(Debug)]
pub(super) struct Folder {
    status: Arc<Status>,
    wake: mpsc::Sender<Wake>,
    thread: parking_lot::Mutex<Option<JoinHandle<()>>>,
}

/// The watcher's state as visible to other threads.
#[derive(Debug, Default)]
struct Status {
    /// True while there is a watch.
    events: AtomicBool,
    #[cfg(test)]
    scans: std::sync::atomic::AtomicU64,
}

impl Folder {
    pub(super) fn watch(sandbox: Sandbox, dir: PathBuf, sink: Sink) -> std::io::Result<Self> {
        Self::watch_by(sandbox, dir, sink, IDLE, Box::new(watch::open))
    }

    /// Same as [`Folder::watch`], with the watch that `open` opens, and a scan after each `idle` without events.
    fn watch_by(sandbox: Sandbox, dir: PathBuf, sink: Sink, idle: Duration, open: Open) -> std::io::Result<Self> {
        let (wake, wakes) = mpsc::channel();
        let status = Arc::new(Status::default());
        let mut watcher = Watcher {
            watch: FolderWatch::new(open, wake.clone()),
            loading: Loading::new(wake.clone()),
            files: BTreeMap::new(),
            unusable: BTreeMap::new(),
            absent: BTreeMap::new(),
            missing: None,
            crowded: false,
            skipped: Skipped::default(),
            scanned: None,
            status: Arc::clone(&status),
            sandbox,
            dir,
            sink,
            idle,
            wakes,
        };
        let run = move || {
            while watcher.turn() {}
        };
        let thread = std::thread::Builder::new().name("strategies-folder".to_owned()).spawn(run)?;
        Ok(Self { status, wake, thread: parking_lot::Mutex::new(Some(thread)) })
    }

    /// Returns the current way of detecting changes.
    pub(super) fn watch_kind(&self) -> WatchKind {
        if self.status.events.load(Ordering::Relaxed) { WatchKind::Events } else { WatchKind::Scan }
    }

    /// Ends the watcher and waits for it.
    pub(super) fn end(&self) {
        // Sending fails only if the watcher has ended.
        let _sent = self.wake.send(Wake::End);
        let thread = self.thread.lock().take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the strategies folder's thread panicked");
        }
    }
}

struct Watcher {
    sandbox: Sandbox,
    dir: PathBuf,
    sink: Sink,
    idle: Duration,
    wakes: mpsc::Receiver<Wake>,
    watch: FolderWatch,
    loading: Loading,
    files: BTreeMap<Key, File>,
    /// Unusable settings files, with the reported reason.
    unusable: BTreeMap<Key, String>,
    /// Settings files that are missing while their module exists, with the time since when.
    absent: BTreeMap<Key, Instant>,
    /// The time since when the folder has been unreadable, and whether that was reported.
    missing: Option<(Instant, bool)>,
    /// True if there are more strategies than the limit.
    crowded: bool,
    skipped: Skipped,
    /// The start of the last scan.
    scanned: Option<Instant>,
    status: Arc<Status>,
}

impl Watcher {
    /// Scans the folder once and waits until the next scan is due. Returns false at the end.
    fn turn(&mut self) -> bool {
        let now = Now::read();
        let kind = self.watch.renew(&self.dir, now.steady);
        self.status.events.store(kind == WatchKind::Events, Ordering::Relaxed);
        self.scan(now);
        self.rest(kind, now.steady)
    }

    /// Waits until the next scan is due, because of the interval, a loaded file or a change in the folder. Returns
    /// false at the end.
    fn rest(&mut self, kind: WatchKind, scanned: Instant) -> bool {
        let start = Instant::now();
        let mut most = self.patience(kind, scanned);
        loop {
            match self.wakes.recv_timeout(most.saturating_sub(start.elapsed())) {
                Ok(Wake::Loaded(done)) => {
                    self.finish(*done, Instant::now());
                    most = Duration::ZERO;
                }
                Ok(Wake::Folder) => {
                    self.watch.acknowledge();
                    let gap = GAP.saturating_sub(scanned.elapsed());
                    most = most.min(start.elapsed().saturating_add(gap));
                }
                Ok(Wake::End) | Err(RecvTimeoutError::Disconnected) => return false,
                Err(RecvTimeoutError::Timeout) => return true,
            }
        }
    }

    /// Returns the time until the next scan if nothing wakes the watcher; `scanned` is the start of the last scan.
    fn patience(&self, kind: WatchKind, scanned: Instant) -> Duration {
        let most = if kind == WatchKind::Events { self.idle } else { POLL };
        let late = scanned.elapsed();
        // A file that was due at the scan but not started waits for capacity.
        let waits = self.files.values().filter_map(|file| file.wait(scanned));
        let waits = waits.map(|wait| if wait.is_zero() { POLL } else { wait.saturating_sub(late) });
        let gone = self.absent.values().map(|since| SETTINGS_GONE_AFTER.saturating_sub(since.elapsed()).max(POLL));
        waits.chain(gone).fold(most, Duration::min)
    }

    /// Reports the changes since the last scan, and starts loading the files that are due.
    fn scan(&mut self, now: Now) {
        // Timestamps may come from another machine's clock, so a change counts as at most one polling interval old.
        let oldest = now.steady.checked_sub(POLL);
        let before = self.scanned.replace(now.steady).map(|before| oldest.map_or(before, |oldest| before.max(oldest)));
        #[cfg(test)]
        self.status.scans.fetch_add(1, Ordering::Relaxed);
        let Entries { files: found, modules, skipped } = match entries::list(&self.dir, |key| self.knows(key)) {
            Ok(entries) => entries,
            Err(error) => return self.miss(&error, now.steady),
        };
        if let Some((_, true)) = self.missing.take() {
            (self.sink)(Report::FolderBack);
        }
        self.skipped.update(skipped, now.steady, &self.sink);
        self.warn_if_crowded(modules);
        self.remove_all_but(&found, now.steady);
        for (key, entry) in found {
            match entry {
                Entry::File(mark) => self.inspect(key, mark, now, before),
                Entry::Unusable(error) => {
                    self.files.remove(&key);
                    self.refuse(key, error);
                }
            }
        }
    }

    fn knows(&self, key: &Key) -> bool {
        self.files.contains_key(key) || self.unusable.contains_key(key)
    }

    /// Reports removed files. Modules come first, so that a strategy being removed does not get the default settings.
    fn remove_all_but(&mut self, found: &BTreeMap<Key, Entry>, now: Instant) {
        let known: BTreeSet<&Key> = self.files.keys().chain(self.unusable.keys()).collect();
        let gone: Vec<Key> = known.into_iter().filter(|key| !found.contains_key(*key)).cloned().collect();
        self.absent.retain(|key, _| gone.contains(key));
        for key in gone.into_iter().rev() {
            let has_module = || found.contains_key(&Key { kind: Kind::Module, ..key.clone() });
            if key.kind == Kind::Settings && has_module() {
                let since = *self.absent.entry(key.clone()).or_insert(now);
                if now.saturating_duration_since(since) < SETTINGS_GONE_AFTER {
                    continue;
                }
            }
            self.absent.remove(&key);
            self.remove(key);
        }
    }

    /// Handles an unreadable folder. Running strategies are not affected until [`LOST_AFTER`]; then every file counts
    /// as removed.
    fn miss(&mut self, error: &std::io::Error, now: Instant) {
        let (since, reported) = self.missing.unwrap_or((now, false));
        let lost = now.saturating_duration_since(since) >= LOST_AFTER;
        self.missing = Some((since, reported || lost));
        if lost && !reported {
            (self.sink)(Report::FolderLost { error: error.to_string() });
            self.remove_all_but(&BTreeMap::new(), now);
        }
    }

    /// Reports an unusable settings file, once per reason.
    fn refuse(&mut self, key: Key, error: String) {
        if self.unusable.get(&key) == Some(&error) {
            return;
        }
        tracing::warn!(
            name = key.name,
            error,
            "settings of a strategy not usable; it keeps its previous settings, or does not start"
        );
        (self.sink)(Report::SettingsUnusable { name: key.name.clone(), error: error.clone() });
        self.unusable.insert(key, error);
    }

    fn warn_if_crowded(&mut self, modules: usize) {
        let crowded = modules > FILES_MAX;
        if crowded && !self.crowded {
            let limit = FILES_MAX;
            tracing::warn!(files = modules, limit, "too many strategies; the latest ones are not loaded");
        }
        self.crowded = crowded;
    }

    /// Updates the state of a file, and loads it if it is due.
    fn inspect(&mut self, key: Key, mark: FileStamp, now: Now, before: Option<Instant>) {
        let changed = || changed(&mark, now, before);
        let file = self.files.entry(key.clone()).or_insert_with(|| File::new(key.kind, mark, changed()));
        if !file.has(&mark) {
            file.change(mark, changed());
        }
        match (file.due(now.steady), key.kind) {
            (None, _) => {}
            (Some(_), Kind::Settings) => self.read_settings(&key, now.steady),
            (Some(when), Kind::Module) => self.load(key, when, mark, now.steady),
        }
    }

    fn remove(&mut self, key: Key) {
        let file = self.files.remove(&key);
        self.unusable.remove(&key);
        match key.kind {
            Kind::Settings => (self.sink)(Report::Settings { name: key.name, text: None }),
            Kind::Module if file.is_some_and(|file| file.loaded().is_some()) => {
                (self.sink)(Report::Removed { name: key.name });
            }
            Kind::Module => {}
        }
    }

    fn read_settings(&mut self, key: &Key, now: Instant) {
        let Some(file) = self.files.get_mut(key) else { return };
        let name = key.name.clone();
        match entries::read(&key.path_in(&self.dir), SETTINGS_MAX) {
            // The file was emptied since the scan.
            Ok(bytes) if bytes.is_empty() && file.length() > 0 => {}
            Ok(bytes) => match files::text(bytes) {
                Ok(text) => {
                    file.mark_reported();
                    self.unusable.remove(key);
                    (self.sink)(Report::Settings { name, text: Some(text) });
                }
                Err(error) => {
                    file.mark_reported();
                    self.refuse(key.clone(), error.to_string());
                }
            },
            Err(error) => {
                file.retry(now);
                self.refuse(key.clone(), error);
            }
        }
    }

    /// Starts loading a module if there is capacity.
    fn load(&mut self, key: Key, when: When, mark: FileStamp, now: Instant) {
        let Some(file) = self.files.get_mut(&key) else { return };
        if !self.loading.has_room(&key.name, now) {
            return;
        }
        let (loaded, early) = (file.loaded(), file.take_early());
        let (path, sandbox) = (key.path_in(&self.dir), self.sandbox.clone());
        let limit = sandbox.settings.module_max;
        let load = move || match (entries::read(&path, limit), when) {
            (Ok(bytes), When::Due) => load::load(&sandbox, &bytes, loaded, early),
            (Ok(bytes), When::Early) => load::load_early(&sandbox, &bytes, loaded),
            (Err(_), When::Early) => Outcome::Early(None),
            (Err(error), When::Due) => Outcome::Failed { error, may_pass: true },
        };
        if self.loading.begin(Ticket { name: key.name, mark, at: now }, load) {
            file.begin(when);
        }
    }

    /// Reports the result of a load, unless the file has changed meanwhile.
    fn finish(&mut self, done: Done, now: Instant) {
        let Done { ticket, outcome } = done;
        self.loading.end(&ticket);
        let key = Key { kind: Kind::Module, name: ticket.name.clone() };
        let file = self.files.get_mut(&key).filter(|file| file.has(&ticket.mark));
        if let Some(report) = file.and_then(|file| file.finish(ticket, outcome, now)) {
            (self.sink)(report);
        }
    }
}
