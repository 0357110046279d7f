//! Tapes as their users see them: damage costs one frame, editing keeps the identity, and v1 stays readable.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "test code may fail loudly"
)]

mod damage;
mod editing;
mod golden;

use model::{ConditionId, Price, Side, Size, TokenId};
use std::path::Path;
use tape::record::{Cause, Origin};
use tape::{Manifest, Pace, Record, Stamp, Step, Tape, Writer};

/// Time of the first record in microseconds.
const START: u64 = 1_795_424_400_000_000;

/// Returns frames, one each `apart_us`, whose bytes contain their number.
fn frames(count: u64, apart_us: u64) -> Vec<Record> {
    let frame = |number: u64| Record::Frame {
        stamp: Stamp { steady_us: Some(number * apart_us), ..Stamp::received(START + number * apart_us) },
        connection: 1,
        origin: Origin::Feed,
        bytes: format!("{{\"event_type\":\"price_change\",\"number\":{number}}}").into_bytes(),
    };
    (0..count).map(frame).collect()
}

/// Returns a record of every kind.
fn every_record() -> Vec<Record> {
    let stamp = Stamp { at_us: START, received: true, steady_us: Some(7) };
    let late = Stamp::venue(START - 5);
    let (token, price) = (TokenId([3; 32]), Price::parse("0.37").unwrap());
    let bytes = b"{\"event_type\":\"book\"}".to_vec();
    let frame = |stamp, origin| Record::Frame { stamp, connection: 513, origin, bytes: bytes.clone() };
    let gap = |cause, markets| Record::Gap { stamp, cause, since_us: START - 9, markets };
    vec![
        frame(stamp, Origin::Feed),
        frame(late, Origin::Inferred),
        frame(Stamp::received(START + 1), Origin::Reencoded),
        gap(Cause::Disconnected, Vec::new()),
        gap(Cause::Dropped, vec![ConditionId([1; 32]), ConditionId([2; 32])]),
        gap(Cause::Damaged, Vec::new()),
        gap(Cause::Stopped, Vec::new()),
        Record::Signal { stamp, source_us: 5, name: "price.btcusd".to_owned(), value: "65048.07".to_owned() },
        Record::Closed { stamp, market: ConditionId([1; 32]) },
        Record::OwnOrder { stamp, token, side: Side::Buy, price, open: Size::shares(10), order: [9; 32] },
        Record::OwnFill { stamp, token, side: Side::Sell, price, size: Size(1_500_000), maker: true },
    ]
}

fn write(path: &Path, pace: Pace, records: &[Record]) -> tape::Summary {
    let mut writer = Writer::create(path, pace, Manifest::new("test", "recorded")).unwrap();
    records.iter().for_each(|record| writer.append(record).unwrap());
    writer.finish().unwrap()
}

/// Returns the records, and the number of damaged places.
fn read(path: &Path) -> (Vec<Record>, usize) {
    let tape = Tape::open(path).unwrap();
    let mut steps = tape.records().unwrap();
    let (mut records, mut damaged) = (Vec::new(), 0);
    while let Some(step) = steps.step().unwrap() {
        match step {
            Step::Record(_, record) => records.push(record),
            Step::Damaged(_) => damaged += 1,
        }
    }
    (records, damaged)
}
