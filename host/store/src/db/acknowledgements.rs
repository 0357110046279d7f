//! Acknowledgements of alerts, for a mode and an account. Each is written before the call returns.

use super::{AccountScope, Db, DbError, big, execute, fetch};

/// Maximum number of rows that a start reads.
pub const ACKNOWLEDGEMENTS_MAX: u32 = 1_024;

/// An acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct AcknowledgementRow {
    /// The kind of the alerts.
    pub kind: String,
    /// Their subject.
    pub subject: String,
    /// The severity that was acknowledged, as text.
    pub severity: String,
    /// The name of the token that acknowledged them.
    pub who: String,
    /// The time, in Unix milliseconds.
    #[sqlx(try_from = "i64")]
    pub at_ms: u64,
    /// The time at which it ends, in Unix milliseconds.
    #[sqlx(try_from = "i64")]
    pub until_ms: u64,
}

impl Db {
    /// Stores an acknowledgement in place of one of the same kind and subject, and deletes those of `scope` that have ended.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn acknowledge(&self, scope: &AccountScope, row: &AcknowledgementRow) -> Result<(), DbError> {
        let (mode, account) = (scope.mode(), scope.account());
        let over = "DELETE FROM acknowledgements WHERE mode = $1 AND account = $2 AND until_ms <= $3";
        execute!(self, over, mode, account, big(row.at_ms)?).await?;
        let sql = "INSERT INTO acknowledgements (mode, account, kind, subject, severity, who, at_ms, until_ms)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (mode, account, kind, subject)
                   DO UPDATE SET severity = excluded.severity, who = excluded.who, at_ms = excluded.at_ms, until_ms = excluded.until_ms";
        let AcknowledgementRow { kind, subject, severity, who, at_ms, until_ms } = row;
        let (at, until) = (big(*at_ms)?, big(*until_ms)?);
        execute!(self, sql, mode, account, kind, subject, severity, who, at, until).await.map(drop)
    }

    /// Returns the acknowledgements of `scope` that have not ended at `now_ms`, at most [`ACKNOWLEDGEMENTS_MAX`], the longest-lasting first.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn acknowledgements(
        &self,
        scope: &AccountScope,
        now_ms: u64,
    ) -> Result<Vec<AcknowledgementRow>, DbError> {
        let sql = "SELECT kind, subject, severity, who, at_ms, until_ms FROM acknowledgements
                   WHERE mode = $1 AND account = $2 AND until_ms > $3 ORDER BY until_ms DESC, kind, subject LIMIT $4";
        let (now, most) = (big(now_ms)?, i64::from(ACKNOWLEDGEMENTS_MAX));
        fetch!(self, AcknowledgementRow, sql, scope.mode(), scope.account(), now, most).await
    }
}
