//! Writes a session's rows within a transaction. Each statement may run again with the same row and then changes
//! nothing.

use super::{
    AccountScope, BreakerRow, Db, DbError, DbWrite, FillRow, MoveRow, OrderRow, Pools, PositionRow, RefusalRow,
    SessionRow, StrategyRow, big, within,
};
use sqlx::{Postgres, Sqlite, Transaction};

/// A transaction on one of the two databases.
enum Work {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Work {
    async fn begin(pools: &Pools) -> Result<Self, sqlx::Error> {
        Ok(match pools {
            Pools::Sqlite { fast, .. } => Self::Sqlite(fast.begin().await?),
            Pools::Postgres(pool) => Self::Postgres(pool.begin().await?),
        })
    }

    async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(work) => work.commit().await,
            Self::Postgres(work) => work.commit().await,
        }
    }
}

/// Runs a statement with its values within the transaction.
macro_rules! run {
    ($work:expr, $sql:expr $(, $value:expr)* $(,)?) => {
        match $work {
            Work::Sqlite(work) => sqlx::query($sql)$(.bind($value))*.execute(&mut **work).await.map(drop)?,
            Work::Postgres(work) => sqlx::query($sql)$(.bind($value))*.execute(&mut **work).await.map(drop)?,
        }
    };
}

/// Writes all rows, or none.
pub(super) async fn write_all(pools: &Pools, rows: &[DbWrite]) -> Result<(), DbError> {
    within(async {
        let mut work = Work::begin(pools).await?;
        for row in rows {
            write(&mut work, row).await?;
        }
        work.commit().await
    })
    .await
}

/// The rows of one session that replace those in the database, all at once or not at all.
pub struct SessionRows(Work);

impl std::fmt::Debug for SessionRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionRows").finish_non_exhaustive()
    }
}

impl Db {
    /// Starts to replace the rows determined by the journal of `session`: orders with their states, fills, positions,
    /// refusals, breakers. Nothing changes before [`SessionRows::commit`].
    ///
    /// # Errors
    /// If the database fails.
    pub async fn replace_session(&self, session: u64) -> Result<SessionRows, DbError> {
        let session = big(session)?;
        within(async {
            let mut work = Work::begin(&self.pools).await?;
            let work_ref = &mut work;
            run!(work_ref, "DELETE FROM orders WHERE session = $1", session);
            run!(work_ref, "DELETE FROM order_events WHERE session = $1", session);
            run!(work_ref, "DELETE FROM fills WHERE session = $1", session);
            run!(work_ref, "DELETE FROM positions WHERE session = $1", session);
            run!(work_ref, "DELETE FROM share_moves WHERE session = $1", session);
            run!(work_ref, "DELETE FROM refusals WHERE session = $1", session);
            run!(work_ref, "DELETE FROM breakers WHERE session = $1", session);
            Ok(SessionRows(work))
        })
        .await
    }
}

impl SessionRows {
    /// Adds rows in the order of the journal.
    ///
    /// # Errors
    /// If the database fails, or refuses one of them.
    pub async fn write(&mut self, rows: &[DbWrite]) -> Result<(), DbError> {
        for row in rows {
            within(write(&mut self.0, row)).await?;
        }
        Ok(())
    }

    /// Replaces the old rows.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn commit(self) -> Result<(), DbError> {
        Ok(self.0.commit().await?)
    }
}

async fn write(work: &mut Work, row: &DbWrite) -> Result<(), sqlx::Error> {
    match row {
        DbWrite::Session(row) => session(work, row).await,
        DbWrite::Order { seq, order: row } => {
            order(work, row).await?;
            order_event(work, *seq, row).await
        }
        DbWrite::Fill(row) => fill(work, row).await,
        DbWrite::Position(row) => position(work, row).await,
        DbWrite::Move(row) => share_move(work, row).await,
        DbWrite::Refusal(row) => refusal(work, row).await,
        DbWrite::Breaker(row) => breaker(work, row).await,
        DbWrite::Strategy(scope, row) => strategy(work, scope, row).await,
    }
}

async fn session(work: &mut Work, row: &SessionRow) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO sessions (session, mode, account, started_at_ms) VALUES ($1, $2, $3, $4)
               ON CONFLICT (session) DO NOTHING";
    run!(work, sql, big(row.session)?, row.mode, &row.account, big(row.started_at_ms)?);
    Ok(())
}

async fn order(work: &mut Work, row: &OrderRow) -> Result<(), sqlx::Error> {
    let sql =
        "INSERT INTO orders (session, id, venue_id, strategy, token, market, outcome, side, kind, price_micro_usd,
                   size_micros, filled_micros, state, reason, created_at_ms, updated_at_ms)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
               ON CONFLICT (session, id) DO UPDATE SET
                   venue_id = CASE WHEN excluded.venue_id = '' THEN orders.venue_id ELSE excluded.venue_id END,
                   filled_micros = excluded.filled_micros, state = excluded.state, reason = excluded.reason,
                   updated_at_ms = excluded.updated_at_ms";
    run!(
        work,
        sql,
        big(row.session)?,
        big(row.id)?,
        &row.venue_id,
        &row.strategy,
        &row.token,
        &row.market,
        &row.outcome,
        &row.side,
        &row.kind,
        i64::from(row.price_micro_usd),
        big(row.size_micros)?,
        big(row.filled_micros)?,
        &row.state,
        &row.reason,
        big(row.created_at_ms)?,
        big(row.updated_at_ms)?,
    );
    Ok(())
}

