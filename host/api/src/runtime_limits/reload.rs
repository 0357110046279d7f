//! Reload of the configuration while the host runs: limits with another value change at once, other keys at the next
//! start. A limit changed in this way is not stored as an operator's setting: the next start reads it from the
//! configuration again.

use super::{LimitChange, RuntimeLimits, SettingError, row};
use config::limits::is_limit;
use config::{Config, ConfigEntry, Source};
use control::Control;
use readmodel::views::{ReloadOutcomeView, ReloadedView};
use store::db::{Db, DbError, Decision, STORED_WITHIN};
use tokio::time::timeout;

/// The operator who reloads, and the time.
#[derive(Debug, Clone, Copy)]
pub struct Reloader<'a> {
    /// The name of the token.
    pub who: &'a str,
    /// The token's role.
    pub role: &'a str,
    /// The origin of the request.
    pub origin: &'a str,
    /// The time, in Unix milliseconds.
    pub at_ms: u64,
}

impl RuntimeLimits {
    /// Applies the values of `read` that differ from the host's, and returns each such key with its outcome.
    ///
    /// # Errors
    /// If the engine or the database does not answer. The limits processed before are changed then, with their rows in
    /// the audit.
    pub async fn reload(
        &self,
        read: &Config,
        by: Reloader<'_>,
        control: &Control,
        db: &Db,
    ) -> Result<Vec<ReloadedView>, SettingError> {
        let mut all = Vec::new();
        for new in read.entries() {
            let Some(old) = self.entries().await.into_iter().find(|entry| entry.key == new.key) else { continue };
            if old.value == new.value {
                continue;
            }
            let (outcome, note) = if !is_limit(new.key) {
                (ReloadOutcomeView::NeedsRestart, "takes effect after a restart of the host".to_owned())
            } else if old.source == Source::Operator {
                let note =
                    "an operator set it while the host ran, and that value stays in effect; `config set` changes it"
                        .to_owned();
                (ReloadOutcomeView::SetByOperator, note)
            } else {
                match self.apply_read(&new, by, control, db).await {
                    Ok(()) => (ReloadOutcomeView::Applied, String::new()),
                    Err(SettingError::Refused(why)) => (ReloadOutcomeView::Refused, why),
                    Err(error) => return Err(error),
                }
            };
            all.push(ReloadedView { key: new.key.to_owned(), old: old.value, new: new.value, outcome, note });
        }
        Ok(all)
    }

    /// Changes one limit. A loosening change is in the audit before it takes effect.
    async fn apply_read(
        &self,
        new: &ConfigEntry,
        by: Reloader<'_>,
        control: &Control,
        db: &Db,
    ) -> Result<(), SettingError> {
        let wish = LimitChange {
            name: new.key,
            value: &new.value,
            who: by.who,
            role: by.role,
            origin: by.origin,
            claimed_user: "configuration reload",
            at_ms: by.at_ms,
            seen: None,
        };
        let _alone = self.loosening.lock().await;
        let asked = {
            let state = self.lock().await;
            let changed = self.change(&state, wish)?;
            changed.loosens.then(|| row(wish, &state, &changed, "asked"))
        };
        if let Some(asked) = asked {
            let audited = async {
                if !db.decisions().flush(STORED_WITHIN).await {
                    return Err(DbError::Behind);
                }
                db.audit(&asked).await
            };
            timeout(STORED_WITHIN, audited).await.map_err(|_late| SettingError::Late)??;
        }
        let mut state = self.lock().await;
        let changed = self.change(&state, wish)?;
        control.limits(changed.limits).await?;
        db.decisions().write(Decision::Audit(row(wish, &state, &changed, "ok")));
        state.apply_from(wish.name, &changed, new.source)?;
        Ok(())
    }
}
