//! Handling of changes in the strategies folder: new, changed, invalid and removed files.

use super::report_routing::cut;
use super::strategy_record::Version;
use super::{Strategies, StrategyChange};
use crate::settings_file::unheld;
use alerts::{Alert, Severity, StrategyIncident};
use control::clock;
use model::{StrategyId, Time, hex};
use readmodel::views::{SkippedFileView, StrategyStateView, StrategyView};
use sandbox::{Module, SkippedFile};
use store::db::{DbWrite, StrategyRow};

impl Strategies {
    pub(super) async fn ready(&mut self, name: String, module: Module) {
        if self.known(&name).await.is_none() {
            return;
        }
        self.archive_module(&name, &module);
        let hash = hex::encode(&module.hash());
        let since = self.first_seen(&name, &hash).await;
        self.record_version(&name, &module);
        let Some(known) = self.known.get_mut(&name) else { return };
        let id = known.id;
        let version = Version::new(module, since);
        known.file = Some(version.clone());
        if known.running.is_none() {
            let view = loaded(&name, &version.module, known.markets.len());
            self.tools.picture.strategy(id, view);
        }
        self.edit(id, |view| {
            view.file_hash.clone_from(&hash);
            view.error.clear();
        });
        self.show_budget(&name);
        let chosen = self.chosen(&name, version).await;
        self.consider(&name, chosen).await;
    }

    /// Archives the module's file. The strategy does not wait for the disk.
    fn archive_module(&self, name: &str, module: &Module) {
        let not_kept = |error: std::io::Error, name: &str| {
            tracing::error!(%error, name, "archiving a module failed; it cannot be replayed from the journal");
        };
        let (data_dir, hash) = (self.tools.data_dir.clone(), module.hash());
        if let Err(error) = store::module_archive::store_module(&data_dir, &hash, module.bytes()) {
            return not_kept(error, name);
        }
        let name = name.to_owned();
        drop(tokio::task::spawn_blocking(move || {
            store::module_archive::sync_module(&data_dir, &hash).unwrap_or_else(|error| not_kept(error, &name));
        }));
    }

    /// Records that a version was loaded: hash, source and time.
    pub(super) fn record_version(&self, name: &str, module: &Module) {
        let now = clock::now().millis();
        let (hash, version) = (hex::encode(&module.hash()), module.manifest().version.clone());
        let source = format!("{name}.wasm");
        let bytes = u64::try_from(module.bytes().len()).unwrap_or(u64::MAX);
        tracing::info!(name, hash, version, source, bytes, "strategy file loaded");
        if let Some(keywords) = unheld(&module.manifest().parameter_schema) {
            tracing::warn!(
                name,
                keywords,
                "schema of a strategy has unknown keywords; parameters are not checked against them"
            );
        }
        let (first_seen_ms, loaded_at_ms) = (now, now);
        let row = StrategyRow { hash, name: name.to_owned(), version, first_seen_ms, source, bytes, loaded_at_ms };
        self.tools.db.writer().write(DbWrite::Strategy(self.tools.scope.clone(), row));
    }

    /// Starts a version, if the strategy is not disabled, the version may trade in this mode, and it is not running
    /// already.
    pub(super) async fn consider(&mut self, name: &str, version: Version) {
        let Some(known) = self.known.get(name) else { return };
        let (id, hash) = (known.id, version.module.hash());
        if known.decision.disabled != 0 {
            self.edit(id, |view| view.state = StrategyStateView::Disabled);
            return;
        }
        if !known.may_trade(self.tools.arming, &hex::encode(&hash)) {
            let (runs, hex) = (known.running.is_some(), hex::encode(&hash));
            let elsewhere = self.armed_elsewhere(name, &hex).await;
            tracing::warn!(name, hash = hex, elsewhere, "version of a strategy waits to be armed");
            self.edit(id, |view| {
                if !runs {
                    view.state = StrategyStateView::Unarmed;
                }
                view.error = format!("the version {hex:.12} waits to be armed{elsewhere}");
            });
            self.trouble(&StrategyIncident::Unarmed(hash), name, runs, "");
            return;
        }
        let (version, budget) = match self.with_settings(name, version) {
            Ok(settled) => settled,
            Err(error) => return self.misfit(id, name, &error),
        };
        self.leave(name, budget);
        if self.hot_apply(name, &version).await {
            return;
        }
        let Some(known) = self.known.get(name).filter(|known| !known.runs(&version)) else { return };
        // The page shows the old version until the new one has started.
        let runs = known.running.is_some();
        let state = if runs { StrategyStateView::Replacing } else { StrategyStateView::Starting };
        self.edit(id, |view| view.state = state);
        self.start(name, version).await;
    }

    /// Returns a note that a version was armed in another mode or for another account, which does not count here; empty
    /// if it was not.
    async fn armed_elsewhere(&self, name: &str, hash: &str) -> String {
        match self.tools.db.armed_elsewhere(&self.tools.scope, name, hash).await {
            Ok(Some(mode)) if mode.is_empty() => {
                "; it was armed before arming was per mode and account, which does not count".to_owned()
            }
            Ok(Some(mode)) if mode == self.tools.scope.mode() => "; it was armed for another account".to_owned(),
            Ok(Some(mode)) => format!("; it was armed in {mode} mode, which does not count here"),
            Ok(None) => String::new(),
            Err(error) => {
                tracing::warn!(%error, name, "arming of other modes not read");
                String::new()
            }
        }
    }

