//! The audit as a hash chain: each row contains the hash of the previous row, so that a changed, removed or inserted
//! row is detected. The chain's head is also journaled, so that a truncated tail is detected. Start reading in
//! [`Db::audit`] and [`Db::verify_audit`].

use super::rows::AuditEntry;
use super::{AuditRow, Db, DbError, big, fetch};
use crate::journal_files::Journal;
use model::hex;
use sha2::{Digest, Sha256};
use sqlx::FromRow;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The most attempts to add a row while other hosts add rows.
const TRIES: u32 = 20;
/// The number of rows of one query for the whole audit.
const ROWS: i64 = 1_000;
/// The interval of journaling the head without new rows, so that it remains when old journal files are removed.
const HEAD_EVERY: Duration = Duration::from_secs(3_600);
/// The interval after a failure.
const HEAD_AGAIN: Duration = Duration::from_secs(60);
/// The action of the row that begins a chain after older rows.
const BEGUN: &str = "audit/begin";

/// A position in the chain: the number of a row, and its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainHead {
    /// The row's number.
    pub entry: u64,
    /// The row's hash, which covers all rows before it.
    pub hash: [u8; 32],
}

/// The result of verifying the whole audit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditCheck {
    /// The number of rows in the chain.
    pub chained: u64,
    /// The number of rows from before the chain; its first row covers them.
    pub before: u64,
    /// The first row that differs from the written one, and the reason.
    pub broken: Option<(u64, String)>,
    /// The numbers of the rows whose hashes are in the journals and not in the database.
    pub missing: Vec<u64>,
}

impl AuditCheck {
    /// Returns true if no row differs or is missing.
    pub fn is_intact(&self) -> bool {
        self.broken.is_none() && self.missing.is_empty()
    }
}

/// Serializes the rows of this process, and holds the journal for the head.
#[derive(Debug, Clone, Default)]
pub(super) struct Chain(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    turn: tokio::sync::Mutex<()>,
    journal: OnceLock<Journal>,
}

#[derive(Debug, FromRow)]
struct Link {
    #[sqlx(flatten)]
    entry: AuditEntry,
    previous: String,
}

impl Db {
    /// Adds a row to the audit, after the current last row.
    ///
    /// # Errors
    /// If the database fails. The caller then refuses the action.
    pub async fn audit(&self, row: &AuditRow) -> Result<(), DbError> {
        let _turn = self.chain.0.turn.lock().await;
        for _ in 0..TRIES {
            let previous = self.last_hash().await?;
            if let Some(head) = self.add_link(&previous, row).await? {
                if let Some(journal) = self.chain.0.journal.get() {
                    journal.audit_head(head.entry, head.hash);
                }
                return Ok(());
            }
        }
        Err(DbError::ChainBusy)
    }

    /// Begins the chain of an audit that has older rows: its first row covers them all.
    pub(super) async fn begin_chain(&self) -> Result<(), DbError> {
        let sql = "SELECT COUNT(*), COUNT(CASE WHEN hash <> '' THEN 1 END) FROM audit";
        let counted = fetch!(self, (i64, i64), sql).await?.pop().unwrap_or_default();
        let (rows @ 1.., 0) = counted else { return Ok(()) };
        let covered = self.digest_of_unchained().await?;
        let row = AuditRow {
            who: "host".to_owned(),
            action: BEGUN.to_owned(),
            detail: format!("covers {rows} rows"),
            new: covered.clone(),
            outcome: "ok".to_owned(),
            ..AuditRow::default()
        };
        // Another host that begins it at the same time writes the same row.
        self.add_link(&covered, &row).await.map(drop)
    }

    /// Journals the head of the chain on the current runtime: now, after each row and once an hour. Later calls have no
    /// effect.
    pub fn journal_audit_head(&self, journal: Journal) {
        if self.chain.0.journal.set(journal.clone()).is_err() {
            return;
        }
        let db = self.clone();
        tokio::spawn(async move {
            loop {
                let pause = match db.journal_head_now(&journal).await {
                    Ok(()) => HEAD_EVERY,
                    Err(error) => {
                        tracing::warn!(%error, "journaling the audit head failed; trying again in a minute");
                        HEAD_AGAIN
                    }
                };
                tokio::time::sleep(pause).await;
            }
        });
    }

    async fn journal_head_now(&self, journal: &Journal) -> Result<(), DbError> {
        let sql = "SELECT id, hash FROM audit WHERE hash <> '' ORDER BY id DESC LIMIT 1";
        let last = fetch!(self, (i64, String), sql).await?.pop();
        if let Some((id, hash)) = last
            && let Some(head) = head(id, &hash)?
        {
            journal.audit_head(head.entry, head.hash);
        }
        Ok(())
    }

