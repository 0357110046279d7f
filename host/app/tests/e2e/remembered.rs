//! Persistence of operator decisions: they survive a host that is killed right after its response.

use crate::process::{Api, Exchange, Folder, Run, kill, strategies};
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use testkit::VolatileFolder;

const SOON: Duration = Duration::from_secs(60);

/// A host that is killed and restarted on one exchange.
struct Again {
    data: PathBuf,
    strategies: PathBuf,
    exchange: Exchange,
    run: Option<(Run, Value)>,
    /// The data directory after a simulated power loss, if a kill includes one.
    volatile: Option<VolatileFolder>,
}

impl Again {
    fn start(folder: &Path, strategies: &Path, seed: u64) -> (Self, Api) {
        Self::start_on(folder, strategies, seed, None)
    }

    fn start_on(folder: &Path, strategies: &Path, seed: u64, volatile: Option<VolatileFolder>) -> (Self, Api) {
        let (data, dropped) = (folder.join("host"), folder.join("dropped"));
        std::fs::create_dir_all(&data).unwrap();
        std::fs::create_dir_all(&dropped).unwrap();
        std::fs::copy(strategies.join("quoter.wasm"), dropped.join("quoter.wasm")).unwrap();
        let exchange = Exchange::start(&folder.join("exchange"), seed);
        let mut this = Self { data, strategies: dropped, exchange, run: None, volatile };
        let api = this.up();
        (this, api)
    }

    fn up(&mut self) -> Api {
        let environment: Vec<(&str, &str)> = self.volatile.iter().flat_map(VolatileFolder::environment).collect();
        let more = ["--exchange", &self.exchange.address];
        let mut run = Run::start_in(&environment, "demo", &self.data, &self.strategies, &more);
        let addresses = run.addresses();
        let api = Api::new(&self.data, &addresses);
        self.run = Some((run, addresses));
        api
    }

    fn kill(&mut self) {
        let (run, addresses) = self.run.take().unwrap();
        kill(&addresses);
        run.fail();
        if let Some(volatile) = &self.volatile {
            // The signer is confined and keeps no copies of synced files. Its own tests cover the loss of its records.
            volatile.lose(|name| name.contains("record") || name == "engine-fault").unwrap();
        }
    }

    /// Kills the host and starts it again.
    fn again(&mut self) -> Api {
        self.kill();
        self.up()
    }

    fn database(&self) -> PathBuf {
        self.data.join("polytrader.sqlite")
    }
}

fn put(api: &Api, path: &str, body: &Value) -> Value {
    api.put_stored(path, body)
}

/// Returns the bot's state once the engine has carried over the last session and is shown.
#[track_caller]
fn bot(api: &Api) -> Value {
    api.wait_for("/v1/admin/bot/state", SOON, |bot| bot["events"].as_u64() > Some(0))
}

#[track_caller]
fn quoter_is(api: &Api, state: &str) {
    let is = |one: &Value| one["name"] == "quoter" && one["state"] == state;
    api.wait_for("/v1/strategies", SOON, |all| all.as_array().unwrap().iter().any(is));
}

#[test]
fn a_host_that_is_killed_right_after_an_answer_finds_what_was_decided() {
    let Some(built) = strategies("decisions and kills") else { return };
    let folder = Folder::new("remembered");
    decisions_are_found(Again::start(&folder.0, &built, 31));
}

#[test]
fn a_loss_of_power_right_after_an_answer_loses_no_decision() {
    let Some(built) = strategies("decisions and losses of power") else { return };
    let folder = Folder::new("powerless");
    let volatile = VolatileFolder::new(&folder.0.join("host"), &folder.0.join("copies")).unwrap();
    decisions_are_found(Again::start_on(&folder.0, &built, 34, Some(volatile)));
}

