//! Repeated kills of a trading host, while the exchange keeps running. No order may be lost or duplicated, and at the
//! end both ledgers must match.

use crate::faults::{faults, request};
use crate::process::{Api, Exchange, Folder, Run, kill, program, strategies};
use serde_json::json;
use sqlx::Connection;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// Number of kills, unless `CRASHES` overrides it.
const CRASHES: u64 = 10;
const SOON: Duration = Duration::from_secs(60);
/// The signer's windows span restarts, and this test exceeds its default limits.
const WIDE: [&str; 6] = [
    "--set",
    "signer.max_orders_per_minute=100000",
    "--set",
    "signer.max_minute_usd=1000000",
    "--set",
    "signer.max_day_usd=10000000",
];

/// Additional faults during the kills, in turn.
const TROUBLES: [CrashFault; 5] = [
    CrashFault::None,
    CrashFault::RefusedReads,
    CrashFault::RefusedCancels,
    CrashFault::LockedDatabase,
    CrashFault::OddRows,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum CrashFault {
    None,
    RefusedReads,
    /// The cancels are refused for their markets.
    RefusedCancels,
    /// Another program holds a write lock on the database.
    LockedDatabase,
    /// Each list from the venue has a row with a field of a wrong type.
    OddRows,
}

/// The count for a switch of refused requests.
const MANY: u64 = 1_000_000;

impl CrashFault {
    fn switch(self) -> Option<&'static str> {
        match self {
            Self::RefusedReads => Some("refuse_reads"),
            Self::RefusedCancels => Some("refuse_cancels"),
            Self::OddRows => Some("spoil_rows"),
            Self::None | Self::LockedDatabase => None,
        }
    }

    /// Starts the fault, and returns the connection that locks the database, if any.
    fn begin(self, exchange: &Exchange, data: &Path) -> Option<sqlx::SqliteConnection> {
        if let Some(switch) = self.switch() {
            faults(exchange, &json!({ switch: MANY }));
            let started = Instant::now();
            while !self.struck(exchange) && started.elapsed() < Duration::from_secs(20) {
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        if self != Self::LockedDatabase {
            return None;
        }
        let file = format!("sqlite:{}", data.join("polytrader.sqlite").display());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut other = sqlx::SqliteConnection::connect(&file).await.unwrap();
            sqlx::query("PRAGMA busy_timeout = 30000").execute(&mut other).await.unwrap();
            sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
            Some(other)
        })
    }

    /// Returns true if the fault occurred: the exchange counts down the requests to refuse.
    fn struck(self, exchange: &Exchange) -> bool {
        let left = || request(exchange, reqwest::Method::GET, "/exchange/faults", "");
        self.switch().is_none_or(|switch| left()[switch].as_u64() < Some(MANY))
    }
}

#[test]
fn a_host_that_is_killed_again_and_again_loses_and_doubles_nothing() {
    let Some(strategies) = strategies("the crash test") else { return };
    let folder = Folder::new("crash");
    let exchange = Exchange::start(&folder.0.join("exchange"), 5);
    let data = folder.0.join("host");
    std::fs::create_dir_all(&data).unwrap();
    let crashes = std::env::var("CRASHES").ok().and_then(|count| count.parse().ok()).unwrap_or(CRASHES);
    // Moments that differ between crashes and between runs.
    let mut drawn: BTreeMap<CrashFault, u64> = BTreeMap::new();
    let mut moment = u64::from(std::process::id());
    for crash in 0..crashes {
        moment = moment.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut run = Run::start(&data, &strategies, &[&["--exchange", &exchange.address][..], &WIDE].concat());
        let addresses = run.addresses();
        if moment & 0x300 != 0 {
            // Usually the host is trading by then; sometimes it is just starting.
            Api::new(&data, &addresses)
                .wait_for("/v1/trading/venue-orders", SOON, |orders| orders != &serde_json::json!([]));
        }
        let trouble = TROUBLES[usize::try_from(crash).unwrap() % TROUBLES.len()];
        let held = trouble.begin(&exchange, &data);
        std::thread::sleep(Duration::from_millis((moment >> 33) % 2_000));
        if trouble.struck(&exchange) {
            *drawn.entry(trouble).or_insert(0) += 1;
        }
        kill(&addresses);
        run.fail();
        drop(held);
        faults(&exchange, &json!({}));
    }
    eprintln!("{crashes} crashes; of these, amid {drawn:?}");
    assert!(TROUBLES.iter().all(|trouble| drawn.contains_key(trouble)), "a fault was never selected: {drawn:?}");
    let last = [&["--exchange", &exchange.address, "--for", "15s"][..], &WIDE].concat();
    let last = Run::start(&data, &strategies, &last).finish();
    assert_eq!(last["ledger_matches_exchange"], true, "{last}");
    assert_eq!(last["open_orders_at_exit"], 0, "{last}");
    assert!(last["orders"].as_u64().unwrap() > 0, "it trades again: {last}");
    assert_eq!(replay_all(&data), crashes + 1, "sessions that replay to the same decisions");
}

/// Replays every session with a journal, and returns their number.
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