    /// Verifies the whole audit: each row must be unchanged and follow the previous one, and the rows in `heads`
    /// (numbers by hash) must exist.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn verify_audit(&self, mut heads: BTreeMap<[u8; 32], u64>) -> Result<AuditCheck, DbError> {
        let (mut check, mut last, mut before) = (AuditCheck::default(), None::<String>, Sha256::new());
        let mut after = i64::MIN;
        loop {
            let rows = self.links_after(after).await?;
            for Link { entry, previous } in &rows {
                after = big(entry.id)?;
                if entry.hash.is_empty() && last.is_none() {
                    check.before = check.before.saturating_add(1);
                    before.update(link("", &entry.row));
                    continue;
                }
                let covered = if check.before > 0 { hex::encode(&before.clone().finalize()) } else { String::new() };
                let expected = last.as_ref().unwrap_or(&covered);
                let wrong = what_is_wrong(expected, previous, entry);
                if let (Some(wrong), None) = (wrong, &check.broken) {
                    check.broken = Some((entry.id, wrong.to_owned()));
                }
                if let Some(hash) = hex::decode_array::<32>(&entry.hash) {
                    heads.remove(&hash);
                }
                check.chained = check.chained.saturating_add(1);
                last = Some(entry.hash.clone());
            }
            if rows.is_empty() {
                check.missing = heads.into_values().collect();
                check.missing.sort_unstable();
                return Ok(check);
            }
        }
    }

    /// Returns the hash that the next row follows.
    async fn last_hash(&self) -> Result<String, DbError> {
        let sql = "SELECT hash FROM audit ORDER BY id DESC LIMIT 1";
        Ok(fetch!(self, (String,), sql).await?.pop().map(|(hash,)| hash).unwrap_or_default())
    }

    /// Adds a row after `previous`; returns `None` if another row follows it already.
    async fn add_link(&self, previous: &str, row: &AuditRow) -> Result<Option<ChainHead>, DbError> {
        let hash = hex::encode(&link(previous, row));
        let sql = "INSERT INTO audit (at_ms, who, action, detail, claimed_user, outcome, role, origin, old_value, new_value, previous, hash)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING RETURNING id";
        let AuditRow { at_ms, who, role, origin, action, detail, old, new, claimed_user, outcome } = row;
        let added = fetch!(
            self,
            (i64,),
            sql,
            big(*at_ms)?,
            who,
            action,
            detail,
            claimed_user,
            outcome,
            role,
            origin,
            old,
            new,
            previous,
            &hash
        );
        match added.await?.pop() {
            Some((id,)) => head(id, &hash),
            None => Ok(None),
        }
    }

    async fn digest_of_unchained(&self) -> Result<String, DbError> {
        let (mut digest, mut after) = (Sha256::new(), i64::MIN);
        loop {
            let rows = self.links_after(after).await?;
            let Some(last) = rows.last() else { return Ok(hex::encode(&digest.finalize())) };
            after = big(last.entry.id)?;
            rows.iter().for_each(|link_of| digest.update(link("", &link_of.entry.row)));
        }
    }

    async fn links_after(&self, after: i64) -> Result<Vec<Link>, DbError> {
        let sql = "SELECT id, at_ms, who, action, detail, claimed_user, outcome, role, origin, old_value, new_value, previous, hash
                   FROM audit WHERE id > $1 ORDER BY id LIMIT $2";
        fetch!(self, Link, sql, after, ROWS).await
    }
}

fn head(id: i64, hash: &str) -> Result<Option<ChainHead>, DbError> {
    let entry = u64::try_from(id)?;
    Ok(hex::decode_array(hash).map(|hash| ChainHead { entry, hash }))
}

/// Returns the reason why a row differs from the written one.
fn what_is_wrong(expected: &str, previous: &str, entry: &AuditEntry) -> Option<&'static str> {
    if entry.hash.is_empty() {
        return Some("it has no hash, and rows before it have");
    }
    if previous != expected {
        return Some("it does not follow the previous row: rows were removed, inserted or moved");
    }
    (hex::encode(&link(previous, &entry.row)) != entry.hash).then_some("it was changed after it was written")
}

/// Returns the hash of a row after `previous`. Each part is prefixed with its length, so that text cannot move from one
/// part to the next unnoticed.
fn link(previous: &str, row: &AuditRow) -> [u8; 32] {
    let AuditRow { at_ms, who, role, origin, action, detail, old, new, claimed_user, outcome } = row;
    let at = at_ms.to_string();
    let mut digest = Sha256::new();
    for part in [previous, &at, who, role, origin, action, detail, old, new, claimed_user, outcome] {
        digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_and_every_border_is_in_the_hash() {
        let row = AuditRow { who: "ab".to_owned(), role: "c".to_owned(), ..AuditRow::default() };
        let first = link("", &row);
        assert_ne!(first, link("0", &row));
        assert_ne!(first, link("", &AuditRow { who: "a".to_owned(), role: "bc".to_owned(), ..row.clone() }));
        assert_ne!(first, link("", &AuditRow { at_ms: 1, ..row.clone() }));
        let text = || "x".to_owned();
        for other in [
            AuditRow { origin: text(), ..row.clone() },
            AuditRow { action: text(), ..row.clone() },
            AuditRow { detail: text(), ..row.clone() },
            AuditRow { old: text(), ..row.clone() },
            AuditRow { new: text(), ..row.clone() },
            AuditRow { claimed_user: text(), ..row.clone() },
            AuditRow { outcome: text(), ..row.clone() },
        ] {
            assert_ne!(first, link("", &other), "{other:?}");
        }
    }
}
