//! `PostgreSQL`: a backup is a file of SQL with the rows in the format of `COPY`, read in one transaction, so that a
//! host writes on meanwhile. `psql` restores it too. It is made here and not by `pg_dump`, which need not be installed
//! and would show the password in its arguments.

use super::folder::Copied;
use super::rows::{Lines, list, quoted};
use super::{BackupError, Manifest, TableSum, at, sqlite, upgrade};
use crate::db::open::{POSTGRES, SQLITE};
use crate::db::server::{self, Plaintext};
use crate::private_file;
use futures_util::TryStreamExt;
use model::Time;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

/// Begins the part of a backup that has the rows.
const ROWS: &str = "-- rows";
/// Ends the rows of a table.
const END_OF_ROWS: &[u8] = b"\\.\n";
/// The beginning of the line before the rows of a table.
const COPY: &str = "COPY ";
/// Bytes that are sent at once.
const CHUNK: usize = 64 * 1024;
/// The longest line that is read of a backup.
const LINE_MAX: u64 = 64 * 1024 * 1024;
/// The migrations' own list, as sqlx makes it.
const MIGRATIONS: &str = "CREATE TABLE _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMPTZ NOT NULL DEFAULT now(),
    success BOOLEAN NOT NULL,
    checksum BYTEA NOT NULL,
    execution_time BIGINT NOT NULL
);";

type Tables = BTreeMap<String, Vec<String>>;

/// Returns the tables with their columns, both in the order of their names; the list of migrations apart.
async fn tables(connection: &mut PgConnection) -> Result<Tables, BackupError> {
    let sql = "SELECT t.table_name::text, c.column_name::text FROM information_schema.tables t
               JOIN information_schema.columns c USING (table_schema, table_name)
               WHERE t.table_schema = current_schema() AND t.table_type = 'BASE TABLE' AND t.table_name <> '_sqlx_migrations'";
    let rows: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(connection).await?;
    let mut tables = Tables::new();
    rows.into_iter().for_each(|(table, column)| tables.entry(table).or_default().push(column));
    tables.values_mut().for_each(|columns| columns.sort());
    Ok(tables)
}

/// Gives the rows of a table to `each` in pieces, as `COPY` writes them.
async fn read(
    connection: &mut PgConnection,
    table: &str,
    columns: &[String],
    mut each: impl FnMut(&[u8]) -> Result<(), BackupError>,
) -> Result<TableSum, BackupError> {
    let sql = format!("COPY {} ({}) TO STDOUT", quoted(table), list(columns));
    let mut pieces = connection.copy_out_raw(&sql).await?;
    let mut lines = Lines::default();
    while let Some(piece) = pieces.try_next().await? {
        lines.add(&piece);
        each(&piece)?;
    }
    Ok(lines.summing.finish())
}

async fn sums(connection: &mut PgConnection) -> Result<BTreeMap<String, TableSum>, BackupError> {
    let mut sums = BTreeMap::new();
    for (table, columns) in tables(connection).await? {
        let sum = read(connection, &table, &columns, |_| Ok(())).await?;
        sums.insert(table, sum);
    }
    Ok(sums)
}

/// Fills `part` with a copy of the database.
pub(super) async fn dump_into(url: &str, plaintext: Plaintext, part: &Path) -> Result<Copied, BackupError> {
    let mut connection = server::connect_once(url, plaintext).await?;
    let version = upgrade::version_of_postgres(&mut connection).await?;
    upgrade::refuse_later(version, upgrade::known_of_postgres())?;
    if version == 0 {
        return Err(BackupError::Unfit("the database has no tables of ours; nothing was backed up".to_owned()));
    }
    // What is read is as it stood when it began.
    sqlx::query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").execute(&mut connection).await?;
    let file = private_file::open(part, |options| options.write(true).truncate(true)).map_err(at(part))?;
    let mut file = BufWriter::new(file);
    file.write_all(tables_as_sql(version).as_bytes()).map_err(at(part))?;
    let mut sums = BTreeMap::new();
    for (table, columns) in tables(&mut connection).await? {
        let head = format!("{COPY}{} ({}) FROM stdin;\n", quoted(&table), list(&columns));
        file.write_all(head.as_bytes()).map_err(at(part))?;
        let sum = read(&mut connection, &table, &columns, |piece| file.write_all(piece).map_err(at(part))).await?;
        file.write_all(END_OF_ROWS).map_err(at(part))?;
        sums.insert(table, sum);
    }
    for (_, _, sql) in counters(&mut connection).await? {
        writeln!(file, "{sql};").map_err(at(part))?;
    }
    file.flush().map_err(at(part))?;
    sqlx::query("COMMIT").execute(&mut connection).await?;
    connection.close().await?;
    let copied = Copied { kind: "postgres", version, tables: sums };
    read_back(part, &copied.tables)?;
    Ok(copied)
}

