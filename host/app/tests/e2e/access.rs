//! Tokens, logins and file permissions of the data directory, with real processes.

use crate::process::{Api, Exchange, Folder, Run, program};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

/// Runs a command on a data directory; returns true if it succeeded, and both outputs.
fn command(data: &Path, words: &[&str]) -> (bool, String, String) {
    let ran = program().args(words).arg("--data-dir").arg(data).stdin(Stdio::null()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    (ran.status.success(), text(&ran.stdout), text(&ran.stderr))
}

#[track_caller]
fn good(data: &Path, words: &[&str]) -> String {
    let (ended_well, shown, errors) = command(data, words);
    assert!(ended_well, "{words:?}: {errors}");
    shown
}

fn own_token(data: &Path) -> String {
    fs::read_to_string(data.join("admin.token")).unwrap().trim().to_owned()
}

#[test]
fn tokens_are_made_revoked_and_replaced_with_the_host_running_and_stopped() {
    let folder = Folder::new("tokens");
    let exchange = Exchange::start(&folder.0.join("exchange"), 5);
    let (data, dropped) = (folder.0.join("host"), folder.0.join("dropped"));
    fs::create_dir_all(&dropped).unwrap();
    fs::create_dir_all(&data).unwrap();
    let start = || Run::start(&data, &dropped, &["--exchange", &exchange.address]);
    let mut run = start();
    let addresses = run.addresses();
    let first = own_token(&data);
    let admin = Api::new(&data, &addresses);

    let viewer = good(&data, &["tokens", "create", "grafana", "--role", "viewer", "--expires-in", "1h"]);
    let grafana = Api::with_token(&addresses, &viewer);
    assert_eq!(grafana.status("/metrics"), 200);
    assert_eq!(grafana.put("/v1/config/max_order_usd", br#"{"value": 1}"#.to_vec()).0, 403);
    let listed = good(&data, &["tokens", "list"]);
    assert!(listed.contains("grafana") && listed.contains("expires 20") && !listed.contains(&viewer), "{listed}");
    assert!(!command(&data, &["tokens", "create", "grafana", "--role", "admin"]).0, "the name is already taken");
    good(&data, &["tokens", "revoke", "grafana", "--reason", "leaked"]);
    assert_eq!(grafana.status("/metrics"), 401);

    // The link logs in through its button, and is not in the log, which is not a terminal here.
    let link = good(&data, &["login"]);
    let code = link.split("code=").nth(1).unwrap().to_owned();
    assert!(link.starts_with(addresses["dashboard"].as_str().unwrap()), "{link}");
    let page = Api::with_token(&addresses, "none");
    assert_eq!((page.status(&format!("/login?code={code}")), page.status("/login?code=none")), (200, 401));
    let log = fs::read_to_string(data.join("stderr.log")).unwrap();
    assert!(!log.contains("code=") && log.contains("dashboard: http"), "{log}");

    good(&data, &["tokens", "replace"]);
    let second = own_token(&data);
    assert_ne!(first, second);
    assert_eq!(admin.status("/v1/session"), 401, "the previous token no longer works");
    assert_eq!(Api::new(&data, &addresses).status("/v1/session"), 200);
    run.signal(Signal::INT);
    run.finish();

    good(&data, &["tokens", "replace"]);
    let mut run = start();
    let addresses = run.addresses();
    for before in [&first, &second, &viewer] {
        assert_eq!(Api::with_token(&addresses, before).status("/v1/session"), 401);
    }
    let third = Api::new(&data, &addresses);
    let who = third.get("/v1/session");
    assert_eq!(who, json!({ "name": "admin", "role": "admin" }));
    assert_eq!(third.get("/v1/tokens").as_array().unwrap().len(), 1);
    run.signal(Signal::INT);
    run.finish();
    assert!(!command(&folder.0.join("nowhere"), &["tokens", "replace"]).0, "the command creates no folder");
    assert!(!folder.0.join("nowhere").exists());
}

/// Calls `found` for a folder and everything in it.
fn walk(path: &Path, found: &mut dyn FnMut(&Path, u32)) {
    let about = fs::symlink_metadata(path).unwrap();
    found(path, about.permissions().mode() & 0o7777);
    if about.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            walk(&entry.unwrap().path(), found);
        }
    }
}

#[test]
fn the_data_folder_and_all_that_is_in_it_is_for_its_owner_alone() {
    let folder = Folder::new("modes-of-files");
    let exchange = Exchange::start(&folder.0.join("exchange"), 6);
    let (data, dropped) = (folder.0.join("new/host"), folder.0.join("dropped"));
    fs::create_dir_all(&dropped).unwrap();
    let begin = |data: &Path| {
        let mut command = program();
        command.args(["run", "--mode", "demo", "--api-port", "0", "--dashboard-port", "0", "--for", "3s"]);
        command.args(["--exchange", &exchange.address]).arg("--data-dir").arg(data).arg("--strategies").arg(&dropped);
        let ran = command.stdin(Stdio::null()).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    };
    let check = |data: &Path| {
        let mut seen = Vec::new();
        walk(data, &mut |path, mode| {
            assert_eq!(mode & 0o077, 0, "{} has mode {mode:04o}", path.display());
            seen.push(path.file_name().unwrap().to_string_lossy().into_owned());
        });
        assert!(seen.iter().any(|name| name == "polytrader.sqlite"), "{seen:?}");
    };
    begin(&data);
    check(&data);
    // Permissions left open by an earlier version are closed.
    let mut all = Vec::new();
    walk(&data, &mut |path, mode| all.push((path.to_owned(), mode)));
    for (path, mode) in all.iter().rev() {
        // Cached native code that others could have changed is replaced.
        if path.components().any(|part| part.as_os_str() == "native") {
            continue;
        }
        let open = if path.is_dir() { 0o755 } else { mode | 0o044 };
        fs::set_permissions(path, fs::Permissions::from_mode(open)).unwrap();
    }
    begin(&data);
    check(&data);
}

/// Returns the arguments of a process.
fn arguments(pid: &Value) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}

