//! Reading projections, a bounded page at a time.

use super::{AccountScope, Db, DbError, FillRow, OrderEventRow, OrderHistory, OrderRow, StrategyRow, big, fetch};

/// The most rows of one page.
pub const PAGE_MAX: u32 = 500;
/// The most events, and the most fills, of one order's history.
pub const EVENTS_MAX: u32 = 1_000;

macro_rules! fill_columns {
    ($rest:literal) => {
        concat!(
            "SELECT session, id, order_id, at_ms, strategy, token, market, outcome, side, price_micro_usd, size_micros, ",
            "cost_micro_usd, fee_micro_usd, maker, settlement FROM fills ",
            $rest
        )
    };
}

macro_rules! order_columns {
    ($rest:literal) => {
        concat!(
            "SELECT session, id, venue_id, strategy, token, market, outcome, side, kind, price_micro_usd, size_micros, ",
            "filled_micros, state, reason, created_at_ms, updated_at_ms FROM orders ",
            $rest
        )
    };
}

impl Db {
    /// Returns fills of all sessions, newest first: those before `before`, the last row of the page before this one.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn trades(&self, before: Option<&FillRow>, limit: u32) -> Result<Vec<FillRow>, DbError> {
        let (at, id) = match before {
            Some(fill) => (big(fill.at_ms)?, fill.id.as_str()),
            None => (i64::MAX, ""),
        };
        let sql = fill_columns!("WHERE at_ms < $1 OR (at_ms = $1 AND id < $2) ORDER BY at_ms DESC, id DESC LIMIT $3");
        fetch!(self, FillRow, sql, at, id, i64::from(limit.min(PAGE_MAX))).await
    }

    /// Returns the orders of a session, newest first: those with numbers below `before`.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn orders(&self, session: u64, before: Option<u64>, limit: u32) -> Result<Vec<OrderRow>, DbError> {
        let before = before.map_or(Ok(i64::MAX), big)?;
        let sql = order_columns!("WHERE session = $1 AND id < $2 ORDER BY id DESC LIMIT $3");
        fetch!(self, OrderRow, sql, big(session)?, before, i64::from(limit.min(PAGE_MAX))).await
    }

    /// Returns an order of a session with all that happened to it; none if there is no such order.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn order_history(&self, session: u64, id: u64) -> Result<Option<OrderHistory>, DbError> {
        // A number that no row can have is unknown, not an error: it comes from a URL.
        let (Ok(session), Ok(id)) = (i64::try_from(session), i64::try_from(id)) else { return Ok(None) };
        let order = fetch!(self, OrderRow, order_columns!("WHERE session = $1 AND id = $2"), session, id).await?.pop();
        let Some(order) = order else { return Ok(None) };
        let sql = "SELECT seq, state, filled_micros, reason, at_ms FROM order_events
                   WHERE session = $1 AND order_id = $2 ORDER BY seq, at_ms LIMIT $3";
        let events = fetch!(self, OrderEventRow, sql, session, id, i64::from(EVENTS_MAX)).await?;
        let sql = fill_columns!("WHERE session = $1 AND order_id = $2 ORDER BY at_ms, id LIMIT $3");
        let fills = fetch!(self, FillRow, sql, session, id, i64::from(EVENTS_MAX)).await?;
        Ok(Some(OrderHistory { order, events, fills }))
    }

    /// Returns the versions of a strategy that were loaded in `scope`, or in an unknown mode, the one that was loaded last first; at most
    /// `limit` or [`PAGE_MAX`].
    ///
    /// # Errors
    /// If the database fails.
    pub async fn strategy_versions(
        &self,
        scope: &AccountScope,
        name: &str,
        limit: u32,
    ) -> Result<Vec<StrategyRow>, DbError> {
        let sql = "SELECT hash, name, version, first_seen_ms, source, bytes, loaded_at_ms FROM strategies seen
                   WHERE name = $1 AND ((mode = $2 AND account = $3) OR (mode = '' AND NOT EXISTS (
                       SELECT 1 FROM strategies own
                       WHERE own.name = $1 AND own.hash = seen.hash AND own.mode = $2 AND own.account = $3)))
                   ORDER BY loaded_at_ms DESC, first_seen_ms DESC, hash LIMIT $4";
        let limit = i64::from(limit.min(PAGE_MAX));
        fetch!(self, StrategyRow, sql, name, scope.mode(), scope.account(), limit).await
    }

    /// Returns the hashes of all versions of all strategies, whatever mode loaded them, by name and the one that was loaded last first.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn all_versions(&self) -> Result<Vec<(String, String)>, DbError> {
        let sql = "SELECT name, hash FROM strategies GROUP BY name, hash
                   ORDER BY name, MAX(loaded_at_ms) DESC, MAX(first_seen_ms) DESC, hash";
        fetch!(self, (String, String), sql).await
    }

    /// Returns the hashes that decisions of operators speak of, in any mode: versions that somebody went back to, armed, or went back from.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn decided_versions(&self) -> Result<Vec<String>, DbError> {
        let sql = "SELECT pinned, over_file, armed FROM strategy_decisions";
        let rows = fetch!(self, (String, String, String), sql).await?;
        Ok(rows.into_iter().flat_map(|(pinned, over_file, armed)| [pinned, over_file, armed]).collect())
    }
}
