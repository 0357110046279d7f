//! Limits that change while the host runs: tightened at once, loosened up to a ceiling, written down and kept for the next start.

use config::limits::{Changed, change, is_limit};
use config::{Config, ConfigEntry, Source};
use control::{Control, ControlError};
use model::Limits;
use store::db::{AccountScope, AuditRow, Db, DbError, Decision, STORED_WITHIN, SettingRow};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum SettingError {
    /// The key, the value, or how far it goes.
    #[error("{0}")]
    Refused(String),
    /// The engine did not take it.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// It could not be written down.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The database did not take what was asked for in time.
    #[error("the database did not take it within a second; nothing has changed")]
    Late,
}

#[derive(Debug)]
struct State {
    limits: Limits,
    entries: Vec<ConfigEntry>,
}

/// What holds now.
#[derive(Debug)]
pub struct Settings {
    /// The mode and the account for which they are kept.
    scope: AccountScope,
    /// What the configuration said; limits may be loosened to this again, however far it is.
    boot: Limits,
    state: Mutex<State>,
    /// One limit is loosened at a time. What tightens does not wait for it.
    loosening: Mutex<()>,
}

/// Who wants what.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// The key.
    pub name: &'a str,
    /// The value as text.
    pub value: &'a str,
    /// Whose token it is.
    pub who: &'a str,
    /// Who it is claimed to come from.
    pub claimed_user: &'a str,
    /// When, in Unix milliseconds.
    pub at_ms: u64,
}

impl Settings {
    /// Lays what operators set earlier in `scope` over the configuration, and below it what they tightened before settings had a mode.
    /// What does not hold is left out and logged.
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
            tracing::warn!(key, value, mode, "setting of another mode or account; it does not hold here");
        }
        Ok(Self { scope, boot, state: Mutex::new(state), loosening: Mutex::new(()) })
    }

    /// Returns the mode and the account for which settings are kept.
    pub const fn scope(&self) -> &AccountScope {
        &self.scope
    }

    /// Returns the limits that hold now.
    pub async fn limits(&self) -> Limits {
        self.lock().await.limits
    }

    /// Returns every key with what holds now.
    pub async fn entries(&self) -> Vec<ConfigEntry> {
        self.lock().await.entries.clone()
    }

    /// Changes a limit and returns its entry, and whether it is stored. What tightens acts first and is written until it is stored; what
    /// loosens is stored first.
    ///
    /// # Errors
    /// [`SettingError`]; nothing has changed then, unless the engine did not answer.
    pub async fn set(&self, wish: Wish<'_>, control: &Control, db: &Db) -> Result<(ConfigEntry, bool), SettingError> {
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
        wish: Wish<'_>,
        control: &Control,
        db: &Db,
    ) -> Result<(ConfigEntry, bool), SettingError> {
        let changed = self.change(&state, wish)?;
        control.limits(changed.limits).await?;
        let decisions = db.decisions();
        decisions.write(Decision::Setting(self.scope.clone(), setting(wish, &changed)));
        let ticket = decisions.write(Decision::Audit(row(wish, &state, &changed, "ok")));
        let entry = state.take(wish.name, &changed)?;
        // The next change waits for the engine, not for the database.
        drop(state);
        Ok((entry, decisions.is_stored(ticket, STORED_WITHIN).await))
    }

    async fn loosen(&self, wish: Wish<'_>, control: &Control, db: &Db) -> Result<(ConfigEntry, bool), SettingError> {
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
            // Somebody tightened it while the database was slow: that holds, here and there.
            let kept = SettingRow { value: state.value(wish.name), ..setting(wish, &changed) };
            db.decisions().write(Decision::Setting(self.scope.clone(), kept));
            return Err(SettingError::Refused(format!("{} was changed meanwhile; look at it again", wish.name)));
        }
        control.limits(changed.limits).await?;
        let ticket = db.decisions().write(Decision::Audit(row(wish, &state, &changed, "ok")));
        let entry = state.take(wish.name, &changed)?;
        drop(state);
        db.decisions().is_stored(ticket, STORED_WITHIN).await;
        Ok((entry, true))
    }

    fn change(&self, state: &State, wish: Wish<'_>) -> Result<Changed, SettingError> {
        let changed = change(&state.limits, &self.boot, wish.name, wish.value);
        changed.map_err(|error| SettingError::Refused(error.to_string()))
    }

    async fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().await
    }
}

impl State {
    /// Lays a kept setting over what holds, if it may loosen that or does not.
    fn lay(&mut self, boot: &Limits, row: &SettingRow, may_loosen: bool) {
        let SettingRow { name, value, .. } = row;
        match change(&self.limits, boot, name, value) {
            Ok(changed) if changed.loosens && !may_loosen => {
                tracing::warn!(
                    key = name,
                    value,
                    "setting loosens and its mode is unknown; it does not hold until it is set again"
                );
            }
            Ok(changed) => {
                if let Err(error) = self.take(name, &changed) {
                    tracing::warn!(key = name, %error, "a kept setting does not hold");
                }
            }
            Err(error) => tracing::warn!(key = name, value, %error, "a kept setting does not hold"),
        }
    }

    fn take(&mut self, name: &str, changed: &Changed) -> Result<ConfigEntry, SettingError> {
        self.limits = changed.limits;
        let entry = self.entries.iter_mut().find(|entry| entry.key == name && is_limit(name));
        let entry = entry.ok_or_else(|| SettingError::Refused(format!("there is no key `{name}`")))?;
        entry.value.clone_from(&changed.shown);
        entry.source = Source::Operator;
        Ok(entry.clone())
    }

    fn value(&self, name: &str) -> String {
        self.entries.iter().find(|entry| entry.key == name).map(|entry| entry.value.clone()).unwrap_or_default()
    }
}

fn row(wish: Wish<'_>, state: &State, changed: &Changed, outcome: &str) -> AuditRow {
    let before = state.value(wish.name);
    AuditRow {
        at_ms: wish.at_ms,
        who: wish.who.to_owned(),
        action: format!("config/{}", wish.name),
        detail: format!("{before} -> {}", changed.shown),
        claimed_user: wish.claimed_user.to_owned(),
        outcome: outcome.to_owned(),
    }
}

fn setting(wish: Wish<'_>, changed: &Changed) -> SettingRow {
    SettingRow { name: wish.name.to_owned(), value: changed.shown.clone(), who: wish.who.to_owned(), at_ms: wish.at_ms }
}

/// Stores that a limit is to be loosened, after all that was decided before, and its value: then a restart finds what is about to hold.
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