/// Makes one decision after another; after each one the host is killed and restarted.
fn decisions_are_found((mut host, api): (Again, Api)) {
    quoter_is(&api, "running");
    assert_eq!(api.post("/v1/admin/emergency-stop")["durable"], true);
    // Rejected until the venue has confirmed that no order is open.
    let started = Instant::now();
    loop {
        let body = json!({ "reason": "the test saw enough" });
        match api.refused("/v1/admin/emergency-stop/release", &body) {
            (200, _) => break,
            (status, why) => assert!(started.elapsed() < SOON, "{status}: {why}: {}", api.get("/v1/trading/orders")),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let api = host.again();
    assert_ne!(bot(&api)["restriction"], "halted");
    let market = api.get("/v1/markets")[0]["slug"].as_str().unwrap().to_owned();
    let restrict = |scope: &str, word: &str| json!({ "scope": scope, "restriction": word });

    let scope = format!("market:{market}");
    assert_eq!(put(&api, "/v1/admin/restrictions", &restrict(&scope, "cancel_only"))["durable"], true);
    let api = host.again();
    assert_eq!(bot(&api)["restrictions"], json!([{ "scope": scope, "restriction": "cancel_only" }]));
    put(&api, "/v1/admin/restrictions", &restrict(&scope, "none"));

    let api = host.again();
    assert_eq!(bot(&api)["restrictions"], json!([]));
    let key = "daily_loss_limit_usd";
    assert_eq!(put(&api, &format!("/v1/config/{key}"), &json!({ "value": 9 }))["durable"], true);
    let api = host.again();
    assert_eq!(api.get("/v1/config")[key]["value"], "9");
    put(&api, &format!("/v1/config/{key}"), &json!({ "value": 11 }));

    let api = host.again();
    assert_eq!(api.get("/v1/config")[key]["value"], "11");
    let api = breakers_are_found(&mut host, api);
    quoter_is(&api, "running");
    assert_eq!(api.post("/v1/strategies/quoter/disable")["durable"], true);
    let api = host.again();
    quoter_is(&api, "disabled");
    api.post("/v1/strategies/quoter/enable");

    let api = host.again();
    quoter_is(&api, "running");
    assert_eq!(api.post("/v1/admin/emergency-stop")["durable"], true);
    let api = host.again();
    assert_eq!(bot(&api)["restriction"], "halted");
}

/// Breakers that trip on losses: the limit of each with the value of the test and the one after it.
const LOSSES: [(&str, &str, f64, u64); 2] =
    [("daily_loss_limit", "daily_loss_limit_usd", 0.01, 25), ("drawdown", "max_drawdown_pct", 0.01, 10)];

/// Trips a breaker and resets it; the host is killed after both. A quoter that makes money is not below the day's start, but
/// at times below its peak.
fn breakers_are_found(host: &mut Again, api: Api) -> Api {
    let is_tripped = |snapshot: &Value, name: &str| {
        let mut all = snapshot["breakers"].as_array().unwrap().iter();
        all.any(|one| one["name"] == name && one["tripped"] == true)
    };
    let set = |api: &Api, key: &str, value: Value| {
        put(api, &format!("/v1/config/{key}"), &json!({ "value": value }));
    };
    LOSSES.iter().for_each(|(_, key, low, _)| set(&api, key, json!(low)));
    let some = |snapshot: &Value| LOSSES.iter().any(|(name, ..)| is_tripped(snapshot, name));
    let tripped = api.wait_for("/v1/snapshot", SOON, some);
    let (name, ..) = LOSSES.iter().find(|(name, ..)| is_tripped(&tripped, name)).unwrap();
    let api = host.again();
    api.wait_for("/v1/snapshot", SOON, |snapshot| is_tripped(snapshot, name));
    LOSSES.iter().for_each(|(_, key, _, back)| set(&api, key, json!(back)));
    // The other one may have tripped by now.
    LOSSES.iter().for_each(|(name, ..)| {
        api.refused(&format!("/v1/admin/circuit-breakers/{name}/reset"), &json!({}));
    });
    let api = host.again();
    bot(&api);
    let snapshot = api.get("/v1/snapshot");
    assert!(!some(&snapshot), "{}", snapshot["breakers"]);
    api
}

#[test]
fn an_emergency_stop_is_found_after_a_kill_also_where_the_database_was_locked_or_is_gone() {
    let Some(built) = strategies("an emergency stop and a locked database") else { return };
    let folder = Folder::new("locked");
    let (mut host, api) = Again::start(&folder.0, &built, 32);
    quoter_is(&api, "running");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let file = format!("sqlite:{}", host.database().display());
    let mut other = runtime.block_on(SqliteConnection::connect(&file)).unwrap();
    runtime.block_on(sqlx::query("BEGIN IMMEDIATE").execute(&mut other)).unwrap();

    let answer = api.post("/v1/admin/emergency-stop");
    assert_eq!((&answer["durable"], &answer["restriction"]), (&json!(false), &json!("halted")));
    host.kill();
    runtime.block_on(sqlx::query("ROLLBACK").execute(&mut other)).unwrap();
    let halts = |other: &mut SqliteConnection| -> i64 {
        runtime.block_on(sqlx::query_scalar("SELECT COUNT(*) FROM halts").fetch_one(other)).unwrap()
    };
    assert_eq!(halts(&mut other), 0, "only the journal has it");
    let api = host.up();
    assert_eq!(bot(&api)["restriction"], "halted");
    let started = Instant::now();
    while halts(&mut other) == 0 {
        assert!(started.elapsed() < SOON, "the stop in the journal did not reach the database");
        std::thread::sleep(Duration::from_millis(20));
    }

    // The database is deleted, or an older backup is restored.
    host.kill();
    drop(other);
    for end in ["", "-wal", "-shm"] {
        let _gone = std::fs::remove_file(format!("{}{end}", host.database().display()));
    }
    let api = host.up();
    assert_eq!(bot(&api)["restriction"], "halted");
}

#[test]
fn what_is_decided_while_the_database_is_locked_is_shown_as_not_stored_until_it_is() {
    let Some(built) = strategies("decisions and a locked database") else { return };
    let folder = Folder::new("unstored");
    let (host, api) = Again::start(&folder.0, &built, 33);
    quoter_is(&api, "running");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let file = format!("sqlite:{}", host.database().display());
    let mut other = runtime.block_on(SqliteConnection::connect(&file)).unwrap();
    runtime.block_on(sqlx::query("BEGIN IMMEDIATE").execute(&mut other)).unwrap();

    assert_eq!(api.post("/v1/strategies/quoter/disable")["durable"], false);
    quoter_is(&api, "disabled");
    let (status, why) = api.refused("/v1/strategies/quoter/enable", &json!({}));
    assert_eq!(status, 503, "{why}");
    assert_eq!(api.post("/v1/admin/emergency-stop")["durable"], false);
    let all = ["emergency stop", "strategies/quoter", "strategies/quoter/disable", "emergency-stop"];
    api.wait_for("/v1/admin/bot/state", SOON, |bot| bot["unstored"] == json!(all));
    let (status, _) = api.refused("/v1/admin/emergency-stop/release", &json!({ "reason": "too early" }));
    assert_eq!(status, 503);
    quoter_is(&api, "disabled");

    runtime.block_on(sqlx::query("ROLLBACK").execute(&mut other)).unwrap();
    api.wait_for("/v1/admin/bot/state", SOON, |bot| bot["unstored"] == json!([]));
    let count = |sql: &'static str, other: &mut SqliteConnection| -> i64 {
        runtime.block_on(sqlx::query_scalar(sql).fetch_one(other)).unwrap()
    };
    assert_eq!(count("SELECT COUNT(*) FROM halts", &mut other), 1);
    assert_eq!(count("SELECT disabled FROM strategy_decisions WHERE name = 'quoter'", &mut other), 1);
    assert_eq!(count("SELECT COUNT(*) FROM audit WHERE action LIKE '%disable' AND outcome = 'ok'", &mut other), 1);
    assert_eq!(count("SELECT COUNT(*) FROM audit WHERE action = 'emergency-stop' AND outcome = 'ok'", &mut other), 1);
}
