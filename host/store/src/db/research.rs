//! Sweeps, the trials ever run on each tape, and the time that versions of strategies ran. Each row is written before
//! the call returns.

use super::{AccountScope, Db, DbError, big, execute, fetch};

/// Most trials that one read returns.
pub const TRIALS_MAX: u32 = 100_000;
/// Most characters of a run that must match, and fewest.
const PREFIX_MIN: usize = 8;

/// A sweep.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct SweepRow {
    /// The plan's hash.
    pub sweep: String,
    /// Its name.
    pub name: String,
    /// The strategy's name.
    pub strategy: String,
    /// SHA-256 of the module, hexadecimal.
    pub module: String,
    /// The identity of its tapes together.
    pub tape: String,
    /// The score.
    pub objective: String,
    /// The plan as JSON.
    pub plan: String,
    /// The verdict as JSON; empty until the sweep has ended.
    pub verdict: String,
    /// The time of its first start.
    #[sqlx(try_from = "i64")]
    pub started_at_ms: u64,
    /// The time of its end.
    pub ended_at_ms: Option<i64>,
}

/// A backtest, of a sweep or alone.
#[derive(Debug, Clone, PartialEq, Eq, Default, sqlx::FromRow)]
pub struct TrialRow {
    /// The identity of its tapes together.
    pub tape: String,
    /// The run's id, or the hash of a sweep's job.
    pub run: String,
    /// SHA-256 of the module, hexadecimal.
    pub module: String,
    /// The strategy's name.
    pub strategy: String,
    /// Its parameters as JSON.
    pub parameters: String,
    /// The sweep; empty for a backtest alone.
    pub sweep: String,
    /// Its place in the sweep.
    #[sqlx(try_from = "i64")]
    pub place: u64,
    /// The reason why the strategy failed; empty if it did not.
    pub failure: String,
    /// The score in billionths; `None` without one.
    pub score_nanos: Option<i64>,
    /// The Sharpe ratio by event group in billionths; `None` without one.
    pub sharpe_nanos: Option<i64>,
    /// Profit in micro-dollars.
    pub profit_micro_usd: i64,
    /// Drawdown in micro-dollars.
    pub drawdown_micro_usd: i64,
    /// Fills.
    #[sqlx(try_from = "i64")]
    pub fills: u64,
    /// Digest of all decisions.
    pub digest: String,
    /// The time of the last event of its tapes.
    #[sqlx(try_from = "i64")]
    pub until_ms: u64,
    /// The time it was stored.
    #[sqlx(try_from = "i64")]
    pub at_ms: u64,
}

