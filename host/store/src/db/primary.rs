//! Primary rows: audit, halts and strategy numbers. Each is written before the call returns.

use super::{AuditRow, Db, DbError, Halt, big, execute, fetch};
use model::StrategyId;

/// The most audit rows that one read returns.
pub const AUDIT_MAX: u32 = 500;
/// The most attempts to assign a number that another host took first.
const NUMBER_TRIES: u32 = 5;

impl Db {
    /// Returns the newest entries of the audit, newest first, at most `limit` or [`AUDIT_MAX`].
    ///
    /// # Errors
    /// If the database fails.
    pub async fn audits(&self, limit: u32) -> Result<Vec<AuditRow>, DbError> {
        let sql = "SELECT at_ms, who, role, origin, action, detail, old_value, new_value, claimed_user, outcome
                   FROM audit ORDER BY id DESC LIMIT $1";
        fetch!(self, AuditRow, sql, i64::from(limit.min(AUDIT_MAX))).await
    }

    /// Returns the emergency stop in effect for `scope`, an account or a word chosen by the caller.
    ///
    /// # Errors
    /// If the database fails. The caller then does not trade.
    pub async fn halted(&self, scope: &str) -> Result<Option<Halt>, DbError> {
        Ok(fetch!(self, Halt, "SELECT reason, at_ms FROM halts WHERE scope = $1", scope).await?.pop())
    }

    /// Stores an emergency stop, or removes it. The first reason stays until it is released.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn set_halted(&self, scope: &str, halt: Option<&Halt>) -> Result<(), DbError> {
        let Some(halt) = halt else {
            return execute!(self, "DELETE FROM halts WHERE scope = $1", scope).await.map(drop);
        };
        let sql = "INSERT INTO halts (scope, reason, at_ms) VALUES ($1, $2, $3) ON CONFLICT (scope) DO NOTHING";
        execute!(self, sql, scope, &halt.reason, big(halt.at_ms)?).await.map(drop)
    }

    /// Returns the number of the strategy `name`: the next free one at first, the same permanently afterwards.
    ///
    /// # Errors
    /// If the database fails, or 65,535 names have been used.
    pub async fn strategy_id(&self, name: &str) -> Result<StrategyId, DbError> {
        // `WHERE TRUE` keeps SQLite from parsing ON CONFLICT as a join's ON. If another host takes the number at the
        // same moment, neither is inserted twice: the next attempt finds it.
        let insert = "INSERT INTO strategy_names (name, id)
                      SELECT CAST($1 AS TEXT), COALESCE(MAX(id), 0) + 1 FROM strategy_names WHERE TRUE
                      HAVING COALESCE(MAX(id), 0) < 65535 ON CONFLICT DO NOTHING";
        for _ in 0..NUMBER_TRIES {
            let rows = fetch!(self, (i64,), "SELECT id FROM strategy_names WHERE name = $1", name).await?;
            if let Some((id,)) = rows.first() {
                return Ok(StrategyId(u16::try_from(*id)?));
            }
            execute!(self, insert, name).await?;
        }
        Err(DbError::StrategyNumbers(name.to_owned()))
    }

    /// Assigns a strategy the number that a journal has for it, unless the name or the number exists. Returns the
    /// number of rows added.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn add_strategy_number(&self, id: StrategyId, name: &str) -> Result<u64, DbError> {
        let sql = "INSERT INTO strategy_names (name, id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        execute!(self, sql, name, i64::from(id.0)).await
    }

    /// Returns the names of all strategies with their numbers.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn strategy_names(&self) -> Result<Vec<(StrategyId, String)>, DbError> {
        let sql = "SELECT id, name FROM strategy_names ORDER BY id";
        let rows = fetch!(self, (i64, String), sql).await?;
        rows.into_iter().map(|(id, name)| Ok((StrategyId(u16::try_from(id)?), name))).collect()
    }

    /// Returns the name of the strategy with this number; `None` if there is none.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn strategy_name(&self, id: StrategyId) -> Result<Option<String>, DbError> {
        let sql = "SELECT name FROM strategy_names WHERE id = $1";
        Ok(fetch!(self, (String,), sql, i64::from(id.0)).await?.pop().map(|(name,)| name))
    }
}
