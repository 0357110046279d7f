//! Live mode with a key from the keystore, against the local exchange instead of the venue.

use crate::memory::{forms, search};
use crate::process::{Api, Exchange, Folder, Run, modules, not_run, program, strategies};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);
pub(crate) const KEY: &str = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
const ADDRESS: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

const DEPOSIT_WALLET: &str = "0x4Fe2CC4925607a473264FA89e7138075695A5F8e";

/// Writes a passphrase file that only its owner can read.
pub(crate) fn passphrase(dir: &Path, text: &str) -> std::path::PathBuf {
    let path = dir.join("passphrase");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn run(mut command: Command, input: &str) -> (bool, String, String) {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A process that fails before reading closes its input; only its output matters.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

pub(crate) fn keys(action: &str, dir: &Path, passphrase: &Path, input: &str) -> (bool, String, String) {
    keys_with(&[action], dir, passphrase, input)
}

pub(crate) fn keys_with(arguments: &[&str], dir: &Path, passphrase: &Path, input: &str) -> (bool, String, String) {
    let mut command = program();
    command.arg("keys").args(arguments).arg("--data-dir").arg(dir).arg("--passphrase-file").arg(passphrase);
    run(command, input)
}

#[test]
fn the_signers_limits_stand_in_the_keystore_and_without_its_records_it_starts_locked() {
    let Some(strategies) = strategies("the signer's limits and records") else { return };
    let folder = Folder::new("signer-limits");
    let exchange = Exchange::start(&folder.0.join("exchange"), 23);
    let data = folder.0.join("host");
    fs::create_dir_all(&data).unwrap();
    fs::write(data.join("polytrader.toml"), "[live]\nenabled = true\n").unwrap();
    let secret = passphrase(&folder.0, "correct horse battery");
    assert!(keys("import", &data, &secret, KEY).0);
    let limits = |settings: &[&str]| {
        let mut arguments = vec!["limits"];
        settings.iter().for_each(|setting| arguments.extend(["--set", setting]));
        keys_with(&arguments, &data, &secret, "")
    };
    assert!(limits(&[]).1.contains("order_max_usd      1000\n"));
    let (good, shown, errors) = limits(&["order_max_usd=50", "orders_per_minute=30"]);
    assert!(
        good && shown.contains("order_max_usd      50\n") && shown.contains("orders_per_minute  30\n"),
        "{shown}{errors}"
    );
    assert!(limits(&["order_max=50"]).2.contains("expected one of order_max_usd"));
    let live = |action: &str, more: &[&str]| {
        let mut command = program();
        command.env_remove("POLYMARKET_PRIVATE_KEY").current_dir(&data);
        command.args([action, "--mode", "live", "--exchange", &exchange.address, "--data-dir"]).arg(&data);
        command.args(["--api-port", "0", "--dashboard-port", "0", "--strategies"]).arg(&strategies);
        command.arg("--passphrase-file").arg(&secret).args(more);
        self::run(command, "")
    };
    // The configuration can lower the limits, but not raise them.
    let (good, _, errors) = live("run", &["--set", "signer.max_order_usd=51"]);
    assert!(!good && errors.contains("the configuration only lowers the signer's limits"), "{errors}");
    let (_, report, errors) = live("doctor", &["--set", "signer.max_order_usd=40"]);
    assert!(
        report.contains("at most $40 per order, $10000 per minute (30 orders), $100000 per day"),
        "{report}{errors}"
    );
    assert!(report.contains("ok    records") && report.contains("WARN  alerts"), "{report}");
    // Without its counter, the signer signs nothing: not even the login at the start of the host.
    let counter = data.join(format!("signer-{}.count", ADDRESS.to_lowercase()));
    let kept = fs::read(&counter).unwrap();
    fs::remove_file(&counter).unwrap();
    let (good, _, errors) = live("run", &["--for", "1s"]);
    assert!(
        !good && errors.contains("the signer starts locked") && errors.contains("refused by rule locked"),
        "{errors}"
    );
    assert!(live("doctor", &[]).1.contains("BAD   records"));
    let (good, _, errors) = limits(&["order_max_usd=60"]);
    assert!(!good && errors.contains("keys renew"), "{errors}");
    let (good, _, errors) = keys("renew", &data, &secret, "");
    assert!(good && errors.contains("counter and log renewed"), "{errors}");
    assert!(live("doctor", &[]).1.contains("ok    records"));
    // The old counter does not match the new log.
    fs::write(&counter, kept).unwrap();
    assert!(live("doctor", &[]).1.contains("BAD   records"));
    assert!(keys("renew", &data, &secret, "").0);
    // A limit raised without the passphrase prevents the keystore from being opened.
    let file = data.join("keystore.json");
    let raised = fs::read_to_string(&file).unwrap().replace(r#""order_max_usd": "50""#, r#""order_max_usd": "5000""#);
    fs::write(&file, raised).unwrap();
    let (good, _, errors) = live("run", &["--for", "1s"]);
    assert!(!good && errors.contains("were changed without its passphrase"), "{errors}");
}

#[test]
fn real_money_needs_a_line_in_the_file_and_a_key_under_its_passphrase() {
    let folder = Folder::new("live");
    let data = &folder.0;
    let refusal = |more: &[&str]| {
        let mut command = program();
        // Otherwise a key of the old bot in the environment or in a file here would be used.
        command.env_remove("POLYMARKET_PRIVATE_KEY").current_dir(data);
        command.args(["run", "--mode", "live", "--data-dir"]).arg(data).args(more);
        let (good, _, errors) = run(command, "");
        assert!(!good, "{errors}");
        errors
    };
    assert!(refusal(&["--set", "live.enabled=true"]).contains("the line `enabled = true` under `[live]`"));
    fs::write(data.join("polytrader.toml"), "[live]\nenabled = true\n").unwrap();
    assert!(refusal(&[]).contains("no key found: run `polytrader keys import"));

    let secret = passphrase(data, "correct horse battery\n");
    let (good, shown, errors) = keys("import", data, &secret, KEY);
    assert!(good && shown.starts_with(ADDRESS), "{shown}{errors}");
    assert!(shown.contains("0x8ac5D4Bd2752AFc9F5CA531f19D617647216B893  a Safe"), "{shown}");
    let (good, _, errors) = keys("import", data, &secret, KEY);
    assert!(!good && errors.contains("may be the only copy"), "{errors}");
    let stored = fs::read_to_string(data.join("keystore.json")).unwrap().to_lowercase();
    assert!(!stored.contains(&KEY[2..]), "the key is stored unencrypted");

    let path = secret.to_str().unwrap();
    assert!(refusal(&[]).contains("no terminal to prompt for the passphrase"));
    let other = ["--passphrase-file", path, "--set", "account.funder=0x8ac5D4Bd2752AFc9F5CA531f19D617647216B894"];
    assert!(refusal(&other).contains("is not a wallet of this key"));
    passphrase(data, "another horse battery");
    assert!(refusal(&["--passphrase-file", path]).contains("the passphrase is wrong"));
}

fn it_begins_stopped(api: &Api) {
    std::thread::sleep(Duration::from_secs(2));
    let bot = api.get("/v1/admin/bot/state");
    assert_eq!((&bot["state"], &bot["mode"]), (&json!("STOPPED"), &json!("live")), "{bot}");
    assert_eq!(api.get("/v1/trading/venue-orders"), json!([]), "the bot was not started yet");
}

/// Checks that nothing trades before it is armed, and that only the displayed version can be armed.
fn only_what_is_armed_trades(api: &Api, count: usize) {
    let unarmed = |rows: &Value| rows.as_array().unwrap().iter().any(|row| row["state"] == "unarmed");
    let rows = api.wait_for("/v1/strategies", SOON, unarmed);
    let name = rows.as_array().unwrap().iter().find(|row| row["state"] == "unarmed").unwrap()["name"].clone();
    let (status, why) = api.refused(&format!("/v1/strategies/{}/arm", name.as_str().unwrap()), &json!({"hash": "00"}));
    assert!(status == 409 && why.contains("not `00`"), "{status}: {why}");
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(api.get("/v1/trading/venue-orders"), json!([]), "no strategy was armed yet");
    api.arm(count);
}

/// Checks that the old bot's settings in a file of the working directory are accepted, each with a notice.
fn the_old_settings_are_accepted_with_notices(data: &Path, more: &[&str]) {
    let names = format!(
        "POLYMARKET_FUNDER_ADDRESS={DEPOSIT_WALLET}\nPOLYMARKET_API_KEY=11111111-2222-4333-8444-555555555555\n"
    );
    fs::write(data.join(".env"), names).unwrap();
    let mut command = program();
    command.env_remove("POLYMARKET_PRIVATE_KEY").current_dir(data);
    command.args(["doctor", "--mode", "live", "--data-dir"]).arg(data).args(more);
    let (_, report, errors) = self::run(command, "");
    fs::remove_file(data.join(".env")).unwrap();
    assert!(
        errors.contains("account.funder is not configured") && report.contains("a deposit wallet"),
        "{report}{errors}"
    );
    assert!(
        report.contains("WARN  api key") && report.contains("differs from the one that the venue derives"),
        "{report}"
    );
}

#[test]
fn live_trades_on_the_local_exchange_when_an_operator_starts_it() {
    let Some(strategies) = strategies("live mode") else { return };
    let folder = Folder::new("live-trades");
    let exchange = Exchange::start(&folder.0.join("exchange"), 21);
    let data = folder.0.join("host");
    fs::create_dir_all(&data).unwrap();
    fs::write(data.join("polytrader.toml"), "[live]\nenabled = true\n").unwrap();
    let secret = passphrase(&folder.0, "correct horse battery");
    assert!(keys("import", &data, &secret, KEY).0);
    // The funds of a new account at the venue are in a deposit wallet, which verifies wrapped signatures of its key.
    let funder = format!("account.funder={DEPOSIT_WALLET}");
    let secret = secret.to_str().unwrap();
    let more = ["--exchange", &exchange.address, "--passphrase-file", secret, "--set", &funder];
    let doctor = |data: &Path| {
        let mut command = program();
        command.env_remove("POLYMARKET_PRIVATE_KEY").current_dir(data);
        command.args(["doctor", "--mode", "live", "--data-dir"]).arg(data).args(more);
        self::run(command, "")
    };
    let (healthy, report, errors) = doctor(&data);
    assert!(healthy, "{report}{errors}");
    for line in
        ["a deposit wallet (signature type 3)", "may spend the cash", "every rule refuses", "10000", "round trip"]
    {
        assert!(report.contains(line), "no `{line}` in {report}");
    }
    the_old_settings_are_accepted_with_notices(&data, &more[..4]);
    let empty = folder.0.join("empty");
    fs::create_dir_all(&empty).unwrap();
    let (healthy, report, _) = doctor(&empty);
    assert!(!healthy && report.contains("BAD   key") && report.contains("BAD   live"), "{report}");
    let mut run = Run::start_as("live", &data, &strategies, &more);
    let addresses = run.addresses();
    let api = Api::new(&data, &addresses);
    it_begins_stopped(&api);
    api.post("/v1/admin/bot/start");
    only_what_is_armed_trades(&api, modules(&strategies));
    api.wait_for("/v1/trading/orders", SOON, |orders: &Value| orders.as_array().is_some_and(|list| !list.is_empty()));
    no_secret_is_in_the_host(run.pid(), addresses["pid"].as_i64().unwrap());
    // A drill cancels all orders of the account, which real money has to permit.
    let drill = program().args(["drill", "--rounds", "1", "--data-dir"]).arg(&data).output().unwrap();
    let said = String::from_utf8_lossy(&drill.stderr);
    assert!(!drill.status.success() && said.contains("give --live-yes to permit that. Nothing was done"), "{said}");
    assert_eq!(api.get("/v1/admin/bot/state")["state"], "RUNNING");
    // Trading is ended by `polytrader kill` while the host responds: the host is in emergency stop, and no order is
    // open.
    let kill = |data: &Path| {
        let mut command = program();
        command.env_remove("POLYMARKET_PRIVATE_KEY").current_dir(data);
        command.args(["kill", "--mode", "live", "--data-dir"]).arg(data).args(more);
        self::run(command, "")
    };
    let (killed, printed, errors) = kill(&data);
    assert!(
        killed && printed.contains("emergency stop") && printed.contains("no open orders left"),
        "{printed}{errors}"
    );
    assert_eq!(api.get("/v1/trading/venue-orders"), json!([]));
    assert_eq!(api.get("/v1/admin/bot/state")["restriction"], "halted");
    run.signal(Signal::INT);
    let outcome = run.finish();
    let (killed, printed, errors) = kill(&data);
    assert!(killed && printed.contains("no host is running"), "{printed}{errors}");
    assert_eq!(outcome["mode"], "live", "{outcome}");
    let ends = (&outcome["open_orders_at_exit"], &outcome["ledger_matches_exchange"]);
    assert_eq!(ends, (&json!(0), &json!(true)), "{outcome}");
    let log = fs::read_to_string(data.join(format!("signer-{}.log.1", ADDRESS.to_lowercase()))).unwrap();
    assert!(log.contains(" login 0 0 ") && log.contains(" order 0x"), "{log}");
    let errors = fs::read_to_string(data.join("stderr.log")).unwrap();
    assert!(!errors.to_lowercase().contains(&KEY[2..]), "the key was printed");
}

/// Checks that the host, which trades with the signatures, has neither the key nor the passphrase in memory.
fn no_secret_is_in_the_host(signer: i64, host: i64) {
    let mut secrets = forms(&KEY[2..]);
    secrets.push(b"correct horse battery".to_vec());
    match (search(signer, &secrets), search(host, &secrets)) {
        (Some((_, in_signer)), Some((_, in_host))) => assert!(in_signer > 0 && in_host == 0, "{in_signer} {in_host}"),
        _ => not_run("the search of a live host's memory", "the right to read another process's memory (root)"),
    }
}

#[test]
fn live_trading_without_heartbeats_is_refused_unless_the_file_says_so_too() {
    let folder = Folder::new("no-beats");
    let data = folder.0.join("host");
    fs::create_dir_all(&data).unwrap();
    let secret = passphrase(&folder.0, "correct horse battery");
    let exchange = Exchange::start(&folder.0.join("exchange"), 26);
    let printed = |words: &[&str], live: &str| {
        fs::write(data.join("polytrader.toml"), format!("[venue]\nheartbeat = false\n[live]\nenabled = true\n{live}"))
            .unwrap();
        let mut command = program();
        command.args(words).args(["--mode", "live", "--exchange", &exchange.address, "--data-dir"]).arg(&data);
        command.arg("--passphrase-file").arg(&secret).env_remove("POLYMARKET_PRIVATE_KEY").current_dir(&data);
        let (good, printed, errors) = run(command, "");
        assert!(!good, "there is no key: {printed}{errors}");
        format!("{printed}{errors}")
    };
    let refused = printed(&["run"], "");
    assert!(refused.contains("venue.heartbeat is false") && refused.contains("without_heartbeat = true"), "{refused}");
    let flag = printed(&["run", "--set", "live.without_heartbeat=true"], "");
    assert!(flag.contains("venue.heartbeat is false"), "a flag does not count: {flag}");
    let accepted = printed(&["run"], "without_heartbeat = true\n");
    assert!(!accepted.contains("heartbeat") && accepted.contains("keys import"), "only the key is missing: {accepted}");
    assert!(printed(&["doctor"], "").contains("BAD   heartbeat"));
    assert!(printed(&["doctor"], "without_heartbeat = true\n").contains("WARN  heartbeat"));
}

#[test]
fn kill_cancels_what_a_dead_host_left_behind() {
    let Some(printed) = killed("kill-dead", crate::process::kill) else { return };
    // The parent may not have reaped the process yet.
    assert!(
        ["has already ended", "was killed"].iter().any(|end| printed.contains(&format!("the host's process {end}"))),
        "{printed}"
    );
    assert!(cancelled(&printed) > 0, "{printed}");
}

/// Parses the number of cancelled orders from the output of `polytrader kill`.
fn cancelled(printed: &str) -> u32 {
    printed.lines().last().unwrap().split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn kill_locks_the_signer_of_a_host_that_hangs_and_ends_it() {
    let Some(printed) = killed("kill-hanging", crate::process::hang) else { return };
    assert!(cancelled(&printed) > 0, "{printed}");
    assert!(printed.contains("the signer is locked") && printed.contains("the host's process was killed"), "{printed}");
}

/// Lets a live host trade, disrupts it with `harm`, and returns the output of `polytrader kill`.
fn killed(name: &str, harm: fn(&Value)) -> Option<String> {
    // Both tests use the same account, which allows one run at a time.
    static ACCOUNT: Mutex<()> = Mutex::new(());
    let _mine = ACCOUNT.lock().unwrap_or_else(PoisonError::into_inner);
    let strategies = strategies("kill")?;
    let folder = Folder::new(name);
    let exchange = Exchange::start(&folder.0.join("exchange"), 22);
    let data = folder.0.join("host");
    fs::create_dir_all(&data).unwrap();
    fs::write(data.join("polytrader.toml"), "[live]\nenabled = true\n").unwrap();
    let secret = passphrase(&folder.0, "correct horse battery");
    assert!(keys("import", &data, &secret, KEY).0);
    let more = ["--exchange", &exchange.address, "--passphrase-file", secret.to_str().unwrap()];
    let mut run = Run::start_as("live", &data, &strategies, &more);
    let addresses = run.addresses();
    let api = Api::new(&data, &addresses);
    api.post("/v1/admin/bot/start");
    api.arm(modules(&strategies));
    let some = |orders: &Value| orders.as_array().is_some_and(|list| !list.is_empty());
    api.wait_for("/v1/trading/venue-orders", SOON, some);
    // Neither other traders nor a missed heartbeat may remove the orders, however slow the machine is.
    crate::faults::faults(&exchange, &json!({ "still": true, "patient": true }));
    // Orders that rested before may have been filled in the meantime.
    api.wait_for("/v1/trading/venue-orders", SOON, some);
    harm(&addresses);
    let mut command = program();
    command.env_remove("POLYMARKET_PRIVATE_KEY").current_dir(&data);
    command.args(["kill", "--mode", "live", "--data-dir"]).arg(&data).args(more);
    let (killed, printed, errors) = self::run(command, "");
    assert!(killed, "{printed}{errors}");
    run.fail();
    Some(printed)
}
