//! Torn and damaged tapes.

use super::{START, every_record, frames, read, write};
use proptest::prelude::*;
use std::fs::OpenOptions;
use tape::record::{HEAD, RecordError};
use tape::{Manifest, Pace, Record, Stamp, Step, Tape, TapeError, Writer};
use testkit::Scratch;

#[test]
fn a_torn_tail_costs_one_frame() {
    let dir = Scratch::new("torn-tail");
    let (path, records) = (dir.join("a.tape"), frames(1_000, 10_000));
    write(&path, Pace::LIVE, &records);
    let entries = Tape::open(&path).unwrap().frames().to_vec();
    assert_eq!(entries.len(), 10, "a frame a second");
    let last = entries.last().unwrap();
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(last.offset + 60).unwrap();
    let (kept, damaged) = read(&path);
    assert_eq!((kept.len(), damaged), (900, 1));
    assert_eq!(kept, records[..900]);
    let tape = Tape::open(&path).unwrap();
    assert!(!tape.is_closed());
    assert_eq!(tape.damage()[0].reason, "the last frame is cut");
    assert_eq!(tape.manifest().program, "test");
}

#[test]
fn a_damaged_frame_in_the_middle_costs_itself_alone() {
    let dir = Scratch::new("damaged-middle");
    let (path, records) = (dir.join("a.tape"), frames(1_000, 10_000));
    write(&path, Pace::LIVE, &records);
    let entry = Tape::open(&path).unwrap().frames()[4];
    let whole = std::fs::read(&path).unwrap();
    let expected = [&records[..400], &records[500..]].concat();
    // In its data, with the seek table; in its header, with a cut seek table.
    let mut data = whole.clone();
    data[entry.offset as usize + 70] ^= 1;
    let mut header = whole[..whole.len() - 4].to_vec();
    header[entry.offset as usize + 20] ^= 1;
    for (bytes, places) in [(data, 1), (header, 2)] {
        std::fs::write(&path, bytes).unwrap();
        let (kept, damaged) = read(&path);
        assert_eq!(damaged, places);
        assert_eq!(kept, expected);
    }
}

#[test]
fn a_killed_recorder_loses_at_most_a_second() {
    let dir = Scratch::new("killed");
    let (path, records) = (dir.join("a.tape"), frames(1_000, 3_000));
    let mut writer = Writer::create(&path, Pace::LIVE, Manifest::new("test", "recorded")).unwrap();
    for (number, record) in records.iter().enumerate() {
        writer.append(record).unwrap();
        writer.tick(record.stamp().at_us).unwrap();
        if number % 100 == 99 {
            // What the file has now is what a killed process leaves.
            let (kept, _) = read(&path);
            let lost = record.stamp().at_us - kept.last().map_or(START, |last| last.stamp().at_us);
            assert!(lost <= 1_000_000, "{lost} us lost after {number} records");
            assert_eq!(kept, records[..kept.len()]);
        }
    }
    // A quiet feed: the clock alone closes the frame.
    writer.tick(START + 5_000_000).unwrap();
    assert_eq!(read(&path).0.len(), 1_000);
}

#[test]
fn additions_to_the_manifest_survive_a_kill() {
    let dir = Scratch::new("additions");
    let path = dir.join("a.tape");
    let mut writer = Writer::create(&path, Pace::LIVE, Manifest::new("test", "recorded")).unwrap();
    let mut addition = Manifest::default();
    addition.markets.insert("0x01".to_owned(), tape::manifest::MarketEntry::default());
    writer.append(&frames(1, 1)[0]).unwrap();
    writer.describe(addition).unwrap();
    drop(writer);
    let tape = Tape::open(&path).unwrap();
    assert!(tape.manifest().markets.contains_key("0x01"));
    assert_eq!(tape.manifest().program, "test");
    assert_eq!(read(&path).0.len(), 1);
}