    /// Returns the time at which a module was first loaded; the current time if that is unknown, which is the cautious
    /// choice.
    pub(super) async fn first_seen(&self, name: &str, hash: &str) -> Time {
        let now = clock::now();
        match self.tools.db.first_seen(&self.tools.scope, name, hash).await {
            Ok(seen) => seen.map_or(now, |millis| Time(millis.saturating_mul(1_000))),
            Err(error) => {
                tracing::warn!(%error, name, "first load time of a module not read; counting from now");
                now
            }
        }
    }

    pub(super) async fn rejected(&mut self, name: String, error: String) {
        tracing::warn!(name, error, "loading a strategy file failed");
        let Some(known) = self.known(&name).await else { return };
        let (id, runs) = (known.id, known.wanted.is_some());
        self.trouble(&StrategyIncident::Unloadable, &name, runs, &error);
        if runs {
            // The running version continues; the page shows that it differs from the file.
            self.edit(id, |view| view.error = format!("the new file cannot be loaded: {error}"));
        } else {
            self.tools.picture.strategy(id, failed(&name, error));
        }
    }

    /// Clears the error of a strategy whose file is the last loaded version again, or whose invalid settings are gone.
    /// A note about the running version remains.
    pub(super) fn same(&self, name: &str) {
        if let Some(known) = self.known.get(name) {
            self.edit(known.id, |view| view.error = known.notice());
        }
    }

    pub(super) fn removed(&mut self, name: &str) {
        let Some(known) = self.known.get_mut(name) else { return };
        known.forget();
        known.file = None;
        let strategy = known.id;
        let (reason, error) = match &self.folder_lost {
            None => ("its file was removed".to_owned(), String::new()),
            Some(error) => {
                let reason = format!("the strategies folder cannot be read: {error}");
                (reason.clone(), reason)
            }
        };
        tracing::info!(name, reason, "strategy file removed");
        self.retire(strategy, reason);
        self.edit(strategy, |view| {
            view.state = StrategyStateView::Removed;
            view.error = error;
        });
    }

    /// Shows the files in the folder that are not loaded.
    pub(super) fn skipped(&self, files: Vec<SkippedFile>) {
        let view = |SkippedFile { file, reason }| SkippedFileView { file, reason };
        self.tools.picture.skipped_files(files.into_iter().map(view).collect());
    }

    /// Handles a folder that has been unreadable for some seconds: its strategies are stopped, and an alert is raised.
    pub(super) fn folder_lost(&mut self, error: String) {
        let folder = self.tools.strategies_dir.display();
        tracing::error!(%folder, error, "strategies folder not readable; stopping its strategies");
        let detail = format!(
            "{folder}: {error}; its strategies are stopped until it is back, the guards manage their positions"
        );
        let title = "the strategies folder cannot be read";
        self.tools.alerts.raise(Alert::new(clock::now(), Severity::Critical, "strategies_folder_lost", title, &detail));
        self.folder_lost = Some(error);
    }

    /// Handles a folder that is readable again; its files are loaded as new ones.
    pub(super) fn folder_back(&mut self) {
        tracing::info!(folder = %self.tools.strategies_dir.display(), "strategies folder readable again");
        let title = "the strategies folder can be read again";
        self.tools.alerts.raise(Alert::new(clock::now(), Severity::Info, "strategies_folder_back", title, ""));
        self.folder_lost = None;
    }

    /// Shows the strategies that hold shares from an earlier session and no longer have a file.
    pub(super) async fn show_orphans(&self) {
        for id in &self.tools.holders {
            let name = match self.tools.db.strategy_name(*id).await {
                Ok(Some(name)) => name,
                Ok(None) => continue,
                Err(error) => {
                    tracing::warn!(%error, strategy = id.0, "reading the owner of orphaned positions failed");
                    continue;
                }
            };
            if !self.tools.strategies_dir.join(format!("{name}.wasm")).exists() {
                tracing::warn!(name, "strategy file missing but positions open; the guards manage them");
                self.tools.names.set(*id, &name);
                self.tools.picture.strategy(*id, gone(&name));
            }
        }
    }

    /// Retires a strategy: the engine cancels its orders.
    pub(super) fn retire(&self, strategy: StrategyId, reason: String) {
        self.send_change(StrategyChange::Removed { strategy, reason: cut(reason) });
    }
}

/// Returns the view of a strategy that does not run yet.
fn loaded(name: &str, module: &Module, markets: usize) -> StrategyView {
    let mut view = StrategyView {
        name: name.to_owned(),
        state: StrategyStateView::Loaded,
        markets: u32::try_from(markets).unwrap_or(u32::MAX),
        ..StrategyView::default()
    };
    describe(&mut view, module);
    view
}

/// Sets the fields of a view that describe the running module.
pub(super) fn describe(view: &mut StrategyView, module: &Module) {
    let manifest = module.manifest();
    view.hash = hex::encode(&module.hash());
    view.version.clone_from(&manifest.version);
    view.description.clone_from(&manifest.description);
    view.loaded_at_ms = clock::now().millis();
}

/// Returns the view of a file that cannot be loaded.
fn failed(name: &str, error: String) -> StrategyView {
    StrategyView {
        name: name.to_owned(),
        state: StrategyStateView::Failed,
        error,
        loaded_at_ms: clock::now().millis(),
        ..StrategyView::default()
    }
}

/// Returns the view of a strategy whose file is missing and that still holds shares.
fn gone(name: &str) -> StrategyView {
    let error = "its file is missing; the guards manage its positions until they are closed or reallocated".to_owned();
    StrategyView { name: name.to_owned(), state: StrategyStateView::Removed, error, ..StrategyView::default() }
}
