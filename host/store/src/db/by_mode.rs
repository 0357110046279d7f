//! Operators' decisions by mode and account: limits, decisions about strategies, and tokens; also the time each version
//! was first seen. Each is written before the call returns.
//!
//! Rows from before decisions had a mode belong to [`AccountScope::UNKNOWN`]. Their restrictions apply in every mode,
//! their permissions in none.

use super::{Db, DbError, DecisionRow, SettingRow, TokenRow, big, execute, fetch};

/// The most settings of other modes and accounts that one read returns.
pub const ELSEWHERE_MAX: u32 = 32;

/// The mode and account of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountScope {
    mode: &'static str,
    account: String,
}

impl AccountScope {
    /// The scope of rows from before decisions had one.
    pub const UNKNOWN: Self = Self { mode: "", account: String::new() };

    /// Returns the scope of an account in a mode (`demo`, `paper` or `live`). All demo accounts share one scope,
    /// because a new one is generated at each start.
    pub fn new(mode: &'static str, account: &str) -> Self {
        let account = if mode == "demo" { String::new() } else { account.to_owned() };
        Self { mode, account }
    }

    /// Returns the mode.
    pub const fn mode(&self) -> &'static str {
        self.mode
    }

    /// Returns the account; empty in demo mode.
    pub fn account(&self) -> &str {
        &self.account
    }
}

