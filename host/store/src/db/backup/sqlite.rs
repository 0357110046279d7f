//! `SQLite`: a backup is a database file of its own, made by `VACUUM INTO` within one read, so that a host writes on
//! meanwhile.

use super::folder::Copied;
use super::rows::{Summing, list, push, quoted};
use super::{BackupError, Manifest, TableSum, at, upgrade};
use crate::private_file;
use futures_util::TryStreamExt;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The time to wait for a lock of another process.
const BUSY: Duration = Duration::from_secs(5);

/// Opens a database file for reading only.
pub(super) async fn open(file: &Path) -> Result<SqliteConnection, BackupError> {
    if !file.exists() {
        return Err(BackupError::NoDatabase(file.to_owned()));
    }
    let options = SqliteConnectOptions::new().filename(file).read_only(true).busy_timeout(BUSY);
    options.connect().await.map_err(|error| super::DbError::Open(error).into())
}

/// Fills `part` with a copy of the database and reads it back.
pub(super) async fn copy_into(file: &Path, part: &Path) -> Result<Copied, BackupError> {
    let mut source = open(file).await?;
    let path = part.to_str().ok_or_else(|| at(part)(io::ErrorKind::InvalidFilename.into()))?;
    sqlx::query("VACUUM INTO $1").bind(path).execute(&mut source).await?;
    source.close().await?;
    let mut copy = open(part).await?;
    check(&mut copy, part).await?;
    let version = upgrade::version_of_sqlite(&mut copy).await?;
    let tables = sums(&mut copy).await?;
    copy.close().await?;
    Ok(Copied { kind: "sqlite", version, tables })
}

/// Has `SQLite` look at every page and index.
async fn check(connection: &mut SqliteConnection, file: &Path) -> Result<(), BackupError> {
    let answer: (String,) = sqlx::query_as("PRAGMA integrity_check(1)").fetch_one(connection).await?;
    match answer.0.as_str() {
        "ok" => Ok(()),
        fault => Err(BackupError::NotABackup { path: file.to_owned(), reason: format!("SQLite finds: {fault}") }),
    }
}

/// Returns the tables with their columns, both in the order of their names; the list of migrations apart.
pub(super) async fn tables(connection: &mut SqliteConnection) -> Result<BTreeMap<String, Vec<String>>, BackupError> {
    let sql = "SELECT m.name, p.name FROM sqlite_master m, pragma_table_info(m.name) p
               WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND m.name <> '_sqlx_migrations'
               ORDER BY m.name, p.name";
    let rows: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(connection).await?;
    let mut tables = BTreeMap::<String, Vec<String>>::new();
    rows.into_iter().for_each(|(table, column)| tables.entry(table).or_default().push(column));
    tables.values_mut().for_each(|columns| columns.sort());
    Ok(tables)
}

/// Gives each row of a table to `each`, as a line of `COPY`.
pub(super) async fn read(
    connection: &mut SqliteConnection,
    table: &str,
    columns: &[String],
    mut each: impl AsyncFnMut(&[u8]) -> Result<(), BackupError>,
) -> Result<TableSum, BackupError> {
    // Bytes are written as PostgreSQL writes them.
    let texts = columns.iter().map(|name| quoted(name)).map(|name| {
        format!("CASE typeof({name}) WHEN 'blob' THEN '\\x' || lower(hex({name})) ELSE CAST({name} AS TEXT) END")
    });
    let sql = format!("SELECT {} FROM {}", texts.collect::<Vec<_>>().join(", "), quoted(table));
    let mut rows = sqlx::query(AssertSqlSafe(sql)).fetch(connection);
    let (mut summing, mut line) = (Summing::default(), Vec::new());
    while let Some(row) = rows.try_next().await? {
        line.clear();
        for column in 0..columns.len() {
            if column > 0 {
                line.push(b'\t');
            }
            push(&mut line, row.try_get::<Option<&str>, _>(column)?);
        }
        summing.add(&line);
        line.push(b'\n');
        each(&line).await?;
    }
    Ok(summing.finish())
}

