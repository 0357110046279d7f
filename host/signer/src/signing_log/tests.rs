//! A restart does not reset the limits, and manipulated files are detected.
#![allow(clippy::arithmetic_side_effects, reason = "numbers of tests are small")]

use super::*;
use model::Usd;
use std::fs;
use testkit::Scratch;

const NOON: Time = Time(20_000 * 86_400_000_000 + 43_200_000_000);

struct Folder(Scratch);

impl Folder {
    fn new(name: &str) -> Self {
        Self(Scratch::new(name))
    }

    fn path(&self, end: &str) -> PathBuf {
        self.0.join(format!("signer-{}.{end}", key().address()))
    }

    fn create(&self) -> SigningLog {
        SigningLog::create(&self.0, &key(), &Limits::DEFAULT, NOON, None).unwrap()
    }

    fn open(&self) -> Result<SigningLog, SigningLogError> {
        SigningLog::open(&self.0, &key(), &Limits::DEFAULT)
    }

    fn damage(&self) -> Damage {
        match self.open() {
            Err(SigningLogError::Damaged(damage)) => damage,
            other => panic!("{other:?}"),
        }
    }
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32]).unwrap()
}

/// Returns the moment of a machine whose clocks agree.
fn at(now: Time) -> Moment {
    Moment { wall: now, boot: now, steady: now }
}

fn order(record: &mut SigningLog, now: Time, worth: u64) {
    record.record(at(now), Entry::Order([0xab; 32]), worth).unwrap();
}

#[test]
fn a_restart_and_a_clock_set_back_forgive_nothing_and_midnight_does() {
    let dir = Folder::new("day");
    let mut record = dir.create();
    order(&mut record, NOON, 5);
    order(&mut record, NOON, 7);
    drop(record);
    let record = dir.open().unwrap();
    assert_eq!((record.worth(NOON), record.worth(Time(1))), (12, 12));
    assert_eq!(record.worth(NOON.plus_millis(43_200_000)), 0);
}

