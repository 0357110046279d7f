//! The audit of a real host: its chain, its head in the journal, and `polytrader audit verify`.

use crate::process::{Api, Exchange, Folder, Run, program};
use rustix::process::Signal;
use serde_json::{Value, json};
use sqlx::Connection;
use std::fs;
use std::path::Path;
use std::process::Stdio;

/// Runs `polytrader audit` on a data folder, and returns its exit code and output.
fn audit(data: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = program();
    let ran = command.arg("audit").args(arguments).arg("--data-dir").arg(data).stdin(Stdio::null()).output().unwrap();
    (ran.status.code(), String::from_utf8_lossy(&ran.stdout).trim().to_owned())
}

fn verified(data: &Path) -> (Option<i32>, Value) {
    let (code, output) = audit(data, &["verify", "--mode", "demo", "--json"]);
    (code, serde_json::from_str(&output).unwrap())
}

#[test]
fn an_audit_that_is_cut_off_or_changed_is_found_with_the_host_running_and_stopped() {
    let folder = Folder::new("audit");
    let exchange = Exchange::start(&folder.0.join("exchange"), 5);
    let (data, dropped) = (folder.0.join("host"), folder.0.join("dropped"));
    fs::create_dir_all(&dropped).unwrap();
    fs::create_dir_all(&data).unwrap();
    let mut run = Run::start(&data, &dropped, &["--exchange", &exchange.address]);
    let api = Api::new(&data, &run.addresses());
    assert_eq!(api.put("/v1/config/max_order_usd", br#"{"value": 40, "user": "joe"}"#.to_vec()).0, 200);
    let stopped = api.post_json("/v1/admin/emergency-stop", &json!({ "reason": "odd fills" }));
    assert_eq!(stopped["durable"], true, "{stopped}");

    let (code, output) = verified(&data);
    assert_eq!((code, &output["intact"]), (Some(0), &Value::Bool(true)), "{output}");
    assert!(output["entries"].as_u64().unwrap() >= 2 && output["heads"].as_u64().unwrap() >= 1, "{output}");
    let (_, listed) = audit(&data, &["list"]);
    let changed = listed.lines().find(|line| line.contains("config/max_order_usd")).unwrap();
    assert!(changed.contains("admin (admin) from 127.0.0.1") && changed.contains(" -> 40"), "{listed}");
    assert!(listed.contains("emergency-stop: ok") && listed.contains("odd fills"), "{listed}");
    run.signal(Signal::INT);
    run.finish();

    let file = format!("sqlite:{}", data.join("polytrader.sqlite").display());
    let last = "id = (SELECT MAX(id) FROM audit)";
    for (sql, code, sentence) in [
        (format!("UPDATE audit SET who = 'other' WHERE {last}"), 1, "was changed after it was written"),
        (format!("UPDATE audit SET who = 'admin' WHERE {last}"), 0, "the audit is intact"),
        (format!("DELETE FROM audit WHERE {last}"), 1, "that the database does not have"),
    ] {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut database = sqlx::SqliteConnection::connect(&file).await.unwrap();
            sqlx::query(sqlx::AssertSqlSafe(sql.clone())).execute(&mut database).await.unwrap();
            database.close().await.unwrap();
        });
        let (found, output) = audit(&data, &["verify", "--mode", "demo"]);
        assert!(found == Some(code) && output.contains(sentence), "{sql}: {found:?} {output}");
    }
}
