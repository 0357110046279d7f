//! Reads the share changes of accounts, oldest first and for all sessions of a mode, for lots and their profits.

use super::{Db, DbError, FillKey, big, fetch};
use sqlx::FromRow;

/// The most rows of one read.
pub const LEDGER_ROWS_MAX: u32 = 5_000;

/// Shares of one token that were added or removed without a trade.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct MoveRow {
    /// The session.
    #[sqlx(try_from = "i64")]
    pub session: u64,
    /// The sequence number of the input that caused it.
    #[sqlx(try_from = "i64")]
    pub seq: u64,
    /// Its position among the rows of that input.
    #[sqlx(try_from = "i64")]
    pub place: u32,
    /// The time at which it was booked.
    #[sqlx(try_from = "i64")]
    pub at_ms: u64,
    /// `split`, `merge`, `redeem` or `convert`.
    pub kind: String,
    /// The token's id at the venue, a decimal.
    pub token: String,
    /// The market's slug.
    pub market: String,
    /// The outcome.
    pub outcome: String,
    /// The shares.
    #[sqlx(try_from = "i64")]
    pub size_micros: u64,
    /// 1 if they were added, 0 if they were removed.
    pub comes: i64,
    /// Their cost or proceeds.
    pub dollars_micro_usd: i64,
}

/// A fill with the account that traded.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct LedgerFill {
    /// The address that holds the funds.
    pub account: String,
    /// The session.
    #[sqlx(try_from = "i64")]
    pub session: u64,
    /// The fill's id.
    pub id: String,
    /// The time at which it was matched.
    #[sqlx(try_from = "i64")]
    pub at_ms: u64,
    /// The token's id at the venue, a decimal.
    pub token: String,
    /// The market's slug.
    pub market: String,
    /// The outcome.
    pub outcome: String,
    /// `BUY` or `SELL`.
    pub side: String,
    /// The shares.
    #[sqlx(try_from = "i64")]
    pub size_micros: u64,
    /// The dollars that moved, without fees.
    pub cost_micro_usd: i64,
    /// The fee.
    pub fee_micro_usd: i64,
}

/// A move with its account.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct LedgerMove {
    /// The address that holds the funds.
    pub account: String,
    /// The move.
    #[sqlx(flatten)]
    pub row: MoveRow,
}

/// The mode and account of the rows to read.
#[derive(Debug, Clone, Copy)]
pub struct LedgerOf<'a> {
    /// `demo`, `paper` or `live`.
    pub mode: &'a str,
    /// The account; all accounts of the mode if empty.
    pub account: &'a str,
}

impl Db {
    /// Returns fills that have not failed, oldest first: those after `after`, at most `limit` or [`LEDGER_ROWS_MAX`].
    ///
    /// # Errors
    /// If the database fails.
    pub async fn ledger_fills(
        &self,
        of: LedgerOf<'_>,
        after: Option<&FillKey>,
        limit: u32,
    ) -> Result<Vec<LedgerFill>, DbError> {
        let (at, session, id) = match after {
            Some(key) => (big(key.at_ms)?, big(key.session)?, key.id.as_str()),
            None => (-1, -1, ""),
        };
        let sql =
            "SELECT s.account, f.session, f.id, f.at_ms, f.token, f.market, f.outcome, f.side, f.size_micros, f.cost_micro_usd,
                   f.fee_micro_usd
                   FROM fills f JOIN sessions s ON s.session = f.session
                   WHERE s.mode = $1 AND ($2 = '' OR LOWER(s.account) = LOWER($2)) AND f.settlement <> 'failed'
                   AND (f.at_ms > $3 OR (f.at_ms = $3 AND (f.session > $4 OR (f.session = $4 AND f.id > $5))))
                   ORDER BY f.at_ms, f.session, f.id LIMIT $6";
        let limit = i64::from(limit.min(LEDGER_ROWS_MAX));
        fetch!(self, LedgerFill, sql, of.mode, of.account, at, session, id, limit).await
    }

    /// Returns moves, oldest first: those after the time, session, number and place `after`, at most `limit` or
    /// [`LEDGER_ROWS_MAX`].
    ///
    /// # Errors
    /// If the database fails.
    pub async fn ledger_moves(
        &self,
        of: LedgerOf<'_>,
        after: Option<&MoveRow>,
        limit: u32,
    ) -> Result<Vec<LedgerMove>, DbError> {
        let (at, session, seq, place) = match after {
            Some(row) => (big(row.at_ms)?, big(row.session)?, big(row.seq)?, i64::from(row.place)),
            None => (-1, -1, -1, -1),
        };
        let sql =
            "SELECT s.account, m.session, m.seq, m.place, m.at_ms, m.kind, m.token, m.market, m.outcome, m.size_micros, m.comes,
                   m.dollars_micro_usd
                   FROM share_moves m JOIN sessions s ON s.session = m.session
                   WHERE s.mode = $1 AND ($2 = '' OR LOWER(s.account) = LOWER($2))
                   AND (m.at_ms > $3 OR (m.at_ms = $3 AND (m.session > $4 OR (m.session = $4
                       AND (m.seq > $5 OR (m.seq = $5 AND m.place > $6))))))
                   ORDER BY m.at_ms, m.session, m.seq, m.place LIMIT $7";
        let limit = i64::from(limit.min(LEDGER_ROWS_MAX));
        fetch!(self, LedgerMove, sql, of.mode, of.account, at, session, seq, place, limit).await
    }
}
