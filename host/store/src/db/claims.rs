//! Primary rows: what was redeemed and merged through the relayer. Each is written before the call returns.

use super::{Db, DbError, big, execute, fetch};
use sqlx::FromRow;

/// The most rows that one read returns.
pub const CLAIMS_MAX: u32 = 500;

/// A redemption or merge, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct ClaimRow {
    /// The funder's address.
    pub account: String,
    /// When it was begun; tells it apart from the account's others.
    #[sqlx(try_from = "i64")]
    pub created_at_ms: u64,
    /// `redeem` or `merge`.
    pub kind: String,
    /// The market's slug.
    pub market: String,
    /// The market's condition.
    pub condition_id: String,
    /// Shares, or pairs.
    #[sqlx(try_from = "i64")]
    pub size_micros: u64,
    /// What is to be paid for them.
    pub worth_micro_usd: i64,
    /// The wallet's number in the batch.
    #[sqlx(try_from = "i64")]
    pub nonce: u64,
    /// The wallet refuses the batch after this, in Unix seconds.
    #[sqlx(try_from = "i64")]
    pub deadline_s: u64,
    /// `signed`, `sent`, `unknown`, `confirmed`, `used` or `failed`.
    pub state: String,
    /// The relayer's id; empty if it is not known.
    pub transaction_id: String,
    /// The chain's hash; empty if there is none yet.
    pub transaction_hash: String,
    /// Why it failed, or is not known.
    pub reason: String,
    /// Who wanted it: an operator's token, or `host`.
    pub who: String,
    /// When the state changed last.
    #[sqlx(try_from = "i64")]
    pub updated_at_ms: u64,
}

impl ClaimRow {
    /// Says whether it may still have an effect that nobody has seen.
    pub fn is_open(&self) -> bool {
        matches!(self.state.as_str(), "signed" | "sent" | "unknown")
    }
}

impl Db {
    /// Adds a claim that is about to leave.
    ///
    /// # Errors
    /// If the database fails. The caller then does not let it leave.
    pub async fn add_claim(&self, row: &ClaimRow) -> Result<(), DbError> {
        let sql =
            "INSERT INTO claims (account, created_at_ms, kind, market, condition_id, size_micros, worth_micro_usd,
                   nonce, deadline_s, state, transaction_id, transaction_hash, reason, who, updated_at_ms)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
        let (created, updated) = (big(row.created_at_ms)?, big(row.updated_at_ms)?);
        let (size, nonce, deadline) = (big(row.size_micros)?, big(row.nonce)?, big(row.deadline_s)?);
        execute!(
            self,
            sql,
            &row.account,
            created,
            &row.kind,
            &row.market,
            &row.condition_id,
            size,
            row.worth_micro_usd,
            nonce,
            deadline,
            &row.state,
            &row.transaction_id,
            &row.transaction_hash,
            &row.reason,
            &row.who,
            updated
        )
        .await
        .map(drop)
    }

    /// Keeps what became of a claim.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn update_claim(&self, row: &ClaimRow) -> Result<(), DbError> {
        let sql =
            "UPDATE claims SET state = $3, transaction_id = $4, transaction_hash = $5, reason = $6, updated_at_ms = $7
                   WHERE account = $1 AND created_at_ms = $2";
        let (created, updated) = (big(row.created_at_ms)?, big(row.updated_at_ms)?);
        let (id, hash) = (&row.transaction_id, &row.transaction_hash);
        execute!(self, sql, &row.account, created, &row.state, id, hash, &row.reason, updated).await.map(drop)
    }

    /// Returns the newest claims of an account, newest first, at most `limit` or [`CLAIMS_MAX`].
    ///
    /// # Errors
    /// If the database fails.
    pub async fn claims(&self, account: &str, limit: u32) -> Result<Vec<ClaimRow>, DbError> {
        let sql = "SELECT account, created_at_ms, kind, market, condition_id, size_micros, worth_micro_usd, nonce, deadline_s,
                   state, transaction_id, transaction_hash, reason, who, updated_at_ms FROM claims
                   WHERE account = $1 ORDER BY created_at_ms DESC LIMIT $2";
        fetch!(self, ClaimRow, sql, account, i64::from(limit.min(CLAIMS_MAX))).await
    }
}
