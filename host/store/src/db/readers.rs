//! Connections for API reads. They are separate from those of decisions, so that neither waits for the other.

use sqlx::{Postgres, Sqlite};

/// The most connections for reads.
pub(super) const READERS_MAX: u32 = 3;

/// The pool of one of the two databases.
#[derive(Debug, Clone)]
pub(super) enum Readers {
    Sqlite(sqlx::Pool<Sqlite>),
    Postgres(sqlx::Pool<Postgres>),
}

impl Readers {
    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// Runs a query with its values on the readers' connections and returns all its rows as `$row`. Queries contain their
/// own limit.
macro_rules! read {
    ($db:expr, $row:ty, $sql:expr $(, $value:expr)* $(,)?) => {
        $crate::db::within(async {
            match &$db.readers {
                $crate::db::readers::Readers::Sqlite(pool) => {
                    sqlx::query_as::<_, $row>($sql)$(.bind($value))*.fetch_all(pool).await
                }
                $crate::db::readers::Readers::Postgres(pool) => {
                    sqlx::query_as::<_, $row>($sql)$(.bind($value))*.fetch_all(pool).await
                }
            }
        })
    };
}

pub(super) use read;
