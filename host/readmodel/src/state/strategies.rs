//! Strategies as shown on the page.

use super::State;
use crate::views::{SkippedFileView, StrategyView, Update};
use engine::StrategyPnl;
use model::StrategyId;
use std::sync::Arc;

impl State {
    pub(crate) fn set_strategy(&mut self, id: StrategyId, view: StrategyView) -> Update {
        // The strategy's counts in this session stay, whatever becomes of its file.
        let view = match self.strategies.get(&id) {
            Some(known) => StrategyView {
                name: view.name,
                state: view.state,
                error: view.error,
                hash: view.hash,
                file_hash: view.file_hash,
                version: view.version,
                description: view.description,
                markets: view.markets,
                loaded_at_ms: view.loaded_at_ms,
                log: String::new(),
                ..known.as_ref().clone()
            },
            None => view,
        };
        self.strategies.insert(id, Arc::new(view.clone()));
        Update::Strategy(Box::new(view))
    }

    pub(crate) fn set_skipped_files(&mut self, files: Vec<SkippedFileView>) -> Update {
        self.skipped_files.clone_from(&files);
        Update::SkippedFiles(files)
    }

    pub(crate) fn edit_strategy(&mut self, id: StrategyId, edit: impl FnOnce(&mut StrategyView)) -> Option<Update> {
        let view = Arc::make_mut(self.strategies.get_mut(&id)?);
        edit(view);
        Some(Update::Strategy(Box::new(view.clone())))
    }

    /// Updates a strategy's P&L; no change if it is the same as before.
    pub(crate) fn gain(&mut self, id: StrategyId, gain: &StrategyPnl) -> Option<Update> {
        let view = Arc::make_mut(self.strategies.get_mut(&id)?);
        let shown = (view.realised_micro_usd, view.unrealised_micro_usd, view.fees_micro_usd, view.today_micro_usd);
        let now = (gain.realised.micros(), gain.unrealised.micros(), gain.fees.micros(), gain.today.micros());
        if shown == now {
            return None;
        }
        (view.realised_micro_usd, view.unrealised_micro_usd, view.fees_micro_usd, view.today_micro_usd) = now;
        view.profit_micro_usd = gain.realised.saturating_add(gain.unrealised).saturating_sub(gain.fees).micros();
        Some(Update::Strategy(Box::new(view.clone())))
    }

    pub(crate) fn strategy_name(&self, id: StrategyId) -> String {
        if id == StrategyId::EXTERNAL {
            return "by hand".to_owned();
        }
        self.strategies.get(&id).map_or_else(|| format!("strategy {}", id.0), |view| view.name.clone())
    }

    /// Returns the number of the strategy with that name.
    pub(crate) fn strategy_of(&self, name: &str) -> Option<StrategyId> {
        self.strategies.iter().find(|(_, view)| view.name == name).map(|(id, _)| *id)
    }

    pub(super) fn count(&mut self, strategy: StrategyId, field: impl FnOnce(&mut StrategyView) -> &mut u64) {
        if let Some(view) = self.strategies.get_mut(&strategy) {
            let field = field(Arc::make_mut(view));
            *field = field.saturating_add(1);
        }
    }
}
