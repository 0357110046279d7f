//! The committed bytes of version 1: a file once written stays readable.

use crate::inputs::{
    every_input, inputs_of_assignments, inputs_of_budgets, inputs_of_failed_saves, inputs_of_fuel,
    inputs_of_realised_sums, inputs_of_saved_states, inputs_of_sweeps, inputs_of_the_second_contract,
    inputs_of_unread_messages, later_inputs,
};
use journal::{Header, MAGIC, Placement, Reader, Record, Step, encode};
use model::input::Command;
use model::{InputKind, MarketIx, OrderId, SessionId, Time, VenueOrderId};
use std::path::Path;

pub(crate) fn every_record() -> Vec<Record> {
    let header = Header {
        build: "polytrader 0.0.0".into(),
        session: SessionId(5),
        segment: 2,
        account: "0xabc".into(),
        follows: Some(SessionId(4)),
        config: [1; 32],
        sandbox: [2; 32],
        created: Time(1),
    };
    let placement = Placement { order: OrderId(1), salt: 2, timestamp_ms: 3, venue: VenueOrderId([4; 32]) };
    let mut records = vec![Record::Header(header)];
    records.extend(every_input().into_iter().map(Record::Input));
    records.extend([
        Record::Effects { count: 3, digest: u64::MAX },
        Record::Placement(placement),
        Record::End(Time(99)),
    ]);
    records
}

pub(crate) fn written(records: &[Record]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    records.iter().for_each(|record| encode(record, &mut bytes).unwrap());
    bytes
}

pub(crate) fn read(bytes: &[u8]) -> Vec<Record> {
    let mut reader = Reader::new(bytes).unwrap();
    let mut records = Vec::new();
    while let Some(step) = reader.step().unwrap() {
        let Step::Record(record) = step else { panic!("torn at {}", reader.at()) };
        records.push(record);
    }
    records
}

/// Records added to version 1 later: an older program refuses such a file at the unknown tag.
#[test]
fn what_was_added_later_is_written_and_read_as_it_was_committed() {
    let added: Vec<Record> = later_inputs().into_iter().map(Record::Input).collect();
    is_as_committed("v1-activities.journal", &added);
}

#[track_caller]
fn is_as_committed(name: &str, records: &[Record]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let bytes = written(records);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &bytes).unwrap();
    }
    let golden = std::fs::read(&path).unwrap();
    assert_eq!(read(&golden), records);
    assert!(golden == bytes, "the same records are encoded differently now: that needs a new version");
}

#[test]
fn version_1_is_written_and_read_as_it_was_committed() {
    is_as_committed("v1.journal", &every_record());
}

#[test]
fn what_the_second_contract_with_strategies_added_is_written_and_read_as_it_was_committed() {
    let records: Vec<Record> = inputs_of_the_second_contract().into_iter().map(Record::Input).collect();
    is_as_committed("v1-contract-0.2.journal", &records);
}

#[test]
fn what_saved_states_added_is_written_and_read_as_it_was_committed() {
    let records: Vec<Record> = inputs_of_saved_states().into_iter().map(Record::Input).collect();
    is_as_committed("v1-states.journal", &records);
}

#[test]
fn budgets_are_written_and_read_as_they_were_committed() {
    let records: Vec<Record> = inputs_of_budgets().into_iter().map(Record::Input).collect();
    is_as_committed("v1-budgets.journal", &records);
}

#[test]
fn sweeps_are_written_and_read_as_they_were_committed() {
    let records: Vec<Record> = inputs_of_sweeps().into_iter().map(Record::Input).collect();
    is_as_committed("v1-sweeps.journal", &records);
}

#[test]
fn fuel_is_written_and_read_as_it_was_committed() {
    let records: Vec<Record> = inputs_of_fuel().into_iter().map(Record::Input).collect();
    is_as_committed("v1-fuel.journal", &records);
}

#[test]
fn assignments_are_written_and_read_as_they_were_committed() {
    let records: Vec<Record> = inputs_of_assignments().into_iter().map(Record::Input).collect();
    is_as_committed("v1-assignments.journal", &records);
}

#[test]
fn messages_that_are_not_understood_are_written_and_read_as_they_were_committed() {
    let records: Vec<Record> = inputs_of_unread_messages().into_iter().map(Record::Input).collect();
    is_as_committed("v1-unread.journal", &records);
}

#[test]
fn realised_sums_are_written_and_read_as_they_were_committed() {
    let records: Vec<Record> = inputs_of_realised_sums().into_iter().map(Record::Input).collect();
    is_as_committed("v1-realised.journal", &records);
}

#[test]
fn an_answer_to_no_event_is_written_and_read_as_it_was_committed() {
    let records: Vec<Record> = inputs_of_failed_saves().into_iter().map(Record::Input).collect();
    is_as_committed("v1-failed-saves.journal", &records);
}

#[test]
fn heads_of_the_audit_are_written_and_read_as_they_were_committed() {
    let records = [Record::AuditHead { entry: 7, hash: [9; 32] }, Record::AuditHead { entry: u64::MAX, hash: [0; 32] }];
    is_as_committed("v1-audit-heads.journal", &records);
}

#[test]
fn locks_of_markets_are_written_and_read_as_they_were_committed() {
    let locks = [(3, 41), (0, 0)].map(|(market, until)| Command::Lock { market: MarketIx(market), until: Time(until) });
    let input = |(seq, lock)| Record::Input(testkit::input(seq, Time(50), InputKind::Command(lock)));
    let records: Vec<Record> = (1..).zip(locks).map(input).collect();
    is_as_committed("v1-locks.journal", &records);
}
