//! Strategy files that are added to the folder, changed, broken and removed while other strategies keep running.

use crate::guest::{Guest, answer, sandbox, session, top};
use model::{OwnEvent, StrategyId, Time};
use sandbox::{InstanceId, Module, Report, Sandbox, Supervisor, WatchKind};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use testkit::Scratch;

const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Rig {
    pub(crate) dir: Scratch,
    pub(crate) sandbox: Sandbox,
    pub(crate) supervisor: Supervisor,
    pub(crate) reports: mpsc::Receiver<Report>,
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.supervisor.shutdown();
    }
}

impl Rig {
    pub(crate) fn new(name: &str) -> Self {
        Self::over(name, sandbox())
    }

    /// Returns a rig with this sandbox. Every answer counts as processed at once.
    pub(crate) fn over(name: &str, sandbox: Sandbox) -> Self {
        Self::judging(name, sandbox, |report| {
            if let Report::Answer(_, unjudged) = report {
                unjudged.release();
            }
        })
    }

    /// Returns a rig that passes each report to `look` before it is queued.
    pub(crate) fn judging(name: &str, sandbox: Sandbox, look: fn(&mut Report)) -> Self {
        let dir = Scratch::new(name);
        let (sender, reports) = mpsc::channel();
        let sink = move |mut report| {
            look(&mut report);
            let _sent = sender.send(report);
        };
        let supervisor = Supervisor::open(sandbox.clone(), dir.to_path_buf(), Arc::new(sink)).unwrap();
        Self { dir, sandbox, supervisor, reports }
    }

    pub(crate) fn drop_file(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.dir.join(name), bytes).unwrap();
    }

    /// Starts an instance.
    pub(crate) fn start(&self, number: u16, instance: u32, module: Module) {
        let who = InstanceId { strategy: StrategyId(number), name: format!("strategy-{number}"), instance };
        self.supervisor.start(who, module, session()).unwrap();
    }

    pub(crate) fn next(&self) -> Report {
        self.reports.recv_timeout(PATIENCE).unwrap()
    }

    pub(crate) fn ready(&self, expected: &str) -> Module {
        match self.next() {
            Report::Ready { name, module } if name == expected => module,
            other => panic!("expected {expected} to be ready: {other:?}"),
        }
    }

    /// Adds a guest to the folder and starts it under a number.
    pub(crate) fn run(&self, name: &str, number: u16, guest: &Guest) {
        self.drop_file(&format!("{name}.wasm"), &guest.core());
        let module = self.ready(name);
        self.start(number, 1, module);
        match self.next() {
            Report::Started { strategy, instance: 1 } if strategy == StrategyId(number) => {}
            other => panic!("expected {name} to start: {other:?}"),
        }
    }

    /// Sends a top to a strategy and returns the next report.
    fn show(&self, number: u16) -> Report {
        self.supervisor.notify_market(StrategyId(number), top(2));
        self.next()
    }
}

fn trap() -> Guest {
    Guest { on_events: "unreachable".into(), ..Guest::default() }
}

#[test]
fn a_file_that_is_dropped_changed_and_removed_is_reported_each_time() {
    let rig = Rig::new("life");
    rig.drop_file("one.wasm", &Guest::default().core());
    let first = rig.ready("one").hash();
    rig.drop_file("notes.txt", b"no strategy");
    rig.drop_file("bad name!.wasm", &Guest::default().core());
    rig.drop_file("one.wasm", &Guest { on_events: answer(1, 0) + " (nop)", ..Guest::default() }.core());
    let second = rig.ready("one").hash();
    assert_ne!(first, second);
    std::fs::remove_file(rig.dir.join("one.wasm")).unwrap();
    assert!(matches!(rig.next(), Report::Removed { name } if name == "one"));
}