/// Holds the rows in the file against those that were read.
fn read_back(part: &Path, expected: &BTreeMap<String, TableSum>) -> Result<(), BackupError> {
    let mut found = BTreeMap::new();
    let mut rows = Rows::open(part)?;
    while let Some(head) = rows.next_table()? {
        let mut lines = Lines::default();
        while let Some(line) = rows.next_line()? {
            lines.add(line);
        }
        found.insert(head.table.trim_matches('"').to_owned(), lines.summing.finish());
    }
    sqlite::compare(&found, expected)
}

/// Returns what makes the tables as they were at a version.
fn tables_as_sql(version: i64) -> String {
    let mut sql = format!(
        "-- A backup of polytrader's database, tables of version {version}.\n\
         -- Into an empty database: polytrader db restore FILE, or psql -v ON_ERROR_STOP=1 --single-transaction -f FILE\n\
         SET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\n{MIGRATIONS}\n"
    );
    for migration in POSTGRES.iter().filter(|migration| migration.version <= version) {
        let (number, name) = (migration.version, migration.description.replace('\'', "''"));
        let checksum = model::hex::encode(&migration.checksum);
        sql.push_str(migration.sql.as_str());
        sql.push_str(&format!(
            "\n;\nINSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES ({number}, '{name}', true, '\\x{checksum}', 0);\n"
        ));
    }
    sql.push_str(ROWS);
    sql.push('\n');
    sql
}

/// Returns the columns that count by themselves, and what sets each behind its last value.
async fn counters(connection: &mut PgConnection) -> Result<Vec<(String, String, String)>, BackupError> {
    let sql = "SELECT table_name::text, column_name::text FROM information_schema.columns
               WHERE table_schema = current_schema() AND table_name <> '_sqlx_migrations'
               AND (is_identity = 'YES' OR column_default LIKE 'nextval(%')";
    let columns: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(connection).await?;
    let sql = |table: &str, column: &str| {
        let (name, quoted, column_name) = (quoted(table).replace('\'', "''"), quoted(table), quoted(column));
        let text = column.replace('\'', "''");
        format!(
            "SELECT setval(pg_get_serial_sequence('{name}', '{text}'), COALESCE(MAX({column_name}), 0) + 1, false) FROM {quoted}"
        )
    };
    Ok(columns.into_iter().map(|(table, column)| (table.clone(), column.clone(), sql(&table, &column))).collect())
}

/// Refuses a database with tables.
async fn refuse_full(connection: &mut PgConnection) -> Result<(), BackupError> {
    let (name, tables): (String, i64) = sqlx::query_as(
        "SELECT current_database()::text, (SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = current_schema())",
    )
    .fetch_one(connection)
    .await?;
    if tables == 0 {
        return Ok(());
    }
    let remedy = format!(
        "Make another one with `createdb {name}_restored` and name it in database_url, or, once the host is stopped and nothing of it is \
         needed any more, `dropdb {name} && createdb {name}`"
    );
    Err(BackupError::Full { found: format!("{tables} tables"), remedy })
}

/// Moves all tables into another schema of the same database, all or none; returns its name.
pub(super) async fn set_aside(url: &str, plaintext: Plaintext, now: Time) -> Result<String, BackupError> {
    let mut connection = server::connect_once(url, plaintext).await?;
    if upgrade::version_of_postgres(&mut connection).await? == 0 {
        return Err(BackupError::Unfit("the database has no tables of ours; nothing was moved".to_owned()));
    }
    let second: String = now.iso().chars().filter(char::is_ascii_digit).take(14).collect();
    let schema = format!("upgraded_{second}");
    let mut work = connection.begin().await?;
    sqlx::query(AssertSqlSafe(format!("CREATE SCHEMA {}", quoted(&schema)))).execute(&mut *work).await?;
    let names = tables(&mut work).await?.into_keys().chain(["_sqlx_migrations".to_owned()]);
    for table in names {
        // Its indexes, constraints and counters move with it.
        let sql = format!("ALTER TABLE {} SET SCHEMA {}", quoted(&table), quoted(&schema));
        sqlx::query(AssertSqlSafe(sql)).execute(&mut *work).await?;
    }
    work.commit().await?;
    connection.close().await?;
    Ok(schema)
}

/// Writes a backup into an empty database, all or nothing.
pub(super) async fn restore(
    url: &str,
    plaintext: Plaintext,
    backup: &Path,
    manifest: &Manifest,
) -> Result<(), BackupError> {
    upgrade::refuse_later(manifest.version, upgrade::known_of_postgres())?;
    let mut connection = server::connect_once(url, plaintext).await?;
    refuse_full(&mut connection).await?;
    let mut work = connection.begin().await?;
    POSTGRES.run_direct(Some(manifest.version), &mut *work, false).await?;
    let mut rows = Rows::open(backup)?;
    while let Some(Head { table, columns }) = rows.next_table()? {
        let mut target = work.copy_in_raw(&format!("COPY {table} ({columns}) FROM STDIN")).await?;
        let mut chunk = Vec::with_capacity(CHUNK);
        while let Some(line) = rows.next_line()? {
            chunk.extend_from_slice(line);
            if chunk.len() >= CHUNK {
                target.send(&chunk[..]).await?;
                chunk.clear();
            }
        }
        target.send(&chunk[..]).await?;
        target.finish().await?;
    }
    set_counters(&mut work).await?;
    sqlite::compare(&sums(&mut work).await?, &manifest.tables)?;
    work.commit().await?;
    connection.close().await?;
    Ok(())
}

