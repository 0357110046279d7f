//! Limits that change while the host runs: tightened at once, loosened up to a ceiling, written down and kept for the next start.

use config::limits::{Changed, change, is_limit};
use config::{Config, ConfigEntry, Source};
use control::{Control, ControlError};
use model::Limits;
use store::db::{AuditRow, Db, DbError, SettingRow};
use tokio::sync::{Mutex, MutexGuard};

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
}

#[derive(Debug)]
struct State {
    limits: Limits,
    entries: Vec<ConfigEntry>,
}

/// What holds now.
#[derive(Debug)]
pub struct Settings {
    /// What the configuration said; limits may be loosened to this again, however far it is.
    boot: Limits,
    state: Mutex<State>,
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
    /// Lays what operators set earlier over the configuration. What does not fit any more is left out and said.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn open(config: &Config, db: &Db) -> Result<Self, DbError> {
        let boot = config.limits();
        let mut state = State { limits: boot, entries: config.entries() };
        for row in db.settings().await? {
            match change(&state.limits, &boot, &row.name, &row.value) {
                Ok(changed) => state.take(&row.name, &changed),
                Err(error) => tracing::warn!(key = row.name, value = row.value, %error, "a kept setting does not hold"),
            }
        }
        Ok(Self { boot, state: Mutex::new(state) })
    }

    /// Returns the limits that hold now.
    pub async fn limits(&self) -> Limits {
        self.lock().await.limits
    }

    /// Returns every key with what holds now.
    pub async fn entries(&self) -> Vec<ConfigEntry> {
        self.lock().await.entries.clone()
    }

    /// Changes a limit. What tightens acts first and is written down after; what loosens is written down first.
    ///
    /// # Errors
    /// [`SettingError`]; nothing has changed then, unless the engine did not answer.
    pub async fn set(&self, wish: Wish<'_>, control: &Control, db: &Db) -> Result<ConfigEntry, SettingError> {
        let mut state = self.lock().await;
        let changed = change(&state.limits, &self.boot, wish.name, wish.value);
        let changed = changed.map_err(|error| SettingError::Refused(error.to_string()))?;
        if changed.loosens {
            db.audit(&row(wish, &state, &changed, "asked")).await?;
        }
        control.limits(changed.limits).await?;
        if let Err(error) = keep(wish, &state, &changed, db).await {
            tracing::error!(%error, key = wish.name, "a limit holds but is not written down");
        }
        state.take(wish.name, &changed);
        let entry = state.entries.iter().find(|entry| entry.key == wish.name).cloned();
        entry.ok_or_else(|| SettingError::Refused(format!("there is no key `{}`", wish.name)))
    }

    async fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().await
    }
}

impl State {
    fn take(&mut self, name: &str, changed: &Changed) {
        self.limits = changed.limits;
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.key == name && is_limit(name)) {
            entry.value.clone_from(&changed.shown);
            entry.source = Source::Operator;
        }
    }
}

fn row(wish: Wish<'_>, state: &State, changed: &Changed, outcome: &str) -> AuditRow {
    let before = state.entries.iter().find(|entry| entry.key == wish.name).map_or("", |entry| entry.value.as_str());
    AuditRow {
        at_ms: wish.at_ms,
        who: wish.who.to_owned(),
        action: format!("config/{}", wish.name),
        detail: format!("{before} -> {}", changed.shown),
        claimed_user: wish.claimed_user.to_owned(),
        outcome: outcome.to_owned(),
    }
}

async fn keep(wish: Wish<'_>, state: &State, changed: &Changed, db: &Db) -> Result<(), DbError> {
    db.audit(&row(wish, state, changed, "ok")).await?;
    db.set_setting(&SettingRow {
        name: wish.name.to_owned(),
        value: changed.shown.clone(),
        who: wish.who.to_owned(),
        at_ms: wish.at_ms,
    })
    .await
}
