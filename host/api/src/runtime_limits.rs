//! Limits that change while the host runs: tightened at once, loosened up to a ceiling, and stored for the next start.

mod reload;

pub use reload::Reloader;

use crate::body::plain;
use crate::etag::{self, tag_of};
use config::limits::{Changed, change, is_limit};
use config::{Config, ConfigEntry, Source};
use control::{Control, ControlError};
use model::Limits;
use store::db::{AccountScope, AuditRow, Db, DbError, Decision, STORED_WITHIN, SettingRow};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;

/// The reason why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum SettingError {
    /// The key, the value or the extent of the change is invalid.
    #[error("{0}")]
    Refused(String),
    /// The engine refused it.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// It could not be stored.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The configuration has changed since the caller read it.
    #[error("the configuration has changed: If-Match is {seen}, and the current version is {now}; nothing has changed")]
    Stale {
        /// The version that the caller has seen.
        seen: String,
        /// The current version.
        now: String,
    },
    /// The database did not store the request in time.
    #[error("the database did not store it within a second; nothing has changed")]
    Late,
}

#[derive(Debug)]
struct State {
    limits: Limits,
    entries: Vec<ConfigEntry>,
}

/// The limits in effect.
#[derive(Debug)]
pub struct RuntimeLimits {
    /// The mode and account for which they are stored.
    scope: AccountScope,
    /// The limits from the configuration; limits may always be loosened back to these.
    boot: Limits,
    state: Mutex<State>,
    /// One limit is loosened at a time. Tightening does not wait for it.
    loosening: Mutex<()>,
}

/// A requested change of a limit.
#[derive(Debug, Clone, Copy)]
pub struct LimitChange<'a> {
    /// The key.
    pub name: &'a str,
    /// The value as text.
    pub value: &'a str,
    /// The name of the operator's token.
    pub who: &'a str,
    /// The token's role.
    pub role: &'a str,
    /// The origin of the request.
    pub origin: &'a str,
    /// The user that the request claimed to come from.
    pub claimed_user: &'a str,
    /// The time, in Unix milliseconds.
    pub at_ms: u64,
    /// The tags of the configuration that the caller has seen; `None` to change any version.
    pub seen: Option<&'a str>,
}

impl RuntimeLimits {
    /// Applies the operators' earlier settings in `scope` to the configuration, after those that they tightened before
    /// settings had a mode. Settings that do not apply are left out and logged.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn open(config: &Config, db: &Db, scope: AccountScope) -> Result<Self, DbError> {
        let boot = config.limits();
        let mut state = State { limits: boot, entries: config.entries() };
        for row in db.settings(&AccountScope::UNKNOWN).await? {
            state.lay(&boot, &row, false);
        }
        for row in db.settings(&scope).await? {
            state.lay(&boot, &row, true);
        }
        for (mode, key, value) in db.settings_elsewhere(&scope).await? {
            tracing::warn!(key, value, mode, "setting belongs to another mode or account; ignored");
        }
        Ok(Self { scope, boot, state: Mutex::new(state), loosening: Mutex::new(()) })
    }

    /// Returns the mode and account for which settings are stored.
    pub const fn scope(&self) -> &AccountScope {
        &self.scope
    }

    /// Returns the limits in effect.
    pub async fn limits(&self) -> Limits {
        self.lock().await.limits
    }

    /// Returns every key with its value in effect.
    pub async fn entries(&self) -> Vec<ConfigEntry> {
        self.lock().await.entries.clone()
    }

    /// Changes a limit; returns its entry, and whether it is stored. Tightening takes effect first and is retried until
    /// it is stored; loosening is stored first.
    ///
    /// # Errors
    /// [`SettingError`]; nothing has changed then, unless the engine did not answer.
    pub async fn set(
        &self,
        wish: LimitChange<'_>,
        control: &Control,
        db: &Db,
    ) -> Result<(ConfigEntry, bool), SettingError> {
        let state = self.lock().await;
        if self.change(&state, wish)?.loosens {
            drop(state);
            return self.loosen(wish, control, db).await;
        }
        self.tighten(state, wish, control, db).await
    }

    async fn tighten(
        &self,
        mut state: MutexGuard<'_, State>,
        wish: LimitChange<'_>,
        control: &Control,
        db: &Db,
    ) -> Result<(ConfigEntry, bool), SettingError> {
        let changed = self.change(&state, wish)?;
        control.limits(changed.limits).await?;
        let decisions = db.decisions();
        decisions.write(Decision::Setting(self.scope.clone(), setting(wish, &changed)));
        let ticket = decisions.write(Decision::Audit(row(wish, &state, &changed, "ok")));
        let entry = state.apply(wish.name, &changed)?;
        // The next change waits for the engine, not for the database.
        drop(state);
        Ok((entry, decisions.is_stored(ticket, STORED_WITHIN).await))
    }

    async fn loosen(
        &self,
        wish: LimitChange<'_>,
        control: &Control,
        db: &Db,
    ) -> Result<(ConfigEntry, bool), SettingError> {
        let _alone = self.loosening.lock().await;
        let (before, asked) = {
            let state = self.lock().await;
            let changed = self.change(&state, wish)?;
            (state.value(wish.name), (row(wish, &state, &changed, "asked"), setting(wish, &changed)))
        };
        store_first(db, &self.scope, asked).await?;
        let mut state = self.lock().await;
        let changed = self.change(&state, wish)?;
        if state.value(wish.name) != before {
            // Another operator tightened it while the database was slow: that value stays, in memory and in the
            // database.
            let kept = SettingRow { value: state.value(wish.name), ..setting(wish, &changed) };
            db.decisions().write(Decision::Setting(self.scope.clone(), kept));
            return Err(SettingError::Refused(format!("{} was changed in the meantime; check it again", wish.name)));
        }
        control.limits(changed.limits).await?;
        let ticket = db.decisions().write(Decision::Audit(row(wish, &state, &changed, "ok")));
        let entry = state.apply(wish.name, &changed)?;
        drop(state);
        db.decisions().is_stored(ticket, STORED_WITHIN).await;
        Ok((entry, true))
    }

    fn change(&self, state: &State, wish: LimitChange<'_>) -> Result<Changed, SettingError> {
        if let Some(seen) = wish.seen {
            let now = tag_of(&state.entries);
            if !etag::names(seen, &now) {
                return Err(SettingError::Stale { seen: plain(seen), now });
            }
        }
        let changed = change(&state.limits, &self.boot, wish.name, wish.value);
        changed.map_err(|error| SettingError::Refused(error.to_string()))
    }

    async fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().await
    }
}