#[test]
fn a_databases_password_is_in_no_output_and_no_arguments() {
    const SECRET: &str = "hunter2";
    let folder = Folder::new("password");
    let exchange = Exchange::start(&folder.0.join("exchange"), 7);
    for (index, address) in [
        "postgres://127.0.0.1:1/d?user=me&password=hunter2secret",
        "postgres://me:hunter2secret%2Fx@127.0.0.1:1/d",
        "postgres://me:hunter2/secret@127.0.0.1:1/d",
        "postgres://me:hunter2secret@127.0.0.1:1/d?sslpassword=hunter2secret",
        "postgres://me:hunter2@secret@127.0.0.1:1/d",
        "postgresql://me@127.0.0.1:1/d?options=-c%20a%3Dhunter2",
    ]
    .iter()
    .enumerate()
    {
        let data = folder.0.join(format!("host{index}"));
        fs::create_dir_all(&data).unwrap();
        let mut outputs = String::new();
        let mut ran = |command: &mut std::process::Command| {
            let ran = command.arg("--data-dir").arg(&data).stdin(Stdio::null()).output().unwrap();
            outputs.push_str(&String::from_utf8_lossy(&ran.stdout));
            outputs.push_str(&String::from_utf8_lossy(&ran.stderr));
            ran.status.success()
        };
        let run = [
            "run",
            "--mode",
            "demo",
            "--exchange",
            &exchange.address,
            "--api-port",
            "0",
            "--dashboard-port",
            "0",
            "--set",
            "database.wait_s=0",
        ];
        // As an environment variable.
        ran(program().args(["config", "--mode", "demo"]).env("POLYTRADER_DATABASE_URL", address));
        assert!(!ran(program().args(run).env("POLYTRADER_DATABASE_URL", address).env("RUST_LOG", "trace")));
        // In the file.
        fs::write(data.join("polytrader.toml"), format!("database_url = \"{address}\"\n")).unwrap();
        ran(program().args(["config", "--mode", "demo"]));
        // A server that does not respond is tried for a few seconds: only the first address is tested.
        assert!(index > 0 || !ran(program().args(run)));
        fs::remove_file(data.join("polytrader.toml")).unwrap();
        // As a flag, which is visible to all users of the machine.
        assert!(!ran(program().args(run).arg("--set").arg(format!("database_url={address}"))));
        assert!(outputs.contains("POLYTRADER_DATABASE_URL"), "{outputs}");
        assert!(!outputs.contains(SECRET), "{address}: {outputs}");
    }
}

#[test]
fn what_is_set_on_the_command_line_does_not_stand_in_the_hosts_arguments_if_it_is_a_secret() {
    let folder = Folder::new("arguments");
    let exchange = Exchange::start(&folder.0.join("exchange"), 8);
    let (data, dropped) = (folder.0.join("host"), folder.0.join("dropped"));
    fs::create_dir_all(&dropped).unwrap();
    fs::create_dir_all(&data).unwrap();
    let webhook = [("POLYTRADER_ALERTS_WEBHOOK", "http://127.0.0.1:1/services/hunter2")];
    let mut run = Run::start_in(&webhook, "demo", &data, &dropped, &["--exchange", &exchange.address]);
    let addresses = run.addresses();
    for pid in [&addresses["pid"], &addresses["signer"]] {
        let shown = arguments(pid);
        assert!(shown.contains("--mode") && !shown.contains("hunter2"), "{shown}");
    }
    run.signal(Signal::INT);
    run.finish();
    let log = fs::read_to_string(data.join("stderr.log")).unwrap();
    assert!(!log.contains("hunter2"), "{log}");
}
