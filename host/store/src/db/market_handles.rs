//! The handles by which strategies name their markets. They are permanent: a strategy's saved state may contain them.

use super::{Db, DbError, Pools, execute, fetch, within};
use model::{ConditionId, StrategyId};
use std::collections::BTreeMap;

/// The most attempts to assign handles that another host took first.
const TRIES: u32 = 5;
const INSERT: &str =
    "INSERT INTO market_places (strategy, condition_id, place) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";

/// Inserts rows in one transaction of a pool.
macro_rules! insert_all {
    ($pool:expr, $strategy:expr, $rows:expr) => {
        within(async {
            let mut transaction = $pool.begin().await?;
            for (condition, place) in $rows {
                sqlx::query(INSERT).bind($strategy).bind(condition).bind(place).execute(&mut *transaction).await?;
            }
            transaction.commit().await
        })
        .await
    };
}

impl Db {
    /// Assigns a market the handle that a journal has for it, unless the market has one or the handle is taken. Returns
    /// the number of rows added.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn add_market_place(
        &self,
        strategy: StrategyId,
        market: ConditionId,
        place: u32,
    ) -> Result<u64, DbError> {
        execute!(self, INSERT, i64::from(strategy.0), market.to_string(), i64::from(place)).await
    }

    /// Returns a strategy's handles for these markets, in the order of the markets: the next free one for each market
    /// that has none, the same permanently afterwards.
    ///
    /// # Errors
    /// If the database fails, or no handle could be assigned.
    pub async fn market_places(&self, strategy: StrategyId, markets: &[ConditionId]) -> Result<Vec<u32>, DbError> {
        let (number, sql) =
            (i64::from(strategy.0), "SELECT condition_id, place FROM market_places WHERE strategy = $1");
        let names: Vec<String> = markets.iter().map(ToString::to_string).collect();
        for _ in 0..TRIES {
            let known: BTreeMap<String, i64> = fetch!(self, (String, i64), sql, number).await?.into_iter().collect();
            let places: Option<Vec<i64>> = names.iter().map(|name| known.get(name).copied()).collect();
            if let Some(places) = places {
                return Ok(places.into_iter().map(u32::try_from).collect::<Result<_, _>>()?);
            }
            let first = known.values().max().map_or(0, |last| last.saturating_add(1));
            let rows = names.iter().filter(|name| !known.contains_key(*name)).zip(first..);
            match &self.pools {
                Pools::Sqlite { pool, .. } => insert_all!(pool, number, rows)?,
                Pools::Postgres(pool) => insert_all!(pool, number, rows)?,
            }
        }
        Err(DbError::MarketPlaces(strategy.0))
    }
}
