//! The host's memory, all of it that can be read, holds no key, and neither does the file that it leaves when it crashes. The same search
//! finds the key in the signer, so it can find one.

use crate::process::{Api, Exchange, Folder, Run, not_run, strategies};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use serde_json::Value;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Memory is read in pieces of this size.
const PIECE: usize = 1 << 20;

/// The forms in which a key could lie about: its bytes, the same in the order of a number in memory, and its digits.
pub(crate) fn forms(digits: &str) -> Vec<Vec<u8>> {
    let byte = |place: usize| u8::from_str_radix(&digits[place * 2..place * 2 + 2], 16).unwrap();
    let bytes: Vec<u8> = (0..32).map(byte).collect();
    let turned = bytes.iter().rev().copied().collect();
    vec![bytes, turned, digits.to_lowercase().into_bytes(), digits.to_uppercase().into_bytes()]
}

/// Returns how many bytes of a process were read and how often any of `forms` was found; none if we may not read it.
pub(crate) fn search(pid: i64, forms: &[Vec<u8>]) -> Option<(usize, usize)> {
    let memory = File::open(format!("/proc/{pid}/mem")).ok()?;
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    let (mut read, mut found) = (0, 0);
    // Pieces overlap, so that nothing hides where two of them meet.
    let longest = forms.iter().map(Vec::len).max().unwrap();
    let mut piece = vec![0; PIECE + longest];
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (range, rights) = (words.next().unwrap(), words.next().unwrap());
        if !rights.starts_with('r') {
            continue;
        }
        let (from, until) = range.split_once('-').unwrap();
        let [from, until] = [from, until].map(|text| u64::from_str_radix(text, 16).unwrap());
        let mut at = from;
        while at < until {
            let wanted = piece.len().min(usize::try_from(until - at).unwrap());
            // Some of the kernel's own pages cannot be read.
            let Ok(count) = memory.read_at(&mut piece[..wanted], at) else { break };
            let text = &piece[..count];
            read += count;
            found += forms.iter().filter(|form| contains(text, form)).count();
            at += u64::try_from(PIECE).unwrap();
        }
    }
    Some((read, found))
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
            assert!(in_signer > 0, "the search does not find the key where it is");
            assert!(read > 10_000_000, "only {read} bytes of the host could be read");
            assert_eq!(in_host, 0, "the key lies in the host's memory");
        }
        _ => not_run(test, "the right to read another process's memory (root)"),
    }
    run.signal(Signal::TERM);
    run.finish();
}

/// The file that a process leaves when it crashes, as far as the kernel writes one into the folder that the process works in.
fn core_of(pid: i64) -> Option<PathBuf> {
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").ok()?;
    let numbered = fs::read_to_string("/proc/sys/kernel/core_uses_pid").ok()?.trim() == "1";
    let plain = !pattern.trim().is_empty() && !pattern.contains(['|', '/', '%']);
    let name = if numbered { format!("{}.{pid}", pattern.trim()) } else { pattern.trim().to_owned() };
    plain.then_some(())?;
    Some(fs::read_link(format!("/proc/{pid}/cwd")).ok()?.join(name))
}

#[test]
fn the_key_is_not_in_what_a_crash_of_the_host_leaves() {
    let test = "the search of the host's core dump";
    let Some(strategies) = strategies(test) else { return };
    let folder = Folder::new("core");
    let exchange = Exchange::start(&folder.0.join("exchange"), 12);
    let mut run = Run::start(&folder.0, &strategies, &["--exchange", &exchange.address]);
    let addresses = run.addresses();
    let some = |orders: &Value| orders.as_array().is_some_and(|orders| !orders.is_empty());
    Api::new(&folder.0, &addresses).wait_for("/v1/trading/orders", Duration::from_secs(60), some);
    let key = fs::read_to_string(folder.0.join("demo.key")).unwrap();
    let host = addresses["pid"].as_i64().unwrap();
    let pid = Pid::from_raw(i32::try_from(host).unwrap()).unwrap();
    let Some(core) = core_of(host) else { return not_run(test, "core dumps as plain files (kernel.core_pattern)") };
    prlimit(Some(pid), Resource::Core, Rlimit { current: None, maximum: None }).unwrap();
    kill_process(pid, Signal::ABORT).unwrap();
    run.fail();
    let started = Instant::now();
    while !core.exists() && started.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let dump = fs::read(&core).unwrap();
    fs::remove_file(&core).unwrap();
    assert!(contains(&dump, exchange.address.as_bytes()), "the dump of {} bytes is not the host's memory", dump.len());
    for form in forms(key.trim()) {
        assert!(!contains(&dump, &form), "the key lies in the host's core dump");
    }
}
