//! Figures of an idle host: the time from its start to an answer of `/health` beside a large journal, and its memory.
//! `cargo xtask figures` measures both on a release build and enforces the budgets; in the gate the journal is small,
//! the wait is short, and only the method is checked.

use crate::process::{Exchange, Folder, Run, not_run, program};
use journal::Record;
use model::{Input, InputKind, Seq};
use rustix::process::Signal;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use store::journal_files::{Journal, Keep, Step, folder, segments_of, walk};

/// The journal's size in the gate, and for a figure.
const SMALL_MB: u64 = 2;
/// The longest time from the start of the program to an answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);
/// The most memory of signer and host together, shared pages counted in proportion.
const MEMORY_MAX_KIB: u64 = 60 * 1024;

/// Returns a figure's parameter from the environment, and true if the budget is enforced; in the gate the other value.
fn parameter(name: &str, in_the_gate: u64) -> (u64, bool) {
    std::env::var(name).map_or((in_the_gate, false), |text| (text.parse().unwrap(), true))
}

/// Starts an idle paper session: no strategy, one market.
fn idle(folder: &Path, exchange: &str, more: &[&str]) -> Run {
    let (data, none) = (folder.join("host"), folder.join("none"));
    fs::create_dir_all(&data).unwrap();
    fs::create_dir_all(&none).unwrap();
    Run::start_as("paper", &data, &none, &[&["--exchange", exchange, "--set", "markets_max=1"], more].concat())
}

/// Ends a run and waits for it.
fn end(run: Run) {
    run.signal(Signal::INT);
    run.finish();
}

/// Writes the last session's journal again with its market events repeated at the end, until it has this many bytes.
/// Returns its size.
fn enlarge(data: &Path, bytes: u64) -> u64 {
    let (session, files) = segments_of(&folder(data)).unwrap().into_iter().next().unwrap();
    let mut records = Vec::new();
    walk(&files, |step| match step {
        Step::Record(record) => records.push(record),
        Step::Torn { file, at } => panic!("{} is torn at {at}", file.display()),
    })
    .unwrap();
    let Some(Record::Header(header)) = records.first().cloned() else { panic!("no header in {files:?}") };
    fs::remove_dir_all(folder(data)).unwrap();
    let (journal, _) = Journal::create(data, &header, Keep { days: 30, bytes: u64::MAX }).unwrap();
    let (mut last, mut events, mut ended) = (None, Vec::new(), header.created);
    for record in records {
        match record {
            Record::Input(input) => {
                journal.input(&input).unwrap();
                if let InputKind::Event(_) = &input.kind {
                    events.push(input.kind.clone());
                }
                last = Some((input.seq, input.at));
            }
            Record::Placement(placement) => {
                journal.placement(&placement);
            }
            Record::Effects { count, digest } => journal.effects(count, digest),
            Record::End(at) => ended = at,
            Record::Header(_) | Record::AuditHead { .. } => {}
        }
    }
    assert!(!events.is_empty(), "the session saw no market event");
    let (Seq(mut seq), at) = last.unwrap();
    let (mut written, mut scratch) = (0_u64, Vec::new());
    let mut repeated = events.iter().cycle();
    while written < bytes {
        scratch.clear();
        // Between two pieces the journal's thread catches up with the queue.
        while scratch.len() < 1 << 20 {
            seq += 1;
            let input = Input { seq: Seq(seq), at, kind: repeated.next().unwrap().clone() };
            journal::encode_input(&input, &mut scratch).unwrap();
            journal.input(&input).unwrap();
        }
        written += u64::try_from(scratch.len()).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        assert!(journal.failure().is_none(), "{:?}", journal.failure());
    }
    journal.close(ended.max(at));
    covered(data, session.0);
    written
}

/// Waits until each full file of the journal is covered by a snapshot and packed, as a running host has them.
fn covered(data: &Path, session: u64) {
    let started = Instant::now();
    loop {
        let files = segments_of(&folder(data)).unwrap();
        let files: Vec<PathBuf> =
            files.into_iter().filter(|(id, _)| id.0 == session).flat_map(|(_, all)| all).collect();
        let (_, full) = files.split_last().unwrap();
        if full.iter().all(|file| file.extension().is_some_and(|end| end == "gz")) {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(300), "not covered: {files:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Returns the answer of `/health` at a port; `None` if nothing listens or the answer is not complete.
fn health(port: u16) -> Option<String> {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).ok()?;
    socket.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).ok()?;
    answer.starts_with("HTTP/1.1 200").then_some(answer)
}

#[test]
fn a_host_with_a_large_journal_answers_soon_after_its_start() {
    let folder = Folder::new("figures-start");
    let exchange = Exchange::start_with(&folder.0.join("exchange"), &["--seed", "81", "--invented", "1"]);
    let (megabytes, is_measured) = parameter("FIGURES_JOURNAL_MB", SMALL_MB);
    let mut run = idle(&folder.0, &exchange.address, &[]);
    run.addresses();
    std::thread::sleep(Duration::from_secs(3));
    end(run);
    let data = folder.0.join("host");
    let bytes = enlarge(&data, megabytes * 1_000_000);
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let text = port.to_string();
    let mut command = program();
    command.args(["run", "--mode", "paper", "--json", "--dashboard-port", "0", "--api-port", &text]);
    command.args(["--exchange", &exchange.address, "--set", "markets_max=1", "--data-dir"]).arg(&data);
    command.arg("--strategies").arg(folder.0.join("none"));
    let _gone = fs::remove_file(data.join("run.json"));
    let started = Instant::now();
    let run = Run::of(command, &data);
    while health(port).is_none() {
        assert!(started.elapsed() < Duration::from_secs(120), "no answer");
        std::thread::sleep(Duration::from_millis(2));
    }
    let took = started.elapsed();
    eprintln!("FIGURE health_after_ms={} journal_bytes={bytes}", took.as_millis());
    let log = fs::read_to_string(data.join("stderr.log")).unwrap();
    assert!(log.contains("continuing from the last session"), "the journal was not read: {log}");
    assert!(!is_measured || took <= ANSWERS_WITHIN, "{took:?} with a journal of {bytes} bytes");
    end(run);
}

/// Returns the kibibytes of a process, shared pages counted in proportion.
fn proportional(process: i64) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[test]
fn an_idle_host_needs_little_memory() {
    let test = "the memory of an idle host";
    let folder = Folder::new("figures-memory");
    let exchange = Exchange::start_with(&folder.0.join("exchange"), &["--seed", "82", "--invented", "1"]);
    let (seconds, is_measured) = parameter("FIGURES_IDLE_S", 2);
    let mut run = idle(&folder.0, &exchange.address, &[]);
    let addresses = run.addresses();
    std::thread::sleep(Duration::from_secs(seconds));
    let (signer, host) = (run.pid(), addresses["pid"].as_i64().unwrap());
    let (Some(signer), Some(host)) = (proportional(signer), proportional(host)) else {
        return not_run(test, "/proc/PID/smaps_rollup, and the right to read it (root)");
    };
    eprintln!("FIGURE signer_pss_kib={signer} host_pss_kib={host} after_s={seconds}");
    assert!(signer > 500 && host > 1_000, "{signer} and {host} KiB");
    assert!(!is_measured || signer + host <= MEMORY_MAX_KIB, "{signer} and {host} KiB, more than {MEMORY_MAX_KIB}");
    end(run);
}
