//! The file-system watch on the strategies folder, whose events trigger the scan. The scan remains authoritative, so a
//! watch that cannot be opened or is lost is not an error: the folder is scanned more often until there is a watch
//! again.

use crate::supervisor::file_stamp::FileStamp;
use crate::supervisor::wake::Wake;
use notify::event::{AccessKind, AccessMode, Event, EventKind, ModifyKind};
use notify::{RecursiveMode, Watcher};
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// The interval between attempts to open a watch.
const RETRY: Duration = Duration::from_secs(1);

/// The way of detecting changes in the strategies folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchKind {
    /// File-system events trigger the scan. The folder is also scanned once a second, because network drives and bind
    /// mounts may send no events.
    Events,
    /// There is no watch: the folder is scanned twenty times a second, and opening a watch is retried once a second.
    Scan,
}

/// Callback for the events of a watch.
pub(super) type Handler = Box<dyn FnMut(notify::Result<Event>) + Send>;
/// A watch, which ends when dropped.
pub(super) type Watch = Box<dyn Send>;
/// Opens a watch on a folder.
pub(super) type Open = Box<dyn FnMut(&Path, Handler) -> notify::Result<Watch> + Send>;

/// Opens the system's watch on a folder.
pub(super) fn open(dir: &Path, handler: Handler) -> notify::Result<Watch> {
    let mut watcher = ManuallyDrop::new(notify::recommended_watcher(handler)?);
    // The library panics if it cannot create its thread: here, and again when its watcher is dropped.
    match catch_unwind(AssertUnwindSafe(|| watcher.watch(dir, RecursiveMode::NonRecursive))) {
        Ok(watched) => {
            let watch: Watch = Box::new(ManuallyDrop::into_inner(watcher));
            watched.map(|()| watch)
        }
        Err(_panic) => Err(notify::Error::generic("its thread has ended")),
    }
}

/// Closes a watch, whose thread may have ended already.
fn close(watch: Watch) {
    if catch_unwind(AssertUnwindSafe(|| drop(watch))).is_err() {
        tracing::debug!("the thread of the watch on the strategies folder had ended");
    }
}

/// The watch on the folder, which is reopened when it is lost.
pub(super) struct FolderWatch {
    open: Open,
    wake: mpsc::Sender<Wake>,
    /// True while a wake is pending, so that a thousand events cause one wake.
    waking: Arc<AtomicBool>,
    watch: Option<Held>,
    /// The time of the last attempt to open a watch.
    tried: Option<Instant>,
}

/// An open watch.
struct Held {
    /// The folder's stamp from before the watch was opened.
    folder: FileStamp,
    lost: Arc<AtomicBool>,
    watch: Watch,
}

impl FolderWatch {
    /// Returns a watch that is inactive until [`FolderWatch::renew`] is called.
    pub(super) fn new(open: Open, wake: mpsc::Sender<Wake>) -> Self {
        Self { open, wake, waking: Arc::default(), watch: None, tried: None }
    }

    /// Accepts further wakes. Called before the scan that the last one triggered.
    pub(super) fn acknowledge(&self) {
        // Not a plain store: the scan must see what the handler recorded before the wake.
        let _asked = self.waking.swap(false, Ordering::AcqRel);
    }

    /// Drops a lost watch and opens one if there is none, at most once a second. Called before each scan, so that the
    /// scan finds changes from before the watch was opened.
    pub(super) fn renew(&mut self, dir: &Path, now: Instant) -> WatchKind {
        let folder = std::fs::metadata(dir).ok().map(|meta| FileStamp::of(&meta));
        // Renaming the folder's parent sends no event.
        let is_lost = |held: &Held| {
            held.lost.load(Ordering::Acquire) || folder.is_none_or(|folder| !folder.is_same_file(&held.folder))
        };
        if let Some(held) = self.watch.take_if(|held| is_lost(held)) {
            close(held.watch);
            tracing::info!(dir = %dir.display(), "watch on the strategies folder lost; it is scanned more often");
        }
        let may_try = self.tried.is_none_or(|tried| now.saturating_duration_since(tried) >= RETRY);
        if let Some(folder) = folder.filter(|_| self.watch.is_none() && may_try) {
            self.try_open(dir, folder, now);
        }
        if self.watch.is_some() { WatchKind::Events } else { WatchKind::Scan }
    }

    fn try_open(&mut self, dir: &Path, folder: FileStamp, now: Instant) {
        let first = self.tried.replace(now).is_none();
        let lost = Arc::new(AtomicBool::new(false));
        let handler = self.handler(dir, Arc::clone(&lost));
        match (self.open)(dir, handler) {
            Ok(watch) => {
                self.watch = Some(Held { folder, lost, watch });
                tracing::info!(dir = %dir.display(), "watching the strategies folder by events");
            }
            Err(error) if first => {
                tracing::info!(dir = %dir.display(), %error, "no watch on the strategies folder; it is scanned more often");
            }
            Err(error) => tracing::debug!(dir = %dir.display(), %error, "no watch on the strategies folder"),
        }
    }

    fn handler(&self, dir: &Path, lost: Arc<AtomicBool>) -> Handler {
        let (wake, waking) = (self.wake.clone(), Arc::clone(&self.waking));
        // The library reports absolute paths.
        let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
        Box::new(move |event| {
            match Signal::of(&event, &dir) {
                None => return,
                Some(Signal::Changed) => {}
                Some(Signal::Lost) => lost.store(true, Ordering::Release),
            }
            if !waking.swap(true, Ordering::AcqRel) {
                // Sending fails only if the watcher has ended.
                let _sent = wake.send(Wake::Folder);
            }
        })
    }
}

