//! Strategy names by id, shared by the database writer and the read model.

use model::StrategyId;
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The names. A cheap handle.
#[derive(Debug, Clone, Default)]
pub struct StrategyNames(Arc<RwLock<BTreeMap<StrategyId, String>>>);

impl StrategyNames {
    /// Sets the name of a strategy.
    pub fn set(&self, strategy: StrategyId, name: &str) {
        self.0.write().insert(strategy, name.to_owned());
    }

    /// Returns the name of a strategy: `by hand` for external orders, `strategy N` if it has no name.
    pub fn get(&self, strategy: StrategyId) -> String {
        if strategy == StrategyId::EXTERNAL {
            return "by hand".to_owned();
        }
        let names = self.0.read();
        names.get(&strategy).cloned().unwrap_or_else(|| format!("strategy {}", strategy.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strategy_without_a_name_has_its_number() {
        let names = StrategyNames::default();
        names.set(StrategyId(1), "quoter");
        let of = |id| names.get(id);
        assert_eq!(
            [of(StrategyId(1)), of(StrategyId(2)), of(StrategyId::EXTERNAL)],
            ["quoter", "strategy 2", "by hand"]
        );
    }
}
