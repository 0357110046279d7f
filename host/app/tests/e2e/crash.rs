//! The host is killed while it trades, again and again; the exchange lives on. No order may be lost or doubled, and in the end both
//! sides' books must be the same.

use crate::faults::{ask, faults};
use crate::process::{Api, Exchange, Folder, Run, kill, program, strategies};
use serde_json::json;
use sqlx::Connection;
use std::collections::BTreeMap;
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

/// What else is wrong when the host is killed, in turn.
const TROUBLES: [Trouble; 5] =
    [Trouble::None, Trouble::RefusedReads, Trouble::RefusedCancels, Trouble::LockedDatabase, Trouble::OddRows];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Trouble {
    None,
    RefusedReads,
    /// They take their markets.
    RefusedCancels,
    /// Another program holds the database for writing.
    LockedDatabase,
    /// Each list of the venue has a row with a field of another kind.
    OddRows,
}

/// The switch of refused requests, and how many it refuses.
const MANY: u64 = 1_000_000;

impl Trouble {
    fn switch(self) -> Option<&'static str> {
        match self {
            Self::RefusedReads => Some("refuse_reads"),
            Self::RefusedCancels => Some("refuse_cancels"),
            Self::OddRows => Some("spoil_rows"),
            Self::None | Self::LockedDatabase => None,
        }
    }

    /// Begins it, and returns what holds the database.
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

    /// Returns whether it struck: the exchange counts what it has left to refuse.
    fn struck(self, exchange: &Exchange) -> bool {
        let left = || ask(exchange, reqwest::Method::GET, "/exchange/faults", "");
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
    // Moments that differ from crash to crash and from run to run.
    let mut drawn: BTreeMap<Trouble, u64> = BTreeMap::new();
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
    assert!(TROUBLES.iter().all(|trouble| drawn.contains_key(trouble)), "a trouble was never drawn: {drawn:?}");
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
