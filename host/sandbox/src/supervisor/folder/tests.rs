use super::*;
use crate::compile::Compiler;
use crate::settings::Settings;
use std::path::Path;
use std::sync::atomic::AtomicU32;

const SOON: Duration = Duration::from_secs(20);
/// An interval longer than any test, so that no scan is due by time.
const NEVER: Duration = Duration::from_secs(3600);

struct Rig {
    dir: PathBuf,
    folder: Folder,
    reports: mpsc::Receiver<Report>,
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.folder.end();
        let _gone = std::fs::remove_dir_all(&self.dir);
    }
}

impl Rig {
    fn new(name: &str, idle: Duration, open: Open) -> Self {
        let dir = std::env::temp_dir().join(format!("polytrader-watch-{}-{name}", std::process::id()));
        let _gone = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        let (sender, reports) = mpsc::channel();
        let sink: Sink = Arc::new(move |report| {
            let _sent = sender.send(report);
        });
        let sandbox = Sandbox::new(Settings::default(), Compiler::Inline).unwrap();
        let folder = Folder::watch_by(sandbox, dir.clone(), sink, idle, open).unwrap();
        Self { dir, folder, reports }
    }

    /// Writes a settings file and asserts that it is reported.
    fn write(&self, text: &str) {
        std::fs::write(self.dir.join("one.toml"), text).unwrap();
        match self.next() {
            Report::Settings { name, text: Some(reported) } if name == "one" && reported == text => {}
            other => panic!("expected the settings {text}: {other:?}"),
        }
    }

    fn next(&self) -> Report {
        self.reports.recv_timeout(SOON).unwrap()
    }

    fn wait_for(&self, kind: WatchKind) {
        let start = Instant::now();
        while self.folder.watch_kind() != kind {
            assert!(start.elapsed() < SOON, "still not {kind:?}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn scans(&self) -> u64 {
        self.folder.status.scans.load(Ordering::Relaxed)
    }
}

fn system() -> Open {
    Box::new(watch::open)
}

#[test]
fn an_event_wakes_the_scan_and_what_settles_is_looked_at_without_further_events() {
    let rig = Rig::new("event", NEVER, system());
    rig.wait_for(WatchKind::Events);
    rig.write("first");
    rig.write("second");
    // A file that may still be incomplete is retried for two seconds.
    std::fs::write(rig.dir.join("junk.wasm"), b"junk").unwrap();
    assert!(matches!(rig.next(), Report::Rejected { name, .. } if name == "junk"));
    std::fs::rename(rig.dir.join("one.toml"), rig.dir.join("two.toml")).unwrap();
    assert!(matches!(rig.next(), Report::Settings { name, text: None } if name == "one"));
    assert!(matches!(rig.next(), Report::Settings { name, text: Some(_) } if name == "two"));
    std::fs::remove_file(rig.dir.join("two.toml")).unwrap();
    assert!(matches!(rig.next(), Report::Settings { name, text: None } if name == "two"));
    assert_eq!(rig.folder.watch_kind(), WatchKind::Events);
}

#[test]
fn a_folder_that_was_removed_and_comes_back_is_watched_again() {
    let rig = Rig::new("again", NEVER, system());
    rig.wait_for(WatchKind::Events);
    rig.write("first");
    std::fs::remove_dir_all(&rig.dir).unwrap();
    rig.wait_for(WatchKind::Scan);
    std::fs::create_dir(&rig.dir).unwrap();
    let gone = rig.next();
    assert!(matches!(gone, Report::Settings { text: None, .. }), "{gone:?}");
    rig.write("second");
    rig.wait_for(WatchKind::Events);
    rig.write("third");
}

#[test]
fn a_folder_that_is_replaced_between_two_scans_is_watched_again() {
    let rig = Rig::new("replaced", NEVER, system());
    rig.wait_for(WatchKind::Events);
    rig.write("first");
    let away = rig.dir.with_extension("away");
    std::fs::rename(&rig.dir, &away).unwrap();
    std::fs::create_dir(&rig.dir).unwrap();
    std::fs::write(rig.dir.join("one.toml"), "second").unwrap();
    loop {
        match rig.next() {
            Report::Settings { text: Some(text), .. } if text == "second" => break,
            Report::Settings { text: None, .. } => {}
            other => panic!("{other:?}"),
        }
    }
    rig.wait_for(WatchKind::Events);
    rig.write("third");
    std::fs::remove_dir_all(away).unwrap();
}

#[test]
fn a_folder_that_cannot_be_watched_is_scanned_until_it_can() {
    let (tries, possible) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
    let (counted, allowed) = (Arc::clone(&tries), Arc::clone(&possible));
    let open: Open = Box::new(move |dir: &Path, handler| {
        counted.fetch_add(1, Ordering::Relaxed);
        if allowed.load(Ordering::Relaxed) {
            return watch::open(dir, handler);
        }
        Err(notify::Error::new(notify::ErrorKind::MaxFilesWatch))
    });
    let rig = Rig::new("denied", NEVER, open);
    rig.write("first");
    std::fs::write(rig.dir.join("junk.wasm"), b"junk").unwrap();
    assert!(matches!(rig.next(), Report::Rejected { name, .. } if name == "junk"));
    assert_eq!(rig.folder.watch_kind(), WatchKind::Scan);
    possible.store(true, Ordering::Relaxed);
    rig.wait_for(WatchKind::Events);
    rig.write("second");
    assert!(tries.load(Ordering::Relaxed) >= 2);
}

#[test]
fn a_watch_that_reports_nothing_delays_a_file_until_the_next_scan() {
    let rig = Rig::new("silent", Duration::from_millis(20), Box::new(|_, _| Ok(Box::new(()))));
    rig.write("first");
    rig.write("second");
    assert_eq!(rig.folder.watch_kind(), WatchKind::Events);
}

#[test]
fn a_folder_in_which_nothing_happens_is_scanned_once_a_second() {
    let rig = Rig::new("idle", IDLE, system());
    rig.wait_for(WatchKind::Events);
    std::fs::write(rig.dir.join("junk.wasm"), b"junk").unwrap();
    assert!(matches!(rig.next(), Report::Rejected { .. }));
    rig.write("first");
    // The scan after the last report may still be triggered by an event.
    std::thread::sleep(Duration::from_millis(200));
    let (start, before) = (Instant::now(), rig.scans());
    while rig.scans() < before + 3 {
        assert!(start.elapsed() < SOON, "the folder is not scanned");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(start.elapsed() >= IDLE * 2, "three scans within {:?}", start.elapsed());
}
