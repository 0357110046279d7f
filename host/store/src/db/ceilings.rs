//! Size ceilings of the tables that only explain. Their oldest rows are removed; fills, orders, audit and decisions
//! always stay.

use super::{Db, DbError};

/// The assumed bytes of a row of either table, with its share of the index. Few rows have more.
const ROW_BYTES: u64 = 400;
/// The most rows of one statement, so that the writer never waits long for it.
const PRUNED_AT_ONCE: u64 = 2_000;

/// The most bytes of the tables whose oldest rows may be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ceilings {
    /// The ceiling of refusals.
    pub refusals: u64,
    /// The ceiling of order events.
    pub order_events: u64,
}

impl Db {
    /// Removes the oldest rows above the ceilings, and returns their number.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn prune(&self, ceilings: Ceilings) -> Result<u64, DbError> {
        let refusals = "DELETE FROM refusals WHERE (session, seq, place) IN
                            (SELECT session, seq, place FROM refusals ORDER BY session, seq, place LIMIT $1)";
        let events = "DELETE FROM order_events WHERE (session, order_id, seq, state) IN
                          (SELECT session, order_id, seq, state FROM order_events
                           ORDER BY session, seq LIMIT $1)";
        let first = self.prune_table("SELECT COUNT(*) FROM refusals", refusals, ceilings.refusals).await?;
        let second = self.prune_table("SELECT COUNT(*) FROM order_events", events, ceilings.order_events).await?;
        Ok(first.saturating_add(second))
    }

    /// Removes refusals and order events from before `at_ms`, and returns their number.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn prune_older(&self, at_ms: u64) -> Result<u64, DbError> {
        let refusals = "DELETE FROM refusals WHERE (session, seq, place) IN
                            (SELECT session, seq, place FROM refusals WHERE at_ms < $1 ORDER BY at_ms LIMIT $2)";
        let events = "DELETE FROM order_events WHERE (session, order_id, seq, state) IN
                          (SELECT session, order_id, seq, state FROM order_events WHERE at_ms < $1 ORDER BY at_ms LIMIT $2)";
        let (before, some) = (super::big(at_ms)?, super::big(PRUNED_AT_ONCE)?);
        let mut removed = 0_u64;
        for sql in [refusals, events] {
            loop {
                let gone = super::execute!(self, sql, before, some).await?;
                removed = removed.saturating_add(gone);
                if gone < PRUNED_AT_ONCE {
                    break;
                }
            }
        }
        Ok(removed)
    }

    async fn prune_table(&self, count: &'static str, remove: &'static str, bytes: u64) -> Result<u64, DbError> {
        let rows: Vec<(i64,)> = super::fetch!(self, (i64,), count).await?;
        let rows = rows.first().map_or(0, |(rows,)| u64::try_from(*rows).unwrap_or(0));
        let most = bytes.checked_div(ROW_BYTES).unwrap_or(0);
        let mut removed = 0_u64;
        while rows.saturating_sub(removed) > most {
            let some = rows.saturating_sub(removed).saturating_sub(most).min(PRUNED_AT_ONCE);
            let gone = super::execute!(self, remove, super::big(some)?).await?;
            if gone == 0 {
                break;
            }
            removed = removed.saturating_add(gone);
        }
        Ok(removed)
    }
}
