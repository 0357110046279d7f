//! Hot reload: swaps between two events, and fallback to the old instance when the new version does not start.

use crate::folder::Rig;
use crate::guest::{Guest, session, top};
use model::{MarketNote, NoteKind, OwnEvent, Price, Side, Size, StrategyId, Time};
use sandbox::{Compiler, Module, Report, Sandbox, Settings, StrategyReplay};
use std::time::Duration;

const ONE: StrategyId = StrategyId(1);
/// Time to wait when no report is expected.
const QUIET: Duration = Duration::from_millis(400);

/// Returns a guest that counts its events, starting from its predecessor's count. `variant` makes the file different.
fn counting(variant: usize) -> Guest {
    // A trade has five words.
    let consumed_events = "(i32.add (i32.div_u (local.get 2) (i32.const 5)) (local.get 4))";
    Guest {
        items: "(global $count (mut i64) (i64.const 0))".into(),
        start: format!(
            "(if (i32.load8_u offset=88 (local.get 0))
                (then (global.set $count (i64.load (i32.load offset=92 (local.get 0)))))) {} (i32.const 3000)",
            "(nop)".repeat(variant)
        ),
        on_events: format!(
            "(global.set $count (i64.add (global.get $count) (i64.extend_i32_u {consumed_events})))
             (global.set $next (i32.const 65536))
             (i32.store (i32.const 2048) {consumed_events})
             (i32.store (i32.const 2052) (i32.const 4096))
             (i32.store (i32.const 2056) (i32.const 0))
             (i32.const 2048)"
        ),
        save: "(i64.store (i32.const 3208) (global.get $count))
               (i32.store (i32.const 3200) (i32.const 3208))
               (i32.store (i32.const 3204) (i32.const 8))
               (i32.const 3200)"
            .into(),
        ..Guest::default()
    }
}

/// Returns a counting guest that refuses to start.
fn refusing() -> Guest {
    let start = "(i32.store8 (i32.const 3100) (i32.const 1))
                 (i32.store (i32.const 3104) (i32.const 3120))
                 (i32.store (i32.const 3108) (i32.const 2))
                 (i32.store16 (i32.const 3120) (i32.const 0x6f6e))
                 (i32.const 3100)";
    Guest { start: start.into(), ..counting(0) }
}

fn crashing() -> Guest {
    Guest { start: "unreachable".into(), ..counting(0) }
}

/// Returns a rig with this save interval. The long deadline keeps a busy machine from looking like a slow guest.
fn rig(name: &str, save_every_ms: u64) -> Rig {
    Rig::over(
        name,
        Sandbox::new(Settings { deadline_ms: 60_000, save_every_ms, ..Settings::default() }, Compiler::Inline).unwrap(),
    )
}

fn load(rig: &Rig, guest: &Guest) -> Module {
    rig.sandbox.load(&guest.core()).unwrap()
}

fn trade(seconds: u64) -> MarketNote {
    let price = Price::from_micros(410_000).unwrap();
    MarketNote { kind: NoteKind::Trade { side: Side::Buy, price, size: Size::shares(seconds) }, ..top(seconds) }
}

/// Sends a strategy `events` events, alternately market events and own events.
fn tell(rig: &Rig, events: u64) {
    for number in 0..events {
        if number % 2 == 0 {
            rig.supervisor.notify_market(ONE, trade(number));
        } else {
            rig.supervisor.notify_own(ONE, Time(number), OwnEvent::Timer { timer: 1 });
        }
    }
}

fn count(state: &[u8]) -> u64 {
    u64::from_le_bytes(state.try_into().unwrap())
}

/// Waits until `events` events are consumed, ends the strategies, and returns all reports.
fn end(rig: &Rig, events: u64) -> Vec<Report> {
    let mut reports = Vec::new();
    while consumed_events(&reports) < events {
        reports.push(rig.next());
    }
    rig.supervisor.shutdown();
    reports.extend(rig.reports.try_iter());
    reports
}

fn last_state(reports: &[Report]) -> u64 {
    let mut states = reports.iter().filter_map(|report| match report {
        Report::Saved { state: Some(state), .. } => Some(count(state)),
        _ => None,
    });
    states.next_back().unwrap()
}

