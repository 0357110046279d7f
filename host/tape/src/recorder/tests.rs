#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "test code may fail loudly")]

use super::*;
use crate::manifest::MarketEntry;
use crate::record::Origin;
use crate::{Step, Tape};
use testkit::Scratch;

const NOW: u64 = 1_795_424_400_000_000;

fn limits() -> Limits {
    let free = |_: &Path| Ok(u64::MAX);
    Limits { total_bytes: TOTAL_BYTES, keep_days: KEEP_DAYS, free_min: 1, free, now: || NOW }
}

fn frame(number: u64, length: usize) -> Record {
    let stamp = Stamp { steady_us: Some(number), ..Stamp::received(NOW.saturating_add(number)) };
    Record::Frame { stamp, connection: 0, origin: Origin::Feed, bytes: vec![b' '; length] }
}

fn read(path: &Path) -> (Vec<Record>, Manifest) {
    let tape = Tape::open(path).unwrap();
    let mut steps = tape.records().unwrap();
    let mut records = Vec::new();
    while let Some(step) = steps.step().unwrap() {
        let Step::Record(_, record) = step else { panic!("damaged") };
        records.push(record);
    }
    (records, tape.manifest().clone())
}

#[test]
fn a_recorder_writes_frames_and_markets_in_their_order() {
    let dir = Scratch::new("recorder");
    let (recorder, thread) =
        Recorder::start(&dir.join("tapes"), "session", Manifest::new("test", "recorded"), limits()).unwrap();
    recorder.record(frame(1, 10));
    let mut addition = Manifest::default();
    addition.markets.insert("0x01".to_owned(), MarketEntry::default());
    assert!(recorder.describe(addition));
    recorder.record(frame(2, 10));
    let path = recorder.state().path;
    thread.close();
    recorder.record(frame(3, 10));
    assert_eq!((recorder.state().records, recorder.state().dropped), (2, 1));
    let (records, manifest) = read(&path);
    assert_eq!(records, [frame(1, 10), frame(2, 10)]);
    assert!(manifest.gaps_marked && manifest.markets.contains_key("0x01"));
}

#[test]
fn a_full_queue_drops_and_marks_a_gap_and_never_blocks() {
    let dir = Scratch::new("recorder-full");
    let (recorder, thread) = Recorder::start(&dir, "session", Manifest::new("test", "recorded"), limits()).unwrap();
    // Far more than the queue holds, faster than zstd.
    let mut slowest = Duration::ZERO;
    for number in 0..3_000u64 {
        let record = frame(number, 100_000);
        let began = Instant::now();
        recorder.record(record);
        slowest = slowest.max(began.elapsed());
    }
    let path = recorder.state().path;
    thread.close();
    let state = recorder.state();
    assert!(state.dropped > 0, "{state:?}");
    assert_eq!(state.records.saturating_add(state.dropped), 3_000);
    let (records, manifest) = read(&path);
    let gaps: Vec<_> =
        records.iter().filter(|record| matches!(record, Record::Gap { cause: Cause::Dropped, .. })).collect();
    assert!(!gaps.is_empty() && gaps.len() == manifest.gaps.len());
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
}

#[test]
fn a_disk_that_is_nearly_full_stops_the_recorder_and_keeps_what_was_written() {
    let dir = Scratch::new("recorder-disk");
    let limits = Limits { free_min: 100, free: |_| Ok(99), ..limits() };
    let (recorder, thread) = Recorder::start(&dir, "session", Manifest::new("test", "recorded"), limits).unwrap();
    recorder.record(frame(1, 10));
    let began = Instant::now();
    while recorder.state().stopped.is_none() {
        assert!(began.elapsed() < Duration::from_secs(20), "it does not stop");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(recorder.state().stopped.unwrap(), "the disk has 99 bytes left, expected at least 100; recording stops");
    let path = recorder.state().path;
    thread.close();
    assert_eq!(read(&path).0, [frame(1, 10)]);
}

#[test]
fn the_oldest_tapes_are_deleted_beyond_size_and_age_and_other_files_stay() {
    let dir = Scratch::new("recorder-old");
    let day = 86_400_000_000;
    let name = |at: u64| dir.join(format!("session-{at}.tape"));
    let ages = [31, 3, 2, 1].map(|days| NOW.saturating_sub(day * days));
    ages.iter().for_each(|at| std::fs::write(name(*at), [0; 1_000]).unwrap());
    std::fs::write(dir.join("session-mine.tape"), [0; 9_000]).unwrap();
    std::fs::write(dir.join("other-5.tape"), [0; 9_000]).unwrap();
    let limits = Limits { total_bytes: 2_500, ..limits() };
    let (recorder, thread) = Recorder::start(&dir, "session", Manifest::new("test", "recorded"), limits).unwrap();
    thread.close();
    let left: Vec<bool> = ages.iter().map(|at| name(*at).exists()).collect();
    assert_eq!(left, [false, false, true, true]);
    assert!(dir.join("session-mine.tape").exists() && dir.join("other-5.tape").exists());
    assert!(recorder.state().path.exists());
}
