//! Files of the log that grow, are moved away, or cannot be written.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "test code may fail loudly"
)]

use super::*;
use std::fs;
use std::io::Read;
use std::time::SystemTime;
use testkit::Scratch;

const SMALL: Keep = Keep { bytes_max: 100, days: 7 };

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn lines(texts: &[&str]) -> VecDeque<(usize, Vec<u8>)> {
    texts.iter().map(|text| (Stream::WorkerOut.index(), format!("{text}\n").into_bytes())).collect()
}

fn unpacked(path: &Path) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text
}

#[test]
fn lines_are_sorted_by_what_they_are_about() {
    for (target, bad, stream) in [
        ("api::routes::bot", false, Stream::ApiOut),
        ("api", true, Stream::ApiErr),
        ("api::page", false, Stream::UiOut),
        ("apiary", false, Stream::WorkerOut),
        ("trading::effects", false, Stream::WorkerOut),
        ("store::db", true, Stream::WorkerErr),
    ] {
        assert_eq!(Stream::of(target, bad), stream, "{target}");
    }
}

#[test]
fn a_large_file_moves_into_the_archive_and_is_packed_and_removed_in_time() {
    let dir = Scratch::new("log-size");
    let mut writer = Writer::new(&dir, SMALL).unwrap();
    assert_eq!(
        names(&dir),
        ["api_stderr.log", "api_stdout.log", "archive", "ui_stdout.log", "worker_stderr.log", "worker_stdout.log"]
    );
    let long = "x".repeat(60);
    for _ in 0..2 {
        assert_eq!(writer.write(lines(&[&long, &long])), 0);
        writer.check_files();
    }
    assert_eq!(writer.write(lines(&["the rest"])), 0);
    writer.check_files();
    assert_eq!(fs::read_to_string(dir.join("worker_stdout.log")).unwrap(), "the rest\n");
    let archive = dir.join("archive");
    assert_eq!(names(&archive).len(), 2, "two of one second have two names");
    let in_days = |days: u64| SystemTime::now() + Duration::from_secs(days * 86_400 + 60);
    archive::maintain(&archive, 7, in_days(0));
    let packed = names(&archive);
    assert!(packed.len() == 2 && packed.iter().all(|name| name.ends_with(".log.gz")), "{packed:?}");
    assert_eq!(unpacked(&archive.join(&packed[0])), format!("{long}\n{long}\n"));
    archive::maintain(&archive, 7, in_days(6));
    assert_eq!(names(&archive).len(), 2);
    archive::maintain(&archive, 7, in_days(7));
    assert!(names(&archive).is_empty());
}

#[test]
fn a_file_of_yesterday_moves_into_the_archive() {
    let dir = Scratch::new("log-age");
    fs::write(dir.join("ui_stdout.log"), "yesterday\n").unwrap();
    let file = fs::File::options().append(true).open(dir.join("ui_stdout.log")).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(86_400)).unwrap();
    drop(Writer::new(&dir, SMALL).unwrap());
    assert_eq!(fs::read_to_string(dir.join("ui_stdout.log")).unwrap(), "");
    assert_eq!(names(&dir.join("archive")).len(), 1);
}

#[test]
fn a_file_that_was_moved_away_is_made_again_and_loses_nothing() {
    let dir = Scratch::new("log-moved");
    let mut writer = Writer::new(&dir, Keep { bytes_max: 1_000_000, days: 7 }).unwrap();
    let (current, archive) = (dir.join("worker_stdout.log"), dir.join("archive"));
    for round in ["one", "two"] {
        writer.write(lines(&[round]));
        fs::rename(&current, archive.join("worker_stdout.log")).unwrap();
        // Until it is checked_at at, lines go where the file is.
        writer.write(lines(&["late"]));
        writer.check_files();
        assert_eq!(fs::read_to_string(&current).unwrap(), "");
        archive::maintain(&archive, 7, SystemTime::now() + Duration::from_secs(60));
    }
    let packed = names(&archive);
    assert_eq!(packed.len(), 2, "{packed:?}");
    let mut texts: Vec<_> = packed.iter().map(|name| unpacked(&archive.join(name))).collect();
    texts.sort();
    assert_eq!(texts.concat(), "one\nlate\ntwo\nlate\n");
}

#[test]
fn lines_that_do_not_fit_or_cannot_be_written_are_counted() {
    let queue = Queue {
        state: Mutex::default(),
        changed: Condvar::new(),
        open: AtomicBool::new(true),
        lost_total: AtomicU64::new(0),
    };
    let line = vec![b'x'; 1_000];
    (0..5_000).for_each(|_| queue.enqueue(Stream::ApiErr, &line));
    let (taken, lost) = queue.next_lines();
    assert_eq!(taken.len() + usize::try_from(lost).unwrap(), 5_000);
    assert_eq!(queue.lost_total.load(Ordering::Relaxed), lost);
    let dir = Scratch::new("log-unwritable");
    let mut writer = Writer::new(&dir, SMALL).unwrap();
    writer.files[Stream::WorkerOut.index()] = Current::new(dir.join("missing/worker_stdout.log"));
    assert_eq!(writer.write(lines(&["one", "two"])), 2);
    fs::create_dir(dir.join("missing")).unwrap();
    assert_eq!(writer.write(lines(&["three"])), 0, "it is tried again");
}
