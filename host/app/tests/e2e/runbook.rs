//! The work of the runbook's operator: logs, backups, upgrades, restarts.

use crate::process::{Api, Exchange, Folder, Run, program, strategies};
use flate2::read::GzDecoder;
use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(60);
/// The runbook's promise for a file that was moved away.
const MADE_AGAIN_WITHIN: Duration = Duration::from_secs(5);

/// Runs a command of the program; returns whether it ended well, its output, and what it said.
pub(crate) fn run(arguments: &[&str], data: &Path) -> (bool, String, String) {
    let output = program().args(arguments).arg("--data-dir").arg(data).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

fn read(path: &Path) -> String {
    let bytes = fs::read(path).unwrap();
    if path.extension().is_some_and(|end| end == "gz") {
        let mut text = String::new();
        GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
        return text;
    }
    String::from_utf8(bytes).unwrap()
}

#[test]
fn logs_have_the_runbooks_names_and_follow_an_order_from_its_intent_to_its_fill() {
    let Some(strategies) = strategies("the log's files") else { return };
    let folder = Folder::new("log-files");
    let mut run = Run::start(&folder.0, &strategies, &["--seed", "31", "--set", "logs.format=json"]);
    let api = Api::new(&folder.0, &run.addresses());
    api.wait_for("/v1/trading/trades", SOON, |trades| trades.as_array().is_some_and(|list| list.len() > 1));
    let (logs, archive) = (folder.0.join("logs"), folder.0.join("logs/archive"));
    for name in ["api_stdout.log", "api_stderr.log", "worker_stdout.log", "worker_stderr.log", "ui_stdout.log"] {
        assert!(logs.join(name).is_file(), "{name}");
    }
    // The runbook's way to archive: the file is moved while the host runs.
    let current = logs.join("worker_stdout.log");
    fs::rename(&current, archive.join("worker_stdout.log")).unwrap();
    let moved = Instant::now();
    while !current.is_file() {
        assert!(moved.elapsed() < MADE_AGAIN_WITHIN, "no new file");
        std::thread::sleep(Duration::from_millis(20));
    }
    let count = api.get("/v1/trading/trades").as_array().unwrap().len();
    api.wait_for("/v1/trading/trades", SOON, |trades| trades.as_array().is_some_and(|list| list.len() > count));
    run.signal(Signal::INT);
    run.finish();
    let archived = fs::read_dir(&archive).unwrap().map(|entry| entry.unwrap().path());
    let text: String = archived.chain([current]).map(|path| read(&path)).collect();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let said = |message: &str| lines.iter().filter(|line| line["message"] == message).collect::<Vec<_>>();
    let began: BTreeMap<&str, &Value> = said("order changed")
        .into_iter()
        .filter(|line| line["state"] == "Pending")
        .map(|line| (line["correlation"].as_str().unwrap(), &line["order"]))
        .collect();
    let fills = said("fill booked");
    assert!(fills.len() > count);
    for fill in fills {
        assert!(began.contains_key(fill["correlation"].as_str().unwrap()), "{fill}");
    }
    assert!(!said("strategy file loaded").is_empty() && !said("operator command").is_empty());
    let errors = read(&logs.join("worker_stderr.log"));
    assert!(errors.contains("cancelling all orders"), "console messages are there too: {errors}");
}

/// The data folder of the release before, as it was left: `tests/fixtures/release_before`.
fn release_before(to: &Path) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/release_before");
    copy(&from, to);
    let packed = to.join("polytrader.sqlite.gz");
    let mut database = Vec::new();
    GzDecoder::new(fs::File::open(&packed).unwrap()).read_to_end(&mut database).unwrap();
    fs::write(to.join("polytrader.sqlite"), database).unwrap();
    fs::remove_file(packed).unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap();
            let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            fs::set_permissions(&target, private).unwrap();
        }
    }
}