#[test]
fn settings_that_are_there_and_cannot_be_used_are_reported_and_are_never_none() {
    let rig = Rig::new("unusable");
    let path = rig.dir.join("one.toml");
    let says = |expected: &str| match rig.next() {
        Report::Settings { name, text: Some(text) } if name == "one" => assert_eq!(text, expected),
        other => panic!("expected the settings {expected}: {other:?}"),
    };
    let refused = |expected: &str| match rig.next() {
        Report::SettingsUnusable { name, error } if name == "one" => assert!(error.contains(expected), "{error}"),
        other => panic!("expected unusable settings: {other:?}"),
    };
    let put = |make: &dyn Fn(&std::path::Path)| {
        // Atomically, as configuration tools do.
        let new = rig.dir.join("new");
        make(&new);
        std::fs::rename(&new, &path).unwrap();
    };
    std::fs::write(rig.dir.join("elsewhere"), "first").unwrap();
    let link = |new: &std::path::Path| std::os::unix::fs::symlink(rig.dir.join("elsewhere"), new).unwrap();
    put(&link);
    refused("a link or not a plain file");
    put(&|new| std::fs::write(new, "first").unwrap());
    says("first");
    put(&link);
    refused("a link or not a plain file");
    put(&|new| std::fs::write(new, [0xff, 0xfe]).unwrap());
    refused("it is UTF-16");
    put(&|new| std::fs::write(new, [0xff, 0x41]).unwrap());
    refused("UTF-8");
    put(&|new| std::fs::write(new, "second").unwrap());
    says("second");
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    loop {
        match rig.next() {
            // A scan ran in between.
            Report::Settings { text: None, .. } => {}
            Report::SettingsUnusable { error, .. } => break assert!(error.contains("not a plain file"), "{error}"),
            other => panic!("{other:?}"),
        }
    }
    std::fs::remove_dir(&path).unwrap();
    assert!(matches!(rig.next(), Report::Settings { name, text: None } if name == "one"));
}

#[test]
fn settings_that_are_gone_for_a_moment_do_not_become_the_defaults() {
    let rig = Rig::new("rewritten");
    let path = rig.dir.join("one.toml");
    rig.drop_file("one.toml", b"first");
    assert!(matches!(rig.next(), Report::Settings { text: Some(text), .. } if text == "first"));
    rig.drop_file("one.wasm", &Guest::default().core());
    rig.ready("one");
    // As editors and configuration tools do it: removed, and back some scans later.
    let moment = || std::thread::sleep(Duration::from_millis(400));
    std::fs::remove_file(&path).unwrap();
    moment();
    rig.drop_file("one.toml", b"second");
    assert!(matches!(rig.next(), Report::Settings { text: Some(text), .. } if text == "second"));
    std::fs::remove_file(&path).unwrap();
    moment();
    std::os::unix::fs::symlink("elsewhere", &path).unwrap();
    assert!(matches!(rig.next(), Report::SettingsUnusable { name, .. } if name == "one"));
    std::fs::remove_file(&path).unwrap();
    let removed = Instant::now();
    assert!(matches!(rig.next(), Report::Settings { name, text: None } if name == "one"));
    assert!(removed.elapsed() > Duration::from_secs(1), "they were removed for good");
}

#[test]
fn what_runs_is_not_displaced_by_newcomers_whose_names_come_first() {
    let rig = Rig::new("crowd");
    rig.drop_file("zebra.toml", b"mine");
    assert!(matches!(rig.next(), Report::Settings { text: Some(_), .. }));
    rig.drop_file("zebra.wasm", &Guest::default().core());
    rig.ready("zebra");
    let away = Scratch::new("crowd-away");
    for number in 0..256 {
        std::fs::write(rig.dir.join(format!("a{number:03}.toml")), "theirs").unwrap();
        std::fs::write(away.join(format!("a{number:03}.wasm")), b"\0asm of nothing").unwrap();
        std::fs::rename(away.join(format!("a{number:03}.wasm")), rig.dir.join(format!("a{number:03}.wasm"))).unwrap();
    }
    let (mut settings, mut modules) = (std::collections::BTreeSet::new(), std::collections::BTreeSet::new());
    let mut left_out = Vec::new();
    while settings.len() < 255 || modules.len() < 255 || left_out.len() < 2 {
        match rig.next() {
            Report::Skipped { files } => left_out = files.into_iter().map(|file| file.file).collect(),
            Report::Settings { name, text: Some(_) } if name != "zebra" => drop(settings.insert(name)),
            Report::Rejected { name, .. } => drop(modules.insert(name)),
            other => panic!("{other:?}"),
        }
    }
    assert!(!settings.contains("a255") && !modules.contains("a255"), "the last newcomer is left out");
    assert_eq!(left_out, ["a255.toml", "a255.wasm"]);
    // The first strategy is still watched.
    rig.drop_file("zebra.toml", b"mine again");
    assert!(
        matches!(rig.next(), Report::Settings { name, text: Some(text) } if name == "zebra" && text == "mine again")
    );
}