impl Db {
    /// Returns the tokens valid for a host of `scope`: those created for it, and outside live mode those of an unknown
    /// mode.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn tokens(&self, scope: &AccountScope) -> Result<Vec<TokenRow>, DbError> {
        let sql = "SELECT name, role, hash, created_at_ms, expires_at_ms, folder FROM tokens
                   WHERE (mode = $1 AND account = $2) OR (mode = '' AND $1 <> 'live') ORDER BY name, mode";
        fetch!(self, TokenRow, sql, scope.mode, &scope.account).await
    }

    /// Adds a token of `scope`; returns false if the name is taken there.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn add_token(&self, scope: &AccountScope, token: &TokenRow) -> Result<bool, DbError> {
        let sql = "INSERT INTO tokens (name, role, hash, created_at_ms, expires_at_ms, folder, mode, account)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (mode, account, name) DO NOTHING";
        let TokenRow { name, role, hash, created_at_ms, expires_at_ms, folder } = token;
        let (created, AccountScope { mode, account }) = (big(*created_at_ms)?, scope);
        Ok(execute!(self, sql, name, role, hash, created, *expires_at_ms, folder, *mode, account).await? == 1)
    }

    /// Removes the token with this hash, whatever its scope. A token that is already gone is not an error.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn remove_token(&self, hash: &str) -> Result<(), DbError> {
        execute!(self, "DELETE FROM tokens WHERE hash = $1", hash).await.map(drop)
    }

    /// Records that a token is the `admin.token` of a data folder, unless it is recorded for one.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn adopt_token(&self, hash: &str, folder: &str) -> Result<(), DbError> {
        execute!(self, "UPDATE tokens SET folder = $1 WHERE hash = $2 AND folder = ''", folder, hash).await.map(drop)
    }

    /// Returns the settings made by operators of a host of `scope`.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn settings(&self, scope: &AccountScope) -> Result<Vec<SettingRow>, DbError> {
        let sql = "SELECT name, value, who, at_ms FROM settings WHERE mode = $1 AND account = $2 ORDER BY at_ms, name";
        fetch!(self, SettingRow, sql, scope.mode, &scope.account).await
    }

    /// Returns the settings of other known modes or accounts, as mode, key and value; at most [`ELSEWHERE_MAX`], the
    /// newest first.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn settings_elsewhere(&self, scope: &AccountScope) -> Result<Vec<(String, String, String)>, DbError> {
        let sql = "SELECT mode, name, value FROM settings WHERE mode <> '' AND NOT (mode = $1 AND account = $2)
                   ORDER BY at_ms DESC, name LIMIT $3";
        fetch!(self, (String, String, String), sql, scope.mode, &scope.account, i64::from(ELSEWHERE_MAX)).await
    }

    /// Stores an operator's setting; the last value of a key counts.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn set_setting(&self, scope: &AccountScope, row: &SettingRow) -> Result<(), DbError> {
        let sql = "INSERT INTO settings (name, value, who, at_ms, mode, account) VALUES ($1, $2, $3, $4, $5, $6)
                   ON CONFLICT (mode, account, name)
                   DO UPDATE SET value = excluded.value, who = excluded.who, at_ms = excluded.at_ms";
        let (at, AccountScope { mode, account }) = (big(row.at_ms)?, scope);
        execute!(self, sql, &row.name, &row.value, &row.who, at, *mode, account).await.map(drop)
    }

    /// Returns the time in milliseconds at which a module was first loaded under a name by a host of `scope`; `None` if
    /// it never was.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn first_seen(&self, scope: &AccountScope, name: &str, hash: &str) -> Result<Option<u64>, DbError> {
        let sql = "SELECT first_seen_ms FROM strategies WHERE name = $1 AND hash = $2 AND mode = $3 AND account = $4";
        let rows = fetch!(self, (i64,), sql, name, hash, scope.mode, &scope.account).await?;
        rows.first().map(|(at,)| Ok(u64::try_from(*at)?)).transpose()
    }

    /// Returns the operators' decision about a strategy in `scope`; the default if there is none. A decision of an
    /// unknown mode applies where it restricts, until there is one of `scope`: the strategy stays disabled, a pinned
    /// version replaces the file's, and the next arming has the same budget. It arms nothing.
    ///
    /// # Errors
    /// If the database fails. The caller then does not start the strategy.
    pub async fn decision(&self, scope: &AccountScope, name: &str) -> Result<DecisionRow, DbError> {
        if let Some(row) = self.decision_of(scope, name).await? {
            return Ok(row);
        }
        let before = self.decision_of(&AccountScope::UNKNOWN, name).await?;
        let before = before.map(|row| DecisionRow { armed: String::new(), ..row });
        Ok(before.unwrap_or_else(|| DecisionRow { name: name.to_owned(), ..DecisionRow::default() }))
    }

    async fn decision_of(&self, scope: &AccountScope, name: &str) -> Result<Option<DecisionRow>, DbError> {
        let sql =
            "SELECT name, disabled, pinned, over_file, armed, armed_capital_micro_usd, armed_daily_loss_micro_usd,
                       armed_orders_per_minute, who, at_ms FROM strategy_decisions
                   WHERE name = $1 AND mode = $2 AND account = $3";
        Ok(fetch!(self, DecisionRow, sql, name, scope.mode, &scope.account).await?.pop())
    }

    /// Returns the mode in which a version was armed outside `scope`, empty if that mode is unknown; `None` if it was
    /// not.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn armed_elsewhere(
        &self,
        scope: &AccountScope,
        name: &str,
        hash: &str,
    ) -> Result<Option<String>, DbError> {
        let sql = "SELECT mode FROM strategy_decisions WHERE name = $1 AND armed = $2
                   AND NOT (mode = $3 AND account = $4) ORDER BY at_ms DESC, mode LIMIT 1";
        let rows = fetch!(self, (String,), sql, name, hash, scope.mode, &scope.account).await?;
        Ok(rows.into_iter().next().map(|(mode,)| mode))
    }

    /// Stores an operator's decision about a strategy.
    ///
    /// # Errors
    /// If the database fails. The caller then refuses the action.
    pub async fn set_decision(&self, scope: &AccountScope, row: &DecisionRow) -> Result<(), DbError> {
        let sql = "INSERT INTO strategy_decisions (name, disabled, pinned, over_file, armed, who, at_ms,
                       armed_capital_micro_usd, armed_daily_loss_micro_usd, armed_orders_per_minute, mode, account)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
                   ON CONFLICT (mode, account, name) DO UPDATE SET disabled = excluded.disabled, pinned = excluded.pinned,
                       over_file = excluded.over_file, armed = excluded.armed, who = excluded.who, at_ms = excluded.at_ms,
                       armed_capital_micro_usd = excluded.armed_capital_micro_usd,
                       armed_daily_loss_micro_usd = excluded.armed_daily_loss_micro_usd,
                       armed_orders_per_minute = excluded.armed_orders_per_minute";
        let at = big(row.at_ms)?;
        let DecisionRow { name, disabled, pinned, over_file, armed, who, .. } = row;
        let capital = row.armed_capital_micro_usd;
        let (loss, orders) = (row.armed_daily_loss_micro_usd, row.armed_orders_per_minute);
        let AccountScope { mode, account } = scope;
        execute!(self, sql, name, *disabled, pinned, over_file, armed, who, at, capital, loss, orders, *mode, account)
            .await
            .map(drop)
    }
}
