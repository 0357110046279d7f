//! Connects to a `PostgreSQL` server: encrypted unless it is on this machine, and without a pooler that shares
//! connections.

use super::DbError;
use super::open::ACQUIRE_TIME;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, Postgres, Row};
use std::net::IpAddr;

/// The settings of each new connection. Poolers refuse these in the startup packet. The server's timeout is shorter
/// than ours, so that an abandoned statement does not continue there. A decision must be on the server's disk before it
/// is reported as stored, whatever the server's default is.
const SETTINGS: &str = "SET statement_timeout = '9s'; SET TIME ZONE 'UTC'; SET synchronous_commit = 'on'";
/// The same for a connection that copies tables.
const SETTINGS_ONCE: &str = "SET statement_timeout = 0; SET TIME ZONE 'UTC'; SET synchronous_commit = 'on'";
/// The number of comparisons of two connections. An idle pooler is detected by the first.
const COMPARISONS: u32 = 2;

/// The policy on passwords and rows that cross the network without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plaintext {
    /// Allowed to this machine only.
    Refused,
    /// Allowed to any machine.
    Allowed,
}

/// Connects to the server at `url` and returns a pool of at most `most` connections.
pub(super) async fn connect(url: &str, plaintext: Plaintext, most: u32) -> Result<sqlx::Pool<Postgres>, DbError> {
    let options: PgConnectOptions = url.parse().map_err(DbError::Open)?;
    let options = encrypted(options.application_name("polytrader").extra_float_digits(None), plaintext)?;
    match tokio::time::timeout(ACQUIRE_TIME, must_be_direct(&options)).await {
        Ok(direct) => direct.map_err(|error| named(error, &options))?,
        Err(_) => return Err(DbError::Timeout),
    }
    let pool = PgPoolOptions::new().max_connections(most).acquire_timeout(ACQUIRE_TIME);
    let pool =
        pool.after_connect(|connection, _| Box::pin(async move { connection.execute(SETTINGS).await.map(drop) }));
    pool.connect_with(options.clone()).await.map_err(|error| named(DbError::Open(error), &options))
}

/// Opens one connection to the server at `url`, whose statements have no timeout: it reads or writes whole tables.
pub(super) async fn connect_once(url: &str, plaintext: Plaintext) -> Result<PgConnection, DbError> {
    let options: PgConnectOptions = url.parse().map_err(DbError::Open)?;
    let options = encrypted(options.application_name("polytrader-db").extra_float_digits(None), plaintext)?;
    let connected = match tokio::time::timeout(ACQUIRE_TIME, options.connect()).await {
        Ok(connected) => connected,
        Err(_) => return Err(DbError::Timeout),
    };
    let mut connection = connected.map_err(|error| named(DbError::Open(error), &options))?;
    connection.execute(SETTINGS_ONCE).await.map_err(|error| named(DbError::Open(error), &options))?;
    Ok(connection)
}

/// Returns the options with TLS required if the connection leaves this machine. `prefer`, the driver's default, would
/// send the password in the clear to a server that claims to have no TLS.
fn encrypted(options: PgConnectOptions, plaintext: Plaintext) -> Result<PgConnectOptions, DbError> {
    if plaintext == Plaintext::Allowed || is_this_machine(&options) {
        return Ok(options);
    }
    match options.get_ssl_mode() {
        PgSslMode::Require | PgSslMode::VerifyCa | PgSslMode::VerifyFull => Ok(options),
        PgSslMode::Prefer => Ok(options.ssl_mode(PgSslMode::Require)),
        PgSslMode::Disable | PgSslMode::Allow => Err(DbError::Plaintext(options.get_host().to_owned())),
    }
}

fn is_this_machine(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    options.get_socket().is_some()
        || host.starts_with('/')
        || host.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

/// Checks that two connections open at once have two server processes, and that each keeps its own. Neither holds with
/// a pooler in transaction mode, where settings and prepared statements of one connection appear in another.
async fn must_be_direct(options: &PgConnectOptions) -> Result<(), DbError> {
    let mut one = options.connect().await.map_err(DbError::Open)?;
    let mut other = options.connect().await.map_err(DbError::Open)?;
    for _ in 0..COMPARISONS {
        let process = process_of(&mut one).await?;
        other.execute("BEGIN").await.map_err(DbError::Open)?;
        let shared = process_of(&mut other).await? == process;
        // A pooler with a single connection would block this query.
        let moved = !shared && process_of(&mut one).await? != process;
        other.execute("ROLLBACK").await.map_err(DbError::Open)?;
        if shared || moved {
            return Err(DbError::Pooler("two connections share one process of the server".to_owned()));
        }
    }
    for connection in [one, other] {
        if let Err(error) = connection.close().await {
            tracing::debug!(%error, "closing a database connection failed");
        }
    }
    Ok(())
}

/// Returns the server process of a connection; without a prepared statement, which a pooler may already have.
async fn process_of(connection: &mut PgConnection) -> Result<i32, DbError> {
    let row = sqlx::raw_sql("SELECT pg_backend_pid()").fetch_one(connection).await.map_err(DbError::Open)?;
    row.try_get(0).map_err(DbError::Open)
}

/// Returns a specific error for connection errors that have a remedy.
fn named(error: DbError, options: &PgConnectOptions) -> DbError {
    match error {
        DbError::Open(sqlx::Error::Tls(cause)) if cause.to_string().contains("does not support TLS") => {
            DbError::NoTls(options.get_host().to_owned())
        }
        DbError::Open(error) => pooled(error, DbError::Open),
        other => other,
    }
}

/// Recognises the errors of a pooler.
pub(super) fn pooled(error: sqlx::Error, otherwise: impl FnOnce(sqlx::Error) -> DbError) -> DbError {
    let is_poolers =
        error.as_database_error().is_some_and(|error| is_poolers(error.code().as_deref(), error.message()));
    if is_poolers { DbError::Pooler(error.to_string()) } else { otherwise(error) }
}

/// Returns true if an error is about a prepared statement that belongs to another client (42P05) or is gone (26000), or
/// about a parameter that a pooler refuses (08P01, which has other meanings too).
fn is_poolers(code: Option<&str>, message: &str) -> bool {
    match code {
        Some("42P05" | "26000") => true,
        Some("08P01") => ["startup parameter", "pooling"].iter().any(|word| message.contains(word)),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
