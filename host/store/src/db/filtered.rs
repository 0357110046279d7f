//! Reads rows of all sessions by filter, newest first, in pages of limited size.

use super::readers::read;
use super::reads::{FillKey, PAGE_MAX};
use super::rows::AuditEntry;
use super::{Db, DbError, FillRow, OrderRow, RefusalRow, big};

/// The most rows of one query: a page, and one more to detect a next page.
const ROWS_MAX: u32 = PAGE_MAX + 1;

/// The rows to read. An empty text and an absent time match all rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// This session only.
    pub session: Option<u64>,
    /// This strategy only; in the audit, this token.
    pub strategy: String,
    /// The market with this slug only.
    pub market: String,
    /// The side of trades, the state of orders, the rule of refusals, or the action of audit entries.
    pub kind: String,
    /// The earliest time, in Unix milliseconds.
    pub from_ms: u64,
    /// The time after the latest one, in Unix milliseconds.
    pub to_ms: Option<u64>,
}

impl Filter {
    /// Returns the filter for the rows of one session, or of all.
    pub fn of(session: Option<u64>) -> Self {
        Self { session, ..Self::default() }
    }

    /// Returns the first and the last session.
    fn sessions(&self) -> Result<(i64, i64), DbError> {
        Ok(match self.session {
            Some(session) => (big(session)?, big(session)?),
            None => (0, i64::MAX),
        })
    }

    /// Returns the first millisecond, and the one after the last.
    fn times(&self) -> Result<(i64, i64), DbError> {
        Ok((big(self.from_ms)?, self.to_ms.map_or(Ok(i64::MAX), big)?))
    }
}

impl Db {
    /// Returns fills, newest first: those before `before`, the last row of the previous page.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn trades(&self, filter: &Filter, before: Option<&FillKey>, limit: u32) -> Result<Vec<FillRow>, DbError> {
        let ((from, to), (since, until)) = (filter.sessions()?, filter.times()?);
        let (at, last, id) = FillKey::position(before)?;
        let sql = "SELECT session, id, order_id, at_ms, strategy, token, market, outcome, side, price_micro_usd, size_micros, cost_micro_usd,
                   fee_micro_usd, maker, settlement FROM fills
                   WHERE (at_ms < $1 OR (at_ms = $1 AND (session < $2 OR (session = $2 AND id < $3))))
                   AND session BETWEEN $4 AND $5 AND at_ms >= $6 AND at_ms < $7
                   AND ($8 = '' OR strategy = $8) AND ($9 = '' OR market = $9) AND ($10 = '' OR side = $10)
                   ORDER BY at_ms DESC, session DESC, id DESC LIMIT $11";
        let Filter { strategy, market, kind, .. } = filter;
        let limit = i64::from(limit.min(ROWS_MAX));
        read!(self, FillRow, sql, at, last, id, from, to, since, until, strategy, market, kind, limit).await
    }

    /// Returns orders, newest first: those before the session and number of the last row of the previous page. Times
    /// are of their approval.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn orders(
        &self,
        filter: &Filter,
        before: Option<(u64, u64)>,
        limit: u32,
    ) -> Result<Vec<OrderRow>, DbError> {
        let ((from, to), (since, until)) = (filter.sessions()?, filter.times()?);
        let (last, id) = match before {
            Some((session, id)) => (big(session)?, big(id)?),
            None => (i64::MAX, 0),
        };
        let sql = "SELECT session, id, venue_id, strategy, token, market, outcome, side, kind, price_micro_usd, size_micros, filled_micros, state,
                   reason, created_at_ms, updated_at_ms FROM orders
                   WHERE (session < $1 OR (session = $1 AND id < $2)) AND session BETWEEN $3 AND $4
                   AND created_at_ms >= $5 AND created_at_ms < $6
                   AND ($7 = '' OR strategy = $7) AND ($8 = '' OR market = $8) AND ($9 = '' OR state = $9)
                   ORDER BY session DESC, id DESC LIMIT $10";
        let Filter { strategy, market, kind, .. } = filter;
        let limit = i64::from(limit.min(ROWS_MAX));
        read!(self, OrderRow, sql, last, id, from, to, since, until, strategy, market, kind, limit).await
    }

    /// Returns refusals, newest first: those before the session, number and place of the last row of the previous page.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn refusals(
        &self,
        filter: &Filter,
        before: Option<(u64, u64, u32)>,
        limit: u32,
    ) -> Result<Vec<RefusalRow>, DbError> {
        let ((from, to), (since, until)) = (filter.sessions()?, filter.times()?);
        let (last, seq, place) = match before {
            Some((session, seq, place)) => (big(session)?, big(seq)?, i64::from(place)),
            None => (i64::MAX, 0, 0),
        };
        let sql = "SELECT session, seq, place, at_ms, strategy, rule, market, outcome, value, allowed, count, last_at_ms FROM refusals
                   WHERE (session < $1 OR (session = $1 AND (seq < $2 OR (seq = $2 AND place < $3))))
                   AND session BETWEEN $4 AND $5 AND at_ms >= $6 AND at_ms < $7
                   AND ($8 = '' OR strategy = $8) AND ($9 = '' OR market = $9) AND ($10 = '' OR rule = $10)
                   ORDER BY session DESC, seq DESC, place DESC LIMIT $11";
        let Filter { strategy, market, kind, .. } = filter;
        let limit = i64::from(limit.min(ROWS_MAX));
        read!(self, RefusalRow, sql, last, seq, place, from, to, since, until, strategy, market, kind, limit).await
    }

    /// Returns audit entries, newest first: those with numbers below `before`. The filter's action matches itself and
    /// the actions below its path.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn audit_entries(
        &self,
        filter: &Filter,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, DbError> {
        let before = before.map_or(Ok(i64::MAX), big)?;
        let (since, until) = filter.times()?;
        let sql = "SELECT id, at_ms, who, role, origin, action, detail, old_value, new_value, claimed_user, outcome, hash FROM audit
                   WHERE id < $1 AND at_ms >= $2 AND at_ms < $3 AND ($4 = '' OR who = $4)
                   AND ($5 = '' OR action = $5 OR SUBSTR(action, 1, LENGTH($5) + 1) = $5 || '/')
                   ORDER BY id DESC LIMIT $6";
        let Filter { strategy: who, kind: action, .. } = filter;
        let limit = i64::from(limit.min(ROWS_MAX));
        read!(self, AuditEntry, sql, before, since, until, who, action, limit).await
    }
}