fn consumed_events(reports: &[Report]) -> u64 {
    let answers = reports.iter().map(|report| match report {
        Report::Answer(answer, _) => u64::from(answer.consumed),
        _ => 0,
    });
    answers.sum()
}

#[test]
fn no_event_is_lost_or_doubled_over_many_swaps_some_of_which_fail() {
    let rig = rig("counting", 60_000);
    rig.start(1, 1, load(&rig, &counting(0)));
    let modules =
        [load(&rig, &counting(1)), load(&rig, &refusing()), load(&rig, &counting(2)), load(&rig, &crashing())];
    let mut sent = 0;
    for (instance, module) in (2..42).zip(modules.iter().cycle()) {
        tell(&rig, 100);
        rig.start(1, instance, module.clone());
        tell(&rig, 50);
        sent += 150;
    }
    let reports = end(&rig, sent);
    assert_eq!((consumed_events(&reports), last_state(&reports)), (sent, sent));
    let kept = |words: &str| {
        let kept =
            reports.iter().filter(|report| matches!(report, Report::Kept { error, .. } if error.contains(words)));
        kept.count()
    };
    assert_eq!((kept("refused to start: no"), kept("crashed")), (10, 10));
    assert!(!reports.iter().any(|report| matches!(report, Report::Faulted { .. })));
}

#[test]
fn an_instance_that_goes_on_answers_under_the_number_of_the_one_that_did_not_start() {
    let rig = rig("kept", 60_000);
    rig.start(1, 1, load(&rig, &counting(0)));
    rig.start(1, 2, load(&rig, &refusing()));
    tell(&rig, 10);
    rig.start(1, 3, load(&rig, &counting(1)));
    tell(&rig, 1);
    let reports = end(&rig, 11);
    let numbers: Vec<u32> = reports
        .iter()
        .filter_map(|report| match report {
            Report::Answer(answer, _) => Some(answer.instance),
            _ => None,
        })
        .collect();
    assert!(numbers.contains(&2) && numbers.last() == Some(&3), "{numbers:?}");
    assert_eq!(last_state(&reports), 11);
}

#[test]
fn a_strategy_that_crashes_starts_again_from_what_it_saved_last() {
    let rig = rig("last-state", 50);
    let mut crashes = counting(0);
    // It traps at the hundredth event.
    crashes.on_events =
        format!("{} (if (i64.eq (global.get $count) (i64.const 100)) (then unreachable))", crashes.on_events);
    let crashes = load(&rig, &crashes);
    rig.start(1, 1, crashes.clone());
    assert!(matches!(rig.next(), Report::Started { instance: 1, .. }));
    tell(&rig, 60);
    let saved = loop {
        match rig.next() {
            Report::Saved { state: Some(state), instance: 1, .. } if count(&state) == 60 => break count(&state),
            Report::Saved { .. } | Report::Answer(..) => {}
            other => panic!("{other:?}"),
        }
    };
    tell(&rig, 40);
    while !matches!(rig.next(), Report::Faulted { instance: 1, .. }) {}
    rig.start(1, 2, crashes);
    tell(&rig, 5);
    assert_eq!(last_state(&end(&rig, 5)), saved + 5);
}