#[test]
fn the_log_says_what_was_signed_when_and_for_how_much() {
    let dir = Folder::new("lines");
    let mut record = dir.create();
    order(&mut record, NOON, 5);
    record.record(at(NOON), Entry::Login(3), 0).unwrap();
    record.record(at(NOON), Entry::Batch([1; 32]), 6).unwrap();
    let text = fs::read_to_string(dir.path("log.1")).unwrap();
    let entries: Vec<&str> = text.lines().map(|line| line.rsplit_once(' ').unwrap().0).collect();
    let noon = NOON.0;
    let expected = [
        format!("{noon} log 1 {} {}", key().address(), "0".repeat(64)),
        format!("{noon} order 0x{} 5", "ab".repeat(32)),
        format!("{noon} login 3 0"),
        format!("{noon} batch 0x{} 6", "01".repeat(32)),
    ];
    assert_eq!(entries, expected);
    for end in ["count", "log.0", "log.1"] {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(dir.path(end)).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn what_is_missing_is_named() {
    for end in ["count", "log.0", "log.1"] {
        let dir = Folder::new("missing");
        drop(dir.create());
        fs::remove_file(dir.path(end)).unwrap();
        assert_eq!(dir.damage(), Damage::Missing { path: dir.path(end) });
    }
    let dir = Folder::new("none");
    assert_eq!(dir.damage(), Damage::Missing { path: dir.path("count") });
}

#[test]
fn a_log_that_lost_lines_is_found_out() {
    let dir = Folder::new("short");
    let mut record = dir.create();
    order(&mut record, NOON, 5);
    let before = fs::read(dir.path("log.1")).unwrap();
    order(&mut record, NOON, 7);
    drop(record);
    let bytes = u64::try_from(before.len()).unwrap();
    let expected = fs::metadata(dir.path("log.1")).unwrap().len();
    fs::write(dir.path("log.1"), before).unwrap();
    assert_eq!(dir.damage(), Damage::Shortened { path: dir.path("log.1"), bytes, expected });
}

#[test]
fn any_changed_byte_is_found_out() {
    let dir = Folder::new("changed");
    let mut record = dir.create();
    order(&mut record, NOON, 5);
    drop(record);
    for end in ["count", "log.1"] {
        let good = fs::read(dir.path(end)).unwrap();
        for place in (0..good.len()).step_by(7) {
            let mut bad = good.clone();
            bad[place] ^= 1;
            fs::write(dir.path(end), bad).unwrap();
            assert_eq!(dir.damage(), Damage::Changed { path: dir.path(end) }, "{end} at {place}");
        }
        fs::write(dir.path(end), [&good[..], &good[..]].concat()).unwrap();
        assert_eq!(dir.damage(), Damage::Changed { path: dir.path(end) }, "twice as long");
        fs::write(dir.path(end), good).unwrap();
    }
    assert_eq!(dir.open().unwrap().worth(NOON), 5);
}

#[test]
fn the_record_of_another_key_is_none_of_this_one() {
    let dir = Folder::new("keys");
    drop(dir.create());
    let other = SigningKey::from_bytes(&[8; 32]).unwrap();
    assert!(!SigningLog::exists(&dir.0, other.address()));
    drop(SigningLog::create(&dir.0, &other, &Limits::DEFAULT, NOON, None).unwrap());
    for end in ["count", "log.0", "log.1"] {
        fs::copy(dir.0.join(format!("signer-{}.{end}", other.address())), dir.path(end)).unwrap();
    }
    assert_eq!(dir.damage(), Damage::Changed { path: dir.path("count") });
}

#[test]
fn a_kill_between_log_and_counter_counts_what_was_logged_and_drops_half_a_line() {
    let dir = Folder::new("killed");
    let mut record = dir.create();
    order(&mut record, NOON, 5);
    let counted = fs::read(dir.path("count")).unwrap();
    order(&mut record, NOON, 7);
    drop(record);
    fs::write(dir.path("count"), counted).unwrap();
    let whole = fs::read(dir.path("log.1")).unwrap();
    fs::write(dir.path("log.1"), [&whole[..], b"half a li"].concat()).unwrap();
    let mut record = dir.open().unwrap();
    assert_eq!(record.worth(NOON), 12);
    assert_eq!(fs::read(dir.path("log.1")).unwrap(), whole);
    order(&mut record, NOON, 1);
    drop(record);
    assert_eq!(dir.open().unwrap().worth(NOON), 13);
}

#[test]
fn a_full_file_gives_way_to_the_other_and_the_two_stay_one_chain() {
    let dir = Folder::new("full");
    let mut record = dir.create();
    let fill = |record: &mut SigningLog| {
        let segment = record.counter.segment;
        while record.counter.segment == segment {
            order(record, NOON, 1);
        }
    };
    fill(&mut record);
    let counted = fs::read(dir.path("count")).unwrap();
    drop(record);
    let mut record = dir.open().unwrap();
    assert_eq!(record.counter.segment, 2);
    assert!(fs::metadata(dir.path("log.1")).unwrap().len() < SEGMENT_BYTES + SLACK_BYTES);
    fill(&mut record);
    drop(record);
    let worth = dir.open().unwrap().worth(NOON);
    assert!(worth > 50_000, "{worth}");
    // The older file is checked too: shortened, and changed.
    let older = fs::read(dir.path("log.0")).unwrap();
    fs::write(dir.path("log.0"), &older[..older.len() - 1]).unwrap();
    assert!(matches!(dir.damage(), Damage::Shortened { .. }));
    fs::write(dir.path("log.0"), older).unwrap();
    drop(dir.open().unwrap());
    // An earlier counter with the current logs.
    fs::write(dir.path("count"), counted).unwrap();
    assert!(matches!(dir.damage(), Damage::Shortened { .. } | Damage::Changed { .. }));
}

#[test]
fn what_was_signed_is_taken_up_once_from_both_files() {
    let dir = Folder::new("recent");
    let mut record = dir.create();
    order(&mut record, NOON, 5);
    record.record(at(NOON), Entry::Login(3), 0).unwrap();
    record.begin_segment(NOON).unwrap();
    record.record(at(NOON.plus_millis(1)), Entry::Batch([1; 32]), 6).unwrap();
    assert_eq!(record.take_recent(), [], "what it signs itself");
    drop(record);
    let mut record = dir.open().unwrap();
    let signed = |what, millis, worth| Signed { at: NOON.plus_millis(millis), what, worth };
    let expected = [signed(What::Order, 0, 5), signed(What::Login, 0, 0), signed(What::Batch, 1, 6)];
    assert_eq!(record.take_recent(), expected);
    assert_eq!(record.take_recent(), []);
}

#[test]
fn a_kill_while_a_file_is_recreated_is_not_damage() {
    let dir = Folder::new("begun");
    let mut record = dir.create();
    order(&mut record, NOON, 5);
    record.begin_segment(NOON).unwrap();
    order(&mut record, NOON, 6);
    // The counter's state before the older file is dropped, with that file empty.
    record.counter.other_length = 0;
    record.write_counter().unwrap();
    drop(record);
    fs::write(dir.path("log.1"), "").unwrap();
    let mut record = dir.open().unwrap();
    assert_eq!(record.worth(NOON), 11);
    record.begin_segment(NOON).unwrap();
    drop(record);
    assert_eq!(dir.open().unwrap().worth(NOON), 11);
}

#[test]
fn two_signers_of_one_key_do_not_run_at_once() {
    let dir = Folder::new("lock");
    let record = dir.create();
    assert!(matches!(dir.open(), Err(SigningLogError::InUse { .. })));
    assert!(matches!(SigningLog::renew(&dir.0, &key(), &Limits::DEFAULT, NOON), Err(SigningLogError::InUse { .. })));
    let again = SigningLog::create(&dir.0, &key(), &Limits::DEFAULT, NOON, None);
    assert!(matches!(again, Err(SigningLogError::Exists { .. })));
    drop(record);
    assert!(dir.open().is_ok());
}

#[test]
fn other_limits_than_were_set_last_are_found_out() {
    let dir = Folder::new("limits");
    drop(dir.create());
    let other = Limits { order_max: Usd::dollars(50), ..Limits::DEFAULT };
    let refused = SigningLog::open(&dir.0, &key(), &other);
    assert!(matches!(refused, Err(SigningLogError::Damaged(Damage::Limits))));
    SigningLog::open_with_any_limits(&dir.0, &key()).unwrap().set_limits(&other).unwrap();
    assert_eq!(dir.damage(), Damage::Limits);
    assert!(SigningLog::open(&dir.0, &key(), &other).is_ok());
}

#[test]
fn renewing_keeps_the_old_files_and_what_an_authentic_counter_says() {
    let dir = Folder::new("renew");
    let mut record = dir.create();
    order(&mut record, NOON, 5);
    drop(record);
    fs::remove_file(dir.path("log.1")).unwrap();
    let (record, aside) = SigningLog::renew(&dir.0, &key(), &Limits::DEFAULT, NOON).unwrap();
    assert_eq!(record.worth(NOON), 5);
    drop(record);
    assert_eq!(fs::read_dir(aside).unwrap().count(), 2);
    assert_eq!(dir.open().unwrap().worth(NOON), 5);
    fs::write(dir.path("count"), "nothing").unwrap();
    let (record, _) = SigningLog::renew(&dir.0, &key(), &Limits::DEFAULT, Time(NOON.0 + 1)).unwrap();
    assert_eq!(record.worth(NOON), 0);
    let start = Some((NOON, 9));
    let other = SigningKey::from_bytes(&[8; 32]).unwrap();
    assert_eq!(SigningLog::create(&dir.0, &other, &Limits::DEFAULT, NOON, start).unwrap().worth(NOON), 9);
}

#[test]
fn what_cannot_be_written_is_counted_and_an_error() {
    let dir = Folder::new("unwritten");
    let mut record = dir.create();
    if let Some(files) = &mut record.files {
        files.counter = File::open(dir.path("count")).unwrap();
    }
    assert!(record.record(at(NOON), Entry::Login(0), 5).is_err());
    assert_eq!(record.worth(NOON), 5);
}

#[test]
fn a_pipe_in_the_place_of_a_file_is_an_error_at_once() {
    for end in ["count", "log.0", "log.1"] {
        let files = Folder::new(&format!("pipe-{end}"));
        drop(files.create());
        std::fs::remove_file(files.path(end)).unwrap();
        testkit::named_pipe(&files.path(end));
        assert!(testkit::at_once(move || files.open().is_err()), "{end}");
    }
}