impl Db {
    /// Stores a sweep, or updates the verdict and the end of one that is stored.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn store_sweep(&self, row: &SweepRow) -> Result<(), DbError> {
        let sql = "INSERT INTO sweeps (sweep, name, strategy, module, tape, objective, plan, verdict, started_at_ms,
                       ended_at_ms)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (sweep)
                   DO UPDATE SET verdict = excluded.verdict, ended_at_ms = excluded.ended_at_ms";
        let SweepRow { sweep, name, strategy, module, tape, objective, plan, verdict, started_at_ms, ended_at_ms } =
            row;
        let started = big(*started_at_ms)?;
        execute!(self, sql, sweep, name, strategy, module, tape, objective, plan, verdict, started, *ended_at_ms)
            .await
            .map(drop)
    }

    /// Returns a sweep.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn sweep(&self, sweep: &str) -> Result<Option<SweepRow>, DbError> {
        let sql = "SELECT sweep, name, strategy, module, tape, objective, plan, verdict, started_at_ms, ended_at_ms
                   FROM sweeps WHERE sweep = $1";
        Ok(fetch!(self, SweepRow, sql, sweep).await?.pop())
    }

    /// Stores a trial. One that is stored stays as it is: equal jobs have equal results.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn store_trial(&self, row: &TrialRow) -> Result<(), DbError> {
        let sql = "INSERT INTO trials (tape, run, module, strategy, parameters, sweep, place, failure, score_nanos,
                       sharpe_nanos, profit_micro_usd, drawdown_micro_usd, fills, digest, until_ms, at_ms)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
                   ON CONFLICT (tape, run, module) DO NOTHING";
        let TrialRow { tape, run, module, strategy, parameters, sweep, failure, digest, .. } = row;
        let (score, sharpe, profit, drawdown) =
            (row.score_nanos, row.sharpe_nanos, row.profit_micro_usd, row.drawdown_micro_usd);
        let (place, fills, until, at) = (big(row.place)?, big(row.fills)?, big(row.until_ms)?, big(row.at_ms)?);
        execute!(
            self, sql, tape, run, module, strategy, parameters, sweep, place, failure, score, sharpe, profit, drawdown,
            fills, digest, until, at
        )
        .await
        .map(drop)
    }

    /// Returns the trials of a sweep by place, at most [`TRIALS_MAX`].
    ///
    /// # Errors
    /// If the database fails.
    pub async fn trials_of_sweep(&self, sweep: &str) -> Result<Vec<TrialRow>, DbError> {
        let sql = "SELECT tape, run, module, strategy, parameters, sweep, place, failure, score_nanos, sharpe_nanos,
                       profit_micro_usd, drawdown_micro_usd, fills, digest, until_ms, at_ms
                   FROM trials WHERE sweep = $1 ORDER BY place, run LIMIT $2";
        fetch!(self, TrialRow, sql, sweep, i64::from(TRIALS_MAX)).await
    }

    /// Returns the number of trials ever run on a tape outside `sweep`, and their known Sharpe ratios in billionths, at
    /// most [`TRIALS_MAX`].
    ///
    /// # Errors
    /// If the database fails.
    pub async fn trial_history(&self, tape: &str, sweep: &str) -> Result<(u64, Vec<i64>), DbError> {
        let count = "SELECT COUNT(*) FROM trials WHERE tape = $1 AND sweep <> $2";
        let rows = fetch!(self, (i64,), count, tape, sweep).await?;
        let trials = rows.first().map_or(0, |(rows,)| u64::try_from(*rows).unwrap_or(0));
        let sql = "SELECT sharpe_nanos FROM trials WHERE tape = $1 AND sweep <> $2 AND sharpe_nanos IS NOT NULL
                   ORDER BY run, module LIMIT $3";
        let ratios = fetch!(self, (i64,), sql, tape, sweep, i64::from(TRIALS_MAX)).await?;
        Ok((trials, ratios.into_iter().map(|(ratio,)| ratio).collect()))
    }

    /// Returns the trials whose run begins with `run`, the newest first, at most 100; none for fewer than eight
    /// characters.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn trials_of_run(&self, run: &str) -> Result<Vec<TrialRow>, DbError> {
        let plain = run.chars().all(|character| character.is_ascii_alphanumeric() || matches!(character, '-' | '.'));
        if run.len() < PREFIX_MIN || !plain {
            return Ok(Vec::new());
        }
        let sql = "SELECT tape, run, module, strategy, parameters, sweep, place, failure, score_nanos, sharpe_nanos,
                       profit_micro_usd, drawdown_micro_usd, fills, digest, until_ms, at_ms
                   FROM trials WHERE run LIKE $1 ORDER BY at_ms DESC, run, module LIMIT 100";
        fetch!(self, TrialRow, sql, format!("{run}%")).await
    }

    /// Adds time that a version of a strategy ran in `scope` until `until_ms`.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn add_strategy_time(
        &self,
        scope: &AccountScope,
        (name, hash): (&str, &str),
        ran_ms: u64,
        until_ms: u64,
    ) -> Result<(), DbError> {
        let sql = "INSERT INTO strategy_hours (mode, account, hash, name, ran_ms, until_ms)
                   VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (mode, account, hash, name)
                   DO UPDATE SET ran_ms = strategy_hours.ran_ms + excluded.ran_ms, until_ms = excluded.until_ms";
        let (ran, until) = (big(ran_ms)?, big(until_ms)?);
        execute!(self, sql, scope.mode(), scope.account(), hash, name, ran, until).await.map(drop)
    }

    /// Returns the time in milliseconds that a version ran in a mode, on all accounts and under all names.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn strategy_time(&self, mode: &str, hash: &str) -> Result<u64, DbError> {
        let sql = "SELECT ran_ms FROM strategy_hours WHERE mode = $1 AND hash = $2 ORDER BY ran_ms DESC LIMIT 1000";
        let rows = fetch!(self, (i64,), sql, mode, hash).await?;
        Ok(rows.into_iter().fold(0_u64, |sum, (ran,)| sum.saturating_add(u64::try_from(ran).unwrap_or(0))))
    }
}
