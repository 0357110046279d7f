//! Slices, merges and recompression keep the identity.

use super::{START, every_record, frames, read, write};
use tape::record::Origin;
use tape::{Manifest, Pace, Record, Stamp, Tape, Writer, merge, slice};
use testkit::Scratch;

#[test]
fn recompressing_splitting_and_merging_keep_the_identity() {
    let dir = Scratch::new("identity");
    let path = dir.join("a.tape");
    let mut records = frames(1_000, 10_000);
    // A frame that is 3 s late, just after a boundary of the slices.
    records.insert(
        501,
        Record::Frame {
            stamp: Stamp::venue(START + 2_000_000),
            connection: 2,
            origin: Origin::Feed,
            bytes: b"late".to_vec(),
        },
    );
    let written = write(&path, Pace::LIVE, &records);
    let tape = Tape::open(&path).unwrap();

    let again = merge(std::slice::from_ref(&tape), &dir.join("again.tape")).unwrap();
    assert_eq!(again.identity, written.identity);
    assert!(again.bytes < written.bytes, "longer frames compress better");

    let parts = [(0, START + 1), (START + 1, START + 5_000_000), (START + 5_000_000, u64::MAX)];
    let mut tapes = Vec::new();
    for (number, (from, to)) in parts.into_iter().enumerate() {
        let part = dir.join(format!("{number}.tape"));
        slice(&tape, from, to, &part).unwrap();
        tapes.push(Tape::open(&part).unwrap());
    }
    let counts: Vec<u64> = tapes.iter().map(|part| part.manifest().counts["frame"]).collect();
    assert_eq!(counts, [1, 499, 501]);
    tapes.reverse();
    let whole = merge(&tapes, &dir.join("whole.tape")).unwrap();
    assert_eq!(whole.identity, written.identity);
    assert_eq!(read(&dir.join("whole.tape")).0, records);

    let other = write(&dir.join("other.tape"), Pace::LIVE, &records[1..]);
    assert_ne!(other.identity, written.identity);
}

#[test]
fn the_identity_is_that_of_the_uncompressed_records() {
    let dir = Scratch::new("plain-identity");
    let path = dir.join("a.tape");
    let records = every_record();
    let written = write(&path, Pace::LIVE, &records);
    let mut plain = Vec::new();
    records.iter().for_each(|record| record.encode(&mut plain).unwrap());
    // Every zstd decoder passes over the manifest, the headers and the seek table.
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(zstd::stream::decode_all(bytes.as_slice()).unwrap(), plain);
    let mut tape = Tape::open(&path).unwrap();
    assert_eq!(tape.identity().unwrap(), written.identity);
    assert_eq!(tape.compute_identity().unwrap(), written.identity);
}

#[test]
fn two_tapes_merge_by_time() {
    let dir = Scratch::new("merge");
    let (one, two) = (frames(10, 2_000_000), frames(10, 3_000_000));
    write(&dir.join("1.tape"), Pace::LIVE, &one);
    write(&dir.join("2.tape"), Pace::LIVE, &two);
    let tapes = [Tape::open(&dir.join("1.tape")).unwrap(), Tape::open(&dir.join("2.tape")).unwrap()];
    merge(&tapes, &dir.join("all.tape")).unwrap();
    let all = read(&dir.join("all.tape")).0;
    assert_eq!(all.len(), 20);
    assert!(all.is_sorted_by_key(|record| record.stamp().at_us));
    assert_eq!(merge(&[], &dir.join("none.tape")).unwrap_err().to_string(), "no tape to merge");
}

#[test]
fn an_empty_slice_is_refused_and_leaves_no_file() {
    let dir = Scratch::new("empty-slice");
    let path = dir.join("a.tape");
    write(&path, Pace::LIVE, &frames(10, 1));
    let out = dir.join("none.tape");
    let error = slice(&Tape::open(&path).unwrap(), 1, 2, &out).unwrap_err().to_string();
    assert!(error.ends_with("no record from 1 to 2 us"), "{error}");
    assert!(!out.exists());
}

#[test]
fn a_merged_manifest_prefers_published_outcomes_and_fills_unknown_values() {
    let dir = Scratch::new("merged-manifest");
    let mut tapes = Vec::new();
    for (number, (implied, listed, pays)) in [(true, None, 1_000_000), (false, Some(5), 0)].into_iter().enumerate() {
        let mut manifest = Manifest::new("test", "recorded");
        let market = tape::manifest::MarketEntry { listed_us: listed, ..Default::default() };
        manifest.markets.insert("0x01".to_owned(), market);
        let outcome = tape::manifest::HindsightEntry { implied, pays_micros: Some(pays), ..Default::default() };
        manifest.hindsight.insert("0x01".to_owned(), outcome);
        let path = dir.join(format!("{number}.tape"));
        let mut writer = Writer::create(&path, Pace::LIVE, manifest).unwrap();
        writer.append(&frames(1, 1)[0]).unwrap();
        writer.finish().unwrap();
        tapes.push(Tape::open(&path).unwrap());
    }
    merge(&tapes, &dir.join("all.tape")).unwrap();
    let all = Tape::open(&dir.join("all.tape")).unwrap();
    assert_eq!(all.manifest().markets["0x01"].listed_us, Some(5));
    assert_eq!(all.manifest().hindsight["0x01"].pays_micros, Some(0));
    assert_eq!(all.manifest().counts["frame"], 2);
}