#[test]
fn a_state_that_cannot_be_given_is_a_fault_and_comes_out_the_same_when_it_is_run_again() {
    let rig = rig("unsaved", 50);
    let unsaving = load(&rig, &Guest { save: "unreachable".into(), ..counting(0) });
    rig.start(1, 1, unsaving.clone());
    tell(&rig, 4);
    let mut answers = Vec::new();
    let error = loop {
        match rig.next() {
            Report::Answer(answer, _) => answers.push(answer),
            Report::Faulted { instance: 1, error, strike: true, saving: true, .. } => break error,
            Report::Started { .. } => {}
            other => panic!("{other:?}"),
        }
    };
    let consumed_events: u32 = answers.iter().map(|answer| answer.consumed).sum();
    let last = answers.last().unwrap();
    assert_eq!((last.count, last.first, last.fault.as_ref()), (0, u64::from(consumed_events) + 1, Some(&error)));
    assert!(error.contains("asked for its state: it crashed"), "{error}");
    let rerun = |module: &Module| {
        let mut run = StrategyReplay::new(rig.sandbox.clone(), module.clone(), session());
        for number in 0..4 {
            if number % 2 == 0 {
                run.market(trade(number));
            } else {
                run.own(Time(number), OwnEvent::Timer { timer: 1 });
            }
        }
        run.start(None);
        answers.iter().filter_map(|answer| run.verify_answer(answer).err()).collect::<Vec<_>>()
    };
    assert_eq!(rerun(&unsaving), [""; 0]);
    let other = rerun(&load(&rig, &counting(0)));
    assert!(other.len() == 1 && other[0].contains("the replay does not fail"), "{other:?}");
}

#[test]
fn a_strategy_that_hears_nothing_is_not_asked_for_its_state_again() {
    let rig = rig("quiet", 20);
    rig.start(1, 1, load(&rig, &counting(0)));
    tell(&rig, 1);
    std::thread::sleep(QUIET);
    let saved = rig.reports.try_iter().filter(|report| matches!(report, Report::Saved { .. })).count();
    assert_eq!(saved, 1);
}

#[test]
fn a_state_of_an_earlier_session_is_where_a_strategy_begins() {
    let rig = rig("restored", 60_000);
    rig.supervisor.restore(ONE, &7u64.to_le_bytes());
    rig.start(1, 1, load(&rig, &counting(0)));
    tell(&rig, 3);
    assert_eq!(last_state(&end(&rig, 3)), 10);
}

#[test]
fn the_same_bytes_again_do_nothing_and_neither_does_a_touch() {
    let rig = rig("same", 60_000);
    let bytes = counting(0).core();
    rig.drop_file("one.wasm", &bytes);
    rig.ready("one");
    std::thread::sleep(Duration::from_millis(20));
    rig.drop_file("one.wasm", &bytes);
    assert!(rig.reports.recv_timeout(QUIET).is_err());
    let file = std::fs::File::options().write(true).open(rig.dir.join("one.wasm")).unwrap();
    file.set_modified(std::time::SystemTime::now() + Duration::from_secs(5)).unwrap();
    assert!(rig.reports.recv_timeout(QUIET).is_err());
    rig.drop_file("one.wasm", &counting(1).core());
    rig.ready("one");
}

#[test]
fn other_bytes_of_the_same_length_and_time_are_a_new_version() {
    let rig = rig("same-mark", 60_000);
    // Two files that differ in one constant.
    let [first, second] = [3000, 3001]
        .map(|place| Guest { save: format!("(i32.const {place}) (drop) (i32.const 3000)"), ..Guest::default() }.core());
    assert_eq!(first.len(), second.len());
    rig.drop_file("one.wasm", &first);
    rig.ready("one");
    let path = rig.dir.join("one.wasm");
    let time = std::fs::metadata(&path).unwrap().modified().unwrap();
    rig.drop_file("one.wasm", &second);
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    rig.ready("one");
}

#[test]
fn a_rename_is_a_removal_and_an_addition() {
    let rig = rig("rename", 60_000);
    rig.drop_file("one.wasm", &counting(0).core());
    let hash = rig.ready("one").hash();
    std::fs::rename(rig.dir.join("one.wasm"), rig.dir.join("two.wasm")).unwrap();
    assert!(matches!(rig.next(), Report::Removed { name } if name == "one"));
    assert_eq!(rig.ready("two").hash(), hash);
}

