//! Backups and restores on both databases, with the real tools of PostgreSQL beside them.

use crate::db::{PATIENCE, live};
use crate::postgres::Cluster;
use crate::upgrade::token;
use model::{ConditionId, StrategyId, Time};
use sqlx::{Connection, Executor, PgConnection};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};
use store::db::backup::{self, Backup, BackupError};
use store::db::{AuditRow, Db, DbWrite, Halt, Plaintext, SessionRow};
use testkit::Scratch;

const NOW: Time = Time(1_795_986_900_000_000);
/// A text that a format of rows could trip over.
const ODD: &str = "a\ttab, a\nline, a \\. and \\N, a \r and é \u{1f600}";

async fn fill(db: &Db, audits: u64) {
    for number in 0..audits {
        db.audit(&audit(number)).await.unwrap();
    }
    db.set_halted("0xfeed", Some(&Halt { reason: ODD.to_owned(), at_ms: 7 })).await.unwrap();
    assert!(db.add_token(&live(), &token("desk", "trader", "d1")).await.unwrap());
    assert_eq!(db.strategy_id("quoter").await.unwrap(), StrategyId(1));
    db.market_places(StrategyId(1), &[ConditionId([7; 32])]).await.unwrap();
    let session = SessionRow { session: 9, mode: "live", account: "0xfeed".to_owned(), started_at_ms: 5 };
    db.writer().write(DbWrite::Session(session));
    assert!(db.writer().flush(PATIENCE).await);
}

fn audit(number: u64) -> AuditRow {
    let text = |text: &str| text.to_owned();
    AuditRow {
        at_ms: number,
        who: text("admin"),
        action: text("stop"),
        detail: format!("{number} {ODD}"),
        claimed_user: text(""),
        outcome: text("done"),
        ..AuditRow::default()
    }
}

/// Asserts that everything which `fill` wrote is there, and that the audit goes on behind its last row.
async fn is_whole(url: &str, audits: u64) {
    let db = Db::open(url).await.unwrap();
    let rows = db.audits(500).await.unwrap();
    assert_eq!(rows.len(), usize::try_from(audits).unwrap());
    assert_eq!(rows[0], audit(audits - 1));
    assert_eq!(db.halted("0xfeed").await.unwrap().unwrap().reason, ODD);
    assert_eq!(db.tokens(&live()).await.unwrap(), [token("desk", "trader", "d1")]);
    assert_eq!(db.market_places(StrategyId(1), &[ConditionId([7; 32])]).await.unwrap(), [0]);
    db.audit(&audit(audits)).await.unwrap();
    assert_eq!(db.audits(1).await.unwrap(), [audit(audits)]);
    db.close(PATIENCE).await;
}

async fn back_up(url: &str, dir: &Path) -> Backup {
    backup::back_up(url, Plaintext::Refused, dir, NOW).await.unwrap()
}

async fn refused(url: &str, file: &Path) -> String {
    backup::restore(url, Plaintext::Refused, file).await.unwrap_err().to_string()
}