fn backups(data: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(data.join("backups")).into_iter().flatten().map(|entry| entry.unwrap().path());
    let mut backups: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "sqlite")).collect();
    backups.sort();
    backups
}

#[test]
fn a_data_folder_of_the_release_before_goes_on_after_a_backup_and_one_of_the_next_is_refused() {
    let Some(strategies) = strategies("a data folder of the release before") else { return };
    let folder = Folder::new("release-before");
    let (data, dropped) = (folder.0.join("host"), folder.0.join("dropped"));
    release_before(&data);
    fs::create_dir_all(&dropped).unwrap();
    fs::copy(strategies.join("quoter.wasm"), dropped.join("quoter.wasm")).unwrap();
    // The same markets as then.
    let exchange = Exchange::start_with(&folder.0.join("exchange"), &["--seed", "77", "--invented", "2"]);
    let before = run(&["db", "migrate", "--check", "--json"], &data);
    assert!(!before.0 && before.1.contains("\"found\":12"), "{before:?}");
    let mut paper = Run::start_as("paper", &data, &dropped, &["--exchange", &exchange.address]);
    // The token of then opens the host of now.
    let api = Api::new(&data, &paper.addresses());
    let trades = api.get("/v1/trading/trades");
    assert!(trades.as_array().is_some(), "{trades}");
    paper.signal(Signal::INT);
    let outcome = paper.finish();
    assert_eq!(outcome["ledger_matches_exchange"], true, "{outcome}");
    let then: Value = serde_json::from_str(&read(&data.join("outcome.json"))).unwrap();
    let cents = |outcome: &Value| outcome["realised_usd"].to_string();
    assert!(!cents(&then).starts_with('0') || cents(&outcome) != "0", "{then} {outcome}");
    let log = read(&data.join("stderr.log"));
    assert!(log.contains("continuing from the last session") && log.contains("database backed up"), "{log}");
    let made = backups(&data);
    assert_eq!(made.len(), 1, "{made:?}");
    let manifest: Value = serde_json::from_str(&read(&PathBuf::from(format!("{}.json", made[0].display())))).unwrap();
    assert_eq!(manifest["version"], 12);
    assert!(run(&["db", "migrate", "--check"], &data).0);

    let sql = "INSERT INTO _sqlx_migrations SELECT 9999, description, installed_on, success, checksum, execution_time
               FROM _sqlx_migrations WHERE version = 1";
    execute(&data, sql);
    let journals = fs::read_dir(data.join("journal")).unwrap().count();
    let (good, _, said) = run(&["run", "--mode", "paper", "--for", "1s", "--exchange", &exchange.address], &data);
    assert!(!good && said.contains("written by a later release") && said.contains("version 9999"), "{said}");
    assert_eq!(fs::read_dir(data.join("journal")).unwrap().count(), journals, "nothing was begun");
}