#[test]
fn many_files_at_once_are_all_loaded_and_the_invalid_one_among_them_is_named() {
    let rig = rig("many", 60_000);
    for number in 0..40 {
        rig.drop_file(&format!("s{number}.wasm"), &counting(number).core());
    }
    rig.drop_file("junk.wasm", b"junk");
    let mut ready = std::collections::BTreeSet::new();
    let mut rejected = Vec::new();
    while ready.len() < 40 || rejected.is_empty() {
        match rig.next() {
            Report::Ready { name, .. } => assert!(ready.insert(name)),
            Report::Rejected { name, .. } => rejected.push(name),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(rejected, ["junk"]);
}

#[test]
fn a_good_file_after_a_bad_one_is_reported_even_if_it_is_the_previous_one() {
    let rig = rig("back", 60_000);
    let bytes = counting(0).core();
    rig.drop_file("one.wasm", &bytes);
    rig.ready("one");
    rig.drop_file("one.wasm", &bytes[..bytes.len() / 2]);
    assert!(matches!(rig.next(), Report::Rejected { name, .. } if name == "one"));
    rig.drop_file("one.wasm", &bytes);
    assert!(matches!(rig.next(), Report::Same { name } if name == "one"));
}

#[test]
fn a_swap_that_failed_is_run_again_exactly() {
    let rig = rig("rerun-kept", 60_000);
    let [first, refused] = [load(&rig, &counting(0)), load(&rig, &refusing())];
    rig.start(1, 1, first.clone());
    rig.start(1, 2, refused.clone());
    tell(&rig, 30);
    let mut old = StrategyReplay::new(rig.sandbox.clone(), first, session());
    old.start(None);
    let mut run = StrategyReplay::new(rig.sandbox.clone(), refused, session());
    for number in 0..30 {
        if number % 2 == 0 {
            run.market(trade(number));
        } else {
            run.own(Time(number), OwnEvent::Timer { timer: 1 });
        }
    }
    let mut old = Some(old);
    let mut answers = 0;
    for report in end(&rig, 30) {
        match report {
            Report::Kept { instance: 2, .. } => run.retain(old.take().unwrap()),
            Report::Answer(answer, _) => {
                answers += answer.consumed;
                run.verify_answer(&answer).unwrap();
            }
            Report::Saved { instance: 2, state: Some(state), .. } => assert_eq!(run.save().unwrap(), *state),
            _ => {}
        }
    }
    assert!(old.is_none() && answers == 30, "{answers}");
}

#[test]
fn settings_are_reported_before_their_module_and_again_when_they_change_or_go() {
    let rig = rig("settings", 60_000);
    let sent = || match rig.next() {
        Report::Settings { name, text } if name == "one" => text,
        other => panic!("{other:?}"),
    };
    rig.drop_file("one.toml", b"first");
    assert_eq!(sent().as_deref(), Some("first"));
    rig.drop_file("one.wasm", &counting(0).core());
    rig.ready("one");
    rig.drop_file("one.toml", b"second");
    assert_eq!(sent().as_deref(), Some("second"));
    rig.drop_file("two words.toml", b"ignored");
    rig.drop_file("large.toml", &[b' '; 70_000]);
    std::fs::remove_file(rig.dir.join("one.toml")).unwrap();
    let gone = |report: &Report| matches!(report, Report::Settings { name, text: None } if name == "one");
    // The removal is reported with a delay, as the file may reappear.
    let mut rest = Vec::new();
    while !rest.iter().any(gone) {
        rest.push(rig.next());
    }
    rest.extend(std::iter::from_fn(|| rig.reports.recv_timeout(QUIET).ok()));
    // The other one is the beginning of the large file; the file with the invalid name is listed as not loaded.
    let settings = rest.iter().filter(|report| matches!(report, Report::Settings { .. }));
    assert_eq!(settings.count(), 2);
}

#[test]
fn settings_that_are_empty_for_a_moment_are_still_on_their_way() {
    let rig = rig("settings-empty", 60_000);
    rig.drop_file("one.toml", b"first");
    assert!(matches!(rig.next(), Report::Settings { text: Some(text), .. } if text == "first"));
    rig.drop_file("one.toml", b"");
    assert!(rig.reports.recv_timeout(QUIET).is_err(), "an empty file would mean the defaults");
    rig.drop_file("one.toml", b"second");
    assert!(matches!(rig.next(), Report::Settings { text: Some(text), .. } if text == "second"));
    // A file that stays empty is intended.
    rig.drop_file("one.toml", b"");
    assert!(matches!(rig.next(), Report::Settings { text: Some(text), .. } if text.is_empty()));
}
