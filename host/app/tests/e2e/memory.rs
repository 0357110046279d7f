//! The host's readable memory contains no key, and an aborting host leaves no core dump, whatever its limits are. The
//! same search finds the key in the signer, which shows that the search works; the exchange leaves a dump, which shows
//! that this machine writes them.

use crate::process::{Api, Exchange, Folder, Run, not_run, strategies};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use serde_json::Value;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

/// Memory is read in blocks of this size.
const PIECE: usize = 1 << 20;

/// Encodings in which a key may be in memory: its bytes, the same in little-endian order, and its digits.
pub(crate) fn forms(digits: &str) -> Vec<Vec<u8>> {
    let byte = |place: usize| u8::from_str_radix(&digits[place * 2..place * 2 + 2], 16).unwrap();
    let bytes: Vec<u8> = (0..32).map(byte).collect();
    let turned = bytes.iter().rev().copied().collect();
    vec![bytes, turned, digits.to_lowercase().into_bytes(), digits.to_uppercase().into_bytes()]
}

/// Returns the number of bytes read from a process and of matches of any of `forms`; `None` if reading is not
/// permitted.
pub(crate) fn search(pid: i64, forms: &[Vec<u8>]) -> Option<(usize, usize)> {
    let memory = File::open(format!("/proc/{pid}/mem")).ok()?;
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    let (mut read, mut found) = (0, 0);
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (range, rights) = (words.next().unwrap(), words.next().unwrap());
        if !rights.starts_with('r') {
            continue;
        }
        let (from, until) = range.split_once('-').unwrap();
        let [from, until] = [from, until].map(|text| u64::from_str_radix(text, 16).unwrap());
        let (more, there) = search_in(&memory, from, until, forms);
        read += more;
        found += there;
    }
    Some((read, found))
}

/// Searches a part of a process's memory in the same way.
fn search_in(memory: &File, from: u64, until: u64, forms: &[Vec<u8>]) -> (usize, usize) {
    let (mut read, mut found) = (0, 0);
    // Blocks overlap, so that matches across their boundaries are found.
    let longest = forms.iter().map(Vec::len).max().unwrap();
    let mut piece = vec![0; PIECE + longest];
    let mut at = from;
    while at < until {
        let wanted = piece.len().min(usize::try_from(until - at).unwrap());
        // Some kernel pages cannot be read.
        let Ok(count) = memory.read_at(&mut piece[..wanted], at) else { break };
        let text = &piece[..count];
        read += count;
        found += forms.iter().filter(|form| contains(text, form)).count();
        at += u64::try_from(PIECE).unwrap();
    }
    (read, found)
}

fn contains(text: &[u8], form: &[u8]) -> bool {
    let first = form[0];
    let mut rest = text;
    while let Some(place) = rest.iter().position(|byte| *byte == first) {
        rest = &rest[place..];
        if rest.starts_with(form) {
            return true;
        }
        rest = &rest[1..];
    }
    false
}

#[test]
fn the_key_is_nowhere_in_the_hosts_memory() {
    let test = "the search of the host's memory";
    let Some(strategies) = strategies(test) else { return };
    let folder = Folder::new("memory");
    let exchange = Exchange::start(&folder.0.join("exchange"), 11);
    let mut run = Run::start(&folder.0, &strategies, &["--exchange", &exchange.address]);
    let addresses = run.addresses();
    let api = Api::new(&folder.0, &addresses);
    let some = |orders: &Value| orders.as_array().is_some_and(|orders| !orders.is_empty());
    api.wait_for("/v1/trading/orders", Duration::from_secs(60), some);
    let key = fs::read_to_string(folder.0.join("demo.key")).unwrap();
    let forms = forms(key.trim());
    let (signer, host) = (run.pid(), addresses["pid"].as_i64().unwrap());
    assert_ne!(signer, host);
    match (search(signer, &forms), search(host, &forms)) {
        (Some((_, in_signer)), Some((read, in_host))) => {
            assert!(in_signer > 0, "the search did not find the key in the signer");
            assert!(read > 10_000_000, "only {read} bytes of the host could be read");
            assert_eq!(in_host, 0, "the key is in the host's memory");
        }
        _ => not_run(test, "the right to read another process's memory (root)"),
    }
    let test = "the search for the host's core dump";
    match dumps_core(host) {
        Some(left) => {
            assert!(!left, "the host left a core dump");
            run.fail();
            assert_eq!(
                dumps_core(exchange.pid()),
                Some(true),
                "this machine writes no core dumps, so the check is inconclusive"
            );
        }
        None => {
            not_run(test, "core dumps as plain files, and the right to ask for one (root)");
            run.signal(Signal::TERM);
            run.finish();
        }
    }
}

/// Aborts a process that may write a core dump, and returns true if it left one; `None` if the kernel pipes dumps to a
/// program, or if this is not permitted. The dump is removed.
fn dumps_core(pid: i64) -> Option<bool> {
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").ok()?;
    if pattern.trim() != "core" {
        return None;
    }
    let process = Pid::from_raw(i32::try_from(pid).unwrap())?;
    prlimit(Some(process), Resource::Core, Rlimit { current: None, maximum: None }).ok()?;
    let folder = fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
    kill_process(process, Signal::ABORT).ok()?;
    let until = Instant::now() + Duration::from_secs(60);
    // A process that was not reaped yet is a zombie, which has no memory any more.
    let lives = || fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z"));
    while lives() {
        assert!(Instant::now() < until, "the process did not end");
        std::thread::sleep(Duration::from_millis(50));
    }
    let names = ["core".to_owned(), format!("core.{pid}")].map(|name| folder.join(name));
    Some(names.into_iter().any(|path| path.is_file() && fs::remove_file(path).is_ok()))
}