/// Writes to the audit until it is asked to end; returns how many rows it wrote.
fn keep_writing(db: &Db, ends: &Arc<AtomicBool>) -> tokio::task::JoinHandle<u64> {
    let (db, ends) = (db.clone(), Arc::clone(ends));
    tokio::spawn(async move {
        let mut number = 1_000;
        while !ends.load(Ordering::Relaxed) {
            db.audit(&audit(number)).await.unwrap();
            number += 1;
        }
        number - 1_000
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_sqlite_is_made_while_rows_are_written_and_restored_into_an_empty_database_only() {
    let dir = Scratch::new("backup");
    let url = |name: &str| format!("sqlite:{}", dir.join(name).display());
    let db = Db::open(&url("one.sqlite")).await.unwrap();
    fill(&db, 40).await;
    let made = back_up(&url("one.sqlite"), &dir.join("backups")).await;
    assert_eq!((made.manifest.kind.as_str(), made.manifest.tables["audit"].rows), ("sqlite", 40));
    assert!(made.path.ends_with("backups/polytrader-20261129T211500Z.sqlite"), "{}", made.path.display());
    let ends = Arc::new(AtomicBool::new(false));
    let writing = keep_writing(&db, &ends);
    let second = back_up(&url("one.sqlite"), &dir.join("backups")).await;
    ends.store(true, Ordering::Relaxed);
    let written = writing.await.unwrap();
    let copied = second.manifest.tables["audit"].rows;
    assert!((40..=40 + written).contains(&copied), "{copied} of {written}");
    assert_ne!(second.path, made.path, "of the same second");
    db.close(PATIENCE).await;
    backup::restore(&url("two.sqlite"), Plaintext::Refused, &made.path).await.unwrap();
    is_whole(&url("two.sqlite"), 40).await;
    // Not over what is there.
    let said = refused(&url("two.sqlite"), &made.path).await;
    assert!(said.contains("tables with") && said.contains("mv "), "{said}");
    std::fs::write(dir.join("three.sqlite-wal"), "left").unwrap();
    let said = refused(&url("three.sqlite"), &made.path).await;
    assert!(said.contains("three.sqlite-wal, which is another database's"), "{said}");
    assert!(!dir.join("three.sqlite").exists());
}

#[tokio::test]
async fn a_damaged_or_unknown_backup_changes_nothing() {
    let dir = Scratch::new("damaged-backup");
    let url = |name: &str| format!("sqlite:{}", dir.join(name).display());
    let db = Db::open(&url("one.sqlite")).await.unwrap();
    fill(&db, 3).await;
    db.close(PATIENCE).await;
    let made = back_up(&url("one.sqlite"), &dir.join("backups")).await;
    let mut bytes = std::fs::read(&made.path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let damaged = dir.join("damaged.sqlite");
    std::fs::write(&damaged, &bytes).unwrap();
    let said = refused(&url("two.sqlite"), &damaged).await;
    assert!(said.contains("its manifest") && said.contains("psql"), "{said}");
    std::fs::copy(backup::manifest_path(&made.path), backup::manifest_path(&damaged)).unwrap();
    let said = refused(&url("two.sqlite"), &damaged).await;
    assert!(said.contains("it was changed or damaged"), "{said}");
    assert!(refused(&url("two.sqlite"), &dir.join("none.sqlite")).await.contains("there is no such file"));
    let said = refused("postgres://me@localhost/none", &made.path).await;
    assert!(said.contains("to-postgres"), "{said}");
    assert!(!dir.join("two.sqlite").exists());
    let nothing = backup::back_up(&url("none.sqlite"), Plaintext::Refused, &dir.join("backups"), NOW).await;
    assert!(matches!(nothing, Err(BackupError::NoDatabase(_))), "{nothing:?}");
    assert_eq!(backup::all_of(&dir.join("backups")).unwrap(), [made.path]);
}

#[tokio::test]
async fn tables_of_a_later_release_are_refused_and_those_of_an_earlier_one_backed_up_first() {
    let dir = Scratch::new("schema");
    let url = format!("sqlite:{}", dir.join("one.sqlite").display());
    let backups = dir.join("backups");
    let open = async || Db::open_upgraded(&url, Plaintext::Refused, Duration::ZERO, (&backups, NOW)).await;
    let db = open().await.unwrap();
    fill(&db, 2).await;
    db.close(PATIENCE).await;
    open().await.unwrap().close(PATIENCE).await;
    assert!(!backups.exists(), "nothing to upgrade");
    let change = async |sql: &'static str| {
        let mut one = sqlx::SqliteConnection::connect(&url).await.unwrap();
        one.execute(sql).await.unwrap();
        one.close().await.unwrap();
    };
    change(
        "INSERT INTO _sqlx_migrations SELECT 9999, description, installed_on, success, checksum, execution_time
            FROM _sqlx_migrations WHERE version = 1",
    )
    .await;
    let said = open().await.unwrap_err().to_string();
    assert!(said.contains("written by a later release") && said.contains("version 9999"), "{said}");
    change("DELETE FROM _sqlx_migrations WHERE version = 9999").await;
    // As the release before left it.
    change(
        "DROP TABLE sweeps; DROP TABLE trials; DROP TABLE strategy_hours; DROP TABLE acknowledgements; DROP INDEX refusals_by_time; DROP INDEX order_events_by_time;
            DELETE FROM _sqlx_migrations WHERE version >= 15",
    )
    .await;
    open().await.unwrap().close(PATIENCE).await;
    let made = backup::all_of(&backups).unwrap();
    assert_eq!(made.len(), 1);
    let restored = format!("sqlite:{}", dir.join("two.sqlite").display());
    let manifest = backup::restore(&restored, Plaintext::Refused, &made[0]).await.unwrap();
    assert!(manifest.version < 15);
    let found = backup::schema(&restored, Plaintext::Refused).await.unwrap();
    assert!(found.found.unwrap() < found.known);
    is_whole(&restored, 2).await;
}

#[test]
fn old_backups_go_and_the_newest_stays() {
    let dir = Scratch::new("old-backups");
    let names =
        ["polytrader-20260101T000000Z.sql", "polytrader-20260201T000000Z.sqlite", "polytrader-20260301T000000Z.sql"];
    for name in names {
        std::fs::write(dir.join(name), "x").unwrap();
        std::fs::write(backup::manifest_path(&dir.join(name)), "x").unwrap();
    }
    std::fs::write(dir.join("notes.sql"), "x").unwrap();
    let in_days = |days: u64| SystemTime::now() + Duration::from_secs(86_400 * days);
    assert!(backup::prune(&dir, 30, in_days(29)).unwrap().is_empty());
    assert_eq!(backup::prune(&dir, 30, in_days(31)).unwrap().len(), 2);
    assert_eq!(backup::all_of(&dir).unwrap(), [dir.join(names[2])]);
    let mut left: Vec<_> = std::fs::read_dir(&*dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["notes.sql", names[2], "polytrader-20260301T000000Z.sql.json"]);
}

/// A server with more than one database.
struct Server(Cluster);

impl Server {
    fn url(&self, name: &str) -> String {
        format!("postgres://postgres@localhost/{name}?host={}", self.0.folder().display())
    }

    async fn create(&self, name: &str) -> String {
        let mut connection = PgConnection::connect(&self.0.url()).await.unwrap();
        connection.execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
        self.url(name)
    }

    /// Runs a tool of PostgreSQL on a database, as the runbook does.
    fn run(&self, tool: &str, name: &str, more: &[&str]) {
        let folder = self.0.folder().to_str().unwrap();
        self.0.run_in(tool, &[&["-h", folder, "-U", "postgres", "-d", name][..], more].concat());
    }

    /// Puts a file where the server's user reads it.
    fn lend(&self, file: &Path) -> PathBuf {
        let lent = PathBuf::from(format!("{}.lent", self.0.folder().display()));
        std::fs::copy(file, &lent).unwrap();
        std::fs::set_permissions(&lent, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
        lent
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_postgres_is_made_while_rows_are_written_and_restored_by_us_and_by_psql() {
    let Some(cluster) = Cluster::start("a_backup_of_postgres") else { return };
    let (server, dir) = (Server(cluster), Scratch::new("backup-pg"));
    let url = server.create("one").await;
    let db = Db::open(&url).await.unwrap();
    fill(&db, 40).await;
    let made = back_up(&url, &dir).await;
    let ends = Arc::new(AtomicBool::new(false));
    let writing = keep_writing(&db, &ends);
    let second = back_up(&url, &dir).await;
    // The runbook's own command, while rows are written.
    server.run("pg_dump", "one", &["-f", "dumped.sql"]);
    ends.store(true, Ordering::Relaxed);
    let written = writing.await.unwrap();
    assert!((40..=40 + written).contains(&second.manifest.tables["audit"].rows));
    db.close(PATIENCE).await;

    let two = server.create("two").await;
    backup::restore(&two, Plaintext::Refused, &made.path).await.unwrap();
    is_whole(&two, 40).await;
    let said = refused(&two, &made.path).await;
    assert!(
        said.contains("tables, and a restore writes into an empty one only") && said.contains("createdb two_restored"),
        "{said}"
    );

    let psql = |name: &str, file: &str| {
        server.run("psql", name, &["-q", "-v", "ON_ERROR_STOP=1", "--single-transaction", "-f", file]);
    };
    let three = server.create("three").await;
    let lent = server.lend(&made.path);
    psql("three", lent.to_str().unwrap());
    is_whole(&three, 40).await;
    std::fs::remove_file(lent).unwrap();

    let four = server.create("four").await;
    psql("four", "dumped.sql");
    let db = Db::open(&four).await.unwrap();
    assert!(db.audits(500).await.unwrap().len() >= 40);
    db.close(PATIENCE).await;
}

#[tokio::test]
async fn a_restore_that_fails_leaves_the_server_empty() {
    let Some(cluster) = Cluster::start("a_restore_that_fails") else { return };
    let (server, dir) = (Server(cluster), Scratch::new("torn-pg"));
    let url = server.create("one").await;
    let db = Db::open(&url).await.unwrap();
    fill(&db, 3).await;
    db.close(PATIENCE).await;
    let made = back_up(&url, &dir).await;
    let two = server.create("two").await;
    // A row that the manifest does not know, and a manifest that knows the file.
    let text = std::fs::read_to_string(&made.path).unwrap().replace("0xfeed\t", "0xbeef\t");
    std::fs::write(&made.path, &text).unwrap();
    let mut manifest = made.manifest.clone();
    let digest = <sha2::Sha256 as sha2::Digest>::digest(text.as_bytes());
    (manifest.sha256, manifest.bytes) = (model::hex::encode(&digest), u64::try_from(text.len()).unwrap());
    std::fs::write(backup::manifest_path(&made.path), serde_json::to_vec(&manifest).unwrap()).unwrap();
    let said = refused(&two, &made.path).await;
    assert!(said.contains("differs after the copy"), "{said}");
    assert_eq!(backup::schema(&two, Plaintext::Refused).await.unwrap().found, None);
}

#[tokio::test]
async fn a_database_moves_from_sqlite_to_postgres_row_by_row() {
    let Some(cluster) = Cluster::start("a_database_moves") else { return };
    let (server, dir) = (Server(cluster), Scratch::new("to-postgres"));
    let file = dir.join("one.sqlite");
    let db = Db::open(&format!("sqlite:{}", file.display())).await.unwrap();
    fill(&db, 400).await;
    db.close(PATIENCE).await;
    let url = server.create("one").await;
    let tables = backup::to_postgres(&file, &url, Plaintext::Refused).await.unwrap();
    assert_eq!(tables["audit"].rows, 400);
    is_whole(&url, 400).await;
    let again = backup::to_postgres(&file, &url, Plaintext::Refused).await.unwrap_err().to_string();
    assert!(again.contains("a restore writes into an empty one only"), "{again}");
    // A text that the server cannot store is named, and nothing is kept.
    let db = Db::open(&format!("sqlite:{}", file.display())).await.unwrap();
    db.audit(&AuditRow { detail: "a\0b".to_owned(), ..audit(400) }).await.unwrap();
    db.close(PATIENCE).await;
    let two = server.create("two").await;
    let said = backup::to_postgres(&file, &two, Plaintext::Refused).await.unwrap_err().to_string();
    assert!(said.contains("a row of audit has a text with a NUL"), "{said}");
    assert_eq!(backup::schema(&two, Plaintext::Refused).await.unwrap().found, None);
}
