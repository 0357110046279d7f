//! Separates errors of a row from errors of the database: the former recur however often the row is written, the latter
//! end with their cause.

use super::DbError;
use sqlx::error::DatabaseError;
use sqlx::migrate::MigrateError;
use sqlx::sqlite::SqliteError;
use std::io::ErrorKind;

/// Primary result codes of `SQLite` for a row: a value is too big, breaks a constraint, or has the wrong type.
const SQLITE: [u32; 3] = [18, 19, 20];
/// SQLSTATE classes for a row: data exceptions and broken constraints.
const CLASSES: [&str; 2] = ["22", "23"];
/// A value that does not fit an index.
const OVER_A_LIMIT: &str = "54000";

impl DbError {
    /// Returns true if the database will never accept this row: it breaks a constraint, or one of its values cannot be
    /// stored. Any other error, such as a lock, a full disk, a restart or a lost connection, is temporary, and the row
    /// is then to be retried.
    pub(super) fn is_about_the_row(&self) -> bool {
        match self {
            Self::Range(_) | Self::Statement(sqlx::Error::Encode(_)) => true,
            Self::Statement(sqlx::Error::Database(error)) => refuses_the_row(error.as_ref()),
            _ => false,
        }
    }
}

/// Primary result codes of `SQLite` for locks of another process.
const HELD: [u32; 2] = [5, 6];
/// SQLSTATE classes for lost connections, and for a server that is out of resources or restarting.
const PASSING: [&str; 3] = ["08", "53", "57P"];

impl DbError {
    /// Returns true if a database that could not be opened may soon be available: it is locked, restarting or
    /// unreachable.
    pub(super) fn passes(&self) -> bool {
        match self {
            Self::Timeout => true,
            Self::Open(error) | Self::Statement(error) => is_passing(error),
            Self::Migrate(MigrateError::Execute(error)) => is_passing(error),
            _ => false,
        }
    }
}

fn is_passing(error: &sqlx::Error) -> bool {
    match error {
        // A server that refuses connections or goes away; a file that is missing or not readable stays so.
        sqlx::Error::Io(error) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied),
        sqlx::Error::PoolTimedOut => true,
        sqlx::Error::Database(error) => {
            let Some(code) = error.code() else { return false };
            if error.try_downcast_ref::<SqliteError>().is_some() {
                return code.parse::<u32>().is_ok_and(|code| HELD.contains(&(code & 0xff)));
            }
            PASSING.iter().any(|class| code.starts_with(class))
        }
        _ => false,
    }
}

fn refuses_the_row(error: &dyn DatabaseError) -> bool {
    let Some(code) = error.code() else { return false };
    if error.try_downcast_ref::<SqliteError>().is_some() {
        // The low byte of an extended code is its primary code.
        return code.parse::<u32>().is_ok_and(|code| SQLITE.contains(&(code & 0xff)));
    }
    code == OVER_A_LIMIT || CLASSES.iter().any(|class| code.starts_with(class))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code may fail loudly")]

    use super::*;
    use sqlx::Executor;
    use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
    use sqlx::{ConnectOptions, Connection};
    use testkit::Scratch;

    async fn is_about_the_row(connection: &mut SqliteConnection, sql: &'static str) -> bool {
        DbError::Statement(connection.execute(sql).await.unwrap_err()).is_about_the_row()
    }

    #[tokio::test]
    async fn only_constraints_and_data_are_about_a_row_of_sqlite() {
        let dir = Scratch::new("row-errors");
        let options = SqliteConnectOptions::new().filename(dir.join("a.sqlite")).create_if_missing(true);
        let options = options.busy_timeout(std::time::Duration::ZERO);
        let mut one = options.connect().await.unwrap();
        let table = "CREATE TABLE a (id INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE CHECK (word <> 'x'), more TEXT)";
        one.execute(table).await.unwrap();
        one.execute("CREATE TRIGGER t BEFORE INSERT ON a WHEN NEW.id = 7 BEGIN SELECT RAISE(ABORT, 'seven'); END")
            .await
            .unwrap();
        one.execute("INSERT INTO a (id, word) VALUES (1, 'a')").await.unwrap();
        for sql in [
            "INSERT INTO a (id, word) VALUES (1, 'b')",
            "INSERT INTO a (id, word) VALUES (2, 'a')",
            "INSERT INTO a (id, word) VALUES (2, 'x')",
            "INSERT INTO a (id, word) VALUES (2, NULL)",
            "INSERT INTO a (id, word) VALUES (7, 'b')",
            "INSERT INTO a (id, word) VALUES ('two', 'b')",
            "INSERT INTO a (id, word) VALUES (2, zeroblob(2000000000))",
        ] {
            assert!(is_about_the_row(&mut one, sql).await, "{sql}");
        }
        for sql in ["INSERT INTO b (id) VALUES (1)", "INSERT INTO a (gone) VALUES (1)"] {
            assert!(!is_about_the_row(&mut one, sql).await, "the table is wrong, not the row: {sql}");
        }
        one.execute("PRAGMA max_page_count = 4").await.unwrap();
        let full = "INSERT INTO a (id, word, more) VALUES (2, 'b', hex(zeroblob(100000)))";
        assert!(!is_about_the_row(&mut one, full).await, "the disk is full");
        let mut other = options.connect().await.unwrap();
        other.execute("BEGIN IMMEDIATE").await.unwrap();
        assert!(!is_about_the_row(&mut one, "INSERT INTO a (id, word) VALUES (2, 'b')").await, "another writes");
        other.execute("ROLLBACK").await.unwrap();
        other.close().await.unwrap();
        one.execute("PRAGMA query_only = 1").await.unwrap();
        assert!(!is_about_the_row(&mut one, "INSERT INTO a (id, word) VALUES (2, 'b')").await, "it is read-only");
    }

    #[test]
    fn errors_from_outside_the_database_are_temporary_except_for_values() {
        let lost = std::io::Error::other("connection reset");
        for error in [sqlx::Error::PoolTimedOut, sqlx::Error::Io(lost), sqlx::Error::WorkerCrashed] {
            assert!(!DbError::Statement(error).is_about_the_row());
        }
        assert!(!DbError::Timeout.is_about_the_row());
        assert!(DbError::Statement(super::super::big(u64::MAX).unwrap_err()).is_about_the_row());
    }
}
