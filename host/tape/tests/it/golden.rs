//! Golden files: what was written once can always be read.

use super::{every_record, read, write};
use std::path::Path;
use tape::{Pace, Tape};
use testkit::Scratch;

/// Identity of the golden file. It changes with the encoding of a record, which needs a new version.
const IDENTITY: &str = "c0b945123d766a0b6950242b901760d2c72fda828f18fca7154b53cbfdffae54";

#[test]
fn version_1_is_written_and_read_as_it_was_committed() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1.tape");
    let dir = Scratch::new("golden");
    let written = write(&dir.join("now.tape"), Pace::LIVE, &every_record());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::copy(dir.join("now.tape"), &golden).unwrap();
    }
    let (records, damaged) = read(&golden);
    assert_eq!(records, every_record());
    assert_eq!(damaged, 0);
    let tape = Tape::open(&golden).unwrap();
    assert!(tape.is_closed());
    assert_eq!(tape.manifest().counts["frame"], 3);
    assert_eq!(tape.manifest().gaps.len(), 4);
    // The compressed bytes may change with the library, the records not.
    assert_eq!(written.identity.to_string(), IDENTITY, "the same records are encoded differently now");
}
