//! Primary rows: redemptions and merges through the relayer. Each is written before the call returns.

use super::readers::read;
use super::{Db, DbError, big, execute};
use sqlx::{FromRow, Row};
use std::sync::atomic::Ordering;

/// The most rows that one read returns.
pub const CLAIMS_MAX: u32 = 500;

/// The error for a column value outside its closed set of texts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("claim {column} `{text}` is unknown; expected one of {}", known.join(", "))]
pub struct UnknownText {
    column: &'static str,
    text: String,
    known: Vec<&'static str>,
}

/// The kind of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimKind {
    /// Shares of a resolved market are redeemed for dollars.
    Redeem,
    /// Pairs of both outcomes are merged into dollars.
    Merge,
}

impl ClaimKind {
    const ALL: [Self; 2] = [Self::Redeem, Self::Merge];

    /// Returns the text used in rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Redeem => "redeem",
            Self::Merge => "merge",
        }
    }
}

impl TryFrom<String> for ClaimKind {
    type Error = UnknownText;

    fn try_from(text: String) -> Result<Self, UnknownText> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| UnknownText { column: "kind", text, known: Self::ALL.map(Self::as_str).to_vec() })
    }
}

/// The state of a claim, that is, of funds on their way to a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimState {
    /// Signed and stored; the relayer has not answered.
    Signed,
    /// The relayer has it.
    Sent,
    /// Not known to have arrived.
    Unknown,
    /// Its transaction is final.
    Confirmed,
    /// Its nonce was used; the account shows the effect.
    Used,
    /// It has no effect.
    Failed,
}

impl ClaimState {
    const ALL: [Self; 6] = [Self::Signed, Self::Sent, Self::Unknown, Self::Confirmed, Self::Used, Self::Failed];

    /// Returns the text used in rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Signed => "signed",
            Self::Sent => "sent",
            Self::Unknown => "unknown",
            Self::Confirmed => "confirmed",
            Self::Used => "used",
            Self::Failed => "failed",
        }
    }

    /// Returns true if the claim may still have an effect that the account does not show yet.
    pub const fn is_open(self) -> bool {
        match self {
            Self::Signed | Self::Sent | Self::Unknown => true,
            Self::Confirmed | Self::Used | Self::Failed => false,
        }
    }
}

impl TryFrom<String> for ClaimState {
    type Error = UnknownText;

    fn try_from(text: String) -> Result<Self, UnknownText> {
        let found = Self::ALL.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| UnknownText { column: "state", text, known: Self::ALL.map(Self::as_str).to_vec() })
    }
}

/// A redemption or merge, and its result.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct ClaimRow {
    /// The funder's address.
    pub account: String,
    /// The time it was started; unique within the account.
    #[sqlx(try_from = "i64")]
    pub created_at_ms: u64,
    /// The kind.
    #[sqlx(try_from = "String")]
    pub kind: ClaimKind,
    /// The market's slug.
    pub market: String,
    /// The market's condition.
    pub condition_id: String,
    /// Shares, or pairs.
    #[sqlx(try_from = "i64")]
    pub size_micros: u64,
    /// The amount to be paid for them.
    pub worth_micro_usd: i64,
    /// The wallet's nonce in the batch.
    #[sqlx(try_from = "i64")]
    pub nonce: u64,
    /// The deadline in Unix seconds, after which the wallet refuses the batch.
    #[sqlx(try_from = "i64")]
    pub deadline_s: u64,
    /// The state.
    #[sqlx(try_from = "String")]
    pub state: ClaimState,
    /// The relayer's id; empty if it is not known.
    pub transaction_id: String,
    /// The chain's hash; empty if there is none yet.
    pub transaction_hash: String,
    /// The reason why it failed, or is not known.
    pub reason: String,
    /// The requester: an operator's token, or `host`.
    pub who: String,
    /// The time of the last change of state.
    #[sqlx(try_from = "i64")]
    pub updated_at_ms: u64,
}

/// The claims of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// The readable rows, newest first.
    pub rows: Vec<ClaimRow>,
    /// The number of rows skipped because a column has an unknown value.
    pub unreadable: u64,
}

/// A row, if readable: a bad value affects only its own row.
struct Read(Result<ClaimRow, sqlx::Error>);

impl<'r, R: Row> FromRow<'r, R> for Read
where
    ClaimRow: FromRow<'r, R>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        match ClaimRow::from_row(row) {
            Err(error @ sqlx::Error::ColumnDecode { .. }) => Ok(Self(Err(error))),
            read => read.map(|row| Self(Ok(row))),
        }
    }
}

impl Db {
    /// Adds a claim that is about to be sent.
    ///
    /// # Errors
    /// If the database fails. The caller must then not send it.
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
            row.kind.as_str(),
            &row.market,
            &row.condition_id,
            size,
            row.worth_micro_usd,
            nonce,
            deadline,
            row.state.as_str(),
            &row.transaction_id,
            &row.transaction_hash,
            &row.reason,
            &row.who,
            updated
        )
        .await
        .map(drop)
    }

    /// Stores the state of a claim.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn update_claim(&self, row: &ClaimRow) -> Result<(), DbError> {
        let sql =
            "UPDATE claims SET state = $3, transaction_id = $4, transaction_hash = $5, reason = $6, updated_at_ms = $7
                   WHERE account = $1 AND created_at_ms = $2";
        let (created, updated) = (big(row.created_at_ms)?, big(row.updated_at_ms)?);
        let (id, hash) = (&row.transaction_id, &row.transaction_hash);
        execute!(self, sql, &row.account, created, row.state.as_str(), id, hash, &row.reason, updated).await.map(drop)
    }

    /// Returns the newest claims of an account, at most `limit` or [`CLAIMS_MAX`]. Skips and counts unreadable rows.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn claims(&self, account: &str, limit: u32) -> Result<Claims, DbError> {
        let (claims, errors) = self.read_claims(account, None, limit).await?;
        // Claims are read every two seconds: only a change is logged.
        let before = self.unreadable_claims.swap(claims.unreadable, Ordering::Relaxed);
        if let Some(error) = errors.first().filter(|_| before != claims.unreadable) {
            tracing::error!(%error, unreadable = claims.unreadable, "unreadable claims skipped");
        }
        Ok(claims)
    }

    /// Returns claims of an account, newest first: those started before `before`, as [`Db::claims`] does.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn claims_before(&self, account: &str, before: Option<u64>, limit: u32) -> Result<Claims, DbError> {
        Ok(self.read_claims(account, before, limit).await?.0)
    }

    async fn read_claims(
        &self,
        account: &str,
        before: Option<u64>,
        limit: u32,
    ) -> Result<(Claims, Vec<sqlx::Error>), DbError> {
        let before = before.map_or(Ok(i64::MAX), super::big)?;
        let sql = "SELECT account, created_at_ms, kind, market, condition_id, size_micros, worth_micro_usd, nonce, deadline_s,
                   state, transaction_id, transaction_hash, reason, who, updated_at_ms FROM claims
                   WHERE account = $1 AND created_at_ms < $2 ORDER BY created_at_ms DESC LIMIT $3";
        let (mut rows, mut errors) = (Vec::new(), Vec::new());
        for Read(row) in
            read!(self, Read, sql, account, before, i64::from(limit.min(CLAIMS_MAX.saturating_add(1)))).await?
        {
            match row {
                Ok(row) => rows.push(row),
                Err(error) => errors.push(error),
            }
        }
        let unreadable = u64::try_from(errors.len()).unwrap_or(u64::MAX);
        Ok((Claims { rows, unreadable }, errors))
    }
}
