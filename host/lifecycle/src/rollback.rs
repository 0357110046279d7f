//! Rollback to an earlier version.

use super::strategy_record::Version;
use super::{Strategies, clock};
use anyhow::{Context, anyhow, bail};
use model::hex;
use sandbox::Module;
use store::db::{DbError, DecisionRow, STORED_WITHIN, StrategyRow};

impl Strategies {
    /// Returns the version to run when the file has this one: the version that an operator rolled back to, as long as
    /// the file is unchanged since the rollback.
    pub(super) async fn chosen(&mut self, name: &str, file: Version) -> Version {
        let Some(known) = self.known.get(name) else { return file };
        let decision = known.decision.clone();
        if decision.pinned.is_empty() {
            return file;
        }
        if decision.over_file != hex::encode(&file.module.hash()) {
            tracing::info!(name, "strategy file changed since a rollback; the file's version runs again");
            let decision = DecisionRow { pinned: String::new(), over_file: String::new(), ..decision };
            if let Err(error) = self.decide(name, decision).await {
                tracing::error!(%error, name, "end of a rollback not stored; a restart would roll back again");
            }
            return file;
        }
        match self.kept_version(name, &decision.pinned).await {
            Ok(version) => version,
            Err(error) => {
                tracing::error!(
                    error = format!("{error:#}"),
                    name,
                    "rollback version not loaded; the file's version runs"
                );
                file
            }
        }
    }

    /// Stores a decision and applies it. If the database does not store it, nothing changes.
    pub(super) async fn decide(&mut self, name: &str, decision: DecisionRow) -> anyhow::Result<()> {
        // Earlier decisions must be stored first, so that they do not overwrite this one.
        if !self.tools.db.decisions().flush(STORED_WITHIN).await {
            return Err(DbError::Behind.into());
        }
        self.tools.db.set_decision(&self.tools.scope, &decision).await?;
        if let Some(known) = self.known.get_mut(name) {
            known.decision = decision;
        }
        Ok(())
    }

    /// Rolls back to a version, the previous one if none is given. It runs until the file changes.
    pub(super) async fn roll_back(&mut self, name: &str, hash: Option<String>, who: String) -> anyhow::Result<()> {
        let known = self.known.get(name).context("there is no such strategy")?;
        let file = known.file.as_ref().map(|file| hex::encode(&file.module.hash()));
        let over_file = file.ok_or_else(|| anyhow!("its file is missing or cannot be loaded"))?;
        let now = known.running.as_ref().or(known.wanted.as_ref()).map(|version| hex::encode(&version.module.hash()));
        let before = known.previous.as_ref().map(|hash| hex::encode(hash));
        let mut versions = self.tools.db.strategy_versions(&self.tools.scope, name, self.tools.keep_versions).await?;
        versions.retain(|version| store::module_archive::has(&self.tools.data_dir, &version.hash));
        let pinned = choose(&versions, hash.as_deref(), before, now.as_deref())?;
        let version = self.kept_version(name, &pinned).await?;
        let decision = self.known.get(name).map(|known| known.decision.clone()).unwrap_or_default();
        let pinned = if pinned == over_file { String::new() } else { pinned };
        self.decide(name, DecisionRow { pinned, over_file, who, at_ms: clock::now().millis(), ..decision }).await?;
        self.consider(name, version).await;
        Ok(())
    }

    /// Reads and compiles an archived version.
    async fn kept_version(&self, name: &str, hash: &str) -> anyhow::Result<Version> {
        let bytes =
            hex::decode_array(hash).ok_or_else(|| anyhow!("`{hash}` is not a hash of 64 hexadecimal digits"))?;
        let (sandbox, data_dir) = (self.tools.sandbox.clone(), self.tools.data_dir.clone());
        let load =
            move || -> anyhow::Result<Module> { Ok(sandbox.load(&store::module_archive::get(&data_dir, &bytes)?)?) };
        let module = tokio::task::spawn_blocking(load).await.context("loading a version")??;
        let since = self.first_seen(name, hash).await;
        if matches!(self.tools.db.first_seen(&self.tools.scope, name, hash).await, Ok(None)) {
            // It was loaded in another mode only, so its probation starts now.
            self.record_version(name, &module);
        }
        Ok(Version::new(module, since))
    }
}

/// Returns the hash of the version to roll back to. A hash may be shortened as long as it is unambiguous.
fn choose(
    versions: &[StrategyRow],
    wanted: Option<&str>,
    before: Option<String>,
    now: Option<&str>,
) -> anyhow::Result<String> {
    let Some(wanted) = wanted else {
        let others = versions.iter().map(|version| version.hash.clone());
        let other = before.into_iter().chain(others).find(|hash| Some(hash.as_str()) != now);
        return other.context("no other version has run here");
    };
    let mut fitting = versions.iter().filter(|version| version.hash.starts_with(wanted));
    match (fitting.next(), fitting.next()) {
        (Some(version), None) => Ok(version.hash.clone()),
        (Some(_), Some(_)) => bail!("more than one version begins with `{wanted}`"),
        _ => {
            let known: Vec<String> = versions.iter().map(|version| format!("{:.12}", version.hash)).collect();
            bail!("none of its versions is `{wanted}`; expected one of {}", known.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code may fail loudly")]

    use super::*;

    fn row(hash: &str) -> StrategyRow {
        let (name, version, source) = ("s".to_owned(), "1".to_owned(), "s.wasm".to_owned());
        StrategyRow { hash: hash.to_owned(), name, version, first_seen_ms: 1, source, bytes: 1, loaded_at_ms: 1 }
    }

    #[test]
    fn one_goes_back_to_what_ran_before_or_to_what_is_named() {
        let versions = [row("cc11"), row("bb22"), row("bb33")];
        let to = |wanted, before: Option<&str>, now| {
            choose(&versions, wanted, before.map(ToOwned::to_owned), now).map_err(|error| error.to_string())
        };
        assert_eq!(to(None, None, Some("cc11")).unwrap(), "bb22");
        assert_eq!(to(None, Some("bb33"), Some("cc11")).unwrap(), "bb33");
        assert_eq!(to(None, Some("cc11"), Some("cc11")).unwrap(), "bb22");
        assert_eq!(to(Some("bb3"), None, Some("cc11")).unwrap(), "bb33");
        assert_eq!(to(Some("bb"), None, None).unwrap_err(), "more than one version begins with `bb`");
        assert!(to(Some("dd"), None, None).unwrap_err().contains("expected one of cc11, bb22, bb33"));
        assert!(choose(&[row("a")], None, None, Some("a")).is_err());
    }
}