async fn order_event(work: &mut Work, seq: u64, row: &OrderRow) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO order_events (session, order_id, seq, state, filled_micros, reason, at_ms)
               VALUES ($1, $2, $3, $4, $5, $6, $7)
               ON CONFLICT (session, order_id, seq, state) DO UPDATE SET
                   filled_micros = excluded.filled_micros, reason = excluded.reason";
    run!(
        work,
        sql,
        big(row.session)?,
        big(row.id)?,
        big(seq)?,
        &row.state,
        big(row.filled_micros)?,
        &row.reason,
        big(row.updated_at_ms)?,
    );
    Ok(())
}

async fn fill(work: &mut Work, row: &FillRow) -> Result<(), sqlx::Error> {
    let sql =
        "INSERT INTO fills (session, id, order_id, at_ms, strategy, token, market, outcome, side, price_micro_usd,
                   size_micros, cost_micro_usd, fee_micro_usd, maker, settlement)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
               ON CONFLICT (session, id) DO UPDATE SET
                   fee_micro_usd = excluded.fee_micro_usd, settlement = excluded.settlement";
    run!(
        work,
        sql,
        big(row.session)?,
        &row.id,
        big(row.order_id)?,
        big(row.at_ms)?,
        &row.strategy,
        &row.token,
        &row.market,
        &row.outcome,
        &row.side,
        i64::from(row.price_micro_usd),
        big(row.size_micros)?,
        row.cost_micro_usd,
        row.fee_micro_usd,
        row.maker,
        &row.settlement,
    );
    Ok(())
}

async fn position(work: &mut Work, row: &PositionRow) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO positions (session, token, market, outcome, size_micros, cost_micro_usd, realised_micro_usd, at_ms)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
               ON CONFLICT (session, token) DO UPDATE SET
                   size_micros = excluded.size_micros, cost_micro_usd = excluded.cost_micro_usd,
                   realised_micro_usd = excluded.realised_micro_usd, at_ms = excluded.at_ms";
    run!(
        work,
        sql,
        big(row.session)?,
        &row.token,
        &row.market,
        &row.outcome,
        big(row.size_micros)?,
        row.cost_micro_usd,
        row.realised_micro_usd,
        big(row.at_ms)?,
    );
    Ok(())
}

async fn share_move(work: &mut Work, row: &MoveRow) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO share_moves (session, seq, place, at_ms, kind, token, market, outcome, size_micros, comes,
                   dollars_micro_usd)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (session, seq, place) DO NOTHING";
    run!(
        work,
        sql,
        big(row.session)?,
        big(row.seq)?,
        i64::from(row.place),
        big(row.at_ms)?,
        &row.kind,
        &row.token,
        &row.market,
        &row.outcome,
        big(row.size_micros)?,
        row.comes,
        row.dollars_micro_usd,
    );
    Ok(())
}

async fn refusal(work: &mut Work, row: &RefusalRow) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO refusals (session, seq, place, at_ms, strategy, rule, market, outcome, value, allowed,
                   count, last_at_ms)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (session, seq, place) DO UPDATE SET
                   value = excluded.value, allowed = excluded.allowed, count = excluded.count,
                   last_at_ms = excluded.last_at_ms";
    run!(
        work,
        sql,
        big(row.session)?,
        big(row.seq)?,
        i64::from(row.place),
        big(row.at_ms)?,
        &row.strategy,
        &row.rule,
        &row.market,
        &row.outcome,
        row.value,
        row.allowed,
        big(row.count)?,
        big(row.last_at_ms)?,
    );
    Ok(())
}

async fn breaker(work: &mut Work, row: &BreakerRow) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO breakers (session, seq, name, market, tripped, reason, at_ms)
               VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (session, seq, name, market) DO UPDATE SET
                   tripped = excluded.tripped, reason = excluded.reason";
    run!(
        work,
        sql,
        big(row.session)?,
        big(row.seq)?,
        &row.name,
        &row.market,
        i64::from(row.tripped),
        &row.reason,
        big(row.at_ms)?,
    );
    Ok(())
}

async fn strategy(work: &mut Work, scope: &AccountScope, row: &StrategyRow) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO strategies (hash, name, version, first_seen_ms, source, bytes, loaded_at_ms, mode, account)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
               ON CONFLICT (mode, account, hash, name) DO UPDATE SET source = excluded.source, loaded_at_ms = excluded.loaded_at_ms";
    let (first, bytes, loaded) = (big(row.first_seen_ms)?, big(row.bytes)?, big(row.loaded_at_ms)?);
    let (mode, account) = (scope.mode(), scope.account());
    run!(work, sql, &row.hash, &row.name, &row.version, first, &row.source, bytes, loaded, mode, account);
    Ok(())
}
