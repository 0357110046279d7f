//! Reading bytes that differ from those written.

use crate::golden::{every_record, read, written};
use journal::{DecodeError, MAGIC, Reader, Record, Step, What, encode};
use model::{InputKind, Time};
use proptest::prelude::*;
use testkit::input;

fn ticks(count: u64) -> Vec<Record> {
    (1..=count).map(|seq| Record::Input(input(seq, Time(seq), InputKind::Clock))).collect()
}

/// Reads to the end; returns the number of records and the kind of end.
fn outcome(bytes: &[u8]) -> (usize, Result<Option<usize>, DecodeError>) {
    let mut reader = Reader::new(bytes).unwrap();
    let mut count = 0;
    loop {
        match reader.step() {
            Ok(Some(Step::Record(_))) => count += 1,
            Ok(Some(Step::Torn { at })) => return (count, Ok(Some(at))),
            Ok(None) => return (count, Ok(None)),
            Err(error) => return (count, Err(error)),
        }
    }
}

#[test]
fn every_record_comes_back_as_it_went() {
    assert_eq!(read(&written(&every_record())), every_record());
}

#[test]
fn a_journal_cut_anywhere_keeps_the_records_before_the_cut() {
    let records = ticks(3);
    let bytes = written(&records);
    let size = (bytes.len() - MAGIC.len()) / 3;
    for cut in MAGIC.len()..bytes.len() {
        let whole = (cut - MAGIC.len()) / size;
        let at = MAGIC.len() + whole * size;
        let torn = (at != cut).then_some(at);
        assert_eq!(outcome(&bytes[..cut]), (whole, Ok(torn)), "cut at {cut}");
    }
}

#[test]
fn a_bad_byte_in_the_middle_is_corruption_and_in_the_last_record_a_torn_tail() {
    let mut bytes = written(&ticks(3));
    let size = (bytes.len() - MAGIC.len()) / 3;
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    assert_eq!(outcome(&bytes), (2, Ok(Some(MAGIC.len() + 2 * size))));
    bytes[MAGIC.len() + size + 8] ^= 1;
    let at = MAGIC.len() + size;
    assert_eq!(outcome(&bytes), (1, Err(DecodeError { at, what: What::Checksum })));
}

#[test]
fn another_version_and_another_file_are_refused_by_name() {
    let mut bytes = written(&ticks(1));
    bytes[MAGIC.len() + 2] = 9;
    let end = bytes.len() - 4;
    let sum = crc32fast::hash(&bytes[MAGIC.len()..end]);
    bytes[end..].copy_from_slice(&sum.to_le_bytes());
    let (_, Err(error)) = outcome(&bytes) else { panic!("version 9 was read") };
    assert!(error.to_string().contains("version 9"), "{error}");
    assert!(Reader::new(b"not a journal at all").is_err());
}

#[test]
fn a_record_that_would_not_be_read_back_is_not_written() {
    for length in [journal::TEXT_MAX + 1, journal::PAYLOAD_MAX + 1] {
        let body = InputKind::Command(model::input::Command::EmergencyStop { reason: "x".repeat(length) });
        let mut bytes = vec![7];
        let error = encode(&Record::Input(input(1, Time(1), body)), &mut bytes).unwrap_err();
        assert!(matches!(error.what, What::TooLong { .. }), "{error}");
        assert_eq!(bytes, [7]);
    }
    let body = InputKind::Command(model::input::Command::EmergencyStop { reason: "x".repeat(journal::TEXT_MAX) });
    let longest = [Record::Input(input(1, Time(1), body))];
    assert_eq!(read(&written(&longest)), longest);
}

proptest! {
    #[test]
    fn any_bytes_end_in_records_a_torn_tail_or_an_error(noise in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(noise);
        let (count, _) = outcome(&bytes);
        prop_assert!(count <= bytes.len());
    }

    #[test]
    fn a_payload_changed_under_a_right_checksum_is_read_or_refused(
        record in 0..every_record().len(), place in any::<prop::sample::Index>(), with in any::<u8>(),
    ) {
        let mut bytes = written(&every_record()[record..=record]);
        let (start, end) = (MAGIC.len(), bytes.len() - 4);
        // The length stays unchanged, so that the payload's decoder sees the change.
        let payload = start + 7;
        prop_assume!(payload < end);
        bytes[payload + place.index(end - payload)] = with;
        let sum = crc32fast::hash(&bytes[start..end]);
        bytes[end..].copy_from_slice(&sum.to_le_bytes());
        let (count, end) = outcome(&bytes);
        prop_assert!(count == 1 || end.is_err());
    }
}
