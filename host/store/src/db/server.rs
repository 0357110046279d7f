//! Connecting to a `PostgreSQL` server: encrypted where the network is not this machine's, and without a pooler that shares connections.

use super::DbError;
use super::open::{ACQUIRE_TIME, CONNECTIONS_MAX};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, Postgres, Row};
use std::net::IpAddr;

/// What each connection sets once it is there. Poolers refuse these in the startup packet.
/// The server gives up before we do, so that a statement that we forgot does not go on there. What is decided must be on the server's disk
/// before it is said to be stored, whatever the server's default is.
const SETTINGS: &str = "SET statement_timeout = '9s'; SET TIME ZONE 'UTC'; SET synchronous_commit = 'on'";
/// How often two connections are compared. A pooler with little to do is found by the first comparison.
const COMPARISONS: u32 = 2;

/// Whether passwords and rows may cross the network without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plaintext {
    /// Only to this machine.
    Refused,
    /// To any machine.
    Allowed,
}

/// Connects to the server at `url` and returns its pool.
pub(super) async fn connect(url: &str, plaintext: Plaintext) -> Result<sqlx::Pool<Postgres>, DbError> {
    let options: PgConnectOptions = url.parse().map_err(DbError::Open)?;
    let options = encrypted(options.application_name("polytrader").extra_float_digits(None), plaintext)?;
    match tokio::time::timeout(ACQUIRE_TIME, must_be_direct(&options)).await {
        Ok(direct) => direct.map_err(|error| named(error, &options))?,
        Err(_) => return Err(DbError::Timeout),
    }
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS_MAX).acquire_timeout(ACQUIRE_TIME);
    let pool =
        pool.after_connect(|connection, _| Box::pin(async move { connection.execute(SETTINGS).await.map(drop) }));
    pool.connect_with(options.clone()).await.map_err(|error| named(DbError::Open(error), &options))
}

/// Returns the options with TLS demanded where the way leaves this machine. `prefer`, the driver's default, would send the password in the
/// clear to a server that says it has no TLS.
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

/// Two connections that are open together have two processes of the server, and each keeps its own. With a pooler in transaction mode
/// neither is so, and settings and prepared statements of one connection appear in another.
async fn must_be_direct(options: &PgConnectOptions) -> Result<(), DbError> {
    let mut one = options.connect().await.map_err(DbError::Open)?;
    let mut other = options.connect().await.map_err(DbError::Open)?;
    for _ in 0..COMPARISONS {
        let process = process_of(&mut one).await?;
        other.execute("BEGIN").await.map_err(DbError::Open)?;
        let shared = process_of(&mut other).await? == process;
        // A pooler with one connection would let the question wait.
        let moved = !shared && process_of(&mut one).await? != process;
        other.execute("ROLLBACK").await.map_err(DbError::Open)?;
        if shared || moved {
            return Err(DbError::Pooler("two connections share one process of the server".to_owned()));
        }
    }
    for connection in [one, other] {
        if let Err(error) = connection.close().await {
            tracing::debug!(%error, "connection to the database not closed in order");
        }
    }
    Ok(())
}

/// Without a prepared statement, which a pooler may know already.
async fn process_of(connection: &mut PgConnection) -> Result<i32, DbError> {
    let row = sqlx::raw_sql("SELECT pg_backend_pid()").fetch_one(connection).await.map_err(DbError::Open)?;
    row.try_get(0).map_err(DbError::Open)
}

/// Gives the errors of a connection that have a remedy their own sentence.
fn named(error: DbError, options: &PgConnectOptions) -> DbError {
    match error {
        DbError::Open(sqlx::Error::Tls(cause)) if cause.to_string().contains("does not support TLS") => {
            DbError::NoTls(options.get_host().to_owned())
        }
        DbError::Open(error) => pooled(error, DbError::Open),
        other => other,
    }
}

/// Recognises what a pooler answers.
pub(super) fn pooled(error: sqlx::Error, otherwise: impl FnOnce(sqlx::Error) -> DbError) -> DbError {
    let is_poolers =
        error.as_database_error().is_some_and(|error| is_poolers(error.code().as_deref(), error.message()));
    if is_poolers { DbError::Pooler(error.to_string()) } else { otherwise(error) }
}

/// Says whether an error is about a prepared statement that is another's (42P05) or gone (26000), or about what a pooler does not take
/// (08P01, which has other meanings too).
fn is_poolers(code: Option<&str>, message: &str) -> bool {
    match code {
        Some("42P05" | "26000") => true,
        Some("08P01") => ["startup parameter", "pooling"].iter().any(|word| message.contains(word)),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