#[test]
fn a_folder_that_is_gone_for_seconds_ends_its_strategies_before_their_settings_are_away() {
    let rig = Rig::new("lost");
    rig.drop_file("one.toml", b"mine");
    assert!(matches!(rig.next(), Report::Settings { text: Some(_), .. }));
    rig.drop_file("one.wasm", &Guest::default().core());
    let first = rig.ready("one").hash();
    let away = rig.dir.with_extension("away");
    std::fs::rename(&*rig.dir, &away).unwrap();
    assert!(matches!(rig.next(), Report::FolderLost { error } if !error.is_empty()));
    assert!(matches!(rig.next(), Report::Removed { name } if name == "one"));
    assert!(matches!(rig.next(), Report::Settings { name, text: None } if name == "one"));
    std::fs::rename(&away, &*rig.dir).unwrap();
    assert!(matches!(rig.next(), Report::FolderBack));
    assert!(matches!(rig.next(), Report::Settings { name, text: Some(_) } if name == "one"));
    assert_eq!(rig.ready("one").hash(), first);
}

#[test]
fn files_that_go_together_are_the_module_first() {
    let rig = Rig::new("together");
    rig.drop_file("one.toml", b"mine");
    assert!(matches!(rig.next(), Report::Settings { text: Some(_), .. }));
    rig.drop_file("one.wasm", &Guest::default().core());
    rig.ready("one");
    let (away, empty) = (rig.dir.with_extension("before"), rig.dir.with_extension("empty"));
    std::fs::create_dir(&empty).unwrap();
    std::fs::rename(&*rig.dir, &away).unwrap();
    std::fs::rename(&empty, &*rig.dir).unwrap();
    assert!(matches!(rig.next(), Report::Removed { name } if name == "one"));
    assert!(matches!(rig.next(), Report::Settings { name, text: None } if name == "one"));
    std::fs::remove_dir_all(away).unwrap();
}