impl Drop for FolderWatch {
    fn drop(&mut self) {
        if let Some(held) = self.watch.take() {
            close(held.watch);
        }
    }
}

/// The meaning of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signal {
    /// Something changed in the folder.
    Changed,
    /// The watch no longer reports events, or has missed some.
    Lost,
}

impl Signal {
    /// Returns the meaning of an event for the watch on `dir`; none if it requires no action.
    fn of(event: &notify::Result<Event>, dir: &Path) -> Option<Self> {
        let Ok(event) = event else { return Some(Self::Lost) };
        let of_the_folder = event.paths.iter().any(|path| path == dir);
        match event.kind {
            _ if event.need_rescan() => Some(Self::Lost),
            EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)) if of_the_folder => Some(Self::Lost),
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => Some(Self::Changed),
            // A scan opens the folder and a load opens files; these events would trigger the next scan.
            EventKind::Access(_) => None,
            _ => Some(Self::Changed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use notify::event::{CreateKind, Flag, RemoveKind, RenameMode};
    use std::path::PathBuf;
    use std::sync::Mutex;

    /// The handlers of the watches that were opened.
    type Opened = Arc<Mutex<Vec<Handler>>>;

    fn rig(name: &str) -> (PathBuf, FolderWatch, Opened, mpsc::Receiver<Wake>) {
        let dir = std::env::temp_dir().join(format!("polytrader-renew-{}-{name}", std::process::id()));
        let _gone = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        let opened = Opened::default();
        let handlers = Arc::clone(&opened);
        let open: Open = Box::new(move |_, handler| {
            handlers.lock().unwrap().push(handler);
            Ok(Box::new(()))
        });
        let (wake, wakes) = mpsc::channel();
        (dir, FolderWatch::new(open, wake), opened, wakes)
    }

    fn error() -> notify::Result<Event> {
        Err(notify::Error::generic("reading events failed"))
    }

    #[test]
    fn events_of_the_scan_itself_mean_nothing_and_the_folder_s_own_end_loses_the_watch() {
        let (dir, file) = (Path::new("/strategies"), PathBuf::from("/strategies/one.wasm"));
        let of = |kind, path: &Path| Signal::of(&Ok(Event::new(kind).add_path(path.to_owned())), dir);
        let (gone, moved) = (EventKind::Remove(RemoveKind::Any), EventKind::Modify(ModifyKind::Name(RenameMode::From)));
        assert_eq!(of(EventKind::Create(CreateKind::File), &file), Some(Signal::Changed));
        assert_eq!(of(EventKind::Access(AccessKind::Close(AccessMode::Write)), &file), Some(Signal::Changed));
        assert_eq!(of(EventKind::Access(AccessKind::Open(AccessMode::Any)), &file), None);
        assert_eq!(of(EventKind::Access(AccessKind::Open(AccessMode::Any)), dir), None);
        assert_eq!([of(gone, &file), of(moved, &file)], [Some(Signal::Changed); 2]);
        assert_eq!([of(gone, dir), of(moved, dir)], [Some(Signal::Lost); 2]);
        assert_eq!(Signal::of(&error(), dir), Some(Signal::Lost));
        let overflow = Event::new(EventKind::Other).set_flag(Flag::Rescan);
        assert_eq!(Signal::of(&Ok(overflow), dir), Some(Signal::Lost));
    }

    #[test]
    fn many_events_are_one_wake_until_it_is_acknowledged() {
        let (dir, mut watch, opened, wakes) = rig("wakes");
        watch.renew(&dir, Instant::now());
        let create = |count: usize| {
            let mut opened = opened.lock().unwrap();
            (0..count).for_each(|_| opened[0](Ok(Event::new(EventKind::Create(CreateKind::File)))));
        };
        create(1_000);
        assert_eq!(wakes.try_iter().count(), 1);
        watch.acknowledge();
        create(2);
        assert_eq!(wakes.try_iter().count(), 1);
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_watch_that_is_lost_is_opened_again_at_most_once_a_second() {
        let (dir, mut watch, opened, wakes) = rig("lost");
        let start = Instant::now();
        let count = || opened.lock().unwrap().len();
        assert_eq!((watch.renew(&dir, start), count()), (WatchKind::Events, 1));
        assert_eq!((watch.renew(&dir, start + RETRY), count()), (WatchKind::Events, 1), "it is not lost");
        opened.lock().unwrap()[0](error());
        assert!(matches!(wakes.try_recv(), Ok(Wake::Folder)), "the scan looks for what the events missed");
        assert_eq!((watch.renew(&dir, start + RETRY / 2), count()), (WatchKind::Scan, 1));
        assert_eq!((watch.renew(&dir, start + RETRY), count()), (WatchKind::Events, 2));
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn another_folder_in_the_place_of_the_first_is_watched_and_none_is_not() {
        let (dir, mut watch, opened, _wakes) = rig("other");
        let start = Instant::now();
        let count = || opened.lock().unwrap().len();
        watch.renew(&dir, start);
        let away = dir.with_extension("away");
        std::fs::rename(&dir, &away).unwrap();
        assert_eq!((watch.renew(&dir, start + RETRY), count()), (WatchKind::Scan, 1));
        std::fs::create_dir(&dir).unwrap();
        assert_eq!((watch.renew(&dir, start + RETRY), count()), (WatchKind::Events, 2));
        std::fs::remove_dir(&dir).unwrap();
        std::fs::rename(&away, &dir).unwrap();
        assert_eq!(
            (watch.renew(&dir, start + RETRY * 2), count()),
            (WatchKind::Events, 3),
            "without a scan in between"
        );
        std::fs::remove_dir_all(dir).unwrap();
    }
}
