//! Rebuilding lost rows from the journal: they match those of an undisturbed run.

use crate::process::{Api, Folder, Run, program, strategies};
use rustix::process::Signal;
use serde_json::Value;
use sqlx::{Connection, Row, SqliteConnection};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);
/// Tables that are derived from the journal.
const DERIVED: [&str; 9] =
    ["sessions", "orders", "order_events", "fills", "positions", "share_moves", "refusals", "breakers", "valuations"];
/// Tables that are not.
const PRIMARY: [&str; 4] = ["audit", "tokens", "settings", "strategy_decisions"];

/// A database that is not used by a host.
struct Tables {
    runtime: tokio::runtime::Runtime,
    connection: SqliteConnection,
}

impl Tables {
    fn open(dir: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let url = format!("sqlite:{}", dir.join("polytrader.sqlite").display());
        let connection = runtime.block_on(SqliteConnection::connect(&url)).unwrap();
        Self { runtime, connection }
    }

    fn execute(&mut self, sql: String) -> u64 {
        let work = sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut self.connection);
        self.runtime.block_on(work).unwrap().rows_affected()
    }

    /// Returns all rows of a table as text, sorted.
    fn rows(&mut self, table: &str) -> Vec<String> {
        // The journal does not contain the exact time at which a valuation was first recorded.
        let columns = format!(
            "SELECT group_concat('quote(' || name || ')', ' || '','' || ') FROM pragma_table_info('{table}') WHERE NOT ('{table}' = 'valuations' AND name = 'at_ms')"
        );
        let work = async {
            let row = sqlx::query(sqlx::AssertSqlSafe(columns)).fetch_one(&mut self.connection).await.unwrap();
            let columns: String = row.get(0);
            let sql = format!("SELECT {columns} FROM {table} ORDER BY 1");
            sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&mut self.connection).await.unwrap()
        };
        self.runtime.block_on(work).iter().map(|row| row.get(0)).collect()
    }

    fn all(&mut self) -> BTreeMap<&'static str, Vec<String>> {
        DERIVED.into_iter().chain(PRIMARY).map(|table| (table, self.rows(table))).collect()
    }
}

/// Runs `db rebuild`; returns the last object it prints, or its error.
fn rebuild(dir: &Path) -> Result<Value, String> {
    let mut command = program();
    command.args(["db", "rebuild", "--json", "--mode", "demo", "--data-dir"]).arg(dir);
    let output = command.output().unwrap();
    let (printed, errors) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    if !output.status.success() {
        return Err(errors);
    }
    Ok(serde_json::from_str(printed.lines().last().unwrap()).unwrap())
}

/// Trades until `enough` accepts the response to `path`, and ends in order.
fn trade(dir: &Path, strategies: &Path, more: &[&str], (path, enough): (&str, fn(&Value) -> bool)) {
    let mut run = Run::start(dir, strategies, more);
    let api = Api::new(dir, &run.addresses());
    api.wait_for(path, SOON, enough);
    let refused = rebuild(dir).unwrap_err();
    assert!(refused.contains("another run uses the data folder"), "{refused}");
    api.post("/v1/admin/bot/pause");
    api.post("/v1/admin/bot/resume");
    run.signal(Signal::INT);
    run.finish();
}

#[test]
fn lost_rows_are_written_again_as_an_undisturbed_run_wrote_them() {
    let Some(strategies) = strategies("rows from the journal") else { return };
    let folder = Folder::new("rebuild");
    let trades = |trades: &Value| trades.as_array().unwrap().len() > 4;
    trade(&folder.0, &strategies, &["--seed", "21"], ("/v1/trading/trades", trades));
    let refusals = |shown: &Value| !shown["refusals"].as_array().unwrap().is_empty();
    let small = ["--seed", "22", "--set", "max_order_usd=3"];
    trade(&folder.0, &strategies, &small, ("/v1/snapshot", refusals));
    let mut tables = Tables::open(&folder.0);
    let before = tables.all();
    for table in ["sessions", "orders", "order_events", "fills", "positions", "refusals", "valuations", "audit"] {
        assert!(!before[table].is_empty(), "{table} has no row to lose");
    }
    assert_eq!(before["sessions"].len(), 2);
    // In each table some rows are lost, some are wrong, and some are not from the journal.
    for table in DERIVED {
        tables.execute(format!("DELETE FROM {table} WHERE rowid % 2 = 1"));
    }
    tables.execute("UPDATE fills SET price_micro_usd = 1, size_micros = 7".to_owned());
    tables.execute("UPDATE orders SET state = 'pending', venue_id = ''".to_owned());
    tables.execute("UPDATE order_events SET seq = seq + 1000000".to_owned());
    let outcome = rebuild(&folder.0).unwrap();
    assert_eq!(
        (&outcome["sessions"], &outcome["failed"], &outcome["kept"]),
        (&2.into(), &0.into(), &0.into()),
        "{outcome}"
    );
    for (table, rows) in tables.all() {
        assert_eq!(rows, before[table], "{table}");
    }
    // The command can be repeated.
    rebuild(&folder.0).unwrap();
    assert_eq!(tables.all(), before);
    // A journal without its beginning leaves the rows unchanged.
    let journals = std::fs::read_dir(folder.0.join("journal")).unwrap().map(|entry| entry.unwrap().path());
    let mut journals: Vec<_> = journals.filter(|path| path.to_string_lossy().contains("-0001.")).collect();
    journals.sort();
    std::fs::remove_file(&journals[0]).unwrap();
    tables.execute("DELETE FROM breakers".to_owned());
    rebuild(&folder.0).unwrap();
    assert_eq!(tables.rows("fills"), before["fills"]);
}
