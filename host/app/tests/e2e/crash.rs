//! The host is killed while it trades, again and again; the exchange lives on. No order may be lost or doubled, and in the end both
//! sides' books must be the same.

use crate::faults::faults;
use crate::process::{Api, Exchange, Folder, Run, kill, program, strategies};
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};

/// How often the host is killed, unless `CRASHES` says otherwise.
const CRASHES: u64 = 10;
const SOON: Duration = Duration::from_secs(60);
/// The signer counts over restarts, and here are more of them in a minute than its own limits are for.
const WIDE: [&str; 6] = [
    "--set",
    "signer.max_orders_per_minute=100000",
    "--set",
    "signer.max_minute_usd=1000000",
    "--set",
    "signer.max_day_usd=10000000",
];

#[test]
fn a_host_that_is_killed_again_and_again_loses_and_doubles_nothing() {
    let Some(strategies) = strategies("the crash test") else { return };
    let folder = Folder::new("crash");
    let exchange = Exchange::start(&folder.0.join("exchange"), 5);
    let data = folder.0.join("host");
    std::fs::create_dir_all(&data).unwrap();
    let crashes = std::env::var("CRASHES").ok().and_then(|count| count.parse().ok()).unwrap_or(CRASHES);
    // Moments that differ from crash to crash and from run to run.
    let mut moment = u64::from(std::process::id());
    for crash in 0..crashes {
        moment = moment.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut run = Run::start(&data, &strategies, &[&["--exchange", &exchange.address][..], &WIDE].concat());
        let addresses = run.addresses();
        if moment & 0x300 != 0 {
            // Most of the time it is trading by then; sometimes it is just beginning.
            Api::new(&data, &addresses)
                .wait_for("/v1/trading/venue-orders", SOON, |orders| orders != &serde_json::json!([]));
        }
        // In turn: nothing, refused reads, refused cancels, which take their markets.
        let refused = ["none", "refuse_reads", "refuse_cancels"][usize::try_from(crash % 3).unwrap()];
        if refused != "none" {
            faults(&exchange, &json!({ refused: 1_000_000 }));
        }
        std::thread::sleep(Duration::from_millis((moment >> 33) % 2_000));
        kill(&addresses);
        run.fail();
        faults(&exchange, &json!({}));
    }
    let last = [&["--exchange", &exchange.address, "--for", "15s"][..], &WIDE].concat();
    let last = Run::start(&data, &strategies, &last).finish();
    assert_eq!(last["ledger_matches_exchange"], true, "{last}");
    assert_eq!(last["open_orders_at_exit"], 0, "{last}");
    assert!(last["orders"].as_u64().unwrap() > 0, "it trades again: {last}");
    assert_eq!(replay_all(&data), crashes + 1, "sessions that replay to the same decisions");
}

/// Replays every session that left a journal and returns how many there are.
pub(crate) fn replay_all(data: &Path) -> u64 {
    let mut sessions = 0;
    for entry in std::fs::read_dir(data.join("journal")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !name.ends_with(".journal") {
            continue;
        }
        let session = name.split('-').next().unwrap().to_owned();
        let started = Instant::now();
        let output =
            program().args(["replay", "--wasm", "--session", &session, "--data-dir"]).arg(data).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "session {session} after {:?}: {text}", started.elapsed());
        sessions += 1;
    }
    sessions
}