async fn sums(connection: &mut SqliteConnection) -> Result<BTreeMap<String, TableSum>, BackupError> {
    let mut sums = BTreeMap::new();
    for (table, columns) in tables(connection).await? {
        let sum = read(connection, &table, &columns, async |_| Ok(())).await?;
        sums.insert(table, sum);
    }
    Ok(sums)
}

/// Puts a backup in the place of a database that does not exist or has no tables.
pub(super) async fn restore(file: &Path, backup: &Path, manifest: &Manifest) -> Result<(), BackupError> {
    refuse_full(file).await?;
    let mut source = open(backup).await?;
    check(&mut source, backup).await?;
    upgrade::refuse_later(upgrade::version_of_sqlite(&mut source).await?, upgrade::known_of_sqlite())?;
    compare(&sums(&mut source).await?, &manifest.tables)?;
    source.close().await?;
    let fresh = beside(file, ".restored");
    let copied = copy(backup, &fresh, file);
    if copied.is_err() {
        let _gone = fs::remove_file(&fresh);
    }
    copied?;
    let mut restored = open(file).await?;
    check(&mut restored, file).await?;
    compare(&sums(&mut restored).await?, &manifest.tables)?;
    restored.close().await?;
    Ok(())
}

/// Copies a file beside its place and renames it, so that no half of it is ever there.
fn copy(backup: &Path, fresh: &Path, file: &Path) -> Result<(), BackupError> {
    let mut source = files::open(backup, files::Links::Follow).map_err(at(backup))?;
    let target = private_file::open(fresh, |options| options.write(true).create(true).truncate(true));
    let mut target = target.map_err(at(fresh))?;
    io::copy(&mut source, &mut target).and_then(|_| target.sync_all()).map_err(at(fresh))?;
    fs::rename(fresh, file).map_err(at(file))?;
    private_file::sync(file).map_err(at(file))
}

/// Refuses a database with tables, and what another database has left beside the file, which `SQLite` would read into
/// the restored one.
async fn refuse_full(file: &Path) -> Result<(), BackupError> {
    let shown = file.display();
    let remedy = format!(
        "Stop the host, move it away with `mv {shown} {shown}.before` (and {shown}-wal and {shown}-shm, if they are there), and \
         restore again"
    );
    if fs::metadata(file).is_ok_and(|about| about.len() > 0) {
        let mut there = open(file).await?;
        let (tables, mut rows) = (tables(&mut there).await?, 0_u64);
        for (table, columns) in &tables {
            let sql = format!("SELECT COUNT({}) FROM {}", list(columns.get(..1).unwrap_or(columns)), quoted(table));
            let (count,): (i64,) = sqlx::query_as(AssertSqlSafe(sql)).fetch_one(&mut there).await?;
            rows = rows.saturating_add(u64::try_from(count).unwrap_or(0));
        }
        there.close().await?;
        if !tables.is_empty() {
            return Err(BackupError::Full { found: format!("{} tables with {rows} rows", tables.len()), remedy });
        }
    }
    let log = beside(file, "-wal");
    if fs::metadata(&log).is_ok_and(|about| about.len() > 0) {
        return Err(BackupError::Full { found: format!("{}, which is another database's", log.display()), remedy });
    }
    // Empty ones are left by readers.
    for left in [log, beside(file, "-shm")] {
        match fs::remove_file(&left) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&left)(error)),
            _ => {}
        }
    }
    Ok(())
}

fn beside(file: &Path, end: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Compares the rows that are there with those that should be.
pub(super) fn compare(
    found: &BTreeMap<String, TableSum>,
    expected: &BTreeMap<String, TableSum>,
) -> Result<(), BackupError> {
    let none = TableSum::default();
    for table in found.keys().chain(expected.keys()) {
        let (found, expected) = (found.get(table).unwrap_or(&none), expected.get(table).unwrap_or(&none));
        if found != expected {
            let (table, found, expected) = (table.clone(), found.clone(), expected.clone());
            return Err(BackupError::Differs { table, found, expected });
        }
    }
    Ok(())
}
