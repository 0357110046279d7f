//! Reads projections, in pages of limited size.

use super::readers::read;
use super::{AccountScope, Db, DbError, FillRow, OrderEventRow, OrderHistory, OrderRow, StrategyRow, big};

/// The most rows of one page.
pub const PAGE_MAX: u32 = 500;
/// The most rows of one query: a page, and one more that shows whether another page follows.
const ROWS_MAX: u32 = PAGE_MAX + 1;
/// The most events, and the most fills, of one order's history.
pub const EVENTS_MAX: u32 = 1_000;

/// The position of a fill in the order by time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FillKey {
    /// The time it was matched.
    pub at_ms: u64,
    /// Its session.
    pub session: u64,
    /// Its id.
    pub id: String,
}

impl FillKey {
    pub(super) fn position(before: Option<&Self>) -> Result<(i64, i64, &str), DbError> {
        Ok(match before {
            Some(key) => (big(key.at_ms)?, big(key.session)?, key.id.as_str()),
            None => (i64::MAX, 0, ""),
        })
    }
}

impl From<&FillRow> for FillKey {
    fn from(row: &FillRow) -> Self {
        Self { at_ms: row.at_ms, session: row.session, id: row.id.clone() }
    }
}

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
    /// Returns the fills of an order, newest first, as [`Db::trades`] does.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn order_fills(
        &self,
        (session, order): (u64, u64),
        before: Option<&FillKey>,
        limit: u32,
    ) -> Result<Vec<FillRow>, DbError> {
        let (at, _, id) = FillKey::position(before)?;
        let sql = fill_columns!(
            "WHERE session = $1 AND order_id = $2 AND (at_ms < $3 OR (at_ms = $3 AND id < $4))
             ORDER BY at_ms DESC, id DESC LIMIT $5"
        );
        let limit = i64::from(limit.min(ROWS_MAX));
        read!(self, FillRow, sql, big(session)?, big(order)?, at, id, limit).await
    }

    /// Returns the states of an order, newest first: those before the number and state of the last row of the previous
    /// page.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn order_events(
        &self,
        (session, order): (u64, u64),
        before: Option<(u64, &str)>,
        limit: u32,
    ) -> Result<Vec<OrderEventRow>, DbError> {
        let (seq, state) = match before {
            Some((seq, state)) => (big(seq)?, state),
            None => (i64::MAX, ""),
        };
        let sql = "SELECT seq, state, filled_micros, reason, at_ms FROM order_events
                   WHERE session = $1 AND order_id = $2 AND (seq < $3 OR (seq = $3 AND state < $4))
                   ORDER BY seq DESC, state DESC LIMIT $5";
        let limit = i64::from(limit.min(ROWS_MAX));
        read!(self, OrderEventRow, sql, big(session)?, big(order)?, seq, state, limit).await
    }

    /// Returns an order of a session with its whole history; `None` if there is no such order.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn order_history(&self, session: u64, id: u64) -> Result<Option<OrderHistory>, DbError> {
        // A number that no row can have is unknown, not an error: it comes from a URL.
        let (Ok(session), Ok(id)) = (i64::try_from(session), i64::try_from(id)) else { return Ok(None) };
        let order = read!(self, OrderRow, order_columns!("WHERE session = $1 AND id = $2"), session, id).await?.pop();
        let Some(order) = order else { return Ok(None) };
        let sql = "SELECT seq, state, filled_micros, reason, at_ms FROM order_events
                   WHERE session = $1 AND order_id = $2 ORDER BY seq, at_ms LIMIT $3";
        let events = read!(self, OrderEventRow, sql, session, id, i64::from(EVENTS_MAX)).await?;
        let sql = fill_columns!("WHERE session = $1 AND order_id = $2 ORDER BY at_ms, id LIMIT $3");
        let fills = read!(self, FillRow, sql, session, id, i64::from(EVENTS_MAX)).await?;
        Ok(Some(OrderHistory { order, events, fills }))
    }

    /// Returns the versions of a strategy that were loaded in `scope`, or in an unknown mode, the last loaded first; at
    /// most `limit` or [`PAGE_MAX`].
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
        read!(self, StrategyRow, sql, name, scope.mode(), scope.account(), limit).await
    }

    /// Returns the hashes of all versions of all strategies, in any mode, by name and with the last loaded first.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn all_versions(&self) -> Result<Vec<(String, String)>, DbError> {
        let sql = "SELECT name, hash FROM strategies GROUP BY name, hash
                   ORDER BY name, MAX(loaded_at_ms) DESC, MAX(first_seen_ms) DESC, hash";
        read!(self, (String, String), sql).await
    }

    /// Returns the hashes named in operators' decisions, in any mode: versions that were rolled back to, armed, or
    /// rolled back from.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn decided_versions(&self) -> Result<Vec<String>, DbError> {
        let sql = "SELECT pinned, over_file, armed FROM strategy_decisions";
        let rows = read!(self, (String, String, String), sql).await?;
        Ok(rows.into_iter().flat_map(|(pinned, over_file, armed)| [pinned, over_file, armed]).collect())
    }
}