impl State {
    /// Applies a stored setting, if it tightens or `may_loosen` is true.
    fn lay(&mut self, boot: &Limits, row: &SettingRow, may_loosen: bool) {
        let SettingRow { name, value, .. } = row;
        match change(&self.limits, boot, name, value) {
            Ok(changed) if changed.loosens && !may_loosen => {
                tracing::warn!(
                    key = name,
                    value,
                    "stored setting loosens a limit and its mode is unknown; ignored until it is set again"
                );
            }
            Ok(changed) => {
                if let Err(error) = self.apply(name, &changed) {
                    tracing::warn!(key = name, %error, "ignoring a stored setting");
                }
            }
            Err(error) => tracing::warn!(key = name, value, %error, "ignoring a stored setting"),
        }
    }

    fn apply(&mut self, name: &str, changed: &Changed) -> Result<ConfigEntry, SettingError> {
        self.apply_from(name, changed, Source::Operator)
    }

    /// Applies a change that comes from `source`.
    fn apply_from(&mut self, name: &str, changed: &Changed, source: Source) -> Result<ConfigEntry, SettingError> {
        self.limits = changed.limits;
        let entry = self.entries.iter_mut().find(|entry| entry.key == name && is_limit(name));
        let entry = entry.ok_or_else(|| SettingError::Refused(format!("there is no key `{name}`")))?;
        entry.value.clone_from(&changed.shown);
        entry.source = source;
        Ok(entry.clone())
    }

    fn value(&self, name: &str) -> String {
        self.entries.iter().find(|entry| entry.key == name).map(|entry| entry.value.clone()).unwrap_or_default()
    }
}

fn row(wish: LimitChange<'_>, state: &State, changed: &Changed, outcome: &str) -> AuditRow {
    let before = state.value(wish.name);
    AuditRow {
        at_ms: wish.at_ms,
        who: wish.who.to_owned(),
        role: wish.role.to_owned(),
        origin: wish.origin.to_owned(),
        action: format!("config/{}", wish.name),
        detail: format!("{before} -> {}", changed.shown),
        old: before,
        new: changed.shown.clone(),
        claimed_user: wish.claimed_user.to_owned(),
        outcome: outcome.to_owned(),
    }
}

fn setting(wish: LimitChange<'_>, changed: &Changed) -> SettingRow {
    SettingRow { name: wish.name.to_owned(), value: changed.shown.clone(), who: wish.who.to_owned(), at_ms: wish.at_ms }
}

/// Stores that a limit is to be loosened, after all earlier decisions, and its value, so that a restart finds it.
async fn store_first(
    db: &Db,
    scope: &AccountScope,
    (asked, setting): (AuditRow, SettingRow),
) -> Result<(), SettingError> {
    let audited = async {
        if !db.decisions().flush(STORED_WITHIN).await {
            return Err(DbError::Behind);
        }
        db.audit(&asked).await
    };
    match timeout(STORED_WITHIN, audited).await {
        Ok(audited) => audited?,
        Err(_) => return Err(SettingError::Late),
    }
    Ok(db.set_setting(scope, &setting).await?)
}