#[test]
fn an_unknown_record_is_reported_and_skipped() {
    let dir = Scratch::new("unknown-record");
    let path = dir.join("a.tape");
    let records = frames(3, 1);
    let mut bytes = Vec::new();
    records[1].encode(&mut bytes).unwrap();
    assert_eq!(Record::decode(&bytes).unwrap().1, bytes.len());
    assert_eq!(Record::decode(&bytes[..HEAD]), Err(RecordError::Cut));
    bytes[HEAD + 1] ^= 1;
    assert_eq!(Record::decode(&bytes), Err(RecordError::Checksum));
    write(&path, Pace::WHOLE, &records);
    assert_eq!(read(&path), (records, 0));
}

#[test]
fn what_is_not_a_tape_is_refused_in_a_sentence() {
    let dir = Scratch::new("no-tape");
    let path = dir.join("a.tape");
    for bytes in [&b""[..], b"market_slug,asset_id\n", &[0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4]] {
        std::fs::write(&path, bytes).unwrap();
        let error = Tape::open(&path).unwrap_err().to_string();
        assert_eq!(error, format!("{}: not a tape, expected the format tape-v1", path.display()));
    }
    let later = Manifest { format: 2, ..Manifest::new("test", "recorded") };
    let later_path = dir.join("later.tape");
    drop(Writer::create(&later_path, Pace::LIVE, later).unwrap());
    assert!(matches!(Tape::open(&later_path), Err(TapeError::Newer { found: 2, .. })));
    assert!(Writer::create(&later_path, Pace::LIVE, Manifest::default()).is_err(), "an existing file is kept");
}

#[test]
fn a_record_above_the_limit_is_refused_and_the_tape_goes_on() {
    let dir = Scratch::new("long-record");
    let path = dir.join("a.tape");
    let mut writer = Writer::create(&path, Pace::LIVE, Manifest::new("test", "recorded")).unwrap();
    let mut long = frames(1, 1).remove(0);
    if let Record::Frame { bytes, .. } = &mut long {
        bytes.resize(5_000_000, b' ');
    }
    assert!(matches!(writer.append(&long), Err(TapeError::TooLong { limit: 4_194_304, .. })));
    writer.append(&frames(1, 1)[0]).unwrap();
    assert_eq!(writer.finish().unwrap().records, 1);
    assert_eq!(read(&path).0, frames(1, 1));
}

#[test]
fn reading_from_a_time_starts_at_its_frame() {
    let dir = Scratch::new("from");
    let (path, records) = (dir.join("a.tape"), frames(1_000, 10_000));
    write(&path, Pace::LIVE, &records);
    let tape = Tape::open(&path).unwrap();
    let mut steps = tape.records_from(START + 5_250_000).unwrap();
    let Some(Step::Record(at, first)) = steps.step().unwrap() else { panic!("nothing") };
    assert_eq!((at, first.stamp().steady_us), (START + 5_000_000, Some(5_000_000)));
    assert_eq!(tape.records_from(START + 99_000_000).unwrap().step().unwrap(), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_make_reading_panic(noise in prop::collection::vec(any::<u8>(), 0..200), at in 0usize..2_000, cut in 0usize..2_000) {
        let dir = Scratch::new("noise");
        let path = dir.join("a.tape");
        let mut records = every_record();
        records.extend(frames(20, 100_000));
        write(&path, Pace::LIVE, &records);
        let mut bytes = std::fs::read(&path).unwrap();
        let at = at.min(bytes.len());
        bytes.splice(at..(at + noise.len()).min(bytes.len()), noise);
        bytes.truncate(bytes.len().saturating_sub(cut % 50));
        std::fs::write(&path, &bytes).unwrap();
        if let Ok(mut tape) = Tape::open(&path) {
            let mut steps = tape.records().unwrap();
            while steps.step().unwrap().is_some() {}
            tape.compute_identity().unwrap();
        }
        let (_, _) = (Record::decode(&bytes).is_ok(), Stamp::venue(0));
    }
}