#[test]
fn a_folder_that_was_removed_and_comes_back_is_loaded_again_and_sends_events_again() {
    let rig = Rig::new("removed");
    let is = |kind: WatchKind| {
        let start = Instant::now();
        while rig.supervisor.watch_kind() != kind {
            assert!(start.elapsed() < PATIENCE, "still not {kind:?}");
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    rig.drop_file("one.wasm", &Guest::default().core());
    let first = rig.ready("one").hash();
    is(WatchKind::Events);
    std::fs::remove_dir_all(&*rig.dir).unwrap();
    is(WatchKind::Scan);
    std::fs::create_dir(&*rig.dir).unwrap();
    assert!(matches!(rig.next(), Report::Removed { name } if name == "one"));
    rig.drop_file("one.wasm", &Guest::default().core());
    assert_eq!(rig.ready("one").hash(), first);
    is(WatchKind::Events);
}

#[test]
fn a_file_that_is_written_slowly_is_loaded_when_it_is_whole() {
    let rig = Rig::new("slow");
    let bytes = Guest::default().core();
    rig.drop_file("slow.wasm", &bytes[..bytes.len() / 2]);
    std::thread::sleep(Duration::from_millis(400));
    rig.drop_file("slow.wasm", &bytes);
    rig.ready("slow");
}

/// Asserts that nothing is reported for `millis` milliseconds.
fn nothing(rig: &Rig, millis: u64) {
    if let Ok(report) = rig.reports.recv_timeout(Duration::from_millis(millis)) {
        panic!("{report:?}");
    }
}

#[test]
fn a_file_counts_only_when_it_was_left_alone_although_it_is_loaded_before() {
    let rig = Rig::new("early");
    let version = |number: usize| Guest { on_events: answer(1, 0) + &" (nop)".repeat(number), ..Guest::default() };
    // Complete, valid files, one every few milliseconds: the watcher sees and loads some of them.
    for number in 0..30 {
        rig.drop_file("beside", &version(number).core());
        std::fs::rename(rig.dir.join("beside"), rig.dir.join("one.wasm")).unwrap();
        std::thread::sleep(Duration::from_millis(12));
    }
    let last = rig.sandbox.load(&version(29).core()).unwrap().hash();
    assert_eq!(rig.ready("one").hash(), last, "the first reported version is the final one");
    nothing(&rig, 300);
    // The file changes and changes back: nothing is reported, although the other version was loaded meanwhile.
    rig.drop_file("one.wasm", &version(3).core());
    std::thread::sleep(Duration::from_millis(20));
    rig.drop_file("one.wasm", &version(29).core());
    nothing(&rig, 300);
}

#[test]
fn an_invalid_file_is_rejected_with_its_reason() {
    let rig = Rig::new("garbage");
    rig.drop_file("junk.wasm", b"not wasm at all");
    match rig.next() {
        Report::Rejected { name, error } => {
            assert_eq!((name.as_str(), error.as_str()), ("junk", "not a WebAssembly module"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_more_bytes_cannot_cure_is_rejected_at_once() {
    let rig = Rig::new("final");
    let wishes = Guest { imports: r#"(import "env" "now" (func))"#, ..Guest::default() }.core();
    rig.drop_file("junk.wasm", b"maybe there is more to come");
    rig.drop_file("wishes.wasm", &wishes);
    for expected in ["wishes", "junk"] {
        match rig.next() {
            Report::Rejected { name, .. } if name == expected => {}
            other => panic!("expected {expected} to be rejected: {other:?}"),
        }
    }
}

#[cfg(unix)]
#[test]
fn a_link_is_not_a_strategy() {
    let rig = Rig::new("link");
    let elsewhere = std::env::temp_dir().join(format!("polytrader-elsewhere-{}.wasm", std::process::id()));
    std::fs::write(&elsewhere, Guest::default().core()).unwrap();
    std::os::unix::fs::symlink(&elsewhere, rig.dir.join("link.wasm")).unwrap();
    rig.drop_file("real.wasm", &Guest::default().core());
    rig.ready("real");
    assert!(rig.reports.recv_timeout(Duration::from_millis(400)).is_err());
    std::fs::remove_file(elsewhere).unwrap();
}

#[test]
fn a_strategy_that_fails_ends_alone_and_can_be_started_again() {
    let rig = Rig::new("trap");
    rig.run("good", 1, &Guest::default());
    rig.run("bad", 2, &trap());
    assert!(matches!(rig.show(2), Report::Answer(answer, _) if answer.fault.is_some() && answer.consumed == 0));
    match rig.next() {
        Report::Faulted { strategy: StrategyId(2), instance: 1, error, strike: true, saving: false } => {
            assert!(error.contains("crashed"), "{error}")
        }
        other => panic!("{other:?}"),
    }
    for _ in 0..3 {
        match rig.show(1) {
            Report::Answer(answer, _) => {
                assert_eq!((answer.strategy, answer.consumed, answer.fault), (StrategyId(1), 1, None));
            }
            other => panic!("{other:?}"),
        }
    }
    rig.drop_file("bad.wasm", &Guest::default().core());
    let repaired = rig.ready("bad");
    rig.start(2, 2, repaired);
    assert!(matches!(rig.next(), Report::Started { strategy: StrategyId(2), instance: 2 }));
    assert!(matches!(rig.show(2), Report::Answer(answer, _) if answer.fault.is_none()));
}

#[test]
fn an_endless_loop_delays_no_other_strategy() {
    let rig = Rig::new("loop");
    let endless = Guest { on_events: "(loop $again (br $again)) (i32.const 0)".into(), ..Guest::default() };
    rig.run("good", 1, &Guest::default());
    rig.run("endless", 2, &endless);
    rig.supervisor.notify_market(StrategyId(2), top(2));
    rig.supervisor.notify_own(StrategyId(1), Time(3), OwnEvent::Timer { timer: 1 });
    let mut answered = Vec::new();
    let mut faulted = false;
    while answered.len() < 2 || !faulted {
        match rig.next() {
            Report::Answer(answer, _) => answered.push((answer.strategy.0, answer.fault.is_some())),
            Report::Faulted { strategy, error, .. } => {
                assert!(strategy == StrategyId(2) && error.contains("fuel"), "{error}");
                faulted = true;
            }
            other => panic!("{other:?}"),
        }
    }
    answered.sort_unstable();
    assert_eq!(answered, [(1, false), (2, true)]);
}

#[test]
fn a_new_instance_takes_over_and_the_old_one_hears_nothing_more() {
    let rig = Rig::new("swap");
    rig.run("one", 1, &Guest::default());
    rig.drop_file("one.wasm", &Guest { on_events: answer(1, 0) + " (nop)", ..Guest::default() }.core());
    let next = rig.ready("one");
    rig.start(1, 2, next);
    rig.supervisor.notify_market(StrategyId(1), top(2));
    assert!(matches!(rig.next(), Report::Saved { instance: 1, .. }));
    assert!(matches!(rig.next(), Report::Started { strategy: StrategyId(1), instance: 2 }));
    assert!(matches!(rig.next(), Report::Answer(answer, _) if answer.instance == 2 && answer.first == 1));
    rig.supervisor.stop(StrategyId(1));
    assert!(matches!(rig.next(), Report::Saved { instance: 2, state: None, .. }));
    rig.supervisor.notify_market(StrategyId(1), top(3));
    assert!(rig.reports.recv_timeout(Duration::from_millis(300)).is_err());
}