fn execute(data: &Path, sql: &'static str) {
    use sqlx::Connection;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let url = format!("sqlite:{}", data.join("polytrader.sqlite").display());
        let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
        sqlx::query(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
}

#[test]
fn a_restart_ends_in_the_same_state_if_configured_and_says_which_settings_changed() {
    let Some(strategies) = strategies("a restart in the same state") else { return };
    let folder = Folder::new("same-state");
    let exchange = Exchange::start(&folder.0.join("exchange"), 48);
    let data = folder.0.join("host");
    fs::create_dir_all(&data).unwrap();
    let start = |more: &[&str]| {
        let mut run = Run::start(&data, &strategies, &[&["--exchange", exchange.address.as_str()], more].concat());
        let api = Api::new(&data, &run.addresses());
        (run, api)
    };
    let state = |wanted: &'static str| move |bot: &Value| bot["state"] == wanted;
    let end = |run: Run| {
        run.signal(Signal::TERM);
        run.finish();
    };
    let (run, api) = start(&["--set", "alerts.level=critical"]);
    api.wait_for("/v1/admin/bot/state", SOON, state("RUNNING"));
    api.post("/v1/admin/bot/pause");
    end(run);
    let same = ["--set", "start.state=same", "--set", "max_order_usd=33"];
    let (run, api) = start(&same);
    api.wait_for("/v1/admin/bot/state", SOON, state("PAUSED"));
    let log = read(&data.join("stderr.log"));
    for line in ["alerts.level was critical, is warning", "max_order_usd was ", ", is 33"] {
        assert!(log.contains(line) && read(&data.join("logs/worker_stdout.log")).contains(line), "{line}: {log}");
    }
    api.post("/v1/admin/bot/resume");
    end(run);
    let (run, api) = start(&same);
    api.wait_for("/v1/admin/bot/state", SOON, state("RUNNING"));
    assert!(!read(&data.join("stderr.log")).contains("setting changed"));
    api.post("/v1/admin/bot/stop");
    end(run);
    let (run, api) = start(&same);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(api.get("/v1/admin/bot/state")["state"], "STOPPED");
    end(run);
}

#[test]
fn the_manager_of_services_hears_that_the_host_is_ready_and_nothing_once_its_engine_stands_still() {
    let Some(strategies) = strategies("a manager of services") else { return };
    let folder = Folder::new("manager");
    let socket = folder.0.join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let next = || {
        let mut buffer = [0; 512];
        let count = manager.recv(&mut buffer).unwrap();
        (String::from_utf8(buffer[..count].to_vec()).unwrap(), Instant::now())
    };
    let data = folder.0.join("host");
    fs::create_dir_all(&data).unwrap();
    fs::write(data.join("engine-fault"), "loop").unwrap();
    let environment = [("NOTIFY_SOCKET", socket.to_str().unwrap()), ("WATCHDOG_USEC", "400000")];
    let mut run = Run::start_in(&environment, "demo", &data, &strategies, &["--seed", "49"]);
    let api = Api::new(&data, &run.addresses());
    let (mut ready, mut fed) = (false, 0);
    while !ready || fed < 5 {
        let (state, _) = next();
        ready |= state.starts_with("READY=1\nSTATUS=trades in demo mode");
        fed += usize::from(state == "WATCHDOG=1");
    }
    std::thread::scope(|scope| {
        scope.spawn(|| api.poke("/v1/admin/bot/pause"));
        // The host finds after two seconds that its engine stands still, cancels everything without it, and ends.
        let mut last_fed = Instant::now();
        let ends = loop {
            match next() {
                (state, at) if state == "WATCHDOG=1" => last_fed = at,
                (state, at) if state.starts_with("STOPPING=1") => break at,
                _ => {}
            }
        };
        let silent = ends.duration_since(last_fed);
        assert!(
            silent > Duration::from_millis(1_500),
            "the watchdog was fed for an engine that stood still, {silent:?} before the end"
        );
    });
    run.fail();
}

/// Returns the commands of the guide's blocks that are marked as tested.
fn guide() -> Vec<String> {
    let text = include_str!("../../../../docs/operations.md");
    let blocks = text.split("```sh tested\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.flat_map(str::lines).map(str::to_owned).collect()
}

#[test]
fn the_guides_commands_work_as_they_stand_there() {
    let Some(strategies) = strategies("the guide to operations") else { return };
    let folder = Folder::new("guide");
    Run::start(&folder.0, &strategies, &["--seed", "52", "--for", "5s"]).finish();
    let program = Path::new(env!("CARGO_BIN_EXE_polytrader")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let commands = guide();
    assert!(commands.len() >= 5, "{commands:?}");
    for line in commands {
        let newest = backups(&folder.0).pop().map(|path| path.display().to_string()).unwrap_or_default();
        let line = line.replace("DIR", folder.0.to_str().unwrap()).replace("BACKUP", &newest);
        let output = std::process::Command::new("sh").args(["-c", &line]).env("PATH", &path).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
