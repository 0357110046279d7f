//! Requests with an idempotency key, and their responses: a repeated request is not executed again.

use super::{AccountScope, Db, DbError, big, execute, fetch};
use sqlx::FromRow;

/// The retention of a key and its response, in milliseconds: 24 hours.
pub const KEPT_MILLIS: u64 = 24 * 3_600_000;
/// The most stored keys of one token.
pub const KEYS_MAX: u32 = 10_000;
/// The most attempts to claim a key that another request releases meanwhile.
const TRIES: u32 = 3;

/// A request with a key.
#[derive(Debug, Clone, Copy)]
pub struct KeyedRequest<'a> {
    /// The token's name.
    pub who: &'a str,
    /// The key.
    pub name: &'a str,
    /// SHA-256 of method, path and body, hexadecimal.
    pub request: &'a str,
    /// The session that received it.
    pub session: u64,
    /// The time when it was received, in Unix milliseconds.
    pub at_ms: u64,
}

/// A stored response.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct KeptAnswer {
    /// The HTTP status.
    #[sqlx(try_from = "i64")]
    pub status: u16,
    /// The header with that name; empty if absent.
    pub content_type: String,
    /// The header with that name; empty if absent.
    pub etag: String,
    /// The body; empty if it contains a secret.
    pub body: String,
    /// 1 if the body is not stored because it contains a secret, otherwise 0.
    pub secret: i64,
}

/// The state of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyClaim {
    /// The key is new: execute the request, and store its response.
    New,
    /// The request has a stored response.
    Answered(KeptAnswer),
    /// The key belongs to another request.
    OfAnother,
    /// The request is running.
    Running,
    /// The request was running when that session ended; its result is unknown.
    CutOff {
        /// The session.
        session: u64,
    },
    /// The token has [`KEYS_MAX`] keys.
    TooMany,
}

#[derive(Debug, FromRow)]
struct Row {
    request: String,
    #[sqlx(try_from = "i64")]
    session: u64,
    #[sqlx(flatten)]
    answer: KeptAnswer,
}

impl Db {
    /// Claims a key for a request, or returns its state. Keys older than a day are deleted.
    ///
    /// # Errors
    /// If the database fails. The request must not be executed then.
    pub async fn claim_key(&self, scope: &AccountScope, keyed: KeyedRequest<'_>) -> Result<KeyClaim, DbError> {
        let KeyedRequest { who, name, request, session, at_ms } = keyed;
        let over = big(at_ms.saturating_sub(KEPT_MILLIS))?;
        execute!(self, "DELETE FROM request_keys WHERE at_ms < $1", over).await?;
        let insert = "INSERT INTO request_keys (mode, account, who, name, request, session, at_ms, status, content_type, etag, body, secret)
                      SELECT $1, $2, CAST($3 AS TEXT), $4, $5, $6, $7, 0, '', '', '', 0
                      WHERE (SELECT COUNT(*) FROM request_keys WHERE mode = $1 AND account = $2 AND who = $3) < $8
                      ON CONFLICT DO NOTHING";
        let select = "SELECT request, session, status, content_type, etag, body, secret FROM request_keys
                      WHERE mode = $1 AND account = $2 AND who = $3 AND name = $4";
        let (mode, account) = (scope.mode(), scope.account());
        for _ in 0..TRIES {
            let (now, of, most) = (big(at_ms)?, big(session)?, i64::from(KEYS_MAX));
            if execute!(self, insert, mode, account, who, name, request, of, now, most).await? > 0 {
                return Ok(KeyClaim::New);
            }
            let Some(row) = fetch!(self, Row, select, mode, account, who, name).await?.pop() else { continue };
            return Ok(match row {
                Row { request: other, .. } if other != request => KeyClaim::OfAnother,
                Row { answer: KeptAnswer { status: 0, .. }, session: own, .. } if own == session => KeyClaim::Running,
                Row { answer: KeptAnswer { status: 0, .. }, session, .. } => KeyClaim::CutOff { session },
                Row { answer, .. } => KeyClaim::Answered(answer),
            });
        }
        Ok(KeyClaim::TooMany)
    }

    /// Stores the response to a request.
    ///
    /// # Errors
    /// If the database fails. The key then stays claimed by a running request.
    pub async fn keep_answer(
        &self,
        scope: &AccountScope,
        keyed: KeyedRequest<'_>,
        answer: &KeptAnswer,
    ) -> Result<(), DbError> {
        let sql = "UPDATE request_keys SET status = $1, content_type = $2, etag = $3, body = $4, secret = $5
                   WHERE mode = $6 AND account = $7 AND who = $8 AND name = $9 AND request = $10";
        let KeptAnswer { status, content_type, etag, body, secret } = answer;
        let (mode, account) = (scope.mode(), scope.account());
        let KeyedRequest { who, name, request, .. } = keyed;
        let status = i64::from(*status);
        execute!(self, sql, status, content_type, etag, body, *secret, mode, account, who, name, request)
            .await
            .map(drop)
    }

    /// Deletes a key whose request was refused before any action.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn release_key(&self, scope: &AccountScope, keyed: KeyedRequest<'_>) -> Result<(), DbError> {
        let sql = "DELETE FROM request_keys WHERE mode = $1 AND account = $2 AND who = $3 AND name = $4 AND status = 0";
        execute!(self, sql, scope.mode(), scope.account(), keyed.who, keyed.name).await.map(drop)
    }
}