async fn set_counters(connection: &mut PgConnection) -> Result<(), BackupError> {
    for (_, _, sql) in counters(connection).await? {
        sqlx::query(AssertSqlSafe(sql)).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Copies all rows of a `SQLite` database into an empty one, all or nothing.
pub(super) async fn take_from_sqlite(
    url: &str,
    plaintext: Plaintext,
    from: &Path,
) -> Result<BTreeMap<String, TableSum>, BackupError> {
    let mut source = sqlite::open(from).await?;
    let (version, known) = (upgrade::version_of_sqlite(&mut source).await?, upgrade::known_of_sqlite());
    upgrade::refuse_later(version, known)?;
    // Both lists of migrations have the same numbers; a test compares them.
    debug_assert!(SQLITE.version_exists(version) && POSTGRES.version_exists(version));
    let mut connection = server::connect_once(url, plaintext).await?;
    refuse_full(&mut connection).await?;
    let mut work = connection.begin().await?;
    POSTGRES.run_direct(Some(version), &mut *work, false).await?;
    let (theirs, ours) = (tables(&mut work).await?, sqlite::tables(&mut source).await?);
    if theirs != ours {
        return Err(BackupError::Unfit(format!(
            "the tables of {} are not those of version {version}; `polytrader db migrate` brings them up to date",
            from.display()
        )));
    }
    let mut expected = BTreeMap::new();
    for (table, columns) in &ours {
        let sql = format!("COPY {} ({}) FROM STDIN", quoted(table), list(columns));
        let mut target = work.copy_in_raw(&sql).await?;
        let mut chunk = Vec::with_capacity(CHUNK);
        let sum = sqlite::read(&mut source, table, columns, async |line| {
            if line.contains(&0) {
                let fault = format!("a row of {table} has a text with a NUL, which PostgreSQL does not store");
                return Err(BackupError::Unfit(fault));
            }
            chunk.extend_from_slice(line);
            if chunk.len() >= CHUNK {
                target.send(&chunk[..]).await?;
                chunk.clear();
            }
            Ok(())
        });
        let sum = sum.await?;
        target.send(&chunk[..]).await?;
        target.finish().await?;
        expected.insert(table.clone(), sum);
    }
    set_counters(&mut work).await?;
    sqlite::compare(&sums(&mut work).await?, &expected)?;
    work.commit().await?;
    connection.close().await?;
    Ok(expected)
}

/// The line that begins the rows of a table, as it was written: names in quotation marks.
struct Head {
    table: String,
    columns: String,
}

/// The rows of a backup's file, table after table.
struct Rows<'a> {
    path: &'a Path,
    file: BufReader<std::fs::File>,
    line: Vec<u8>,
}

impl<'a> Rows<'a> {
    /// Opens a backup and goes to its rows.
    fn open(path: &'a Path) -> Result<Self, BackupError> {
        let file = files::open(path, files::Links::Follow).map_err(at(path))?;
        let mut this = Self { path, file: BufReader::new(file), line: Vec::new() };
        while this.read_line()? {
            if this.line.strip_suffix(b"\n") == Some(ROWS.as_bytes()) {
                return Ok(this);
            }
        }
        Err(this.not_ours("it has no rows"))
    }

    fn not_ours(&self, reason: &str) -> BackupError {
        BackupError::NotABackup { path: self.path.to_owned(), reason: reason.to_owned() }
    }

    /// Reads a line; says `false` at the end.
    fn read_line(&mut self) -> Result<bool, BackupError> {
        self.line.clear();
        let mut limited = std::io::Read::take(&mut self.file, LINE_MAX);
        let count = limited.read_until(b'\n', &mut self.line).map_err(at(self.path))?;
        if count > 0 && !self.line.ends_with(b"\n") {
            return Err(self.not_ours("it ends within a line, or has one that is too long"));
        }
        Ok(count > 0)
    }

    fn next_table(&mut self) -> Result<Option<Head>, BackupError> {
        while self.read_line()? {
            let line = String::from_utf8_lossy(&self.line);
            let Some(head) = line.trim_end().strip_prefix(COPY) else { continue };
            let names = head.strip_suffix(") FROM stdin;").and_then(|names| names.split_once(" ("));
            let Some((table, columns)) = names else { return Err(self.not_ours("a line that begins rows is damaged")) };
            return Ok(Some(Head { table: table.to_owned(), columns: columns.to_owned() }));
        }
        Ok(None)
    }

    /// Returns the next row with the end of its line; none after the last of its table.
    fn next_line(&mut self) -> Result<Option<&[u8]>, BackupError> {
        if !self.read_line()? {
            return Err(self.not_ours("it ends within the rows of a table"));
        }
        Ok(if self.line == END_OF_ROWS { None } else { Some(&self.line) })
    }
}
