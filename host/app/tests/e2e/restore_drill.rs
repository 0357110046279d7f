//! A backup is made while a host trades, time goes on, the database is lost, and the backup restored: on both
//! databases.

use crate::postgres::Cluster;
use crate::process::{Api, Exchange, Folder, Run, strategies};
use crate::runbook::run;
use rustix::process::Signal;
use serde_json::{Value, json};
use sqlx::Connection;
use std::fs;
use std::io::ErrorKind;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// Returns how many rows a table has.
fn rows(url: &str, table: &str) -> i64 {
    let sql = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
    block_on(async {
        if url.starts_with("sqlite:") {
            let mut connection = sqlx::SqliteConnection::connect(url).await.unwrap();
            sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
        } else {
            let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
            sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
        }
    })
}

/// Trades on the database `lost`, loses it, and goes on with the backup in the empty database that `replace` returns.
fn drill(name: &str, seed: u64, lost: impl Fn(&Folder) -> String, replace: impl Fn(&Folder) -> String) {
    let Some(strategies) = strategies("a restored older backup") else { return };
    let folder = Folder::new(name);
    let exchange = Exchange::start(&folder.0.join("exchange"), seed);
    let data = folder.0.join("host");
    fs::create_dir_all(&data).unwrap();
    let url = lost(&folder);
    let set = |url: &str| format!("database_url={url}");
    let old = set(&url);
    let more = ["--exchange", exchange.address.as_str(), "--set", &old];
    let db = |words: &[&str], set: &str| run(&[&["db"], words, &["--mode", "demo", "--set", set]].concat(), &data);
    let mut first = Run::start(&data, &strategies, &more);
    let api = Api::new(&data, &first.addresses());
    let some = |count: usize| move |list: &Value| list.as_array().is_some_and(|list| list.len() > count);
    api.wait_for("/v1/trading/trades", SOON, some(1));
    // While it trades.
    let (good, said, errors) = db(&["backup", "--json"], &old);
    assert!(good, "{errors}");
    let backup: Value = serde_json::from_str(&said).unwrap();
    let backup = backup["backup"].as_str().unwrap().to_owned();
    let trades = "/v1/trading/trades?limit=500";
    let early = api.get(trades).as_array().unwrap().len();
    api.wait_for(trades, SOON, some(early + 2));
    api.post("/v1/admin/emergency-stop");
    first.signal(Signal::INT);
    first.finish();
    let (orders, fills) = (rows(&url, "orders"), rows(&url, "fills"));
    // A restore over it is refused with the fix, and changes nothing.
    let (good, _, said) = db(&["restore", &backup], &old);
    let fix = if url.starts_with("sqlite:") { "mv " } else { "createdb " };
    assert!(!good && said.contains("a restore writes into an empty one only") && said.contains(fix), "{said}");
    assert_eq!(rows(&url, "orders"), orders);
    let url = replace(&folder);
    let new = set(&url);
    let (good, said, errors) = db(&["restore", &backup], &new);
    assert!(good && said.contains("restored and equal") && said.contains("1 sessions"), "{said}{errors}");
    // What the journal knows of later is there again.
    assert_eq!((rows(&url, "orders"), rows(&url, "fills")), (orders, fills));
    let more = ["--exchange", exchange.address.as_str(), "--set", &new];
    let mut second = Run::start(&data, &strategies, &more);
    let api = Api::new(&data, &second.addresses());
    assert_eq!(api.get("/v1/admin/bot/state")["state"], "STOPPED");
    let (status, said) = api.refused("/v1/admin/bot/start", &json!({}));
    assert!(status >= 400 && said.contains("emergency stop"), "{status} {said}");
    second.signal(Signal::INT);
    let outcome = second.finish();
    assert_eq!((&outcome["ledger_matches_exchange"], &outcome["orders"]), (&json!(true), &json!(0)), "{outcome}");
}

#[test]
fn a_restored_older_backup_of_sqlite_forgives_no_order_halt_or_loss() {
    let url = |folder: &Folder| format!("sqlite:{}", folder.0.join("host/polytrader.sqlite").display());
    drill("restored-sqlite", 47, url, |folder| {
        for end in ["", "-wal", "-shm"] {
            let file = folder.0.join(format!("host/polytrader.sqlite{end}"));
            // The side files are there only if the last connection did not close in order.
            let moved = fs::rename(&file, folder.0.join(format!("lost{end}")));
            assert!(moved.is_ok() || moved.is_err_and(|error| error.kind() == ErrorKind::NotFound));
        }
        url(folder)
    });
}

#[test]
fn a_restored_older_backup_of_postgres_forgives_no_order_halt_or_loss() {
    let Some(cluster) = Cluster::start("restored-postgres") else { return };
    drill(
        "restored-postgres",
        53,
        |_| cluster.url(),
        |_| {
            block_on(async {
                let mut connection = sqlx::PgConnection::connect(&cluster.url()).await.unwrap();
                sqlx::query("CREATE DATABASE restored").execute(&mut connection).await.unwrap();
            });
            format!("postgres://postgres@localhost/restored?host={}", cluster.folder().display())
        },
    );
}

#[test]
fn a_hosts_database_moves_to_a_server_by_the_guides_command_and_the_host_goes_on_there() {
    let Some(strategies) = strategies("a move to a server") else { return };
    let Some(cluster) = Cluster::start("moved") else { return };
    let folder = Folder::new("moved");
    let exchange = Exchange::start(&folder.0.join("exchange"), 59);
    let (data, url) = (folder.0.join("host"), cluster.url());
    fs::create_dir_all(&data).unwrap();
    let move_it = || run(&["db", "to-postgres", &url, "--mode", "demo"], &data);
    let mut first = Run::start(&data, &strategies, &["--exchange", &exchange.address]);
    let api = Api::new(&data, &first.addresses());
    let some = |count: usize| move |list: &Value| list.as_array().is_some_and(|list| list.len() > count);
    api.wait_for("/v1/trading/trades", SOON, some(1));
    let (good, _, said) = move_it();
    assert!(!good && !said.contains("copied"), "a host uses the folder: {said}");
    first.signal(Signal::INT);
    first.finish();
    let file = format!("sqlite:{}", data.join("polytrader.sqlite").display());
    let counts = |url: &str| ["sessions", "orders", "fills", "audit"].map(|table| rows(url, table));
    let (good, said, errors) = move_it();
    assert!(good && said.contains("copied and equal; write database_url = \"postgres://"), "{said}{errors}");
    assert_eq!(counts(&url), counts(&file));
    let (good, _, said) = move_it();
    assert!(!good && said.contains("writes into an empty one only"), "{said}");
    let set = format!("database_url={url}");
    let mut second = Run::start(&data, &strategies, &["--exchange", &exchange.address, "--set", &set]);
    let api = Api::new(&data, &second.addresses());
    api.wait_for("/v1/trading/trades", SOON, some(1));
    second.signal(Signal::INT);
    let outcome = second.finish();
    assert_eq!(outcome["ledger_matches_exchange"], json!(true), "{outcome}");
    assert_eq!((rows(&url, "sessions"), rows(&file, "sessions")), (2, 1));
}
