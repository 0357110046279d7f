//! What follows from the strategies folder: files that came, changed, make no sense, or went.

use super::report_routing::cut;
use super::strategy_record::Version;
use super::{Strategies, StrategyChange};
use crate::settings_file::unheld;
use alerts::{Alert, Severity, Trouble};
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
        self.keep(&name, &module);
        let hash = hex::encode(&module.hash());
        let since = self.first_seen(&name, &hash).await;
        self.note_version(&name, &module);
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

    /// Keeps the module's file. The strategy does not wait for the disk.
    fn keep(&self, name: &str, module: &Module) {
        let not_kept = |error: std::io::Error, name: &str| {
            tracing::error!(%error, name, "the module's file is not kept: it cannot be run again from the journal");
        };
        let (data_dir, hash) = (self.tools.data_dir.clone(), module.hash());
        if let Err(error) = store::module_archive::keep(&data_dir, &hash, module.bytes()) {
            return not_kept(error, name);
        }
        let name = name.to_owned();
        drop(tokio::task::spawn_blocking(move || {
            store::module_archive::settle(&data_dir, &hash).unwrap_or_else(|error| not_kept(error, &name));
        }));
    }

    /// Keeps that a version was loaded: its hash, where it is from and when.
    pub(super) fn note_version(&self, name: &str, module: &Module) {
        let now = clock::now().millis();
        let (hash, version) = (hex::encode(&module.hash()), module.manifest().version.clone());
        let source = format!("{name}.wasm");
        let bytes = u64::try_from(module.bytes().len()).unwrap_or(u64::MAX);
        tracing::info!(name, hash, version, source, bytes, "a strategy's file was loaded");
        if let Some(keywords) = unheld(&module.manifest().parameter_schema) {
            tracing::warn!(
                name,
                keywords,
                "a strategy's schema has unknown keywords; parameters are not held against them"
            );
        }
        let (first_seen_ms, loaded_at_ms) = (now, now);
        let row = StrategyRow { hash, name: name.to_owned(), version, first_seen_ms, source, bytes, loaded_at_ms };
        self.tools.db.writer().write(DbWrite::Strategy(self.tools.scope.clone(), row));
    }

    /// Has a version run, if it may: nobody disabled the strategy, it may trade here, and it does not run already.
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
            tracing::warn!(name, hash = hex, elsewhere, "a version of a strategy waits to be armed");
            self.edit(id, |view| {
                if !runs {
                    view.state = StrategyStateView::Unarmed;
                }
                view.error = format!("the version {hex:.12} waits to be armed{elsewhere}");
            });
            self.trouble(&Trouble::Unarmed(hash), name, runs, "");
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

    /// Says that a version was armed in another mode, which does not count here; nothing if it was not.
    async fn armed_elsewhere(&self, name: &str, hash: &str) -> String {
        match self.tools.db.armed_elsewhere(&self.tools.scope, name, hash).await {
            Ok(Some(mode)) if mode.is_empty() => {
                "; it was armed before arming belonged to a mode and an account, which does not count".to_owned()
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

    /// Returns when a module was first loaded; now if that cannot be known, which is the careful side.
    pub(super) async fn first_seen(&self, name: &str, hash: &str) -> Time {
        let now = clock::now();
        match self.tools.db.first_seen(&self.tools.scope, name, hash).await {
            Ok(seen) => seen.map_or(now, |millis| Time(millis.saturating_mul(1_000))),
            Err(error) => {
                tracing::warn!(%error, name, "nobody knows since when a module is here");
                now
            }
        }
    }

    pub(super) async fn rejected(&mut self, name: String, error: String) {
        tracing::warn!(name, error, "a strategy's file cannot be loaded");
        let Some(known) = self.known(&name).await else { return };
        let (id, runs) = (known.id, known.wanted.is_some());
        self.trouble(&Trouble::Unloadable, &name, runs, &error);
        if runs {
            // What ran goes on; the page says that its file is not what runs.
            self.edit(id, |view| view.error = format!("the new file cannot be loaded: {error}"));
        } else {
            self.tools.picture.strategy(id, failed(&name, error));
        }
    }

    /// What was loaded last is back after something that could not be loaded, or settings that did not fit are away. What has to be said
    /// of what runs is said on.
    pub(super) fn same(&self, name: &str) {
        if let Some(known) = self.known.get(name) {
            self.edit(known.id, |view| view.error = known.note());
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
        tracing::info!(name, reason, "a strategy's file was removed");
        self.retire(strategy, reason);
        self.edit(strategy, |view| {
            view.state = StrategyStateView::Removed;
            view.error = error;
        });
    }

    /// Shows which files of the folder are not loaded.
    pub(super) fn skipped(&self, files: Vec<SkippedFile>) {
        let view = |SkippedFile { file, reason }| SkippedFileView { file, reason };
        self.tools.picture.skipped_files(files.into_iter().map(view).collect());
    }

    /// The folder has been gone for some seconds: its strategies end, with an alert.
    pub(super) fn folder_lost(&mut self, error: String) {
        let folder = self.tools.strategies_dir.display();
        tracing::error!(%folder, error, "strategies folder not readable; its strategies end, the guards look after positions");
        let detail =
            format!("{folder}: {error}; its strategies end until it is back, the guards look after what they hold");
        let title = "the strategies folder cannot be read";
        self.tools.alerts.raise(Alert::new(clock::now(), Severity::Critical, "strategies_folder_lost", title, &detail));
        self.folder_lost = Some(error);
    }

    /// The folder is back; its files are loaded as new ones.
    pub(super) fn folder_back(&mut self) {
        tracing::info!(folder = %self.tools.strategies_dir.display(), "strategies folder readable again");
        let title = "the strategies folder can be read again";
        self.tools.alerts.raise(Alert::new(clock::now(), Severity::Info, "strategies_folder_back", title, ""));
        self.folder_lost = None;
    }

    /// Shows who of those that still hold something from an earlier session has no file any more.
    pub(super) async fn show_orphans(&self) {
        for id in &self.tools.holders {
            let name = match self.tools.db.strategy_name(*id).await {
                Ok(Some(name)) => name,
                Ok(None) => continue,
                Err(error) => {
                    tracing::warn!(%error, strategy = id.0, "nobody knows whose positions these are");
                    continue;
                }
            };
            if !self.tools.strategies_dir.join(format!("{name}.wasm")).exists() {
                tracing::warn!(name, "a strategy is gone and still holds something; the guards look after it");
                self.tools.names.set(*id, &name);
                self.tools.picture.strategy(*id, gone(&name));
            }
        }
    }

    /// Has the engine end a strategy: its orders are cancelled.
    pub(super) fn retire(&self, strategy: StrategyId, reason: String) {
        self.tell(StrategyChange::Removed { strategy, reason: cut(reason) });
    }
}

/// A strategy that does not run yet.
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

/// Shows which module runs.
pub(super) fn describe(view: &mut StrategyView, module: &Module) {
    let manifest = module.manifest();
    view.hash = hex::encode(&module.hash());
    view.version.clone_from(&manifest.version);
    view.description.clone_from(&manifest.description);
    view.loaded_at_ms = clock::now().millis();
}

/// A file that is no strategy, as the page shows it.
fn failed(name: &str, error: String) -> StrategyView {
    StrategyView {
        name: name.to_owned(),
        state: StrategyStateView::Failed,
        error,
        loaded_at_ms: clock::now().millis(),
        ..StrategyView::default()
    }
}

/// A strategy whose file is gone, and which still holds something.
fn gone(name: &str) -> StrategyView {
    let error = "its file is gone; the guards look after what it holds, until that is closed or assigned".to_owned();
    StrategyView { name: name.to_owned(), state: StrategyStateView::Removed, error, ..StrategyView::default() }
}
