//! The operators' commands against a real host: their output, effect and exit codes.

use crate::process::{Api, Exchange, Folder, Run, kill, program, strategies};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(60);

/// The exit code and the outputs of a finished command.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}{}", self.out, self.err))
    }

    #[track_caller]
    fn with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        self
    }
}

/// Runs a command on a data folder.
fn ran(data: &Path, words: &[&str]) -> Ran {
    let output = program().args(words).arg("--data-dir").arg(data).stdin(Stdio::null()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran { code: output.status.code().unwrap(), out: text(&output.stdout), err: text(&output.stderr) }
}

/// A demo that runs the quoter only.
struct Host {
    _exchange: Exchange,
    data: PathBuf,
    run: Run,
    addresses: Value,
}

impl Host {
    fn start(folder: &Path, built: &Path, seed: u64) -> Self {
        let (data, dropped) = (folder.join("host"), folder.join("dropped"));
        fs::create_dir_all(&data).unwrap();
        fs::create_dir_all(&dropped).unwrap();
        fs::copy(built.join("quoter.wasm"), dropped.join("quoter.wasm")).unwrap();
        let exchange = Exchange::start(&folder.join("exchange"), seed);
        let mut run = Run::start(&data, &dropped, &["--exchange", &exchange.address]);
        let addresses = run.addresses();
        Self { _exchange: exchange, data, run, addresses }
    }

    fn api(&self) -> Api {
        Api::new(&self.data, &self.addresses)
    }

    fn ran(&self, words: &[&str]) -> Ran {
        ran(&self.data, words)
    }
}

#[test]
fn without_a_host_each_command_says_so_and_how_to_start_one() {
    let folder = Folder::new("operations-none");
    let lines: [&[&str]; 16] = [
        &["start"],
        &["stop"],
        &["pause"],
        &["resume"],
        &["emergency-stop"],
        &["release", "--reason", "x"],
        &["orders", "list"],
        &["orders", "cancel", "1"],
        &["orders", "cancel-all"],
        &["positions", "close", "7"],
        &["breakers", "list"],
        &["locks", "add", "m", "--for", "1h"],
        &["config", "get"],
        &["config", "reload"],
        &["audit", "list"],
        &["drill"],
    ];
    for words in lines {
        let ran = ran(&folder.0, words).with(2);
        assert!(ran.out.is_empty(), "{words:?}: {}", ran.out);
        assert_eq!(ran.err.lines().count(), 1, "{words:?}: {}", ran.err);
        assert!(ran.err.contains("no host runs in") && ran.err.contains("polytrader run --data-dir"), "{}", ran.err);
    }
    let page = ran(&folder.0, &["status"]).with(2);
    assert!(page.out.contains("PolyTrader is not running"), "{}", page.out);
    assert_eq!(ran(&folder.0, &["status", "--json"]).with(2).json()["status"], "not running");
    let tails = ran(&folder.0, &["status", "--tail-on-failure"]).with(2);
    assert!(tails.out.contains("no log of the unhealthy parts in"), "{}", tails.out);
    assert!(ran(&folder.0, &["logs"]).with(1).err.contains("no log files in"));
    assert!(ran(&folder.0, &["profit"]).with(1).err.contains("there is no database"));
    assert!(!folder.0.join("polytrader.sqlite").exists(), "reading creates no database");
    // A wrong command line has its own code.
    ran(&folder.0, &["orders"]).with(64);
    ran(&folder.0, &["locks", "add", "m"]).with(64);
}

#[test]
fn an_operator_runs_the_bot_from_the_command_line() {
    let Some(built) = strategies("operators' commands") else { return };
    let folder = Folder::new("operations");
    let host = Host::start(&folder.0, &built, 51);
    let api = host.api();
    api.wait_for("/v1/trading/orders", SOON, |orders| !orders.as_array().unwrap().is_empty());
    let listed = host.ran(&["orders", "list", "--json"]).with(0).json();
    let id = listed[0]["id"].as_u64().unwrap();
    assert!(host.ran(&["orders", "list"]).with(0).out.contains(" of quoter"), "names the strategy");
    assert!(host.ran(&["orders", "list", "--venue"]).with(0).out.contains("venue id 0x"));
    assert!(host.ran(&["pause", "--reason", "lunch"]).with(0).out.starts_with("PAUSED"));
    assert!(host.ran(&["pause"]).with(1).err.contains("the bot is not RUNNING, so there is nothing to pause (409"));
    api.wait_for("/v1/trading/orders", SOON, |orders| orders.as_array().unwrap().is_empty());
    host.ran(&["orders", "cancel", &id.to_string()]).with(1);
    assert_eq!(host.ran(&["resume", "--json"]).with(0).json()["state"], "RUNNING");
    host.ran(&["orders", "cancel-all"]).with(0);
    assert!(host.ran(&["stop"]).with(0).out.starts_with("STOPPED"));
    assert_eq!(host.ran(&["start", "--json"]).with(0).json()["state"], "RUNNING");
    assert!(host.ran(&["positions", "close", "7"]).with(1).err.contains("no known market has the token `7`"));

    locks(&host, &api);
    configuration(&host);
    let audit = host.ran(&["audit", "list", "--action", "pause"]).with(0).out;
    assert!(audit.contains("admin (admin) from 127.0.0.1: pause: ok") && audit.contains("lunch"), "{audit}");
    assert_eq!(host.ran(&["audit", "list", "-n", "3", "--json"]).with(0).json().as_array().unwrap().len(), 3);
    stops(&host, &api);
    tokens(&host);
}

/// A lock keeps the quoter out of a market, also after a kill.
fn locks(host: &Host, api: &Api) {
    assert_eq!(host.ran(&["locks", "list"]).with(0).out.trim(), "no market is locked");
    let market = api.get("/v1/markets")[0]["slug"].as_str().unwrap().to_owned();
    let added = host.ran(&["locks", "add", &market, "--for", "1h", "--reason", "news"]).with(0).out;
    assert!(added.starts_with(&format!("strategies may only reduce in {market} until 20")), "{added}");
    let listed = host.ran(&["locks", "list", "--json"]).with(0).json();
    assert_eq!(listed[0]["market"], json!(market));
    assert!(host.ran(&["locks", "add", "none", "--for", "1h"]).with(1).err.contains("there is no market `none` here"));
    host.ran(&["locks", "add", &market, "--for", "9000h"]).with(1);
    host.ran(&["locks", "delete", &market]).with(0);
    assert!(host.ran(&["locks", "delete", &market]).with(1).err.contains("the market is not locked"));
}

/// A limit is set, listed, rolled back, and read again from the file.
fn configuration(host: &Host) {
    let value = || host.ran(&["config", "get", "max_order_usd", "--json"]).with(0).json()["value"].clone();
    let before = value();
    let set = host.ran(&["config", "set", "max_order_usd", "7.5"]).with(0).out;
    assert!(set.contains("max_order_usd is 7.5 now") && set.contains("no restart is needed"), "{set}");
    let history = host.ran(&["config", "history", "max_order_usd"]).with(0).out;
    assert!(history.contains(&format!("max_order_usd: {} -> 7.5", before.as_str().unwrap())), "{history}");
    host.ran(&["config", "rollback", "max_order_usd"]).with(0);
    assert_eq!(value(), before);
    assert!(host.ran(&["config", "rollback", "max_market_usd"]).with(1).err.contains("no change of max_market_usd"));
    let fixed = host.ran(&["config", "set", "journal.keep_days", "9"]).with(1).err;
    assert!(fixed.contains("journal.keep_days cannot be changed while running"), "{fixed}");
    assert!(host.ran(&["config", "get", "no.such"]).with(1).err.contains("there is no key `no.such`"));

    fs::write(host.data.join("polytrader.toml"), "max_market_usd = 31\n[journal]\nkeep_days = 9\n").unwrap();
    let reloaded = host.ran(&["config", "reload"]).with(0).out;
    assert!(reloaded.contains("max_market_usd is 31 now"), "{reloaded}");
    assert!(reloaded.contains("until a restart; the configuration has 9"), "{reloaded}");
    fs::write(host.data.join("polytrader.toml"), "max_market_usd = \"much\"\n").unwrap();
    assert!(host.ran(&["config", "reload"]).with(1).err.contains("nothing has changed"));
    fs::remove_file(host.data.join("polytrader.toml")).unwrap();
}

/// An emergency stop shows in the status, and a release ends it.
fn stops(host: &Host, api: &Api) {
    let healthy = |code| {
        let started = Instant::now();
        while host.ran(&["status", "--json"]).code != code {
            assert!(started.elapsed() < SOON, "{}", host.ran(&["status"]).out);
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    healthy(0);
    let page = host.ran(&["status"]).with(0).out;
    for words in ["PolyTrader demo, healthy", "no problems", "bot         RUNNING", "strategies (1)", "quoter"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(host.ran(&["breakers", "list"]).with(0).out.contains("stale_data               closed"));
    assert!(host.ran(&["breakers", "reset", "stale_data"]).with(1).err.contains("is not tripped"));
    assert!(host.ran(&["emergency-stop", "--reason", "smoke"]).with(0).out.starts_with("STOPPED, halted: smoke"));
    let page = host.ran(&["status"]).with(1).out;
    assert!(page.contains("PolyTrader demo, unhealthy") && page.contains("! the session is halted: smoke"), "{page}");
    let refused = host.ran(&["drill"]).with(1).err;
    assert!(refused.contains("an emergency stop is in force"), "{refused}");
    let started = Instant::now();
    while host.ran(&["release", "--reason", "no fire"]).code != 0 {
        assert!(started.elapsed() < SOON, "not released");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(api.get("/v1/admin/bot/state")["state"], "STOPPED");
    healthy(0);
}

/// An unknown token is not reported as a stopped host.
fn tokens(host: &Host) {
    let path = host.data.join("admin.token");
    let token = fs::read_to_string(&path).unwrap();
    fs::write(&path, "wrong").unwrap();
    let refused = host.ran(&["orders", "list"]).with(3).err;
    assert!(refused.contains("the token was refused") && refused.contains("polytrader tokens replace"), "{refused}");
    assert_eq!(host.ran(&["status", "--json"]).with(3).json()["status"], "not reachable");
    fs::remove_file(&path).unwrap();
    host.ran(&["start"]).with(3);
    fs::write(&path, token).unwrap();
    host.ran(&["orders", "list"]).with(0);
}

#[test]
fn a_lock_outlives_a_kill_and_a_killed_host_is_not_running() {
    let Some(built) = strategies("locks and kills") else { return };
    let folder = Folder::new("operations-locks");
    let Host { _exchange: exchange, data, run, addresses } = Host::start(&folder.0, &built, 52);
    let market = Api::new(&data, &addresses).get("/v1/markets")[0]["slug"].as_str().unwrap().to_owned();
    ran(&data, &["locks", "add", &market, "--for", "1h"]).with(0);
    let until = ran(&data, &["locks", "list", "--json"]).with(0).json();
    kill(&addresses);
    run.fail();
    // A killed host leaves its addresses behind.
    assert!(data.join("run.json").exists());
    assert!(ran(&data, &["orders", "list"]).with(2).err.contains("no host runs in"));
    let mut run = Run::start(&data, &folder.0.join("dropped"), &["--exchange", &exchange.address]);
    let api = Api::new(&data, &run.addresses());
    api.wait_for("/v1/admin/locks", SOON, |locks| *locks == until);
    let first = |rows: &Value| rows.as_array().unwrap().iter().any(|row| row["market"] == market.as_str());
    api.wait_for("/v1/trading/orders", SOON, |orders| !orders.as_array().unwrap().is_empty());
    for _ in 0..30 {
        let orders = api.get("/v1/trading/orders");
        assert!(!first(&orders), "nothing rests in the locked market: {orders}");
        std::thread::sleep(Duration::from_millis(100));
    }
    ran(&data, &["locks", "delete", &market]).with(0);
    api.wait_for("/v1/trading/orders", SOON, first);
    run.signal(Signal::INT);
    run.finish();
}

#[test]
fn a_drill_measures_stops_and_leaves_the_bot_running() {
    let Some(built) = strategies("the drill") else { return };
    let folder = Folder::new("operations-drill");
    let host = Host::start(&folder.0, &built, 53);
    let api = host.api();
    api.wait_for("/v1/trading/orders", SOON, |orders| !orders.as_array().unwrap().is_empty());
    let drill = host.ran(&["drill", "--rounds", "2", "--json"]);
    // This test does not check the speed, only that stops were measured with open orders.
    let figures = drill.json();
    assert_eq!(
        (&figures["rounds"], &figures["rounds_with_orders"]),
        (&json!(2), &json!(2)),
        "{}{}",
        drill.out,
        drill.err
    );
    assert_eq!(drill.code == 0, figures["passed"] == true);
    let (median, most) = (figures["p50_ms"].as_u64().unwrap(), figures["max_ms"].as_u64().unwrap());
    assert!(0 < median && median <= most, "{figures}");
    assert_eq!(api.get("/v1/admin/bot/state")["state"], "RUNNING");
}

#[test]
fn profits_and_lots_agree_with_the_trades() {
    let Some(built) = strategies("profits and lots") else { return };
    let folder = Folder::new("operations-lots");
    let host = Host::start(&folder.0, &built, 54);
    let api = host.api();
    let sold = |rows: &Value| rows.as_array().unwrap().iter().any(|row| row["side"] == "SELL");
    let patience = Duration::from_secs(120);
    api.wait_for("/v1/trading/trades?limit=500", patience, sold);
    host.ran(&["stop"]).with(0);
    api.wait_for("/v1/trading/orders", SOON, |orders| orders.as_array().unwrap().is_empty());
    api.wait_for("/health/detailed", SOON, |health| health["rows_waiting"] == 0);
    let count = api.get("/v1/trading/trades?limit=500").as_array().unwrap().len();
    let by_day = host.ran(&["profit", "--mode", "demo", "--json"]).with(0).json();
    let traded: u64 = by_day.as_array().unwrap().iter().map(|day| day["trades"].as_u64().unwrap()).sum();
    let profit: i64 = by_day.as_array().unwrap().iter().map(|day| day["profit_micro_usd"].as_i64().unwrap()).sum();
    assert!(traded >= u64::try_from(count).unwrap(), "{traded} of {count}");
    let csv = host.ran(&["tax", "export", "--mode", "demo"]).with(0).out;
    let mut lines = csv.lines();
    assert!(lines.next().unwrap().starts_with("account,market,outcome,token,shares,opened_at,"));
    let gains: i64 = lines
        .map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            assert!(fields[5].ends_with('Z') && fields[8] == "sale", "{line}");
            model::Usd::parse(fields[13]).unwrap().micros()
        })
        .sum();
    assert_eq!(gains, profit);
    // There are no rows of another mode, and an existing file is not replaced.
    assert!(host.ran(&["profit", "--mode", "paper"]).with(0).out.contains("there are no trades in this mode"));
    let out = folder.0.join("lots.csv");
    let export = ["tax", "export", "--mode", "demo", "--open", "--out", out.to_str().unwrap()];
    host.ran(&export).with(0);
    assert!(host.ran(&export).with(1).err.contains("which must not exist"));
    assert!(fs::read_to_string(&out).unwrap().lines().count() >= csv.lines().count());
}

#[test]
fn a_position_is_closed_from_the_command_line_while_the_bot_is_paused() {
    let Some(built) = strategies("closing a position") else { return };
    let folder = Folder::new("operations-close");
    let host = Host::start(&folder.0, &built, 56);
    let api = host.api();
    // The venue's minimum is five shares.
    let large = |row: &Value| row["size_micros"].as_u64().unwrap() >= 5_000_000 && row["bid_micro_usd"].is_u64();
    let some = |rows: &Value| rows.as_array().unwrap().iter().any(large);
    let patience = Duration::from_secs(120);
    let rows = api.wait_for("/v1/positions", patience, some);
    host.ran(&["pause"]).with(0);
    api.wait_for("/v1/trading/orders", SOON, |orders| orders.as_array().unwrap().is_empty());
    let held = rows.as_array().unwrap().iter().find(|row| large(row)).unwrap();
    let token = held["token"].as_str().unwrap().to_owned();
    assert!(host.ran(&["positions", "list"]).with(0).out.contains(held["market"].as_str().unwrap()));
    let said = host.ran(&["positions", "close", &token]).with(0).out;
    assert!(said.contains(&format!("the position in token {token} is being closed")), "{said}");
    let closed =
        |rows: &Value| !rows.as_array().unwrap().iter().any(|row| row["token"] == token.as_str() && large(row));
    api.wait_for("/v1/positions", SOON, closed);
    let audit = host.ran(&["audit", "list", "--action", &format!("positions/{token}/close")]).with(0).out;
    assert!(audit.contains("admin (admin)"), "{audit}");
}

#[test]
fn several_hosts_are_shown_on_one_page() {
    let folder = Folder::new("operations-fleet");
    let (exchange, data) = (Exchange::start(&folder.0.join("exchange"), 55), folder.0.join("host"));
    fs::create_dir_all(folder.0.join("none")).unwrap();
    fs::create_dir_all(&data).unwrap();
    let mut run = Run::start(&data, &folder.0.join("none"), &["--exchange", &exchange.address]);
    let addresses = run.addresses();
    let viewer = ran(&data, &["tokens", "create", "screen", "--role", "viewer"]).with(0).out;
    fs::write(folder.0.join("viewer"), viewer).unwrap();
    let list = folder.0.join("fleet.toml");
    let by_address = format!("name = \"b\"\naddress = {}\ntoken_file = \"viewer\"\n", addresses["api"]);
    let hosts = format!(
        "[[host]]\nname = \"a\"\ndata_dir = \"host\"\n[[host]]\n{by_address}[[host]]\nname = \"c\"\ndata_dir = \"gone\"\n"
    );
    fs::write(&list, hosts).unwrap();
    Api::new(&data, &addresses).wait_for("/health/detailed", SOON, |health| health["status"] == "ok");
    let status = |more: &[&str]| {
        let output = program().args(["status", "--all"]).arg(&list).args(more).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, page) = status(&[]);
    let lines: Vec<&str> = page.lines().collect();
    assert_eq!((code, lines.len()), (2, 3), "the largest code: {page}");
    assert!(lines[0].starts_with("a  ") && lines[0].contains("healthy") && lines[0].contains("RUNNING"), "{page}");
    assert!(lines[1].starts_with("b  ") && lines[1].contains("healthy"), "{page}");
    assert!(lines[2].contains("not running"), "{page}");
    let (_, text) = status(&["--json"]);
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()[2]["host"]["exit_code"], 2);
    run.signal(Signal::INT);
    run.finish();
}

#[test]
fn the_doctor_looks_at_every_mode_and_each_bad_line_has_a_fix() {
    let folder = Folder::new("operations-doctor");
    let data = folder.0.join("data");
    fs::create_dir_all(&data).unwrap();
    let free = ["--api-port", "0", "--dashboard-port", "0"];
    let demo = ran(&data, &[&["doctor", "--mode", "demo"], &free[..]].concat()).with(0).out;
    for line in ["ok    disk", "memory", "ok    wall clock", "ok    api port", "ok    database", "ok    venue"] {
        assert!(demo.contains(line), "{line}: {demo}");
    }
    assert!(!demo.contains("key  "), "play money needs no key: {demo}");
    let nowhere = ["--set", "venue.clob_url=http://127.0.0.1:1"];
    let paper = ran(&data, &[&["doctor", "--json"], &free[..], &nowhere].concat()).with(1).json();
    let rows = paper.as_array().unwrap();
    let venue = rows.iter().find(|row| row["what"] == "venue" && row["state"] == "bad").unwrap();
    assert!(venue["fix"].as_str().unwrap().contains("venue.clob_url"), "{venue}");
    for row in rows {
        assert_eq!(row["fix"].is_string(), row["state"] != "good", "{row}");
        assert_ne!(row["fix"], "see docs/operate.md", "{row}");
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let busy = ran(&data, &["doctor", "--mode", "demo", "--api-port", &port, "--dashboard-port", "0"]).with(1).out;
    assert!(busy.contains("BAD   api port") && busy.contains("fix: end the program that uses the port"), "{busy}");
    assert!(fs::read_dir(&data).unwrap().next().is_none(), "the doctor creates nothing");
}

#[test]
fn completions_and_manual_pages_are_made_from_the_command_line() {
    let folder = Folder::new("operations-man");
    let pages = folder.0.join("man1");
    let output = program().arg("man").arg(&pages).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let page = fs::read_to_string(pages.join("polytrader-locks-add.1")).unwrap();
    assert!(page.contains(".TH") && page.contains("MARKET"), "{page}");
    assert!(!pages.join("polytrader-host.1").exists(), "hidden commands have no page");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = program().args(["completions", shell]).output().unwrap();
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && script.contains("emergency-stop"), "{shell}");
    }
    let output = program().args(["completions", "bash"]).output().unwrap();
    fs::write(folder.0.join("polytrader.bash"), output.stdout).unwrap();
    let bash = std::process::Command::new("bash").arg("-n").arg(folder.0.join("polytrader.bash")).status().unwrap();
    assert!(bash.success(), "bash reads the script");
}

#[test]
fn on_a_terminal_the_page_is_drawn_again_until_q() {
    let folder = Folder::new("operations-screen");
    let script = |keys: &str| {
        let line = format!(
            "stty rows 40 cols 120; {} status --data-dir {}",
            env!("CARGO_BIN_EXE_polytrader"),
            folder.0.display()
        );
        let mut command = std::process::Command::new("script");
        // `script` gives the command a terminal, and types its own standard input there.
        command.args(["--quiet", "--return", "--command", &line, "/dev/null"]).env("TERM", "xterm-256color");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut keyboard = child.stdin.take().unwrap();
        // At least two draws.
        std::thread::sleep(Duration::from_millis(2_500));
        std::io::Write::write_all(&mut keyboard, keys.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        drop(keyboard);
        (output.status.code().unwrap(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    for keys in ["q", "\u{3}"] {
        let (code, shown) = script(keys);
        assert_eq!(code, 2, "the last look's code: {shown:?}");
        assert!(shown.contains("PolyTrader") && shown.contains("\u{1b}[?1049h"), "{shown:?}");
        assert!(shown.contains("\u{1b}[?1049l"), "the terminal is given back: {shown:?}");
    }
}
