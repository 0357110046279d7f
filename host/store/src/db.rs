//! The database: `SQLite` in the data folder, or `PostgreSQL`. Statements use the common subset of both and run on
//! either. Rows of a session are projections of the journal and go through [`DbWriter`], which never makes the caller
//! wait; tokens, audit, valuations, halts and strategy numbers are primary and written at once, by the caller.
//! Decisions already in effect go through [`DecisionWriter`] and [`Halts`], which retry until they are stored.
//! Start reading in [`rows`], then [`reads`] and [`primary`].

mod acknowledgements;
pub mod address;
mod audit_chain;
pub mod backup;
mod by_mode;
mod ceilings;
pub mod claims;
mod decisions;
pub mod engines;
mod filtered;
mod halts;
pub mod lots;
pub mod market_handles;
mod open;
pub mod primary;
mod probe;
mod projections;
mod readers;
pub mod reads;
pub mod request_keys;
mod research;
mod row_errors;
pub mod rows;
mod server;
mod valuations;
mod wal;
mod writer;

pub use acknowledgements::{ACKNOWLEDGEMENTS_MAX, AcknowledgementRow};
pub use audit_chain::{AuditCheck, ChainHead};
pub use by_mode::{AccountScope, ELSEWHERE_MAX};
pub use ceilings::Ceilings;
pub use claims::ClaimRow;
pub use decisions::{Decision, DecisionWriter, Ticket};
pub use filtered::Filter;
pub use halts::{Delay, Halts, STORED_WITHIN};
pub use lots::MoveRow;
pub use probe::{Probe, probe};
pub use projections::SessionRows;
pub use reads::FillKey;
pub use research::{SweepRow, TRIALS_MAX, TrialRow};
pub use rows::{
    AuditEntry, AuditRow, BreakerRow, DbWrite, DecisionRow, FillRow, Halt, OrderEventRow, OrderHistory, OrderRow,
    PositionRow, RefusalRow, SessionRow, SettingRow, StrategyRow, TokenRow,
};
pub use server::Plaintext;
pub use valuations::{Valuations, WAITING_MAX};
pub use wal::WAL_WARN;
pub use writer::{DbWriter, WriterHealth};

use sqlx::{Postgres, Sqlite};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// The time limit of one statement, or one transaction of the writer.
const STATEMENT_TIME: Duration = Duration::from_secs(10);

/// The reason why a database operation failed.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The address names no known kind of database, or is ambiguous.
    #[error("the database's address cannot be used: {0}")]
    Address(String),
    /// It could not be opened.
    #[error("opening the database: {0}")]
    Open(#[source] sqlx::Error),
    /// Its tables could not be migrated.
    #[error("bringing the database's tables up to date: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A statement failed.
    #[error("the database refused a statement: {0}")]
    Statement(#[source] sqlx::Error),
    /// The server is on another machine and its address allows a connection without TLS.
    #[error(
        "the database's password would cross the network to {0} in the clear: write sslmode=require or \
         sslmode=verify-full in its address, or set database.allow_plaintext = true"
    )]
    Plaintext(String),
    /// The server is on another machine and has no TLS.
    #[error(
        "the database server at {0} offers no TLS, and the password would cross the network in the clear: turn TLS on \
         there, or set database.allow_plaintext = true"
    )]
    NoTls(String),
    /// A pooler in front of the server shares its connections.
    #[error(
        "the database's address leads to a pooler in transaction mode, where settings and prepared statements do not \
         last ({0}); use a direct connection to PostgreSQL, or the pooler's session mode"
    )]
    Pooler(String),
    /// It took too long.
    #[error("the database did not answer within {} s", STATEMENT_TIME.as_secs())]
    Timeout,
    /// A number does not fit its column, or a column's value is out of range.
    #[error("a number is out of range: {0}")]
    Range(#[from] std::num::TryFromIntError),
    /// Earlier decisions still wait to be written.
    #[error("earlier decisions are not in the database yet")]
    Behind,
    /// Other hosts added audit rows at every attempt.
    #[error("adding an audit row failed: other hosts are writing to the audit")]
    ChainBusy,
    /// There are as many strategy names as numbers.
    #[error("no number is left for the strategy `{0}`")]
    StrategyNumbers(String),
    /// Other hosts repeatedly took the handles of a strategy's markets.
    #[error("assigning market handles to strategy {0} failed repeatedly")]
    MarketPlaces(u16),
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        server::pooled(error, Self::Statement)
    }
}

/// The pools of one of the two databases.
#[derive(Debug, Clone)]
enum Pools {
    /// Primary rows are synced at each commit; projections (`fast`) only at checkpoints, since the journal has them.
    Sqlite {
        pool: sqlx::Pool<Sqlite>,
        fast: sqlx::Pool<Sqlite>,
        wal: Arc<wal::Wal>,
    },
    Postgres(sqlx::Pool<Postgres>),
}

/// Kind of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DbKind {
    /// A file.
    Sqlite,
    /// A server.
    Postgres,
}

/// The database. A cheap handle.
#[derive(Debug, Clone)]
pub struct Db {
    pools: Pools,
    readers: readers::Readers,
    writer: DbWriter,
    decisions: DecisionWriter,
    chain: audit_chain::Chain,
    /// The number of claims skipped by the last read.
    unreadable_claims: Arc<AtomicU64>,
}

impl Db {
    /// Returns the handle that queues rows without blocking.
    pub fn writer(&self) -> DbWriter {
        self.writer.clone()
    }

    /// Returns the handle that queues decisions without blocking and writes them in order until they are stored.
    pub fn decisions(&self) -> DecisionWriter {
        self.decisions.clone()
    }

    /// Returns the kind of the database.
    pub const fn kind(&self) -> DbKind {
        match self.pools {
            Pools::Sqlite { .. } => DbKind::Sqlite,
            Pools::Postgres(_) => DbKind::Postgres,
        }
    }
}

/// Runs a statement with its values and returns the number of changed rows.
macro_rules! execute {
    ($db:expr, $sql:expr $(, $value:expr)* $(,)?) => {
        $crate::db::within(async {
            match &$db.pools {
                $crate::db::Pools::Sqlite { pool, .. } => {
                    sqlx::query($sql)$(.bind($value))*.execute(pool).await.map(|done| done.rows_affected())
                }
                $crate::db::Pools::Postgres(pool) => {
                    sqlx::query($sql)$(.bind($value))*.execute(pool).await.map(|done| done.rows_affected())
                }
            }
        })
    };
}

/// Runs a query with its values and returns all its rows as `$row`. Queries contain their own limit.
macro_rules! fetch {
    ($db:expr, $row:ty, $sql:expr $(, $value:expr)* $(,)?) => {
        $crate::db::within(async {
            match &$db.pools {
                $crate::db::Pools::Sqlite { pool, .. } => {
                    sqlx::query_as::<_, $row>($sql)$(.bind($value))*.fetch_all(pool).await
                }
                $crate::db::Pools::Postgres(pool) => {
                    sqlx::query_as::<_, $row>($sql)$(.bind($value))*.fetch_all(pool).await
                }
            }
        })
    };
}

use {execute, fetch};

/// Applies the time limit to a database operation.
async fn within<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, DbError> {
    match tokio::time::timeout(STATEMENT_TIME, work).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(DbError::Timeout),
    }
}

/// Converts a number to a column's type; if it does not fit, only its row is lost.
fn big(number: u64) -> Result<i64, sqlx::Error> {
    i64::try_from(number).map_err(|error| sqlx::Error::Encode(Box::new(error)))
}
